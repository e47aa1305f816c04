//! A device that the tests of a program take in turn.

use std::fmt::Display;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::skip::{Needs, skip};

/// A device, opened at the first test that takes it, or the reason why there is none.
pub struct Turns<D, E> {
    device: LazyLock<Result<D, E>>,
    turn: Mutex<()>,
}

/// The device, for one test at a time.
pub struct Turn<D: 'static> {
    /// The device.
    pub device: &'static D,
    _turn: MutexGuard<'static, ()>,
}

impl<D, E: Display> Turns<D, E> {
    /// A device that `open` opens.
    pub const fn new(open: fn() -> Result<D, E>) -> Self {
        Self {
            device: LazyLock::new(open),
            turn: Mutex::new(()),
        }
    }

    /// Waits for the device. Skips the calling test and returns `None` where there is none.
    pub fn take(&'static self) -> Option<Turn<D>> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match &*self.device {
            Ok(device) => Some(Turn { device, _turn: turn }),
            Err(error) => {
                skip(Needs::Gpu, error);
                None
            }
        }
    }
}
