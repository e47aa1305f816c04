//! From a row of a model's outputs to probabilities.

use std::borrow::Cow;

use anyhow::{Result, bail};
use mbn_engine::softmax::{sigmoid, softmax};
use mbn_onnx::foreign::Ending;

/// How far the sum of a thousand probabilities in float16 is from 1.
const SUM_ROUNDING: f32 = 5e-3;

/// How a row of outputs becomes probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    apply: Apply,
    /// The only value is the probability of the second of two classes.
    is_binary: bool,
    /// Nothing in the graph shows that the values are logits.
    is_assumed: bool,
}

/// What the model leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apply {
    /// The values are probabilities.
    Nothing,
    /// One class is right.
    Softmax,
    /// Each class by itself.
    Sigmoid,
}

/// A model's output.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its name.
    pub output: &'a str,
    /// What makes its values.
    pub ending: Ending,
    /// Number of values of an image.
    pub values: usize,
    /// Another tool wrote the model.
    pub is_foreign: bool,
}

impl Scores {
    /// How the values of an output are read. `multi_label`: several classes may be right at once.
    ///
    /// # Errors
    /// The output cannot be read that way.
    pub fn of(head: &Head<'_>, multi_label: bool) -> Result<Self> {
        let Head { output, ending, .. } = head;
        let is_single = head.values == 1;
        let (apply, is_binary) = match ending {
            Ending::Softmax if multi_label => bail!(
                "`--multi-label` does not fit the model: its output `{output}` ends in softmax, so its probabilities sum to 1"
            ),
            Ending::Softmax => (Apply::Nothing, false),
            Ending::Sigmoid => (Apply::Nothing, is_single && !multi_label),
            Ending::Linear | Ending::Other if multi_label => (Apply::Sigmoid, false),
            Ending::Linear | Ending::Other if is_single && head.is_foreign => bail!(
                "its output `{output}` has one value for an image and does not end in sigmoid, expected a value for each \
                 class; `--multi-label` takes it as the logit of a single class"
            ),
            Ending::Linear | Ending::Other => (Apply::Softmax, false),
        };
        Ok(Self {
            apply,
            is_binary,
            is_assumed: apply == Apply::Softmax && *ending == Ending::Other && head.is_foreign,
        })
    }

    /// Corrects an assumption by the first images' outputs, row-major `[images, values]`: logits are not all in `[0, 1]` with a sum
    /// of 1 for each image. Returns whether that changes how rows are read.
    pub fn correct(&mut self, outputs: &[f32], values: usize) -> bool {
        if !self.is_assumed || outputs.is_empty() || values < 2 {
            return false;
        }
        self.is_assumed = false;
        let is_distribution = |row: &[f32]| {
            let within = row.iter().all(|value| (0.0..=1.0).contains(value));
            within && (row.iter().sum::<f32>() - 1.0).abs() <= SUM_ROUNDING
        };
        let found = outputs.chunks(values).all(is_distribution);
        if found {
            self.apply = Apply::Nothing;
        }
        found
    }

    /// Whether the values are logits, and not probabilities already.
    pub fn are_logits(self) -> bool {
        self.apply != Apply::Nothing
    }

    /// Number of classes of an output.
    pub fn classes(self, values: usize) -> usize {
        if self.is_binary { 2 } else { values }
    }

    /// An image's probabilities, one for each class.
    pub fn probabilities(self, row: &mut [f32]) -> Cow<'_, [f32]> {
        match self.apply {
            Apply::Nothing => {}
            Apply::Softmax => softmax(row),
            Apply::Sigmoid => sigmoid(row),
        }
        match row {
            [second] if self.is_binary => vec![1.0 - *second, *second].into(),
            row => (&*row).into(),
        }
    }

    /// What was found about the output and is done with it, for a message.
    pub fn describe(self, head: &Head<'_>) -> String {
        let Head { output, ending, .. } = head;
        let how = match (self.apply, ending) {
            (Apply::Nothing, Ending::Softmax) => "it ends in softmax, its values are the probabilities",
            (Apply::Nothing, _) if self.is_binary => {
                "it ends in sigmoid, its value is the probability of the second of two classes"
            }
            (Apply::Nothing, _) => "it ends in sigmoid, each value is a probability by itself",
            (Apply::Softmax, Ending::Linear) => "logits, softmax makes probabilities of them",
            (Apply::Softmax, _) => "assumed to be logits, softmax makes probabilities of them",
            (Apply::Sigmoid, _) => "logits, sigmoid makes a probability of each by itself",
        };
        format!("output: `{output}`: {how}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(ending: Ending, values: usize) -> Head<'static> {
        Head {
            output: "out",
            ending,
            values,
            is_foreign: true,
        }
    }

    fn probabilities(ending: Ending, multi_label: bool, row: &[f32]) -> Vec<f32> {
        let scores = Scores::of(&head(ending, row.len()), multi_label).unwrap();
        let mut row = row.to_vec();
        let classes = scores.classes(row.len());
        let found = scores.probabilities(&mut row).into_owned();
        assert_eq!(found.len(), classes);
        found
    }

    #[test]
    fn nothing_is_done_twice() {
        for ending in [Ending::Softmax, Ending::Sigmoid] {
            assert_eq!(probabilities(ending, false, &[0.25, 0.75]), [0.25, 0.75]);
        }
        assert_eq!(probabilities(Ending::Sigmoid, true, &[0.25]), [0.25]);
        for ending in [Ending::Linear, Ending::Other] {
            let found = probabilities(ending, false, &[0.0, 3.0f32.ln()]);
            assert!((found[1] - 0.75).abs() < 1e-6, "{found:?}");
            let found = probabilities(ending, true, &[0.0, 3.0f32.ln()]);
            assert!(found[0] == 0.5 && (found[1] - 0.75).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn probabilities_without_a_softmax_are_recognised() {
        let rows = [0.25, 0.75, 1.0, 0.0];
        let mut scores = Scores::of(&head(Ending::Other, 2), false).unwrap();
        assert!(scores.correct(&rows, 2));
        assert_eq!(*scores.probabilities(&mut [0.25, 0.75]), [0.25, 0.75]);
        for (ending, multi_label, rows) in [
            // One image has logits.
            (Ending::Other, false, [0.25, 0.75, 1.0, 1.0]),
            (Ending::Other, false, [0.25, 0.75, 1.5, -0.5]),
            (Ending::Other, false, [f32::NAN, 0.75, 1.0, 0.0]),
            // The graph shows logits, or the user says that classes go by themselves.
            (Ending::Linear, false, rows),
            (Ending::Other, true, rows),
        ] {
            let mut scores = Scores::of(&head(ending, 2), multi_label).unwrap();
            assert!(!scores.correct(&rows, 2), "{rows:?}");
            // The first images decide for all.
            assert!(!scores.correct(&[0.25, 0.75], 2));
        }
    }

    #[test]
    fn one_value_is_the_second_of_two_classes() {
        assert_eq!(probabilities(Ending::Sigmoid, false, &[0.25]), [0.75, 0.25]);
        assert_eq!(probabilities(Ending::Linear, true, &[0.0]), [0.5]);
        assert!(Scores::of(&head(Ending::Linear, 1), false).is_err());
        assert!(Scores::of(&head(Ending::Softmax, 3), true).is_err());
        let ours = Head {
            is_foreign: false,
            ..head(Ending::Linear, 1)
        };
        assert!(Scores::of(&ours, false).is_ok());
    }
}
