//! The weights of `--teacher`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use mbn_cli::{Hint, HubName, LoadedWeights, Overrides, load_start, quote};
use mbn_spec::class_names::normal;
use mbn_spec::text::{counted, listed};
use mbn_spec::{Metadata, Preprocess};
use mbn_weights::Weights;

use super::super::init::with_classifier;
use crate::run::TeacherRecord;

/// Classes that a message lists before it counts the others.
const NAMED: usize = 6;

/// The weights of a teacher, and how it sees images.
pub(crate) struct TeacherFile {
    pub weights: Weights,
    pub preprocess: Preprocess,
    path: PathBuf,
    /// Its name with the commit, if it comes from the Hub.
    hub: Option<HubName>,
    /// Hash of the weights as they are in the file.
    sha256: String,
}

impl TeacherFile {
    /// Reads the weights at `path`, which may be a name on the Hub.
    pub fn load(path: &Path) -> Result<Self> {
        let LoadedWeights {
            weights,
            has_classifier,
            hub,
        } = load_start(path, &Overrides::default())?;
        let name = path.display();
        if !has_classifier {
            return Err(anyhow!(
                "`--teacher {name}` has no classifier, so it has no answers to learn"
            ))
            .hint(|| train_first(path));
        }
        let usable = weights.require_computable();
        usable.with_context(|| format!("`--teacher {name}` cannot be used"))?;
        Ok(Self {
            preprocess: weights.metadata().preprocess.unwrap_or_default(),
            sha256: weights.sha256(),
            path: path.to_owned(),
            weights,
            hub,
        })
    }

    pub fn hub(&self) -> Option<&HubName> {
        self.hub.as_ref()
    }

    /// What the run remembers of it.
    pub fn record(&self) -> TeacherRecord {
        TeacherRecord {
            sha256: self.sha256.clone(),
            alpha: self.weights.architecture().alpha,
            size: self.preprocess.size,
            accuracy: None,
            accuracy_in_training: None,
        }
    }

    /// The file, the network in it and its images, for the log.
    pub fn describe(&self) -> String {
        let (alpha, size) = (self.weights.architecture().alpha, self.preprocess.size);
        format!(
            "`{}`, MobileNetV1 {alpha} at {size} x {size}",
            self.path.display()
        )
    }

    /// With its classes in the order of `classes`, which must be the same ones. Weights without names are taken to have that order.
    pub fn for_classes(self, classes: &[String]) -> Result<Self> {
        let path = self.path.display();
        let found = self.weights.architecture().classes;
        let Some(names) = &self.weights.metadata().classes else {
            if found != classes.len() {
                let (found, expected) = (counted(found, "class"), counted(classes.len(), "class"));
                return Err(anyhow!(
                    "`--teacher {path}` has {found} without names, the data has {expected}"
                ))
                .hint(|| train_first(&self.path));
            }
            log::warn!(
                "`--teacher {path}` does not name its classes, which are taken to be in the order of the data's: its test accuracy \
                 shows whether they are"
            );
            return Ok(self);
        };
        let order = match order(names, classes) {
            Ok(order) => order,
            Err(difference) => {
                return Err(anyhow!(
                    "`--teacher {path}` is for other classes than the data: {difference}"
                ))
                .hint(|| train_first(&self.path));
            }
        };
        let weights = match order.iter().enumerate().all(|(at, from)| at == *from) {
            true => self.weights,
            false => reordered(&self.weights, &order, classes)?,
        };
        Ok(Self { weights, ..self })
    }
}

/// How weights become a teacher for the data.
fn train_first(path: &Path) -> String {
    format!(
        "a teacher is trained on the classes of the data: `mbn-train --data DIR --init {} --out RUN` trains it on from these \
         weights, and `--teacher RUN/best.safetensors` learns from the result",
        quote(path)
    )
}

/// For each of `classes`, its place in `names`; what differs if they are not the same classes. Capitals, `_` and `-` make no
/// difference where a name is unambiguous without them.
fn order(names: &[String], classes: &[String]) -> Result<Vec<usize>, String> {
    let plain: Vec<String> = names.iter().map(|name| normal(name)).collect();
    let place = |class: &String| {
        let exact = names.iter().position(|name| name == class);
        exact.or_else(|| {
            let class = normal(class);
            let mut alike = (0..plain.len()).filter(|at| plain[*at] == class);
            alike.next().filter(|_| alike.next().is_none())
        })
    };
    let places: Vec<Option<usize>> = classes.iter().map(place).collect();
    let lacks: Vec<_> = classes
        .iter()
        .zip(&places)
        .filter(|(_, place)| place.is_none())
        .collect();
    let is_known = |at: usize| places.contains(&Some(at));
    let besides: Vec<_> = (0..names.len()).filter(|at| !is_known(*at)).collect();
    if lacks.is_empty() && besides.is_empty() && names.len() == classes.len() {
        return Ok(places.into_iter().flatten().collect());
    }
    let lacks = lacks.iter().map(|(class, _)| format!("`{class}`"));
    let besides = besides.iter().map(|at| format!("`{}`", names[*at]));
    let mut parts = Vec::new();
    if names.len() != classes.len() {
        let found = counted(names.len(), "class");
        parts.push(format!("it has {found}, expected {}", classes.len()));
    }
    for (what, classes) in [
        ("lacks", lacks.collect::<Vec<_>>()),
        ("has besides", besides.collect()),
    ] {
        if !classes.is_empty() {
            parts.push(format!("it {what} {}", listed(classes, NAMED)));
        }
    }
    Err(parts.join("; "))
}

/// `weights` with the rows of the classifier in another order: row `i` is the old row `order[i]`.
fn reordered(weights: &Weights, order: &[usize], classes: &[String]) -> Result<Weights> {
    let metadata = Metadata {
        classes: Some(classes.to_vec()),
        ..weights.metadata().clone()
    };
    with_classifier(weights, *weights.architecture(), metadata, |_, values| {
        let row = values.len() / order.len();
        let rows = order.iter().flat_map(|from| &values[from * row..][..row]);
        rows.copied().collect()
    })
}

#[cfg(test)]
mod tests;
