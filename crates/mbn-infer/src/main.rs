//! `mbn-infer`: classifies images.

use std::process::ExitCode;

fn main() -> ExitCode {
    mbn_cli::run(|options| mbn_cli::advise_on_memory(mbn_infer::run(options), "use a smaller `--batch-size`"))
}
