//! Class names of a file in place of those that weights have.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_spec::class_names::Comparison;
use mbn_weights::Weights;

use super::{ClassList, read_class_names, require_count};
use crate::Hint;

/// Weights with class names of a file.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// The weights.
    pub weights: Weights,
    /// As [`ClassList::others`].
    pub others: Vec<String>,
}

/// Gives the weights of the file `path` the class names in the file `names_path`, which `option` names. Names that the
/// weights have, spelled differently, are logged as a warning.
///
/// # Errors
/// The names cannot be read, are more or fewer than the classes, or are the weights' own in another order.
pub fn rename_classes(weights: Weights, path: &Path, option: &str, names_path: &Path) -> Result<Renamed> {
    let own = weights.metadata().classes.as_deref();
    let ClassList { names, others, .. } = read_class_names(names_path, own.unwrap_or_default())?;
    let (source, model) = (
        format!("{option} {}", names_path.display()),
        format!("`{}`", path.display()),
    );
    require_count(&source, &names, &model, weights.architecture().classes)?;
    if let Some(own) = own {
        let comparison = Comparison::new(&names, own);
        if comparison.is_reordered() {
            let (names_path, path) = (names_path.display(), path.display());
            return Err(anyhow!(
                "`{option} {names_path}` has the class names of `{path}` in another order: {}",
                comparison.reordered()
            ))
            .hint(|| {
                format!("leave out `{option}`: the weights name their classes, in the order of the network's outputs")
            });
        }
        if let Some(respelled) = comparison.respelled() {
            log::warn!("in `{}` {respelled}", names_path.display());
        }
    }
    let weights = weights.with_class_names(names)?;
    Ok(Renamed { weights, others })
}
