//! `mbn-export`: writes MobileNetV1 weights as an ONNX file.

use std::process::ExitCode;

fn main() -> ExitCode {
    mbn_cli::run(mbn_export::run)
}
