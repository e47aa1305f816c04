//! Tells errors of a file from those of the machine.

use std::io;

/// Whether an error says nothing about the file, because others on this machine would fail alike, now or until it is repaired: a
/// network file system that is away, too many open files, no memory. An error in input or output (`EIO`) is not among them: a disk
/// gives it for one damaged file.
pub fn is_of_machine(error: &io::Error) -> bool {
    use io::ErrorKind::{
        HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected, OutOfMemory, StaleNetworkFileHandle,
        TimedOut,
    };
    let is_known = matches!(
        error.kind(),
        HostUnreachable
            | NetworkDown
            | NetworkUnreachable
            | NotConnected
            | OutOfMemory
            | StaleNetworkFileHandle
            | TimedOut
    );
    is_known
        || (cfg!(unix)
            && error
                .raw_os_error()
                .is_some_and(|code| TOO_MANY_FILES.contains(&code)))
}

/// `ENFILE` and `EMFILE` on every Unix, for which Rust has no kind.
const TOO_MANY_FILES: [i32; 2] = [23, 24];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_machine_are_told_from_those_of_a_file() {
        let is_of_machine = |code| is_of_machine(&io::Error::from_raw_os_error(code));
        // ENOMEM, ENFILE, EMFILE, ENETDOWN, ENETUNREACH, ENOTCONN, ETIMEDOUT, EHOSTUNREACH, ESTALE
        for code in [12, 23, 24, 100, 101, 107, 110, 113, 116] {
            assert!(is_of_machine(code), "{code}");
        }
        // ENOENT, EIO, EACCES, EISDIR, ENAMETOOLONG
        for code in [2, 5, 13, 21, 36] {
            assert!(!is_of_machine(code), "{code}");
        }
        assert!(!super::is_of_machine(&io::ErrorKind::UnexpectedEof.into()));
    }
}
