//! `mbn-train`: trains MobileNetV1 on a folder of images.

use std::process::ExitCode;

/// Keeps the pages of large tensors from one step to the next; the allocator of the system returns them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mbn_cli::run(mbn_train::run)
}
