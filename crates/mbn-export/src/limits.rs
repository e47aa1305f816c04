//! Bounds for graphs of unknown origin, which may loop or ask for any amount of memory: ONNX Runtime gets so much time and memory
//! and no more.

use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Seconds that ONNX Runtime gets, unless the user says otherwise.
pub const SECONDS: u64 = 120;
/// Memory that the process may reserve, in bytes.
#[cfg(unix)]
const MEMORY: u64 = 16 << 30;

/// As long as it lives, the clock runs.
pub struct Limit(#[expect(dead_code, reason = "dropping it stops the clock")] Sender<()>);

impl Limit {
    /// Ends the program with exit code 1 after `seconds`, unless it is dropped before, and bounds the memory of the process.
    pub fn start(what: String, seconds: u64) -> Self {
        #[cfg(unix)]
        limit_memory();
        let (sender, stopped) = channel();
        thread::spawn(move || {
            if stopped.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
                log::error!(
                    "{what} takes ONNX Runtime longer than {seconds} seconds\nhint: `--time-limit` gives it more"
                );
                process::exit(1);
            }
        });
        Self(sender)
    }
}

#[cfg(unix)]
fn limit_memory() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_AS) {
        // Nothing is lost where the system refuses.
        let _ = setrlimit(Resource::RLIMIT_AS, soft.min(MEMORY), hard);
    }
}
