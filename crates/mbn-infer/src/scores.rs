//! From a row of a model's outputs to probabilities.

mod guess;

use std::borrow::Cow;

use anyhow::{Result, bail};
use mbn_engine::softmax::{sigmoid, softmax};
use mbn_onnx::foreign::Ending;
use serde::Serialize;

pub use guess::Guess;

/// How a row of outputs becomes probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Scores {
    #[serde(rename = "function")]
    apply: Apply,
    /// The only value is the probability of the second of two classes.
    is_binary: bool,
    /// Nothing in the graph shows what the values are.
    is_guessed: bool,
    /// Several classes may be right at once.
    are_independent: bool,
    /// The graph shows that an image's values sum to 1.
    sum_to_one: bool,
}

/// What the model leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Apply {
    /// The values are probabilities.
    Nothing,
    /// The values are probabilities in per cent.
    Division,
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
    /// The graph shows that its values are the hundredfold of that.
    pub in_per_cent: bool,
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
        let undone = match head.in_per_cent {
            true => Apply::Division,
            false => Apply::Nothing,
        };
        let (apply, is_binary) = match ending {
            Ending::Softmax if multi_label => bail!(
                "`--multi-label` does not fit the model: its output `{output}` ends in softmax, so its probabilities sum to 1"
            ),
            Ending::Softmax if is_single && head.is_foreign => bail!(
                "its output `{output}` ends in softmax and has one value for an image, which is 1 for every image; expected a value \
                 for each class"
            ),
            Ending::Softmax => (undone, false),
            Ending::Sigmoid => (undone, is_single && !multi_label),
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
            are_independent: apply == Apply::Sigmoid || (*ending == Ending::Sigmoid && !is_binary),
            sum_to_one: *ending == Ending::Softmax && !head.in_per_cent,
            is_guessed: apply == Apply::Softmax && *ending == Ending::Other && head.is_foreign,
        })
    }

    /// Whether nothing in the graph shows what the values are, so that they have to be looked at.
    pub fn are_guessed(self) -> bool {
        self.is_guessed
    }

    /// The same, with what was guessed from values.
    #[must_use]
    pub fn guessed(self, guess: Guess) -> Self {
        match guess {
            Guess::Probabilities if self.is_guessed => Self {
                apply: Apply::Nothing,
                ..self
            },
            Guess::Percentages if self.is_guessed => Self {
                apply: Apply::Division,
                ..self
            },
            _ => self,
        }
    }

    /// Whether the values are logits, and not probabilities already.
    pub fn are_logits(self) -> bool {
        !matches!(self.apply, Apply::Nothing | Apply::Division)
    }

    /// Whether several classes may be right at once.
    pub fn are_independent(self) -> bool {
        self.are_independent
    }

    /// What the values of an image sum to that the graph shows to be probabilities, if that is not 1. `outputs` are a few rows of
    /// `values`.
    pub fn wrong_sum(self, outputs: &[f32], values: usize) -> Option<f32> {
        self.sum_to_one
            .then(|| guess::wrong_sum(outputs, values))
            .flatten()
    }

    /// Number of classes of an output.
    pub fn classes(self, values: usize) -> usize {
        if self.is_binary { 2 } else { values }
    }

    /// An image's probabilities, one for each class.
    ///
    /// # Errors
    /// The values are not what they were guessed to be.
    pub fn probabilities(self, row: &mut [f32]) -> Result<Cow<'_, [f32]>, String> {
        if self.apply == Apply::Division {
            row.iter_mut().for_each(|value| *value /= 100.0);
        }
        match self.apply {
            Apply::Nothing | Apply::Division if self.is_guessed && !guess::are_parts(row) => {
                return Err(
                    "the network's output for it has values outside those of probabilities, which it had for test pictures"
                        .to_owned(),
                );
            }
            Apply::Nothing | Apply::Division => {}
            Apply::Softmax => softmax(row),
            Apply::Sigmoid => sigmoid(row),
        }
        Ok(match row {
            [second] if self.is_binary => vec![1.0 - *second, *second].into(),
            row => (&*row).into(),
        })
    }

    /// What was found about the output and is done with it, for a message.
    pub fn describe(self, head: &Head<'_>) -> String {
        let Head { output, ending, .. } = head;
        let how = match (self.apply, ending) {
            (Apply::Nothing, Ending::Softmax) => "it ends in softmax, its values are the probabilities",
            (Apply::Nothing, Ending::Other) => {
                "for test pictures its values are in [0, 1] and sum to 1, they are taken for probabilities"
            }
            (Apply::Division, Ending::Softmax) => {
                "it ends in softmax, its values are the probabilities in per cent"
            }
            (Apply::Division, Ending::Sigmoid) if self.is_binary => {
                "it ends in sigmoid, its value is the probability of the second of two classes in per cent"
            }
            (Apply::Division, Ending::Sigmoid) => {
                "it ends in sigmoid, each value is a probability by itself in per cent"
            }
            (Apply::Division, _) => {
                "for test pictures its values sum to 100, they are taken for probabilities in per cent"
            }
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
            in_per_cent: false,
            values,
            is_foreign: true,
        }
    }

    fn probabilities(ending: Ending, multi_label: bool, row: &[f32]) -> Vec<f32> {
        let scores = Scores::of(&head(ending, row.len()), multi_label).unwrap();
        let mut row = row.to_vec();
        let classes = scores.classes(row.len());
        let found = scores.probabilities(&mut row).unwrap().into_owned();
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
    fn a_guess_counts_where_the_graph_shows_nothing() {
        for (ending, multi_label, guess, is_changed) in [
            (Ending::Other, false, Guess::Probabilities, true),
            (Ending::Other, false, Guess::Percentages, true),
            (Ending::Linear, false, Guess::Percentages, false),
            (Ending::Other, false, Guess::Logits, false),
            (Ending::Other, false, Guess::Unclear, false),
            // The graph shows logits, or the user says that classes go by themselves.
            (Ending::Linear, false, Guess::Probabilities, false),
            (Ending::Other, true, Guess::Probabilities, false),
        ] {
            let before = Scores::of(&head(ending, 2), multi_label).unwrap();
            let after = before.guessed(guess);
            assert_eq!(after != before, is_changed, "{ending:?} {multi_label} {guess:?}");
            assert_eq!(after.are_logits(), !is_changed);
        }
        let scores = Scores::of(&head(Ending::Other, 2), false).unwrap();
        let scores = scores.guessed(Guess::Probabilities);
        assert_eq!(*scores.probabilities(&mut [0.25, 0.75]).unwrap(), [0.25, 0.75]);
        let error = scores.probabilities(&mut [1.5, -0.5]).unwrap_err();
        assert!(error.contains("outside those of probabilities"), "{error}");
        let scores = Scores::of(&head(Ending::Other, 2), false).unwrap();
        let scores = scores.guessed(Guess::Percentages);
        assert_eq!(*scores.probabilities(&mut [25.0, 75.0]).unwrap(), [0.25, 0.75]);
        assert!(scores.probabilities(&mut [150.0, -50.0]).is_err());
    }

    #[test]
    fn per_cent_that_the_graph_shows_are_divided() {
        for (ending, multi_label, row, expected) in [
            (Ending::Softmax, false, &mut [25.0, 75.0][..], &[0.25, 0.75][..]),
            (Ending::Sigmoid, false, &mut [25.0, 25.0], &[0.25, 0.25]),
            (Ending::Sigmoid, false, &mut [25.0], &[0.75, 0.25]),
            (Ending::Sigmoid, true, &mut [25.0], &[0.25]),
        ] {
            let head = Head {
                in_per_cent: true,
                ..head(ending, row.len())
            };
            let scores = Scores::of(&head, multi_label).unwrap();
            assert!(!scores.are_guessed() && !scores.are_logits());
            assert_eq!(
                scores.are_independent(),
                ending == Ending::Sigmoid && expected.len() == row.len()
            );
            assert_eq!(
                *scores.probabilities(row).unwrap(),
                *expected,
                "{ending:?} {multi_label}"
            );
            assert!(
                scores.describe(&head).ends_with("in per cent"),
                "{}",
                scores.describe(&head)
            );
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
