use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

/// Whether a future ends without waiting.
fn passes(future: impl Future) -> bool {
    let mut future = pin!(future);
    matches!(
        future.as_mut().poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(_)
    )
}

#[test]
fn requests_have_a_limit_and_the_oldest_has_none() {
    let gate = Arc::new(Gate::default());
    let tickets: Vec<_> = (0..=REQUESTS).map(|_| gate.ticket()).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut held = Vec::new();
    for ticket in &tickets[1..] {
        match pin!(ticket.request(|| {})).poll(&mut context) {
            Poll::Ready(request) => held.push(request),
            Poll::Pending => panic!("there is room"),
        }
    }
    assert!(passes(tickets[0].request(|| {})));
    let next = gate.ticket();
    assert!(!passes(next.request(|| {})) && next.waits());
    held.pop();
    assert!(passes(next.request(|| {})) && !next.waits());
}

#[test]
fn bytes_wait_until_others_are_taken() {
    let gate = Arc::new(Gate::default());
    let (first, second, third) = (gate.ticket(), gate.ticket(), gate.ticket());
    assert!(passes(second.reserve(BYTES, || {})));
    assert!(!passes(third.reserve(1, || {})) && third.waits());
    // Larger than all the room, but nothing else can be taken before it.
    assert!(passes(first.reserve(2 * BYTES, || {})));
    drop(first);
    assert!(!passes(third.reserve(1, || {})));
    drop(second);
    assert!(passes(third.reserve(1, || {})));
    drop(third);
    assert_eq!(gate.lock().bytes, 0);
}

#[test]
fn what_somebody_waits_for_passes_before_it_is_the_oldest() {
    let gate = Arc::new(Gate::default());
    let (first, second) = (gate.ticket(), gate.ticket());
    assert!(passes(first.reserve(BYTES, || {})));
    let mut waiting = pin!(second.reserve(1, || {}));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    second.hurry();
    assert!(waiting.as_mut().poll(&mut context).is_ready() && !second.waits());
    assert_eq!(gate.lock().bytes, BYTES + 1);
}
