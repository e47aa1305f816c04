//! Gets the weights: from a named file, from `models/`, or from a seed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use mbn_cli::{Hint, Overrides, load_weights_with, read_class_names, rename_classes};
use mbn_spec::{Alpha, Architecture, Preprocess, Variant, default_class_names};
use mbn_weights::{Weights, published_weights};

use crate::options::WeightsSource;

/// Classes of random weights, unless names are given.
pub const DEFAULT_CLASSES: usize = 10;

/// The weights, with the class names in the file `classes` if it is given, and with what the user says about them.
///
/// # Errors
/// The weights are missing or cannot be used, or have another alpha or another number of classes than asked for.
pub fn get(source: &WeightsSource, classes: Option<&Path>, overrides: &Overrides) -> Result<Weights> {
    match source {
        WeightsSource::File(path, alpha) => {
            let weights = load(path, *alpha, overrides)?;
            named(weights, path, classes)
        }
        WeightsSource::Published(alpha) => {
            let path = published_weights(*alpha);
            if !path.exists() {
                let (path, here) = (path.display(), current_folder());
                return Err(anyhow!(
                    "there are no weights for alpha {alpha}: `{path}` is not in {here}"
                ))
                .hint(|| missing_weights_hint(*alpha));
            }
            let weights = load(&path, Some(*alpha), overrides)?;
            named(weights, &path, classes)
        }
        WeightsSource::Random(alpha, seed) => {
            let list = classes.map(|path| read_class_names(path, &[])).transpose()?;
            let names = list.map_or_else(|| default_class_names(DEFAULT_CLASSES), |list| list.names);
            let architecture = Architecture {
                variant: overrides.variant(Variant::default()),
                ..Architecture::new(*alpha, names.len())
            };
            let weights = mbn_model::random_weights(architecture, *seed, &Device::Cpu);
            let weights = weights.context("cannot make random weights")?;
            overrides.apply(weights.with_class_names(names)?)
        }
    }
}

/// The network and the input size for a table of layers. They are those of [`get`] if the weights are in a file;
/// without such a file, or with other class names, they are the defaults for the given alpha.
///
/// # Errors
/// Those of [`get`], except that `models/` may lack the weights.
pub fn architecture(
    source: &WeightsSource,
    classes: Option<&Path>,
    overrides: &Overrides,
) -> Result<(Architecture, usize)> {
    let plain = |alpha| -> Result<(Architecture, usize)> {
        let list = classes.map(|path| read_class_names(path, &[])).transpose()?;
        let classes = list.map_or(DEFAULT_CLASSES, |list| list.names.len());
        let architecture = Architecture {
            variant: overrides.variant(Variant::default()),
            ..Architecture::new(alpha, classes)
        };
        Ok((architecture, overrides.preprocess(Preprocess::default())?.size))
    };
    match source {
        WeightsSource::Random(alpha, _) => plain(*alpha),
        WeightsSource::Published(alpha) if classes.is_some() || !published_weights(*alpha).exists() => {
            plain(*alpha)
        }
        WeightsSource::File(..) | WeightsSource::Published(_) => {
            let weights = get(source, classes, overrides)?;
            let preprocess = weights.metadata().preprocess.unwrap_or_default();
            Ok((*weights.architecture(), preprocess.size))
        }
    }
}

fn load(path: &Path, expected: Option<Alpha>, overrides: &Overrides) -> Result<Weights> {
    let weights = load_weights_with(path, overrides)?;
    let found = weights.architecture().alpha;
    match expected {
        Some(expected) if expected != found => {
            let path = path.display();
            Err(anyhow!(
                "`{path}` holds weights of alpha {found}, `--alpha` asks for {expected}"
            ))
            .hint(|| format!("leave out `--alpha`, or give `--alpha {found}`"))
        }
        _ => Ok(weights),
    }
}

/// The file that is read, if any.
pub fn path(source: &WeightsSource) -> Option<PathBuf> {
    match source {
        WeightsSource::File(path, _) => Some(path.clone()),
        WeightsSource::Published(alpha) => Some(published_weights(*alpha)),
        WeightsSource::Random(..) => None,
    }
}

/// The weights in messages.
pub fn name(source: &WeightsSource) -> String {
    match path(source) {
        Some(path) => format!("`{}`", path.display()),
        None => "the random weights".to_owned(),
    }
}

fn named(weights: Weights, path: &Path, names: Option<&Path>) -> Result<Weights> {
    match names {
        Some(names) => Ok(rename_classes(weights, path, "--classes", names)?.weights),
        None => Ok(weights),
    }
}

fn missing_weights_hint(alpha: Alpha) -> String {
    format!(
        "`mbn-train --data DIR --alpha {alpha}` trains and publishes them there; `--weights FILE` names others, \
         `--random-weights SEED` makes random ones"
    )
}

fn current_folder() -> String {
    let folder = std::env::current_dir();
    folder.map_or_else(
        |_| "the current folder".into(),
        |folder| format!("`{}`", folder.display()),
    )
}
