//! Work that says what it does if it takes long.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Does `work`. If it takes longer than `patience`, calls `notice` meanwhile, on another thread.
pub(crate) fn with_notice<R>(
    patience: Duration,
    notice: impl FnOnce() + Send,
    work: impl FnOnce() -> R,
) -> R {
    let (done, waits) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watch = move || {
            // The sender never sends; it is dropped when the work is done.
            if waits.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                notice();
            }
        };
        // Without the thread, the work is done in silence.
        let _ = thread::Builder::new().spawn_scoped(scope, watch);
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_comes_while_the_work_goes_on() {
        let (said, hears) = mpsc::channel();
        let result = with_notice(
            Duration::ZERO,
            move || said.send("wait").unwrap(),
            || hears.recv(),
        );
        assert_eq!(result, Ok("wait"));
    }

    #[test]
    fn quick_work_gives_no_notice() {
        let never = || panic!("the work was done at once");
        assert_eq!(with_notice(Duration::MAX, never, || 7), 7);
    }
}
