use std::sync::mpsc::{Receiver, channel};
use std::thread;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::throttle::{ThrottleConfig, ThrottledStore};

use super::*;
use crate::gate::Gate;
use crate::store::Store;

/// Far longer than anything takes here.
const SOON: Duration = Duration::from_secs(60);

/// An object of some bytes in a store that thinks for so long before it gives it.
fn object(threads: &Threads, thinks: Duration) -> Object {
    let store = InMemory::new();
    let path = Path::from("a");
    threads
        .runtime()
        .block_on(store.put(&path, "content".into()))
        .unwrap();
    let config = ThrottleConfig {
        wait_get_per_call: thinks,
        ..ThrottleConfig::default()
    };
    Object {
        url: "s3://bucket/a".into(),
        store: Arc::new(Store {
            store: Arc::new(ThrottledStore::new(store, config)),
            has_credentials: true,
        }),
        path,
    }
}

/// Takes it on another thread, so that a test does not wait forever.
fn taken(download: Download) -> Receiver<Result<Vec<u8>, CloudError>> {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(download.take()));
    receiver
}

#[test]
fn one_that_is_not_done_is_waited_for() {
    let threads = Threads::start().unwrap();
    let object = object(&threads, Duration::from_millis(200));
    let ticket = Arc::new(Gate::default()).ticket();
    let download = Download::start(object, ticket, 100, threads, || {});
    assert!(!download.is_done());
    assert_eq!(taken(download).recv_timeout(SOON).unwrap().unwrap(), b"content");
}

/// Those before it hold all the room, and nobody takes them.
#[test]
fn one_that_is_held_back_is_waited_for() {
    let threads = Threads::start().unwrap();
    let object = object(&threads, Duration::ZERO);
    let gate = Arc::new(Gate::default());
    let before = gate.ticket();
    threads.runtime().block_on(before.reserve(u64::MAX / 2, || {}));
    let (woken, wakes) = channel();
    let wake = move || woken.send(()).unwrap_or_default();
    let download = Download::start(object, gate.ticket(), 100, threads, wake);
    wakes.recv_timeout(SOON).unwrap();
    assert!(download.is_held_back() && !download.is_done());
    assert_eq!(taken(download).recv_timeout(SOON).unwrap().unwrap(), b"content");
    drop(before);
}

#[test]
fn one_that_cannot_come_ends_the_wait() {
    let threads = Threads::start().unwrap();
    let object = object(&threads, SOON);
    let ticket = Arc::new(Gate::default()).ticket();
    let download = Download::start(object, ticket, 100, threads, || {});
    let slot = Arc::clone(&download.slot);
    // With it, the task is given up.
    drop(download);
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(slot.wait()));
    let error = receiver.recv_timeout(SOON / 2).unwrap().unwrap_err();
    assert!(matches!(error.kind, CloudErrorKind::Broken(_)), "{error}");
}

#[test]
fn why_it_cannot_be_had_is_told() {
    let threads = Threads::start().unwrap();
    let object = object(&threads, Duration::from_millis(100));
    let ticket = Arc::new(Gate::default()).ticket();
    let download = Download::start(object, ticket, 3, threads, || {});
    let error = taken(download).recv_timeout(SOON).unwrap().unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::TooLarge { bytes: 7, limit: 3 });
}
