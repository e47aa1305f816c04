//! What the user gives about the preprocessing.

use anyhow::Result;
use mbn_cli::PreprocessArgs;
use mbn_spec::{Preprocess, Preset};

use crate::options::{ChannelOrder, Options};

/// What the user gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// A preprocessing by its name.
    pub preset: Option<Preset>,
    /// Parts of it, which go before the preset.
    pub parts: PreprocessArgs,
    /// The order of the channels.
    pub channels: Option<ChannelOrder>,
}

impl Given {
    /// What the options give.
    pub fn by(options: &Options) -> Self {
        Self {
            preset: options.preprocess,
            parts: options.images,
            channels: options.channels,
        }
    }

    /// What is given, and the rest as `usual`.
    ///
    /// # Errors
    /// No picture can follow the result.
    pub fn over(&self, usual: Preprocess) -> Result<Preprocess> {
        let named = self
            .preset
            .map(|preset| preset.preprocess().with_size(usual.size));
        self.parts.over(named.unwrap_or(usual))
    }
}
