//! What the fuzz targets in `fuzz/` do with their input. The test `corpora` calls the same functions on the files in
//! `fuzz/corpora/`.
//!
//! Input must never make a library panic, exhaust memory or take long: reading it gives a value or an error. Each function
//! here also checks what must hold of a value that was read, and panics where it does not.

mod jpeg;
mod onnx;
mod pictures;
mod png;
mod settings;
mod stl10;
mod weights;

pub use jpeg::jpeg;
pub use onnx::onnx;
pub use pictures::pictures;
pub use settings::settings;
pub use stl10::stl10;
pub use weights::weights;

/// A fuzz target: its name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. Each has a file in `fuzz/fuzz_targets/` and a folder in `fuzz/corpora/`.
pub const TARGETS: [Target; 6] = [
    ("pictures", pictures),
    ("jpeg", jpeg),
    ("weights", weights),
    ("onnx", onnx),
    ("stl10", stl10),
    ("settings", settings),
];
