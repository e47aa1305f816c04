//! The program as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod archives;
mod bad_images;
mod classify;
mod common;
#[cfg(target_os = "linux")]
mod cuda;
mod foreign;
mod inputs;
mod int8;
mod left_out;
mod models;
mod options;
mod ort;
mod other_files;
mod output;
mod resume;
mod threads;
mod worker;
