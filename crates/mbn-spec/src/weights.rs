//! Weight files: safetensors with PyTorch's names, shapes and dtypes, and metadata in a fixed order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{SafeTensors, TensorView};
use safetensors::{Dtype, SafeTensorError};
use sha2::{Digest, Sha256};

use crate::architecture::TensorKind;
use crate::metadata::{Metadata, MetadataError, default_class_names};
use crate::whole_file::{self, MAX_FILE_BYTES};
use crate::{Alpha, Architecture, atomic, keras};

/// The first tensor of a state dict.
const STEM: &str = "model.0.0.weight";

/// A state dict of MobileNetV1 with its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    architecture: Architecture,
    metadata: Metadata,
    floats: BTreeMap<String, Vec<f32>>,
    counters: BTreeMap<String, i64>,
}

/// A weight file that cannot be used or written, with its path.
#[derive(Debug, thiserror::Error)]
#[error("weight file `{}` cannot be {}", path.display(), kind.what_failed())]
pub struct WeightsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: WeightsErrorKind,
}

/// What is wrong with a weight file.
#[derive(Debug, thiserror::Error)]
pub enum WeightsErrorKind {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It cannot be written.
    #[error(transparent)]
    Write(std::io::Error),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It is too large to be a MobileNetV1.
    #[error("the file has {0} bytes, more than any MobileNetV1 (limit {MAX_FILE_BYTES})")]
    TooLarge(u64),
    /// It is not safetensors, or is truncated.
    #[error("not a whole safetensors file")]
    Format(#[from] SafeTensorError),
    /// Its metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Its tensors are not those of a MobileNetV1.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
}

impl WeightsErrorKind {
    fn what_failed(&self) -> &'static str {
        match self {
            Self::Write(_) => "written",
            _ => "used",
        }
    }
}

/// Tensors that are not those of the network; lists every difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its tensors are not those of {expected}:{}", .problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
pub struct MismatchError {
    /// The network that was expected.
    pub expected: String,
    /// One line for each missing, unexpected or misshaped tensor.
    pub problems: Vec<String>,
}

impl Weights {
    /// Puts together a state dict from float tensors (row-major) and counters.
    ///
    /// # Errors
    /// [`MismatchError`] listing every tensor that is missing, unexpected or of another length, a number
    /// of class names other than the number of classes, and a number of classes that is 0.
    pub fn new(
        architecture: Architecture,
        mut metadata: Metadata,
        floats: BTreeMap<String, Vec<f32>>,
        counters: BTreeMap<String, i64>,
    ) -> Result<Self, MismatchError> {
        let mut problems = Vec::new();
        if architecture.classes == 0 {
            problems.push("its classifier has no class, expected one at least".to_owned());
        }
        let mut expected_names = std::collections::BTreeSet::new();
        for spec in architecture.tensors() {
            let len = spec.shape.iter().product::<usize>();
            match spec.kind {
                TensorKind::Counter if counters.contains_key(&spec.name) => {}
                TensorKind::Counter => problems.push(format!("`{}` is missing", spec.name)),
                _ => match floats.get(&spec.name) {
                    None => problems.push(format!("`{}` is missing", spec.name)),
                    Some(values) if values.len() != len => problems.push(format!(
                        "`{}` has {} values, expected {len} ({:?})",
                        spec.name,
                        values.len(),
                        spec.shape
                    )),
                    Some(_) => {}
                },
            }
            expected_names.insert(spec.name);
        }
        let unexpected = floats
            .keys()
            .chain(counters.keys())
            .filter(|name| !expected_names.contains(*name));
        problems.extend(unexpected.map(|name| format!("`{name}` is not part of the network")));
        if let Some(names) = &metadata.classes
            && names.len() != architecture.classes
        {
            let (found, expected) = (names.len(), architecture.classes);
            problems.push(format!(
                "metadata names {found} classes, the classifier has {expected}"
            ));
        }
        if !problems.is_empty() {
            return Err(MismatchError {
                expected: describe(&architecture),
                problems,
            });
        }
        metadata.alpha = Some(architecture.alpha);
        metadata.variant = Some(architecture.variant);
        Ok(Self {
            architecture,
            metadata,
            floats,
            counters,
        })
    }

    /// The same tensors with other metadata; alpha and variant stay those of the network.
    ///
    /// # Errors
    /// [`MismatchError`] for a number of class names other than the number of classes.
    pub fn with_metadata(self, metadata: Metadata) -> Result<Self, MismatchError> {
        Self::new(self.architecture, metadata, self.floats, self.counters)
    }

    /// Reads a weight file. Without metadata, alpha and the number of classes follow from the shapes. Keras's names
    /// and layouts are understood as well.
    ///
    /// # Errors
    /// [`WeightsError`] naming the file, for anything that is not a whole state dict of a MobileNetV1.
    pub fn load(path: &Path) -> Result<Self, WeightsError> {
        let read = || Self::from_bytes(&whole_file::read(path, WeightsErrorKind::TooLarge)?);
        read().map_err(|kind| WeightsError {
            path: path.to_owned(),
            kind,
        })
    }

    /// Reads a weight file's content.
    ///
    /// # Errors
    /// As [`Weights::load`], without the path.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsErrorKind> {
        if bytes.is_empty() {
            return Err(WeightsErrorKind::Empty);
        }
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let pairs = header.metadata().as_ref();
        let pairs = pairs.into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str()));
        let metadata = Metadata::from_pairs(pairs)?;
        if keras::recognise(&tensors) {
            return keras::read(&tensors, metadata);
        }
        let architecture = nearest_architecture(&tensors, &metadata);
        require_known_names(&tensors, &architecture)?;
        let mut problems = shape_problems(&tensors, &architecture);
        if let Some(stated) = metadata.alpha
            && stated != architecture.alpha
        {
            let found = architecture.alpha;
            problems.push(format!(
                "metadata says alpha {stated}, the shapes are those of {found}"
            ));
        }
        if !problems.is_empty() {
            return Err(MismatchError {
                expected: describe(&architecture),
                problems,
            }
            .into());
        }
        let mut floats = BTreeMap::new();
        let mut counters = BTreeMap::new();
        for (name, view) in tensors.iter() {
            match view.dtype() {
                Dtype::I64 => {
                    let value = view
                        .data()
                        .as_chunks()
                        .0
                        .first()
                        .map_or(0, |bytes| i64::from_le_bytes(*bytes));
                    counters.insert(name.to_owned(), value);
                }
                _ => {
                    let values = view
                        .data()
                        .as_chunks()
                        .0
                        .iter()
                        .map(|bytes| f32::from_le_bytes(*bytes));
                    floats.insert(name.to_owned(), values.collect());
                }
            }
        }
        Ok(Self::new(architecture, metadata, floats, counters)?)
    }

    /// The file's content. The same weights and metadata give the same bytes.
    ///
    /// # Errors
    /// [`SafeTensorError`] if the format cannot hold the tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SafeTensorError> {
        let content = self.named_bytes();
        let views = content
            .iter()
            .map(|(name, (dtype, shape, bytes))| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, SafeTensorError>>()?;
        insert_metadata(&safetensors::serialize(views, None)?, &self.metadata.to_pairs())
    }

    /// Writes the file, replacing an older one atomically.
    ///
    /// # Errors
    /// [`WeightsError`] naming the file.
    pub fn save(&self, path: &Path) -> Result<(), WeightsError> {
        let write = || atomic::write(path, &self.to_bytes()?).map_err(WeightsErrorKind::Write);
        write().map_err(|kind| WeightsError {
            path: path.to_owned(),
            kind,
        })
    }

    /// SHA-256 in hexadecimal over the tensors in order of name. For each: the name, a zero byte, the dtype
    /// as safetensors writes it, a zero byte, the shape as JSON, a zero byte, the bytes in little endian.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (name, (dtype, shape, bytes)) in self.named_bytes() {
            hash.update(format!("{name}\0{dtype}\0{shape:?}\0").replace(", ", ","));
            hash.update(bytes);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The network that these weights belong to.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What the file says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Class names: those of the metadata, else `class_0`, `class_1`, ...
    pub fn class_names(&self) -> Vec<String> {
        let names = self.metadata.classes.clone();
        names.unwrap_or_else(|| default_class_names(self.architecture.classes))
    }

    /// Replaces the class names.
    ///
    /// # Errors
    /// [`MismatchError`] if their number is not the number of classes.
    pub fn with_class_names(mut self, names: Vec<String>) -> Result<Self, MismatchError> {
        self.metadata.classes = Some(names);
        Self::new(self.architecture, self.metadata, self.floats, self.counters)
    }

    /// A float tensor's values, row-major; empty if there is no such tensor.
    pub fn values(&self, name: &str) -> &[f32] {
        self.floats.get(name).map_or(&[], Vec::as_slice)
    }

    /// Name of a tensor that holds a value that is no number, or infinite, if there is one.
    pub fn not_finite(&self) -> Option<&str> {
        let mut floats = self.floats.iter();
        let bad = floats.find(|(_, values)| !values.iter().all(|value| value.is_finite()));
        bad.map(|(name, _)| name.as_str())
    }

    /// A counter's value.
    pub fn counter(&self, name: &str) -> i64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// Every tensor with dtype, shape and little-endian bytes, in order of name.
    fn named_bytes(&self) -> BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> {
        let content = |spec: crate::TensorSpec| {
            let (dtype, bytes) = match spec.kind {
                TensorKind::Counter => (Dtype::I64, self.counter(&spec.name).to_le_bytes().to_vec()),
                _ => (
                    Dtype::F32,
                    self.values(&spec.name)
                        .iter()
                        .flat_map(|v| v.to_le_bytes())
                        .collect(),
                ),
            };
            (spec.name, (dtype, spec.shape, bytes))
        };
        self.architecture.tensors().into_iter().map(content).collect()
    }
}

pub(crate) fn describe(architecture: &Architecture) -> String {
    format!(
        "MobileNetV1 alpha {} with {}",
        architecture.alpha,
        architecture.class_count()
    )
}

/// The network that these tensors are nearest to: the number of classes is the classifier's, alpha that of [`nearest_alpha`].
fn nearest_architecture(tensors: &SafeTensors, metadata: &Metadata) -> Architecture {
    let first_dim = |name: &str| {
        let view = tensors.tensor(name).ok()?;
        view.shape().first().copied()
    };
    let named = metadata.classes.as_ref().map(Vec::len);
    let classes = first_dim("fc.bias").or_else(|| first_dim("fc.weight")).or(named);
    let of = |alpha| Architecture {
        alpha,
        classes: classes.unwrap_or(1),
        variant: metadata.variant.unwrap_or_default(),
    };
    let problems = |alpha| shape_problems(tensors, &of(alpha)).len();
    of(nearest_alpha(first_dim(STEM), metadata.alpha, problems))
}

/// The alpha whose stem has `stem_width` output channels; where none has, or there is no stem, the one that is stated, else
/// that which leaves the fewest problems, so that each of them can be named.
pub(crate) fn nearest_alpha(
    stem_width: Option<usize>,
    stated: Option<Alpha>,
    problems: impl Fn(Alpha) -> usize,
) -> Alpha {
    let alphas = Alpha::ALL.into_iter();
    let by_stem = alphas.clone().find(|alpha| Some(alpha.scale(32)) == stem_width);
    by_stem
        .or(stated)
        .or_else(|| alphas.min_by_key(|alpha| problems(*alpha)))
        .unwrap_or(Alpha::One)
}

/// Refuses a file of something else altogether, instead of listing all that it has not.
fn require_known_names(tensors: &SafeTensors, architecture: &Architecture) -> Result<(), MismatchError> {
    let specs = architecture.tensors();
    let names = tensors.names();
    if specs.iter().any(|spec| names.contains(&spec.name.as_str())) {
        return Ok(());
    }
    let prefix = names.iter().find_map(|name| name.strip_suffix(STEM));
    let problem = match prefix {
        Some(prefix) => format!("their names begin with `{prefix}`; write them without, as `{STEM}`"),
        None => format!(
            "none of the {} has a name of MobileNetV1's, such as `{STEM}`",
            names.len()
        ),
    };
    Err(MismatchError {
        expected: "a MobileNetV1".into(),
        problems: vec![problem],
    })
}

/// Every tensor that is missing, misshaped or not part of the network.
fn shape_problems(tensors: &SafeTensors, architecture: &Architecture) -> Vec<String> {
    let mut problems = Vec::new();
    let specs = architecture.tensors();
    for spec in &specs {
        let dtype = if spec.kind == TensorKind::Counter {
            Dtype::I64
        } else {
            Dtype::F32
        };
        match tensors.tensor(&spec.name) {
            Err(_) => problems.push(format!("`{}` is missing", spec.name)),
            Ok(view) if view.shape() != spec.shape || view.dtype() != dtype => {
                let (found, found_dtype) = (view.shape(), view.dtype());
                problems.push(format!(
                    "`{}` is {found_dtype} {found:?}, expected {dtype} {:?}",
                    spec.name, spec.shape
                ));
            }
            Ok(_) => {}
        }
    }
    let mut unexpected: Vec<_> = tensors.names();
    unexpected.retain(|name| !specs.iter().any(|spec| spec.name == **name));
    unexpected.sort_unstable();
    problems.extend(
        unexpected
            .into_iter()
            .map(|name| format!("`{name}` is not part of the network")),
    );
    problems
}

/// The safetensors crate keeps metadata in a hash map, whose order changes from run to run: the header is
/// written without it and the pairs, in order, are put in front.
fn insert_metadata(file: &[u8], pairs: &BTreeMap<String, String>) -> Result<Vec<u8>, SafeTensorError> {
    let (header_len, _) = SafeTensors::read_metadata(file)?;
    let (header, data) = file[8..].split_at(header_len);
    let pairs = serde_json::to_string(pairs)?;
    let mut merged = format!("{{\"__metadata__\":{pairs},").into_bytes();
    merged.extend(header.trim_ascii_end().strip_prefix(b"{").unwrap_or_default());
    merged.resize(merged.len().next_multiple_of(8), b' ');
    Ok([&(merged.len() as u64).to_le_bytes()[..], &merged, data].concat())
}

#[cfg(test)]
#[path = "weights_tests.rs"]
mod tests;
