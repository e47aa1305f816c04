//! The program as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod advice;
mod archives;
mod bad_images;
mod bench;
mod classify;
#[cfg(feature = "cloud")]
mod cloud;
mod common;
#[cfg(target_os = "linux")]
mod cuda;
mod evaluation;
mod extra;
#[cfg(unix)]
mod faults;
mod finished;
mod foreign;
mod heif;
mod html;
mod inputs;
mod int8;
mod kept_files;
mod left_out;
mod models;
mod options;
mod ort;
mod other_files;
mod output;
#[cfg(unix)]
mod python_environment;
mod resume;
mod resumed_model;
mod threads;
mod worker;
