//! JPEG files of every layout, written here from their coefficients, so that the right pixels are known without a decoder.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cases;
mod damage;
mod files;
mod forms;
mod scaled;
mod sweep;
