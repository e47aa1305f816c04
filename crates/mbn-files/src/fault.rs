//! Tells errors of a file from those of the machine.

use std::io;

/// Whether an error says nothing about the file, because others on this machine would fail alike, now or until it is repaired: a
/// network file system that is away, too many open files, no memory. An error in input or output (`EIO`) is not among them: a disk
/// gives it for one damaged file.
pub fn is_of_machine(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown,
        NetworkUnreachable, NotConnected, OutOfMemory, StaleNetworkFileHandle, TimedOut,
    };
    let is_known = matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
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
                .is_some_and(|code| TOO_MANY_FILES.contains(&code) || OF_NETWORK.contains(&code)))
}

/// `ENFILE` and `EMFILE` on every Unix, for which Rust has no kind.
const TOO_MANY_FILES: [i32; 2] = [23, 24];

/// Other faults of a network's file system for which Rust has no kind: `ENOLINK`, `ESHUTDOWN`, `EHOSTDOWN`, `EREMOTEIO` and
/// `EKEYEXPIRED`, with the numbers of Linux on most processors.
#[cfg(target_os = "linux")]
const OF_NETWORK: [i32; 5] = [67, 108, 112, 121, 127];

/// Other faults of a network's file system for which Rust has no kind, as far as macOS and the BSDs agree: `ESHUTDOWN` and
/// `EHOSTDOWN`.
#[cfg(not(target_os = "linux"))]
const OF_NETWORK: [i32; 2] = [58, 64];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_machine_are_told_from_those_of_a_file() {
        let is_of_machine = |code| is_of_machine(&io::Error::from_raw_os_error(code));
        for code in [
            12,  // ENOMEM
            23,  // ENFILE
            24,  // EMFILE
            67,  // ENOLINK
            100, // ENETDOWN
            101, // ENETUNREACH
            103, // ECONNABORTED
            104, // ECONNRESET
            107, // ENOTCONN
            108, // ESHUTDOWN
            110, // ETIMEDOUT
            111, // ECONNREFUSED
            112, // EHOSTDOWN
            113, // EHOSTUNREACH
            116, // ESTALE
            121, // EREMOTEIO
            127, // EKEYEXPIRED
        ] {
            assert!(is_of_machine(code), "{code}");
        }
        // ENOENT, EIO, EACCES, EISDIR, ENAMETOOLONG
        for code in [2, 5, 13, 21, 36] {
            assert!(!is_of_machine(code), "{code}");
        }
        assert!(!super::is_of_machine(&io::ErrorKind::UnexpectedEof.into()));
    }
}
