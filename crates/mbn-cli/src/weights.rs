//! Reading the weight file that a user names.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use mbn_files::FileKind;
use mbn_spec::text::{joined, listed};
use mbn_weights::{
    Adaptation, BEST_OF_RUN, Backbone, Head, LAST_OF_RUN, MismatchError, Problem, Source, Taken, WeightFile,
    Weights, WeightsErrorKind, is_weight_file,
};

use crate::conversion::{
    NOT_WHOLE, broken_checkpoint, broken_safetensors, instead, other_kind, saved_model,
    tensorflow_checkpoint, without_arguments,
};
use crate::one_network::one_network;
use crate::{Hint, HubName, NamedFile, Overrides, Wanted, named_file, quote};

/// Files that a message names before it counts the others.
const LISTED: usize = 3;

/// Weights that a user named.
#[derive(Clone, Debug)]
pub struct LoadedWeights {
    /// The weights.
    pub weights: Weights,
    /// Whether their file has a classifier; theirs is empty otherwise.
    pub has_classifier: bool,
    /// The name on the Hub with the commit they were fetched at, if they come from there.
    pub hub: Option<HubName>,
}

/// Reads a weight file, or fetches and reads one that is named on the Hub, and logs what was different about it and what it does
/// not say itself. Errors carry advice.
///
/// # Errors
/// It cannot be fetched or read, or does not hold the weights of a MobileNetV1, or they hold what no network can compute with.
pub fn load_weights(path: &Path) -> Result<Weights> {
    load_weights_with(path, &Overrides::default())
}

/// As [`load_weights`], with what the user says about the weights.
///
/// # Errors
/// As [`load_weights`], and if no picture can follow the preprocessing.
pub fn load_weights_with(path: &Path, overrides: &Overrides) -> Result<Weights> {
    let weights = load(path, overrides, Head::Required)?.weights;
    let usable = weights.require_computable();
    let usable = usable.with_context(|| format!("`{}` cannot be used", path.display()));
    usable.hint(|| {
        "the training that wrote them diverged, or the file is damaged: take earlier weights".to_owned()
    })?;
    Ok(weights)
}

/// As [`load_weights_with`], of weights to train on from, which may lack the classifier.
///
/// # Errors
/// As [`load_weights_with`].
pub fn load_start(path: &Path, overrides: &Overrides) -> Result<LoadedWeights> {
    load(path, overrides, Head::Optional)
}

fn load(path: &Path, overrides: &Overrides, head: Head) -> Result<LoadedWeights> {
    let NamedFile { path, hub } = named_file(path, Wanted::Weights)?;
    let (weights, has_classifier) = load_file(&path, overrides, head)?;
    Ok(LoadedWeights {
        weights,
        has_classifier,
        hub,
    })
}

fn load_file(path: &Path, overrides: &Overrides, head: Head) -> Result<(Weights, bool)> {
    if path.is_dir() {
        let error = anyhow!("`{}` is a folder, expected a weight file", path.display());
        let best = path.join(BEST_OF_RUN);
        return match (best.is_file(), saved_model(path)) {
            (true, _) => {
                Err(error).hint(|| format!("the best weights of that run are in `{}`", best.display()))
            }
            (_, Some(advice)) => Err(error).hint(|| advice),
            _ => match weights_in(path) {
                None => Err(error),
                Some(advice) => Err(error).hint(|| advice),
            },
        };
    }
    match WeightFile::load_with(path, head) {
        Ok(file) => {
            for adaptation in &file.adaptations {
                let level = match adaptation {
                    Adaptation::ForeignMetadata(_)
                    | Adaptation::UnusedArguments(_)
                    | Adaptation::Outside(_)
                    | Adaptation::Unread(_)
                    | Adaptation::Classifier { .. }
                    | Adaptation::HeadLeftOut(_)
                    | Adaptation::PassedOver { .. }
                    | Adaptation::OtherClasses { .. } => log::Level::Warn,
                    _ => log::Level::Info,
                };
                let advice = match adaptation {
                    Adaptation::Unread(unread) => format!("; {}", instead(path, unread)),
                    _ => String::new(),
                };
                log::log!(level, "`{}`: {adaptation}{advice}", path.display());
            }
            if let Some(text) = taken(&file, overrides) {
                log::info!("`{}`: {text}", path.display());
            }
            let weights = overrides.apply(file.weights);
            let weights = weights.with_context(|| format!("`{}` cannot be used", path.display()))?;
            Ok((weights, file.has_classifier))
        }
        // Of weights in several files, the error may be about another of them.
        Err(error) => match advice(&error.path, &error.kind) {
            Some(advice) => Err(error).hint(|| advice),
            None => Err(error.into()),
        },
    }
}

/// What the file does not say itself, as options that say the same, and where it comes from.
fn taken(file: &WeightFile, overrides: &Overrides) -> Option<String> {
    let mut parts: Vec<(&Source, Vec<String>)> = Vec::new();
    for taken in &file.taken {
        let (source, options) = match taken {
            Taken::Preprocess(source) => {
                let preprocess = file.weights.metadata().preprocess.unwrap_or_default();
                (source, overrides.options_of_preprocess(&preprocess))
            }
            Taken::Variant(source) => {
                let variant = &file.weights.architecture().variant;
                (source, overrides.options_of_variant(variant))
            }
            Taken::Classes(source) => (source, vec!["(class names)".to_owned()]),
        };
        match parts.iter_mut().find(|(known, _)| *known == source) {
            Some((_, known)) => known.extend(options),
            None => parts.push((source, options)),
        }
    }
    parts.retain(|(_, options)| !options.is_empty());
    let text = |(source, options): (&Source, Vec<String>)| {
        let from = match source {
            Source::Stated { files, arguments } => stated(files, arguments, file.family),
            Source::Family if file.family.is_empty() => "assumed".to_owned(),
            Source::Family => format!("assumed, as {} publishes its weights", file.family),
        };
        format!("{from}: {}", options.join(" "))
    };
    let texts: Vec<_> = parts.into_iter().map(text).collect();
    let names = match file.family {
        "" => String::new(),
        family => format!("its tensors have the names of {family}; "),
    };
    (!texts.is_empty()).then(|| format!("{names}{}", texts.join("; ")))
}

/// Who says what a file does not say itself. A few arguments leave the rest to the library.
fn stated(files: &[&str], arguments: &[&str], family: &str) -> String {
    let quoted = |names: &[&str]| joined(names.iter().map(|name| format!("`{name}`")));
    let mut sources = Vec::new();
    if !files.is_empty() {
        sources.push(format!("{} beside it", quoted(files)));
    }
    let mut rest = String::new();
    if !arguments.is_empty() {
        sources.push(format!("{} of its `args`", quoted(arguments)));
        rest = format!(", the rest as {family} publishes its weights");
    }
    let verb = if files.len() + arguments.len() > 1 {
        "say"
    } else {
        "says"
    };
    format!("as {} {verb}{rest}", sources.join(" and "))
}

/// What to name instead of a folder, such as a snapshot of a repository, if it has weight files.
pub fn weights_in(folder: &Path) -> Option<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
    found.retain(|path| is_weight_file(path) && path.is_file());
    found.sort();
    let shown = found.iter().map(|path| format!("`{}`", quote(path)));
    (!found.is_empty()).then(|| format!("it has the weight files {}", listed(shown, LISTED)))
}

/// What a user can do whose weights are not those of a MobileNetV1.
const OTHER_NETWORK: &str = "these programs read the weights of MobileNetV1 alone; `mbn-infer --model` takes any image classifier as \
     an ONNX model, which `torch.onnx.export` makes of PyTorch's";

fn advice(path: &Path, kind: &WeightsErrorKind) -> Option<String> {
    match kind {
        WeightsErrorKind::RunState => Some(weights_beside(path)),
        WeightsErrorKind::NoClassifier => Some(format!(
            "`mbn-train --data DIR --init {}` starts from it, with a new classifier",
            quote(path)
        )),
        WeightsErrorKind::OtherKind(FileKind::Onnx) => Some(
            "weights are what a model is made from: `mbn-train` writes them as `.safetensors`; \
             `mbn-infer --model` takes an ONNX model if its name does not end in `.safetensors`"
                .to_owned(),
        ),
        WeightsErrorKind::OtherKind(kind) => other_kind(path, *kind),
        WeightsErrorKind::Pickle(error) => broken_checkpoint(path, error),
        WeightsErrorKind::Mismatch(error) => {
            let advice = one_network(path, kind_of(path), error).or_else(|| other_head(path, error));
            advice.or_else(|| Some(OTHER_NETWORK.to_owned()))
        }
        WeightsErrorKind::Beside(error) => Some(match error.file() {
            Some(file) => format!(
                "if `{file}` is about other weights, put these into a folder of their own; else it describes what this program does not do"
            ),
            None => without_arguments(path),
        }),
        WeightsErrorKind::Empty => Some(NOT_WHOLE.to_owned()),
        WeightsErrorKind::Malformed(_) => {
            tensorflow_checkpoint(path).or_else(|| broken_safetensors(path, kind_of(path)))
        }
        WeightsErrorKind::Io(_) => tensorflow_checkpoint(path),
        _ => None,
    }
}

/// What a user can do about a network that is whole but for the classifier.
fn other_head(path: &Path, error: &MismatchError) -> Option<String> {
    let backbone = error.problems.iter().find_map(|problem| match problem {
        Problem::Backbone(backbone) => Some(backbone),
        _ => None,
    })?;
    let Backbone {
        features,
        weight,
        bias,
        ..
    } = backbone;
    let start = match backbone.can_start {
        true => format!(
            "; `mbn-train --data DIR --init {}` starts from the layers before it, with a new classifier",
            quote(path)
        ),
        false => String::new(),
    };
    Some(match backbone.has_classifier {
        true => format!(
            "if `{weight}` and `{bias}` are the classifier, it is read of a copy without the tensors that are not part of the network{start}"
        ),
        false => format!(
            "a classifier of one matrix [classes, {features}] is read of a copy in which that is called `{weight}` and its bias `{bias}`, \
             without other tensors; one of several layers is another network{start}"
        ),
    })
}

/// The kind of a file that was read a moment ago. Another process may wait for what a pipe gives.
fn kind_of(path: &Path) -> Option<FileKind> {
    let kind = path.is_file().then(|| FileKind::of_file(path));
    kind.and_then(Result::ok).flatten()
}

/// Where the weights of a run are whose state is at `path`.
fn weights_beside(path: &Path) -> String {
    let beside = [BEST_OF_RUN, LAST_OF_RUN].map(|name| path.with_file_name(name));
    let found = beside.iter().filter(|path| path.is_file());
    let found: Vec<_> = found.map(|path| format!("`{}`", path.display())).collect();
    match found.is_empty() {
        true => format!("the weights of a run are in its files `{BEST_OF_RUN}` and `{LAST_OF_RUN}`"),
        false => format!("the weights of that run are in {}", found.join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_another_head_is_told_what_to_rename() {
        let error = |has_classifier, can_start| MismatchError {
            expected: String::new(),
            problems: vec![
                Problem::Missing("fc.weight".to_owned()),
                Problem::Backbone(Backbone {
                    features: 256,
                    has_classifier,
                    can_start,
                    weight: "fc.weight".to_owned(),
                    bias: "fc.bias".to_owned(),
                }),
            ],
        };
        let path = Path::new("my w.pth");
        let advice = |has_classifier, can_start| other_head(path, &error(has_classifier, can_start)).unwrap();
        let start = "`mbn-train --data DIR --init 'my w.pth'` starts from";
        for (has_classifier, part) in [
            (
                false,
                "one matrix [classes, 256] is read of a copy in which that is called `fc.weight`",
            ),
            (
                true,
                "if `fc.weight` and `fc.bias` are the classifier, it is read of a copy without",
            ),
        ] {
            for can_start in [false, true] {
                let advice = advice(has_classifier, can_start);
                assert!(advice.contains(part), "{advice}");
                assert_eq!(advice.contains(start), can_start, "{advice}");
            }
        }
        let other = MismatchError {
            expected: String::new(),
            problems: vec![Problem::Missing("fc.weight".to_owned())],
        };
        assert_eq!(other_head(path, &other), None);
        let kind = WeightsErrorKind::Mismatch(other);
        assert_eq!(advice_of(&kind), OTHER_NETWORK);
        assert!(advice_of(&WeightsErrorKind::Mismatch(error(false, true))).contains(start));
    }

    fn advice_of(kind: &WeightsErrorKind) -> String {
        advice(Path::new("my w.pth"), kind).unwrap()
    }
}
