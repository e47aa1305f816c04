//! Options that say about weights what their tensors do not show.

use anyhow::{Result, bail};
use clap::Args;
use mbn_spec::{Activation, Channels, Interpolation, Preprocess, Resize, Stride2Padding, Variant};
use mbn_weights::Weights;

/// What a user says about weights, in place of what their file says, the files beside it, or their library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Weights (by default, the file decides, or what its library publishes)")]
pub struct Overrides {
    /// Height and width of the images
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,

    /// How images become square: `square` squeezes the whole image, `crop` takes the centre
    #[arg(long, value_name = "square|crop")]
    pub resize: Option<Resize>,

    /// Length of an image's shorter side before the crop
    #[arg(long, value_name = "PIXELS")]
    pub shorter: Option<usize>,

    /// Filter of the resize
    #[arg(long, value_name = "bilinear|bicubic")]
    pub interpolation: Option<Interpolation>,

    /// Mean of red, green and blue scaled to [0, 1], or one number for all
    #[arg(long, value_name = "R,G,B")]
    pub mean: Option<Channels>,

    /// Standard deviation of red, green and blue scaled to [0, 1]
    #[arg(long, value_name = "R,G,B")]
    pub std: Option<Channels>,

    /// Activation after every batch norm
    #[arg(long, value_name = "relu|relu6")]
    pub activation: Option<Activation>,

    /// What batch norm adds to the variance
    #[arg(long, value_name = "X", value_parser = epsilon)]
    pub epsilon: Option<f64>,

    /// Padding of the convolutions of stride 2: PyTorch's, Keras's or TensorFlow's
    #[arg(long, value_name = "symmetric|end|same")]
    pub padding: Option<Stride2Padding>,
}

fn epsilon(text: &str) -> Result<f64, String> {
    let value = text.parse().ok();
    let positive = value.filter(|value: &f64| *value > 0.0 && value.is_finite());
    positive.ok_or_else(|| "expected a number above 0".to_owned())
}

impl Overrides {
    /// `usual`, with what these say.
    ///
    /// # Errors
    /// No picture can follow the result.
    pub fn preprocess(&self, usual: Preprocess) -> Result<Preprocess> {
        let mut preprocess = match self.size {
            Some(size) => usual.with_size(size),
            None => usual,
        };
        preprocess.resize = self.resize.unwrap_or(preprocess.resize);
        preprocess.interpolation = self.interpolation.unwrap_or(preprocess.interpolation);
        preprocess.mean = self.mean.map_or(preprocess.mean, Channels::to_f32);
        preprocess.std = self.std.map_or(preprocess.std, Channels::to_f32);
        match (preprocess.resize, self.shorter) {
            (Resize::Square, Some(_)) => bail!("`--shorter` has no effect without `--resize crop`"),
            (Resize::Square, None) => preprocess.shorter = None,
            (Resize::Crop, Some(shorter)) => preprocess = preprocess.with_shorter(shorter),
            (Resize::Crop, None) => {}
        }
        preprocess.validate()?;
        Ok(preprocess)
    }

    /// `usual`, with what these say.
    pub fn variant(&self, usual: Variant) -> Variant {
        Variant {
            activation: self.activation.unwrap_or(usual.activation),
            batch_norm_epsilon: self.epsilon.unwrap_or(usual.batch_norm_epsilon),
            stride2_padding: self.padding.unwrap_or(usual.stride2_padding),
        }
    }

    /// `weights`, with what these say about them.
    ///
    /// # Errors
    /// No picture can follow the preprocessing.
    pub fn apply(&self, weights: Weights) -> Result<Weights> {
        let variant = self.variant(weights.architecture().variant);
        let mut metadata = weights.metadata().clone();
        let preprocess = self.preprocess(metadata.preprocess.unwrap_or_default())?;
        if preprocess != metadata.preprocess.unwrap_or_default() {
            metadata.preprocess = Some(preprocess);
        }
        Ok(weights.with_variant(variant).with_metadata(metadata)?)
    }

    /// Whether the user gives the option of this name.
    fn gives(&self, option: &str) -> bool {
        match option {
            "size" => self.size.is_some(),
            "resize" => self.resize.is_some(),
            "shorter" => self.shorter.is_some() || self.size.is_some() || self.resize.is_some(),
            "interpolation" => self.interpolation.is_some(),
            "mean" => self.mean.is_some(),
            "std" => self.std.is_some(),
            "activation" => self.activation.is_some(),
            "epsilon" => self.epsilon.is_some(),
            "padding" => self.padding.is_some(),
            _ => false,
        }
    }

    /// The options that say the same as `preprocess`, without those that the user gives.
    pub(crate) fn options_of_preprocess(&self, preprocess: &Preprocess) -> Vec<String> {
        let list = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
        let shorter = (preprocess.resize == Resize::Crop).then(|| preprocess.shorter_side().to_string());
        self.remaining([
            ("size", Some(preprocess.size.to_string())),
            ("resize", Some(preprocess.resize.to_string())),
            ("shorter", shorter),
            ("interpolation", Some(preprocess.interpolation.to_string())),
            ("mean", Some(list(preprocess.mean))),
            ("std", Some(list(preprocess.std))),
        ])
    }

    /// The options that say the same as `variant`, without those that the user gives.
    pub(crate) fn options_of_variant(&self, variant: &Variant) -> Vec<String> {
        self.remaining([
            ("activation", Some(variant.activation.to_string())),
            ("epsilon", Some(variant.batch_norm_epsilon.to_string())),
            ("padding", Some(variant.stride2_padding.to_string())),
        ])
    }

    fn remaining<const N: usize>(&self, options: [(&str, Option<String>); N]) -> Vec<String> {
        let options = options.into_iter().filter(|(name, _)| !self.gives(name));
        options
            .filter_map(|(name, value)| Some(format!("--{name} {}", value?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        overrides: Overrides,
    }

    fn parsed(line: &str) -> Result<Overrides, clap::Error> {
        let words = ["program"].into_iter().chain(line.split_whitespace());
        Options::try_parse_from(words).map(|options| options.overrides)
    }

    #[test]
    fn what_is_printed_can_be_given() {
        let preprocess = Preprocess {
            resize: Resize::Crop,
            interpolation: Interpolation::Bicubic,
            ..Preprocess::default().with_size(192).with_shorter(224)
        };
        let variant = Variant {
            activation: Activation::Relu6,
            batch_norm_epsilon: 1e-3,
            stride2_padding: Stride2Padding::Same,
        };
        let none = Overrides::default();
        let mut options = none.options_of_preprocess(&preprocess);
        options.extend(none.options_of_variant(&variant));
        let line = options.join(" ");
        assert_eq!(
            line,
            "--size 192 --resize crop --shorter 224 --interpolation bicubic --mean 0.485,0.456,0.406 \
             --std 0.229,0.224,0.225 --activation relu6 --epsilon 0.001 --padding same"
        );
        let given = parsed(&line).unwrap();
        assert_eq!(given.preprocess(Preprocess::default()).unwrap(), preprocess);
        assert_eq!(given.variant(Variant::default()), variant);
        assert!(given.options_of_preprocess(&preprocess).is_empty());
        assert!(given.options_of_variant(&variant).is_empty());
    }

    #[test]
    fn values_that_no_picture_can_follow_are_refused() {
        for line in [
            "--mean 1,2",
            "--activation swish",
            "--epsilon 0",
            "--padding valid",
            "--resize fit",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
        for line in [
            "--size 8",
            "--std 0",
            "--shorter 256",
            "--resize crop --shorter 100",
            "--mean nan",
        ] {
            let overrides = parsed(line).unwrap();
            assert!(overrides.preprocess(Preprocess::default()).is_err(), "{line}");
        }
    }
}
