//! The program as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod advice;
mod bad_images;
mod command_line;
mod common;
mod data_sets;
mod distillation;
#[cfg(target_os = "linux")]
mod distributed;
mod download;
mod failures;
mod init;
mod init_classes;
mod interrupt;
mod lr_find;
mod older;
mod own_folders;
mod refusals;
mod replaced;
mod resume;
mod settings;
mod sizes;
mod state;
mod teacher_view;
mod teachers;
mod train_on;
