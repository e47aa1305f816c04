//! Why an input has no prediction.

use anyhow::{Result, anyhow};
use mbn_cli::Hint;

/// Why an input was not decoded.
#[derive(Debug)]
pub struct Failure {
    /// In one line.
    pub problem: String,
    /// It says nothing about the input: other inputs would fail alike.
    pub is_of_machine: bool,
}

impl Failure {
    /// The error that ends the run for the input called `name`, if others would fail alike. As results they would be final: whoever
    /// runs the job again finds it done.
    ///
    /// # Errors
    /// It is a fault of the machine.
    pub fn require_of_input(&self, name: &str) -> Result<()> {
        if !self.is_of_machine {
            return Ok(());
        }
        Err(anyhow!("cannot read `{name}`: {}", self.problem)).hint(|| {
            "this is a fault of the machine or of its network, not of the picture; with `--resume`, the same command continues an \
             output from here"
                .to_owned()
        })
    }
}

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self {
            problem,
            is_of_machine: false,
        }
    }
}
