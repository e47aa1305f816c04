//! When inputs are handed over, and that they do not pile up.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use anyhow::bail;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn input(i: usize) -> Input {
    Input::file(PathBuf::from(i.to_string()))
}

/// Names that somebody sends; nothing else says when they come.
struct Sent(Receiver<usize>);

impl Source for Sent {
    fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>> {
        let found = self.0.try_recv().or_else(|_| {
            wait();
            self.0.recv()
        });
        Ok(found.ok().map(input))
    }
}

/// Many names, at once.
struct Many(Arc<AtomicUsize>, usize);

impl Source for Many {
    fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
        let i = self.0.fetch_add(1, Ordering::SeqCst);
        Ok((i < self.1).then(|| input(i)))
    }
}

fn taken(feed: &Feed, n: usize) -> Vec<String> {
    match feed.take(n, LONG).unwrap() {
        Taken::Inputs(inputs) => inputs
            .iter()
            .map(|input| input.path.display().to_string())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_part_is_handed_over_while_nobody_names_more() {
    let (send, names) = channel();
    let feed = Feed::start(Box::new(Sent(names)), 8).unwrap();
    assert!(matches!(feed.take(4, Duration::ZERO).unwrap(), Taken::Nothing));
    send.send(0).unwrap();
    assert_eq!(taken(&feed, 4), ["0"]);
    (1..=5).for_each(|i| send.send(i).unwrap());
    let mut found = Vec::new();
    while found.len() < 5 {
        found.extend(taken(&feed, 4));
    }
    assert_eq!(found, ["1", "2", "3", "4", "5"]);
    drop(send);
    assert!(matches!(feed.take(4, LONG).unwrap(), Taken::End));
}

#[test]
fn names_at_hand_come_in_full_and_do_not_pile_up() {
    let asked = Arc::new(AtomicUsize::new(0));
    let feed = Feed::start(Box::new(Many(Arc::clone(&asked), 1001)), 16).unwrap();
    for taken_so_far in (8..=1000).step_by(8) {
        assert_eq!(taken(&feed, 8).len(), 8);
        // Besides those taken, as many as may wait, and one that waits for room.
        assert!(asked.load(Ordering::SeqCst) <= taken_so_far + 16 + 1);
    }
    assert_eq!(taken(&feed, 8), ["1000"]);
    assert!(matches!(feed.take(8, LONG).unwrap(), Taken::End));
}

#[test]
fn what_was_found_before_an_error_is_handed_over() {
    struct Failing(usize);
    impl Source for Failing {
        fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
            self.0 += 1;
            match self.0 {
                1..=3 => Ok(Some(input(self.0))),
                4 => bail!("broken"),
                _ => panic!("asked again"),
            }
        }
    }
    let feed = Feed::start(Box::new(Failing(0)), 8).unwrap();
    assert_eq!(taken(&feed, 2), ["1", "2"]);
    assert_eq!(taken(&feed, 2), ["3"]);
    assert_eq!(feed.take(2, LONG).unwrap_err().to_string(), "broken");
    assert!(matches!(feed.take(2, LONG).unwrap(), Taken::End));
}

/// The thread that finds inputs ends when nobody takes them.
#[test]
fn a_feed_that_is_dropped_stops_its_source() {
    struct Held(
        #[expect(dead_code, reason = "dropping it tells that the thread has ended")]
        std::sync::mpsc::Sender<()>,
    );
    impl Source for Held {
        fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
            Ok(Some(input(0)))
        }
    }
    let (held, ended) = channel::<()>();
    drop(Feed::start(Box::new(Held(held)), 2).unwrap());
    assert!(ended.recv().is_err());
}
