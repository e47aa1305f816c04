//! Options that contradict each other.

use std::io::{IsTerminal, stdout};

use anyhow::{Result, anyhow};
use mbn_cli::{DeviceChoice, PreprocessArgs, UsageError};

use mbn_spec::SMALLEST_OF_ANY;

use super::{EngineKind, Options};
use crate::output::OutputFormat;

impl Options {
    /// What is given about images, with the resize of a preset.
    fn given_images(&self) -> PreprocessArgs {
        let of_preset = || self.preprocess.map(|preset| preset.preprocess().resize);
        PreprocessArgs {
            resize: self.images.resize.or_else(of_preset),
            ..self.images
        }
    }

    /// Refuses options that contradict each other.
    ///
    /// # Errors
    /// [`UsageError`], for exit code 2.
    pub fn validate(&self) -> Result<()> {
        let wrong = |text: &str| Err(anyhow!(UsageError(text.to_owned())));
        if self.engine == Some(EngineKind::Candle) {
            if self.ort_lib.is_some() {
                return wrong("`--ort-lib` has no effect with `--engine candle`");
            }
            if self.output_name.is_some() {
                return wrong("`--output-name` has no effect with `--engine candle`");
            }
        }
        // The model may be of any tool.
        self.given_images().validate_from(SMALLEST_OF_ANY)?;
        if let Some(text) = self.wrong_check() {
            return wrong(text);
        }
        if self.logits && self.format() == OutputFormat::Text {
            return wrong("`--logits` needs `--format json`, `csv` or `parquet`");
        }
        if self.features && !matches!(self.format(), OutputFormat::Json | OutputFormat::Csv) {
            return wrong("`--features` needs `--format json` or `csv`");
        }
        let on_cpu = self.device.device == DeviceChoice::Cpu;
        if self.cuda.tf32 && on_cpu {
            return wrong("`--tf32` has no effect with `--device cpu`");
        }
        if let Some(option) = self.cuda.provider_option() {
            if self.engine == Some(EngineKind::Candle) {
                return wrong(&format!("`{option}` has no effect with `--engine candle`"));
            }
            if on_cpu {
                return wrong(&format!("`{option}` has no effect with `--device cpu`"));
            }
        }
        if let Some(text) = self.wrong_parts() {
            return wrong(&text);
        }
        if self.format().is_binary() && self.output.is_none() && stdout().is_terminal() {
            return wrong(&format!(
                "`--format {}` is binary: add `--output FILE` or redirect stdout",
                self.format()
            ));
        }
        Ok(())
    }
}
