//! `mbn-train`: trains MobileNetV1 on a folder of images.

use std::process::ExitCode;

/// Keeps the memory of large tensors from one step to the next. The system's allocator would return it to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mbn_cli::run(mbn_train::run)
}
