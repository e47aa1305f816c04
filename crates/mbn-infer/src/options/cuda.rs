//! How ONNX Runtime and candle use an NVIDIA GPU.

use std::path::PathBuf;

use clap::Args;

use super::CudnnSearchName;

/// Options that only affect CUDA devices.
#[derive(Clone, Debug, Args)]
pub struct CudaArgs {
    /// Let products of float32 round to TF32 (11 bits), which is faster
    #[arg(long)]
    pub tf32: bool,

    /// How cuDNN's algorithms are chosen [default: heuristic]
    #[arg(long, value_enum, value_name = "HOW")]
    pub cudnn_search: Option<CudnnSearchName>,

    /// Record the network's kernels as a CUDA graph and replay it
    #[arg(long)]
    pub cuda_graph: bool,

    /// Keep values with channels last (NHWC) in convolutions, the layout of tensor cores
    #[arg(long)]
    pub prefer_nhwc: bool,

    /// Let cuDNN add a convolution's bias in the convolution's own kernel
    #[arg(long)]
    pub fuse_conv_bias: bool,

    /// Folder of NVIDIA's libraries, or a Python environment that has them
    #[arg(long, value_name = "DIR")]
    pub cuda_libs: Option<PathBuf>,
}

impl CudaArgs {
    /// An option for ONNX Runtime's CUDA provider alone, if one is given.
    pub(super) fn provider_option(&self) -> Option<&'static str> {
        let given = [
            (self.cudnn_search.is_some(), "--cudnn-search"),
            (self.cuda_graph, "--cuda-graph"),
            (self.prefer_nhwc, "--prefer-nhwc"),
            (self.fuse_conv_bias, "--fuse-conv-bias"),
            (self.cuda_libs.is_some(), "--cuda-libs"),
        ];
        given.into_iter().find_map(|(given, name)| given.then_some(name))
    }

    /// The given options that only affect CUDA devices, followed by `has` or `have`.
    pub fn given(&self) -> Option<String> {
        let given = [
            (self.tf32, "`--tf32`"),
            (self.cudnn_search.is_some(), "`--cudnn-search`"),
            (self.cuda_graph, "`--cuda-graph`"),
            (self.prefer_nhwc, "`--prefer-nhwc`"),
            (self.fuse_conv_bias, "`--fuse-conv-bias`"),
        ];
        let names: Vec<_> = given
            .iter()
            .filter_map(|(given, name)| given.then_some(*name))
            .collect();
        match names.len() {
            0 => None,
            1 => Some(format!("{} has", names[0])),
            _ => Some(format!("{} have", names.join(", "))),
        }
    }
}
