//! Ctrl-C: the first asks the program to finish what it is at and save, the second ends it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::run::INTERRUPTED;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static PREPARING: AtomicBool = AtomicBool::new(false);

/// Makes SIGINT, SIGTERM and SIGHUP set the flag that [`requested`] reads.
///
/// # Errors
/// The system refuses the handler, or one is installed already.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if PREPARING.load(Ordering::Relaxed) || REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    })
}

/// As [`install`], but while the guard lives the first signal ends the program: it waits for input, and there is
/// nothing yet to finish.
///
/// # Errors
/// As [`install`].
pub fn install_preparing() -> Result<Preparing, ctrlc::Error> {
    PREPARING.store(true, Ordering::Relaxed);
    install()?;
    Ok(Preparing(()))
}

/// Until it is dropped a signal ends the program at once, see [`install_preparing`].
#[derive(Debug)]
#[must_use]
pub struct Preparing(());

impl Drop for Preparing {
    fn drop(&mut self) {
        PREPARING.store(false, Ordering::Relaxed);
    }
}

/// Whether the user asked the program to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
