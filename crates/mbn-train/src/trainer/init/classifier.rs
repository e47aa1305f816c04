//! A new classifier that keeps the rows of classes with a known name.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use mbn_model::fresh_weights;
use mbn_spec::class_names::{KnownNames, normal};
use mbn_spec::text::listed;
use mbn_spec::{Architecture, Metadata, TensorSpec};
use mbn_weights::Weights;

/// Classes that the log lists before it counts the others.
const NAMED: usize = 12;
/// The most pairs of a new and an old name that are compared letter by letter, which takes seconds at most. Two names that are
/// nearly the same are a mistake of somebody who knows them all.
const PAIRS: usize = 1_000_000;

/// Which old class each class of a data set continues.
pub(super) struct Classifier<'a> {
    classes: &'a [String],
    /// The old class with the same name, if there is exactly one.
    old: Vec<Option<usize>>,
    /// All names of the old classes.
    old_names: Vec<String>,
    /// Classes whose name no old class has.
    new: Vec<&'a String>,
}

impl<'a> Classifier<'a> {
    /// For weights of the classes `old`, each of which may have several names between commas, as in ImageNet.
    pub fn new(old: &[String], classes: &'a [String]) -> Self {
        // `None` if several classes have the name: "crane" is a bird and a machine.
        let mut known: HashMap<String, Option<usize>> = HashMap::new();
        let mut old_names = Vec::new();
        for (at, name) in old.iter().enumerate() {
            let whole = std::iter::once(name.as_str()).filter(|name| name.contains(','));
            for name in name.split(',').chain(whole) {
                old_names.push(name.trim().to_owned());
                known
                    .entry(normal(name))
                    .and_modify(|class| *class = class.filter(|class| *class == at))
                    .or_insert(Some(at));
            }
        }
        let old: Vec<_> = classes
            .iter()
            .map(|name| known.get(&normal(name)).copied()?)
            .collect();
        let is_new = |name: &&String| !known.contains_key(&normal(name));
        Self {
            old,
            new: classes.iter().filter(is_new).collect(),
            old_names,
            classes,
        }
    }

    /// Whether each class continues an old one, and none the same as another.
    pub fn is_one_to_one(&self) -> bool {
        let kept: BTreeSet<usize> = self.old.iter().flatten().copied().collect();
        kept.len() == self.classes.len()
    }

    /// The classes that are kept, for the log.
    pub fn describe(&self) -> String {
        let kept = self.classes.iter().zip(&self.old);
        let mut kept = kept.filter(|(_, old)| old.is_some()).peekable();
        let mut text = match kept.peek() {
            None => "no class has a known name".to_owned(),
            Some(_) => {
                let names = kept.map(|(name, _)| format!("`{name}`"));
                format!("kept from it: {}", listed(names, NAMED))
            }
        };
        if self.new.len().saturating_mul(self.old_names.len()) > PAIRS {
            return text;
        }
        let old = KnownNames::new(&self.old_names);
        let new = self.new.iter();
        let close = new.filter_map(|new| Some((new, old.nearest(new)?)));
        let close: Vec<_> = close
            .map(|(new, old)| format!("`{new}` (the file has `{old}`)"))
            .collect();
        if !close.is_empty() {
            text += &format!("; new although nearly the same: {}", listed(close, NAMED));
        }
        text
    }

    /// `init` with this classifier; the rows of new classes are random.
    pub fn put_on(&self, init: &Weights, seed: u64) -> Result<Weights> {
        let architecture = Architecture {
            classes: self.classes.len(),
            ..*init.architecture()
        };
        let fresh = fresh_weights(architecture, seed, Metadata::default())?;
        with_classifier(init, architecture, Metadata::default(), |name, old| {
            self.rows(old, fresh.values(name))
        })
    }

    /// `fresh`, one row per class, with the kept rows of `old`.
    fn rows(&self, old: &[f32], fresh: &[f32]) -> Vec<f32> {
        let mut values = fresh.to_vec();
        let row = values.len() / self.classes.len();
        for (to, from) in values.chunks_exact_mut(row).zip(&self.old) {
            if let Some(from) = from.and_then(|at| old.chunks_exact(row).nth(at)) {
                to.copy_from_slice(from);
            }
        }
        values
    }
}

/// Weights of `architecture` that are those of `weights`, but for the classifier: `rows` makes each of its tensors from its name and
/// its values there.
pub(in super::super) fn with_classifier(
    weights: &Weights,
    architecture: Architecture,
    metadata: Metadata,
    rows: impl Fn(&str, &[f32]) -> Vec<f32>,
) -> Result<Weights> {
    let values = |spec: &TensorSpec| {
        let values = weights.values(&spec.name);
        match spec.name.starts_with("fc.") {
            true => rows(&spec.name, values),
            false => values.to_vec(),
        }
    };
    let count = |spec: &TensorSpec| weights.counter(&spec.name);
    Ok(Weights::from_fns(architecture, metadata, values, count)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal forms of all old names, again for each new one, took minutes.
    #[test]
    fn many_classes_are_compared_at_once() {
        let names = |start: &str, count: usize| -> Vec<String> {
            (0..count)
                .map(|i| format!("{start} {}", "abcdefghij".repeat(i % 7)))
                .collect()
        };
        let old = names("Old_class", 20_000);
        let classes = names("another-name", 20_000);
        let before = std::time::Instant::now();
        let text = Classifier::new(&old, &classes).describe();
        assert_eq!(text, "no class has a known name");
        assert!(before.elapsed().as_secs() < 60);
        // A few are.
        let classes = [String::from("Old_clas")];
        let text = Classifier::new(&old[..1], &classes).describe();
        assert!(
            text.contains("new although nearly the same: `Old_clas`"),
            "{text}"
        );
    }

    #[test]
    fn classes_match_by_any_of_their_names_but_not_by_a_shared_one() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let old = names(&[
            "tench, Tinca tinca",
            "crane",
            "chain saw, chainsaw",
            "crane",
            "b, B",
        ]);
        let classes = names(&[
            "_Chain_saw",
            "crane",
            "tinca-tinca",
            "tench, Tinca tinca",
            "saw",
            "b",
        ]);
        let classifier = Classifier::new(&old, &classes);
        assert_eq!(classifier.old, [Some(2), None, Some(0), Some(0), None, Some(4)]);
        assert_eq!(
            classifier.describe(),
            "kept from it: `_Chain_saw`, `tinca-tinca`, `tench, Tinca tinca`, `b`"
        );
        let (old, classes) = (names(&["parachute", "church"]), names(&["parachutte", "tench"]));
        assert_eq!(
            Classifier::new(&old, &classes).describe(),
            "no class has a known name; new although nearly the same: `parachutte` (the file has `parachute`)"
        );
        let many: Vec<_> = (0..20).map(|i| i.to_string()).collect();
        assert!(
            Classifier::new(&many, &many)
                .describe()
                .ends_with("`11` and 8 more")
        );
        assert_eq!(
            Classifier::new(&[], &many).describe(),
            "no class has a known name"
        );
    }
}
