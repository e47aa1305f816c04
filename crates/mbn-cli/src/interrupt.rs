//! Ctrl-C, and SIGTERM, which Slurm and Kubernetes send: the first one asks the program to save and stop, a Ctrl-C after it ends the
//! program.

use std::ffi::c_int;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::run::INTERRUPTED;

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// Nothing needs saving yet, see [`install_preparing`].
static PREPARING: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How often the thread of [`install_ending`] looks: shorter than anybody notices.
const PAUSE: Duration = Duration::from_millis(50);

const SIGNALS: &[c_int] = &[
    SIGINT,
    SIGTERM,
    #[cfg(unix)]
    SIGHUP,
];

/// Makes SIGINT, SIGTERM and SIGHUP set the flag that [`requested`] reads. SIGINT after another signal ends the program. SIGTERM and
/// SIGHUP after another signal change nothing: Slurm sends SIGTERM twice, and where `mpirun` and its batch system both send it, a rank
/// gets two, which must not end it while it saves. On Linux, signals that the program was started to
/// ignore (as by `nohup`) stay ignored.
///
/// # Errors
/// The system refuses to install a handler.
pub fn install() -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for &signal in SIGNALS {
        if is_ignored(&status, signal) {
            continue;
        }
        flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&PREPARING))?;
        if signal == SIGINT {
            // This order matters: the first signal must find the flag unset.
            flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&REQUESTED))?;
        }
        flag::register(signal, Arc::clone(&REQUESTED))?;
    }
    Ok(())
}

/// As [`install`], but while the guard lives, the first signal ends the program, which has nothing to save yet.
///
/// # Errors
/// As [`install`].
pub fn install_preparing() -> io::Result<Preparing> {
    PREPARING.store(true, Ordering::Relaxed);
    install()?;
    Ok(Preparing(()))
}

/// As [`install`], but the first signal ends the program too, after `clean` has removed what must not stay. For a program that has
/// nothing to save, and works too long at a stretch to ask.
///
/// # Errors
/// As [`install`]; the system refuses to start a thread.
pub fn install_ending(clean: fn()) -> io::Result<()> {
    install()?;
    let end = move || {
        while !requested() {
            thread::sleep(PAUSE);
        }
        clean();
        end_at_once(INTERRUPTED.into());
    };
    thread::Builder::new().name("signals".to_owned()).spawn(end)?;
    Ok(())
}

/// Ends the program with this exit code, without what a library does at an orderly end: it may be computing.
pub fn end_at_once(code: i32) -> ! {
    signal_hook::low_level::exit(code)
}

/// Until this is dropped, a signal ends the program at once, see [`install_preparing`].
#[derive(Debug)]
#[must_use]
pub struct Preparing(());

impl Drop for Preparing {
    fn drop(&mut self) {
        PREPARING.store(false, Ordering::Relaxed);
    }
}

/// Does a short piece of work that must not be left in the middle, while a signal would end the program at once, see
/// [`install_preparing`]: then a signal ends it afterwards.
pub fn finishing<T>(work: impl FnOnce() -> T) -> T {
    let is_preparing = PREPARING.swap(false, Ordering::SeqCst);
    let done = work();
    if is_preparing {
        PREPARING.store(true, Ordering::SeqCst);
        if requested() {
            end_at_once(INTERRUPTED.into());
        }
    }
    done
}

/// Whether the user asked the program to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// What a task that is asked several times a second whether to go on should do.
pub fn control_flow() -> ControlFlow<()> {
    match requested() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Whether a process ignores a signal, by its `/proc/PID/status`: `SigIgn` is a bit mask in hexadecimal, with signal 1 in the
/// lowest bit.
fn is_ignored(status: &str, signal: c_int) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        // `nohup sh -c 'cat /proc/self/status'`
        let status =
            "Name:\tcat\nSigBlk:\t0000000000004002\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000000000\n";
        assert!(is_ignored(status, 1));
        assert!(!is_ignored(status, 2) && !is_ignored(status, 15));
        assert!(is_ignored("SigIgn:\t0000000000004002\n", 15));
        assert!(!is_ignored("", 1) && !is_ignored("SigIgn:\tx\n", 1));
    }
}
