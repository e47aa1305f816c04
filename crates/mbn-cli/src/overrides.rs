//! Options that say about weights what their tensors do not show.

use anyhow::Result;
use clap::Args;
use mbn_spec::{Activation, Preprocess, Resize, Stride2Padding, Variant};
use mbn_weights::Weights;

use crate::preprocess_args::{PreprocessArgs, options_of};

/// What a user says about weights, in place of what their file says, the files beside it, or their library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Weights (by default, the file decides, or what its library publishes)")]
pub struct Overrides {
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a comment here would replace the program's description"
    )]
    pub images: PreprocessArgs,

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
        self.images.over(usual)
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

    /// The options that say the same as `preprocess`, without those that the user gives.
    pub(crate) fn options_of_preprocess(&self, preprocess: &Preprocess) -> Vec<String> {
        let mut open = *preprocess;
        // Where the user gives the size or the kind, the shorter side follows from it.
        let follows = self.images.size.is_some() || self.images.resize.is_some();
        if open.resize == Resize::Crop && !follows {
            open.shorter = Some(open.shorter_side());
        }
        let mut stated = self.images.stated();
        if follows {
            stated.shorter = Some(preprocess.shorter_side());
        }
        options_of(&open, &stated)
    }

    /// The options that say the same as `variant`, without those that the user gives.
    pub(crate) fn options_of_variant(&self, variant: &Variant) -> Vec<String> {
        let options = [
            (
                "activation",
                self.activation.is_none(),
                variant.activation.to_string(),
            ),
            (
                "epsilon",
                self.epsilon.is_none(),
                variant.batch_norm_epsilon.to_string(),
            ),
            (
                "padding",
                self.padding.is_none(),
                variant.stride2_padding.to_string(),
            ),
        ];
        let open = options.into_iter().filter(|(_, is_open, _)| *is_open);
        open.map(|(name, _, value)| format!("--{name} {value}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mbn_spec::Interpolation;

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
            "--size 7",
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
