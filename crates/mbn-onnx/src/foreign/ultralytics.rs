//! The metadata of Ultralytics' exporter: `task`, `names` and `imgsz`, as Python prints them.

use std::collections::BTreeMap;

use mbn_spec::Preset;
use mbn_spec::{PartialPreprocess, Preprocess};

use super::python::Literal;

/// The task of a classifier.
pub const CLASSIFY: &str = "classify";

/// What Ultralytics' exporter says about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Ultralytics {
    /// `classify` for a classifier.
    pub task: String,
    /// Class names in the order of the outputs.
    pub names: Option<Vec<String>>,
    /// Side of the square pictures.
    pub size: Option<usize>,
}

impl Ultralytics {
    /// What the pairs of a model's metadata say, if this exporter wrote them. A value that cannot be read is left out, and
    /// described in the second part.
    pub fn of(pairs: &BTreeMap<&str, &str>) -> Option<(Self, Vec<String>)> {
        let task = pairs.get("task").filter(|_| pairs.contains_key("names"))?;
        if !pairs.contains_key("imgsz") && !pairs.contains_key("stride") {
            return None;
        }
        let mut problems = Vec::new();
        let mut read = |key: &str, expected: &str| {
            let text = pairs.get(key)?;
            let value = Literal::parse(text);
            let problem = |why: String| format!("metadata `{key}` of Ultralytics is not {expected}: {why}");
            value
                .map_err(|error| problems.push(problem(error.to_string())))
                .ok()
        };
        let names = read("names", "names of classes");
        let size = read("imgsz", "a size");
        let found = Self {
            task: (*task).to_owned(),
            names: names.as_ref().and_then(class_names),
            size: size.as_ref().and_then(side),
        };
        if names.is_some() && found.names.is_none() {
            problems
                .push("metadata `names` of Ultralytics has not a name for each index from 0 on".to_owned());
        }
        Some((found, problems))
    }

    /// The preprocessing of its classifiers.
    pub fn preprocess(&self) -> PartialPreprocess {
        let usual = Preset::Ultralytics.preprocess();
        let whole = self.size.map_or(usual, |size| Preprocess::with_size(usual, size));
        PartialPreprocess {
            size: self.size,
            ..whole.into()
        }
    }
}

/// A dict from index to name, or a list of names.
fn class_names(value: &Literal) -> Option<Vec<String>> {
    let text = |value: &Literal| match value {
        Literal::Text(text) => Some(text.clone()),
        // Names of folders may be numbers.
        Literal::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Literal::List(names) => names.iter().map(text).collect(),
        Literal::Dict(entries) => {
            let named = entries
                .iter()
                .map(|(index, name)| Some((index.as_index()?, text(name)?)));
            let named: BTreeMap<usize, String> = named.collect::<Option<_>>()?;
            let is_whole = named.len() == entries.len() && named.keys().copied().eq(0..entries.len());
            is_whole.then(|| named.into_values().collect())
        }
        _ => None,
    }
}

/// `224` or `[224, 224]`.
fn side(value: &Literal) -> Option<usize> {
    match value {
        Literal::List(sides) => match sides.as_slice() {
            [one] => one.as_index(),
            [height, width] if height == width => height.as_index(),
            _ => None,
        },
        number => number.as_index(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Option<(Ultralytics, Vec<String>)> {
        Ultralytics::of(&pairs.iter().copied().collect())
    }

    #[test]
    fn names_and_size_are_read() {
        let (found, problems) = of(&[
            ("task", "classify"),
            ("stride", "1"),
            ("imgsz", "[160, 160]"),
            ("names", "{1: 'b', 0: \"a's\"}"),
        ])
        .unwrap();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(found.names.as_deref().unwrap(), ["a's", "b"]);
        let preprocess = found.preprocess().over(Preprocess::default());
        assert_eq!((preprocess.size, preprocess.shorter_side()), (160, 160));
        assert_eq!((preprocess.mean, preprocess.std), ([0.0; 3], [1.0; 3]));
        assert_eq!(of(&[("task", "classify"), ("names", "{}")]), None);
        assert_eq!(of(&[("imgsz", "1"), ("names", "{}")]), None);
    }

    #[test]
    fn values_that_cannot_be_read_are_named() {
        for names in [
            "{0: 'a', 2: 'b'}",
            "{0: 'a'",
            "7",
            "{0: 'a', 0: 'b'}",
            "{'x': 'a'}",
        ] {
            let pairs = [("task", "classify"), ("imgsz", "[224, 192]"), ("names", names)];
            let (found, problems) = Ultralytics::of(&pairs.into_iter().collect()).unwrap();
            assert_eq!((found.names, found.size), (None, None), "{names}");
            assert!(
                problems.len() == 1 && problems[0].contains("`names`"),
                "{problems:?}"
            );
        }
    }
}
