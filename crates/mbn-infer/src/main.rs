//! `mbn-infer`: classifies images.

use std::process::ExitCode;

fn main() -> ExitCode {
    mbn_cli::run(mbn_infer::run)
}
