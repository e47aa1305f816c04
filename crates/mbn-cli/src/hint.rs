//! Errors that say what to do about them.

use std::fmt;

use anyhow::Error;

/// An error with advice, printed on a line of its own.
#[derive(Debug)]
pub struct Hinted {
    pub(crate) error: Error,
    /// What the user can do about it.
    pub hint: String,
}

impl Hinted {
    /// Whether the error that it advises about is of this type.
    pub fn is<T: fmt::Display + fmt::Debug + Send + Sync + 'static>(&self) -> bool {
        self.error.is::<T>()
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Hinted {
    /// The cause of the inner error, whose message `Display` prints.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Adds advice to an error.
pub trait Hint<T> {
    /// The same result; its error carries `hint()` for the user.
    ///
    /// # Errors
    /// The error of `self`.
    fn hint(self, hint: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| {
            Hinted {
                error: error.into(),
                hint: hint(),
            }
            .into()
        })
    }
}
