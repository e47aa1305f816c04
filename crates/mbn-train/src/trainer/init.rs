//! The weights that a run starts from.

mod classifier;

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{
    Hint, HubName, LoadedWeights, Overrides, Renamed, known_among, load_start, rename_classes, weights_in,
};
use mbn_model::fresh_weights;
use mbn_spec::text::counted;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, Variant};
use mbn_weights::Weights;

use classifier::Classifier;
pub(super) use classifier::with_classifier;

use crate::options::Options;

/// The weights of `--init`.
pub(crate) struct Init {
    pub weights: Weights,
    /// Whether their file has a classifier; theirs is empty otherwise.
    pub has_classifier: bool,
    /// Their name with the commit, if they come from the Hub.
    pub hub: Option<HubName>,
    /// What the classes may be called too, if the lines of `--init-classes` have numbers: with them, or without; else empty.
    pub others: Vec<String>,
}

/// How weights fit the classes of a data set.
enum Fit<'a> {
    /// As they are.
    AsTheyAre,
    /// They are for the same classes, in another order or spelled differently.
    SameClasses(Classifier<'a>),
    /// They need a new classifier, for the reason in the text.
    Other(Classifier<'a>, String),
}

/// Weights for the classes of a data set, and their preprocessing.
pub(crate) struct Start {
    pub weights: Weights,
    pub preprocess: Preprocess,
}

impl Start {
    /// Random weights.
    pub fn random(alpha: Alpha, classes: &[String], overrides: &Overrides, seed: u64) -> Result<Self> {
        let architecture = Architecture {
            variant: overrides.variant(Variant::default()),
            ..Architecture::new(alpha, classes.len())
        };
        Ok(Self {
            weights: fresh_weights(architecture, seed, Metadata::default())?,
            preprocess: overrides.preprocess(Preprocess::default())?,
        })
    }

    /// The weights of `--init` with their normalisation, and with a new classifier if theirs is for other classes.
    pub fn from_file(init: &Init, path: &Path, classes: &[String], size: usize, seed: u64) -> Result<Self> {
        let fit = init.fit(classes);
        let init = &init.weights;
        let preprocess = init.metadata().preprocess.unwrap_or_default();
        let weights = match fit {
            Fit::AsTheyAre => {
                log::info!("Starting from `{}`", path.display());
                init.clone()
            }
            Fit::SameClasses(classifier) => {
                log::info!(
                    "Starting from `{}`, which is for the same classes in another order or spelling",
                    path.display()
                );
                classifier.put_on(init, seed)?
            }
            Fit::Other(classifier, reason) => {
                log::info!(
                    "Starting from `{}` with a new classifier for {}: {reason}; {}",
                    path.display(),
                    counted(classes.len(), "class"),
                    classifier.describe()
                );
                classifier.put_on(init, seed)?
            }
        };
        Ok(Self {
            weights,
            preprocess: preprocess.with_size(size),
        })
    }
}

impl Init {
    /// Whether the weights are for `classes`, whatever their order and spelling. Weights without class names only need the right
    /// number of classes.
    pub fn is_for(&self, classes: &[String]) -> bool {
        !matches!(self.fit(classes), Fit::Other(..))
    }

    /// What the old classes are called: with the numbers before their names, or without, as the classes of the data are.
    fn names(&self, classes: &[String]) -> Option<&[String]> {
        let names = self.weights.metadata().classes.as_deref();
        let without = known_among(names.unwrap_or_default(), classes);
        match known_among(&self.others, classes) > without {
            true => Some(&self.others),
            false => names,
        }
    }

    fn fit<'a>(&self, classes: &'a [String]) -> Fit<'a> {
        let names = self.names(classes);
        let count = self.weights.architecture().classes;
        let classifier = Classifier::new(names.unwrap_or_default(), classes);
        if !self.has_classifier {
            return Fit::Other(classifier, "the file has none".to_owned());
        }
        if count != classes.len() {
            return Fit::Other(classifier, format!("the file has {}", counted(count, "class")));
        }
        let pairs = names.unwrap_or_default().iter().zip(classes);
        let Some((found, wanted)) = pairs.into_iter().find(|(one, other)| one != other) else {
            return Fit::AsTheyAre;
        };
        match classifier.is_one_to_one() {
            true => Fit::SameClasses(classifier),
            false => {
                let reason = format!("the file has class `{found}` where the data has `{wanted}`");
                Fit::Other(classifier, reason)
            }
        }
    }
}

/// Refuses weights of `--init` whose alpha differs from the run's, which `options` or their configuration file name.
pub(crate) fn require_alpha(init: &Weights, path: &Path, alpha: Alpha, options: &Options) -> Result<()> {
    let found = init.architecture().alpha;
    if found == alpha {
        return Ok(());
    }
    Err(anyhow!(
        "`--init {}` holds weights of alpha {found}, the run has alpha {alpha}",
        path.display()
    ))
    .hint(|| match (options.run.alpha, &options.config) {
        (Some(_), None) => "leave out `--alpha` to use the alpha of the weights".to_owned(),
        // That of a file would count without the option.
        _ => format!("give `--alpha {found}`, the alpha of the weights"),
    })
}

/// Reads `--init`, with what the settings say about it. The class names of `--init-classes`, if given, replace its own.
pub(crate) fn load(path: &Path, names_path: Option<&Path>, overrides: &Overrides) -> Result<Init> {
    if path.is_dir() {
        let error = anyhow!(
            "`--init {}` is a folder, expected a weight file such as a run's `best.safetensors`",
            path.display()
        );
        return match weights_in(path) {
            None => Err(error),
            Some(advice) => Err(error).hint(|| advice),
        };
    }
    let LoadedWeights {
        weights,
        has_classifier,
        hub,
    } = load_start(path, overrides)?;
    let usable = weights.require_computable();
    usable.with_context(|| format!("`--init {}` cannot be used", path.display()))?;
    let Renamed { weights, others } = match names_path {
        Some(names_path) if !has_classifier => bail!(
            "`--init-classes {}` names the classes of `{}`, which has no classifier",
            names_path.display(),
            path.display()
        ),
        Some(names_path) => rename_classes(weights, path, "--init-classes", names_path)?,
        None => Renamed {
            weights,
            others: Vec::new(),
        },
    };
    Ok(Init {
        weights,
        has_classifier,
        hub,
        others,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn other_classes_get_a_new_classifier_and_the_rest_stays() {
        let metadata = Metadata {
            classes: Some(names(&["a", "b"])),
            ..Metadata::default()
        };
        let init = fresh_weights(Architecture::new(Alpha::Quarter, 2), 1, metadata).unwrap();
        let whole = Init {
            weights: init.clone(),
            has_classifier: true,
            hub: None,
            others: Vec::new(),
        };
        let start = |classes: &[&str]| {
            let start = Start::from_file(&whole, Path::new("w"), &names(classes), 64, 9);
            start.unwrap().weights
        };
        let same = start(&["a", "b"]);
        assert_eq!(same.values("fc.weight"), init.values("fc.weight"));
        for (classes, kept) in [
            (&["a", "c"][..], &[(0, 0)][..]),
            (&["b", "a"], &[(0, 1), (1, 0)]),
            (&["c", "d", "B"], &[(2, 1)]),
        ] {
            let other = start(classes);
            assert_eq!(other.architecture().classes, classes.len());
            let row = |weights: &Weights, at: usize| {
                let row = weights.values("fc.weight").chunks_exact(256).nth(at).unwrap();
                (row.to_vec(), weights.values("fc.bias")[at])
            };
            for at in 0..classes.len() {
                let from = kept.iter().find(|(to, _)| *to == at);
                for old in 0..2 {
                    let same = row(&other, at) == row(&init, old);
                    assert_eq!(same, from.is_some_and(|(_, from)| *from == old), "{classes:?}");
                }
            }
            assert_eq!(other.values("model.3.0.weight"), init.values("model.3.0.weight"));
        }
        // Without a classifier, even one of as many classes is new.
        let backbone = Init {
            weights: init.clone(),
            has_classifier: false,
            hub: None,
            others: Vec::new(),
        };
        let other = Start::from_file(&backbone, Path::new("w"), &names(&["c", "d"]), 64, 9).unwrap();
        assert_ne!(other.weights.values("fc.weight"), init.values("fc.weight"));
    }

    #[test]
    fn classes_are_the_same_in_any_order_and_usual_spelling() {
        let init = |classes: Option<&[&str]>, count: usize| {
            let metadata = Metadata {
                classes: classes.map(names),
                ..Metadata::default()
            };
            Init {
                weights: fresh_weights(Architecture::new(Alpha::Quarter, count), 1, metadata).unwrap(),
                has_classifier: true,
                hub: None,
                others: Vec::new(),
            }
        };
        for (own, classes, expected) in [
            (&["a", "b"][..], &["a", "b"][..], true),
            (&["a", "b"], &["b", "a"], true),
            (&["Golden Retriever", "cat"], &["cat", "golden_retriever"], true),
            (&["tench, Tinca tinca", "b"], &["b", "tench"], true),
            (&["a", "b"], &["a", "c"], false),
            // Two of the data's classes would continue one of the file's.
            (&["a, x", "b"], &["a", "x"], false),
            (&["a", "a"], &["a", "b"], false),
            (&["a", "b", "c"], &["a", "b"], false),
        ] {
            let found = init(Some(own), own.len()).is_for(&names(classes));
            assert_eq!(found, expected, "{own:?} {classes:?}");
        }
        assert!(init(None, 2).is_for(&names(&["c", "d"])) && !init(None, 3).is_for(&names(&["c", "d"])));
        // Folders may be called like lines with their numbers.
        let numbered = Init {
            others: names(&["0 cat", "1 dog"]),
            ..init(Some(&["cat", "dog"]), 2)
        };
        for classes in [["0 cat", "1 dog"], ["cat", "dog"]] {
            let classes = names(&classes);
            assert!(matches!(numbered.fit(&classes), Fit::AsTheyAre), "{classes:?}");
        }
        assert!(!numbered.is_for(&names(&["2 cat", "3 dog"])));
        // Nothing of the classifier is lost.
        let other = init(Some(&["B", "a"]), 2);
        let start = Start::from_file(&other, Path::new("w"), &names(&["a", "b"]), 64, 9).unwrap();
        let (old, new) = (
            other.weights.values("fc.weight"),
            start.weights.values("fc.weight"),
        );
        assert!(new[..256] == old[256..] && new[256..] == old[..256]);
    }

    #[test]
    fn the_hint_names_an_option_that_helps() {
        let init = fresh_weights(Architecture::new(Alpha::Quarter, 2), 1, Metadata::default()).unwrap();
        let checked = |alpha, line: &str| {
            let options = Options::try_parse_from(line.split(' ')).unwrap();
            require_alpha(&init, Path::new("w"), alpha, &options)
        };
        assert!(checked(Alpha::Quarter, "mbn-train").is_ok());
        for (line, expected) in [
            ("mbn-train --alpha 0.5", "leave out `--alpha`"),
            ("mbn-train --config c", "give `--alpha 0.25`"),
            ("mbn-train --config c --alpha 0.5", "give `--alpha 0.25`"),
        ] {
            let message = mbn_cli::message(&checked(Alpha::Half, line).unwrap_err());
            assert!(message.contains(expected), "{message}");
        }
    }
}
