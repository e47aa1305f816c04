//! Options that say how images become a network's input.

use anyhow::{Result, bail};
use clap::Args;
use mbn_spec::{Channels, Interpolation, PartialPreprocess, Preprocess, Resize, SMALLEST_SIZE};

use crate::UsageError;

const SHORTER_OF_SQUARE: &str = "`--shorter` has no effect without `--resize crop`";

/// What a user says about the preprocessing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Args)]
pub struct PreprocessArgs {
    /// Height and width of the images
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,

    /// How images become square: `square` squeezes the whole image, `crop` takes the centre
    #[arg(long, value_name = "square|crop")]
    pub resize: Option<Resize>,

    /// Length of an image's shorter side before the crop
    #[arg(long, value_name = "PIXELS")]
    pub shorter: Option<usize>,

    /// Filter of the resize: nearest, box, bilinear, bilinear-no-antialias, hamming, bicubic or lanczos
    #[arg(long, value_name = "FILTER")]
    pub interpolation: Option<Interpolation>,

    /// Mean of red, green and blue scaled to [0, 1], or one number for all
    #[arg(long, value_name = "R,G,B")]
    pub mean: Option<Channels>,

    /// Standard deviation of red, green and blue scaled to [0, 1]
    #[arg(long, value_name = "R,G,B")]
    pub std: Option<Channels>,
}

impl PreprocessArgs {
    /// The options that the user gives.
    pub fn given(&self) -> Vec<&'static str> {
        let options = [
            (self.size.is_some(), "--size"),
            (self.resize.is_some(), "--resize"),
            (self.shorter.is_some(), "--shorter"),
            (self.interpolation.is_some(), "--interpolation"),
            (self.mean.is_some(), "--mean"),
            (self.std.is_some(), "--std"),
        ];
        let given = options.into_iter().filter(|(is_given, _)| *is_given);
        given.map(|(_, option)| option).collect()
    }

    /// What these say.
    pub fn stated(&self) -> PartialPreprocess {
        PartialPreprocess {
            size: self.size,
            resize: self.resize,
            shorter: self.shorter,
            centre: None,
            interpolation: self.interpolation,
            mean: self.mean.map(Channels::to_f32),
            std: self.std.map(Channels::to_f32),
        }
    }

    /// Refuses what no picture can follow, whatever is said elsewhere.
    ///
    /// # Errors
    /// [`UsageError`], for exit code 2.
    pub fn validate(&self) -> Result<(), UsageError> {
        self.validate_from(SMALLEST_SIZE)
    }

    /// The same for a network that takes images of `smallest` x `smallest` pixels.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn validate_from(&self, smallest: usize) -> Result<(), UsageError> {
        if self.resize == Some(Resize::Square) && self.shorter.is_some() {
            return Err(UsageError(SHORTER_OF_SQUARE.to_owned()));
        }
        // Where the user does not give the size, any shorter side from the smallest on may be right.
        let rest = Preprocess {
            resize: Resize::Crop,
            ..Preprocess::default().with_size(smallest)
        };
        let valid = self.stated().over(rest).validate_from(smallest);
        valid.map_err(|error| UsageError(error.to_string()))
    }

    /// `usual`, with what these say.
    ///
    /// # Errors
    /// No picture can follow the result.
    pub fn over(&self, usual: Preprocess) -> Result<Preprocess> {
        self.over_from(usual, SMALLEST_SIZE)
    }

    /// The same for a network that takes images of `smallest` x `smallest` pixels.
    ///
    /// # Errors
    /// As [`over`](Self::over).
    pub fn over_from(&self, usual: Preprocess, smallest: usize) -> Result<Preprocess> {
        let preprocess = self.stated().over(usual);
        if preprocess.resize == Resize::Square && self.shorter.is_some() {
            bail!(SHORTER_OF_SQUARE);
        }
        preprocess.validate_from(smallest)?;
        Ok(preprocess)
    }
}

/// The options that say the same as `preprocess`, without the parts that are `stated`. The usual shorter side is left out.
pub fn options_of(preprocess: &Preprocess, stated: &PartialPreprocess) -> Vec<String> {
    let list = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
    let shorter = preprocess
        .shorter
        .filter(|_| preprocess.resize == Resize::Crop && stated.shorter.is_none());
    let options = [
        ("size", stated.size.is_none().then(|| preprocess.size.to_string())),
        (
            "resize",
            stated.resize.is_none().then(|| preprocess.resize.to_string()),
        ),
        ("shorter", shorter.map(|shorter| shorter.to_string())),
        (
            "interpolation",
            stated
                .interpolation
                .is_none()
                .then(|| preprocess.interpolation.to_string()),
        ),
        ("mean", stated.mean.is_none().then(|| list(preprocess.mean))),
        ("std", stated.std.is_none().then(|| list(preprocess.std))),
    ];
    let given = options.into_iter();
    given
        .filter_map(|(name, value)| Some(format!("--{name} {}", value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use mbn_spec::Preset;

    use super::*;

    #[test]
    fn what_no_model_can_follow_is_a_mistake_on_the_command_line() {
        let none = PreprocessArgs::default();
        let channels = |text: &str| text.parse().ok();
        for wrong in [
            PreprocessArgs {
                size: Some(7),
                ..none
            },
            PreprocessArgs {
                shorter: Some(7),
                ..none
            },
            PreprocessArgs {
                std: channels("0"),
                ..none
            },
            PreprocessArgs {
                std: channels("1e-45,1,1"),
                ..none
            },
            PreprocessArgs {
                mean: channels("nan"),
                ..none
            },
            PreprocessArgs {
                mean: channels("123.675,116.28,103.53"),
                ..none
            },
            PreprocessArgs {
                resize: Some(Resize::Square),
                shorter: Some(300),
                ..none
            },
            PreprocessArgs {
                size: Some(224),
                shorter: Some(200),
                ..none
            },
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
        for right in [
            none,
            PreprocessArgs {
                shorter: Some(40),
                ..none
            },
            PreprocessArgs {
                size: Some(224),
                resize: Some(Resize::Square),
                mean: channels("0.5"),
                ..none
            },
        ] {
            assert!(right.validate().is_ok(), "{right:?}");
        }
    }

    #[test]
    fn the_usual_shorter_side_needs_no_option() {
        let none = PartialPreprocess::default();
        assert_eq!(
            options_of(&Preset::Imagenet.preprocess(), &none).join(" "),
            "--size 224 --resize crop --interpolation bilinear --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"
        );
        let resize = PartialPreprocess {
            resize: Some(Resize::Crop),
            std: Some([1.0; 3]),
            ..none
        };
        assert_eq!(
            options_of(&Preset::Ultralytics.preprocess(), &resize).join(" "),
            "--size 224 --shorter 224 --interpolation bilinear --mean 0,0,0"
        );
    }
}
