//! The options of `--triton`.

use std::path::PathBuf;

use clap::Args;

use crate::triton::ModelName;

/// A model repository of Triton Inference Server.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Triton Inference Server")]
pub struct TritonArgs {
    /// Write a model repository for Triton Inference Server into this folder, instead of OUT.onnx: `NAME/config.pbtxt`,
    /// `NAME/labels.txt` and `NAME/1/model.onnx`, or the next version if the model is there
    #[arg(long, value_name = "DIR")]
    pub triton: Option<PathBuf>,

    /// The model's name in the repository [default: mobilenet_v1_ALPHA]
    #[arg(long, value_name = "NAME", requires = "triton")]
    pub triton_name: Option<ModelName>,
}
