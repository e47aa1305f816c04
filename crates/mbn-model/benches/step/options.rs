//! The benchmark's command line.

use candle_core::{Error, Result, bail};
use mbn_cli::DeviceChoice;
use mbn_model::ActivationType;

#[derive(Clone, Copy)]
pub enum Precision {
    F32,
    Tf32,
    Bf16,
}

impl Precision {
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    pub fn activation_type(self) -> ActivationType {
        match self {
            Self::F32 | Self::Tf32 => ActivationType::F32,
            Self::Bf16 => ActivationType::Bf16,
        }
    }
}

pub struct Options {
    pub device: DeviceChoice,
    pub alpha: String,
    pub batch: usize,
    pub size: usize,
    pub steps: usize,
    pub precision: Precision,
    /// Which figures to measure.
    pub train: bool,
    pub recipe: bool,
    pub infer: bool,
}

impl Options {
    pub fn parse() -> Result<Self> {
        let mut options = Self {
            device: DeviceChoice::Cpu,
            alpha: "1.0".into(),
            batch: 32,
            size: 224,
            steps: 8,
            precision: Precision::F32,
            train: true,
            recipe: true,
            infer: true,
        };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(flag) = args.next() {
            let mut value = || args.next().unwrap_or_default();
            let number = |value: String| value.parse().map_err(Error::wrap);
            match flag.as_str() {
                "--device" => options.device = value().parse().map_err(Error::wrap)?,
                "--alpha" => options.alpha = value(),
                "--batch" => options.batch = number(value())?,
                "--size" => options.size = number(value())?,
                "--steps" => options.steps = number(value())?,
                "--precision" => {
                    options.precision = match value().as_str() {
                        "f32" => Precision::F32,
                        "tf32" => Precision::Tf32,
                        "bf16" => Precision::Bf16,
                        other => bail!("`--precision {other}`: expected f32, tf32 or bf16"),
                    }
                }
                "--train-only" => options.only([true, false, false]),
                "--recipe-only" => options.only([false, true, false]),
                "--infer-only" => options.only([false, false, true]),
                _ => bail!("unknown option `{flag}`"),
            }
        }
        Ok(options)
    }

    fn only(&mut self, figures: [bool; 3]) {
        [self.train, self.recipe, self.infer] = figures;
    }
}
