//! Bounds for graphs of unknown origin, which may loop or ask for any amount of memory: ONNX Runtime gets so much time and memory
//! and no more.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use mbn_cli::interrupt;
use mbn_files::remove_temporaries;

/// Seconds that ONNX Runtime gets, unless the user says otherwise.
pub const SECONDS: u64 = 120;
/// Memory that the process may reserve, in bytes.
#[cfg(unix)]
const MEMORY: u64 = 16 << 30;

/// As long as it lives, the clock runs, and the memory of the process is bounded.
#[must_use]
pub struct Limit {
    #[expect(dead_code, reason = "dropping it stops the clock")]
    stop: Sender<()>,
    #[cfg(unix)]
    #[expect(dead_code, reason = "dropping it lifts the bound")]
    memory: MemoryLimit,
}

impl Limit {
    /// Ends the program with exit code 1 after `seconds`, unless it is dropped before, and bounds the memory of the process.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn start(what: String, seconds: u64) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let watch = move || {
            if stopped.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
                log::error!(
                    "{what} takes ONNX Runtime longer than {seconds} seconds\nhint: `--time-limit` gives it more"
                );
                remove_temporaries();
                interrupt::end_at_once(1);
            }
        };
        thread::Builder::new()
            .name("time limit".to_owned())
            .spawn(watch)?;
        Ok(Self {
            stop,
            #[cfg(unix)]
            memory: MemoryLimit::set(),
        })
    }
}

/// The bound on memory, which ends with it.
#[cfg(unix)]
struct MemoryLimit {
    /// The limit before, if it was higher.
    before: Option<u64>,
}

#[cfg(unix)]
impl MemoryLimit {
    /// Nothing is lost where the system refuses.
    fn set() -> Self {
        let before = address_space().map(|(soft, _)| soft);
        let before = before.filter(|soft| *soft > MEMORY && allow(MEMORY));
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for MemoryLimit {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            allow(before);
        }
    }
}

/// The limit on the process's address space, and the limit on that.
#[cfg(unix)]
fn address_space() -> Option<(u64, u64)> {
    use nix::sys::resource::{Resource, getrlimit};

    getrlimit(Resource::RLIMIT_AS).ok()
}

/// Sets the limit on the process's address space; `false` if the system refuses.
#[cfg(unix)]
fn allow(bytes: u64) -> bool {
    use nix::sys::resource::{Resource, setrlimit};

    address_space().is_some_and(|(_, hard)| setrlimit(Resource::RLIMIT_AS, bytes, hard).is_ok())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use mbn_files::atomic::AtomicFile;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn memory_is_bounded_only_as_long_as_it_lives() {
        let before = address_space().unwrap();
        let limit = Limit::start("the test".to_owned(), SECONDS).unwrap();
        assert_eq!(address_space().unwrap(), (before.0.min(MEMORY), before.1));
        drop(limit);
        assert_eq!(address_space().unwrap(), before);
    }

    /// The process that ends is this test once more.
    #[test]
    fn nothing_unfinished_stays_when_the_time_is_over() {
        const FOLDER: &str = "MBN_TEST_FOLDER";
        if let Some(folder) = std::env::var_os(FOLDER) {
            let _unfinished = AtomicFile::create(&Path::new(&folder).join("out")).unwrap();
            let _limit = Limit::start("the test".to_owned(), 0).unwrap();
            thread::sleep(Duration::from_secs(SECONDS));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let name = "limits::tests::nothing_unfinished_stays_when_the_time_is_over";
        let ended = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(ended.code(), Some(1));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
