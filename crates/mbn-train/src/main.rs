//! `mbn-train`: trains MobileNetV1 on a folder of pictures.

use std::process::ExitCode;

/// Keeps the pages of large tensors from one step to the next, which the system's allocator gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mbn_cli::run(mbn_train::run)
}
