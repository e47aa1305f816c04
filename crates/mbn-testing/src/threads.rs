//! The number of threads of a process.

use std::process::Child;
use std::time::Duration;

/// The largest number of threads that a process has until it ends, sampled every millisecond from Linux's `/proc`.
///
/// # Panics
/// If the system does not say whether the process has ended.
#[expect(clippy::unwrap_used, reason = "for tests")]
pub fn most_threads(child: &mut Child) -> usize {
    let tasks = format!("/proc/{}/task", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(std::fs::read_dir(&tasks).map_or(0, Iterator::count));
        std::thread::sleep(Duration::from_millis(1));
    }
    most
}

/// Fails unless a program has at least `threads` threads, and at most four more: the main one, and some for other work than
/// computing. `run` starts it and returns [`most_threads`].
///
/// On a busy machine samples can miss threads that live for a moment, so that only several runs together show too few.
///
/// # Panics
/// If there are more or fewer, with `what` in the message.
pub fn expect_threads(threads: usize, what: &str, mut run: impl FnMut() -> usize) {
    const MORE: usize = 4;
    const RUNS: usize = 5;

    let mut most = 0;
    for _ in 0..RUNS {
        most = most.max(run());
        if most >= threads {
            break;
        }
    }
    assert!(
        (threads..=threads + MORE).contains(&most),
        "{what}: {most} threads, {threads} asked for"
    );
}
