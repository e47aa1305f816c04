//! What the tests of exported models share.

use std::path::Path;

use mbn_engine::runtime::{self, Runtime};
use mbn_testing::{Needs, skip};

/// ONNX Runtime. Skips the calling test and returns `None` where there is none.
pub fn runtime() -> Option<Runtime> {
    let download = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    let implied = std::env::var_os("ORT_DYLIB_PATH").is_none() && download.is_dir();
    match runtime::find(implied.then_some(download.as_path())) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            skip(Needs::Other, format!("{error}; `make onnxruntime` gets it"));
            None
        }
    }
}
