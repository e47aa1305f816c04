//! What `mbn-train`, `mbn-export` and `mbn-infer` share: common options, man pages and completions, logging to stderr,
//! exit codes, interruption, progress bars, files of class names and of weights (the Hugging Face Hub's too), checks of outputs, quoted commands.
//!
//! A program's `main` is one call of [`run`] with a function from its options to an [`Outcome`].

mod arguments;
mod class_names;
mod common;
mod conversion;
mod device;
mod file_limit;
mod free_name;
mod generate;
mod hint;
mod hub;
pub mod interrupt;
mod libheif;
mod logging;
mod one_network;
pub mod onnx_runtime;
mod output;
mod outputs;
mod overrides;
mod preprocess_args;
pub mod progress;
mod replaceable;
mod run;
mod shell;
pub mod text_file;
mod weights;

pub use class_names::{ClassList, Renamed, known_among, read_class_names, rename_classes, require_count};
pub use common::{CommonArgs, DeviceArgs, max_pixels_advice};
pub use conversion::other_kind;
pub use device::{DeviceChoice, OpenedDevice, ParseDeviceError, advise_on_memory};
pub use generate::Generated;
pub use hint::{Hint, Hinted};
pub use hub::{NamedFile, named_file};
pub use libheif::LibheifArgs;
pub use logging::tell;
pub use mbn_fetch::hub::{HubName, Wanted};
pub use output::{check_output, check_output_file, check_output_folder, refuse_stdout};
pub use outputs::Outputs;
pub use overrides::Overrides;
pub use preprocess_args::{PreprocessArgs, options_of};
pub use replaceable::{Written, require_replaceable};
pub use run::{Outcome, UsageError, message, run, start_threads};
pub use shell::{quote, quote_word};
pub use weights::{LoadedWeights, load_start, load_weights, load_weights_with, weights_in};
