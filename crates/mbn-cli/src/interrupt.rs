//! Ctrl-C: the first asks the program to finish what it is at and save, the second ends it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::run::INTERRUPTED;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Makes SIGINT, SIGTERM and SIGHUP set the flag that [`requested`] reads.
///
/// # Errors
/// The system refuses the handler, or one is installed already.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    })
}

/// Whether the user asked the program to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
