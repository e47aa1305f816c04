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
