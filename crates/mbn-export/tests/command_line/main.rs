//! The program as a user runs it: what goes wrong, with which message and exit code, and what is left behind.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod check;
mod checkpoints;
mod class_names;
mod common;
mod diff;
mod faults;
mod files;
mod graphs;
mod int8;
mod kept_files;
mod options;
mod other_files;
mod output;
mod range;
mod reports;
mod triton;
mod weights;
