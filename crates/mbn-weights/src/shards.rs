//! Weights that are split into several safetensors files, shards, which an index names: `model.safetensors.index.json` names
//! `model-00001-of-00002.safetensors` and the others in its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use mbn_files::{FileKind, whole_file};
use serde_json::Value;

use crate::contents::WeightFile;
use crate::error::Problem;
use crate::family::Context;
use crate::opened::{MAX_FILE_BYTES, Opened, require_usual_size};
use crate::pickle::MAX_TENSORS;
use crate::shard_error::ShardError;
use crate::shown::{quoted, shortened};
use crate::views::Views;
use crate::{Adaptation, MismatchError, WeightsError, WeightsErrorKind};

/// The largest index that is read: each tensor takes about a hundred bytes.
const MAX_INDEX_BYTES: u64 = 16 << 20;
/// The most shards that are read.
const MAX_SHARDS: usize = 1 << 10;
/// How the name of a safetensors file ends.
const EXTENSION: &str = ".safetensors";
/// The field of an index with the shard of each tensor.
const WEIGHT_MAP: &str = "weight_map";

/// Whether a file is named like the index of a sharded safetensors file, `model.safetensors.index.json`.
pub fn is_shard_index(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Other variants have a word before the extension: `model.safetensors.index.fp16.json`.
    name.contains(".safetensors.index.") && name.ends_with(".json")
}

/// Reads the shards that the file belongs to, or is the index of; `None` for a file by itself.
pub(crate) fn load(path: &Path, context: &Context) -> Result<Option<WeightFile>, WeightsError> {
    if is_shard_index(path) {
        return Index::read(path)?.load(path, context).map(Some);
    }
    let Some(index) = index_beside(path).filter(|index| index.is_file()) else {
        return Ok(None);
    };
    let read = Index::read(&index)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match read.shards.contains_key(&*name) {
        true => read.load(&index, context).map(Some),
        false => Ok(None),
    }
}

/// The error for a file that may be a shard, beside which no index lies.
pub(crate) fn alone(mut kind: WeightsErrorKind, path: &Path) -> WeightsErrorKind {
    if let WeightsErrorKind::Mismatch(MismatchError { problems, .. }) = &mut kind
        && let Some(index) = index_beside(path).filter(|index| !index.is_file())
    {
        let index = quoted(&index.file_name().unwrap_or_default().to_string_lossy());
        let text =
            format!("its name is that of one shard of several, and their index, {index}, is not beside it");
        problems.insert(0, Problem::Other(text));
    }
    kind
}

/// Where the index of a file is that is named like a shard, `NAME-00001-of-00002.safetensors`.
fn index_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (rest, total) = name.strip_suffix(EXTENSION)?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let are_numbers = is_number(number) && is_number(total);
    are_numbers.then(|| path.with_file_name(format!("{stem}{EXTENSION}.index.json")))
}

/// The names of the tensors in each shard.
#[derive(Debug)]
struct Index {
    shards: BTreeMap<String, BTreeSet<String>>,
}

impl Index {
    fn read(path: &Path) -> Result<Self, WeightsError> {
        let too_large = |found| WeightsErrorKind::TooLarge {
            found,
            limit: MAX_INDEX_BYTES,
        };
        let read = || {
            let bytes = whole_file::read(path, MAX_INDEX_BYTES, too_large)?;
            Self::from_bytes(&bytes)
        };
        read().map_err(|kind| of(path, kind))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsErrorKind> {
        let index = |problem: &str| ShardError::Index(problem.to_owned());
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| match FileKind::recognise(bytes) {
                Some(FileKind::Empty) => WeightsErrorKind::Empty,
                None | Some(FileKind::Json) => index(&format!("is not JSON ({error})")).into(),
                Some(kind) => WeightsErrorKind::OtherKind(kind),
            })?;
        let map = value.get(WEIGHT_MAP).and_then(Value::as_object);
        let map = map.ok_or_else(|| index("has no object `weight_map`"))?;
        require_few(map.len(), "tensors", MAX_TENSORS)?;
        let mut shards: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (tensor, shard) in map {
            let Some(name) = shard.as_str() else {
                let (tensor, shard) = (quoted(tensor), shortened(&shard.to_string()));
                return Err(index(&format!("has {shard} for {tensor}")).into());
            };
            if !is_plain(name) {
                return Err(ShardError::Name(quoted(name)).into());
            }
            shards.entry(name.to_owned()).or_default().insert(tensor.clone());
        }
        if shards.is_empty() {
            return Err(index("has an empty `weight_map`").into());
        }
        require_few(shards.len(), "shards", MAX_SHARDS)?;
        Ok(Self { shards })
    }

    /// Reads the shards beside the index `path` as one file.
    fn load(&self, path: &Path, context: &Context) -> Result<WeightFile, WeightsError> {
        let contents = self.contents(path)?;
        let mut whole = Opened::default();
        for ((shard, expected), content) in self.shards.iter().zip(&contents) {
            let opened = Opened::new(content).map_err(|kind| of(&path.with_file_name(shard), kind))?;
            merge(&mut whole, opened, shard, expected).map_err(|kind| of(path, kind))?;
        }
        let mut file = whole.read(context).map_err(|kind| of(path, kind))?;
        let shards = self.shards.keys().map(|shard| shortened(shard)).collect();
        file.adaptations.insert(0, Adaptation::Shards(shards));
        Ok(file)
    }

    /// The bytes of the shards, together no more than a file may have.
    fn contents(&self, path: &Path) -> Result<Vec<Vec<u8>>, WeightsError> {
        let (mut contents, mut before) = (Vec::new(), 0);
        for name in self.shards.keys() {
            let shard = path.with_file_name(name);
            let too_large = |found: u64| WeightsErrorKind::TooLarge {
                found: before + found,
                limit: MAX_FILE_BYTES,
            };
            let content = whole_file::read(&shard, MAX_FILE_BYTES - before, too_large);
            let content = content.map_err(|kind| match kind {
                WeightsErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                    of(path, ShardError::Missing(quoted(name)).into())
                }
                WeightsErrorKind::TooLarge { .. } => of(path, kind),
                kind => of(&shard, kind),
            })?;
            before += content.len() as u64;
            contents.push(content);
        }
        Ok(contents)
    }
}

/// Adds the tensors of a shard, which must have those that are `expected` of it, to the others. Of entries of the metadata the first
/// shard's count.
fn merge<'a>(
    whole: &mut Opened<'a>,
    opened: Opened<'a>,
    shard: &str,
    expected: &BTreeSet<String>,
) -> Result<(), WeightsErrorKind> {
    let views: &mut Views = &mut whole.views;
    if let Some(tensor) = expected.iter().find(|name| !opened.views.contains_key(*name)) {
        let (shard, tensor) = (quoted(shard), quoted(tensor));
        return Err(ShardError::NoTensor { shard, tensor }.into());
    }
    for (name, view) in opened.views {
        if views.contains_key(&name) {
            let (shard, tensor) = (quoted(shard), quoted(&name));
            return Err(ShardError::Twice { shard, tensor }.into());
        }
        views.insert(name, view);
    }
    require_usual_size(views.keys().map(String::len))?;
    for (key, value) in opened.pairs {
        whole.pairs.entry(key).or_insert(value);
    }
    Ok(())
}

/// Whether a name is that of a safetensors file in the same folder, on any system.
fn is_plain(name: &str) -> bool {
    name.len() > EXTENSION.len() && name.ends_with(EXTENSION) && !name.contains(['/', '\\', ':', '\0'])
}

fn require_few(found: usize, what: &'static str, limit: usize) -> Result<(), ShardError> {
    match found > limit {
        true => Err(ShardError::TooMany { found, what, limit }),
        false => Ok(()),
    }
}

fn of(path: &Path, kind: WeightsErrorKind) -> WeightsError {
    WeightsError {
        path: path.to_owned(),
        kind,
    }
}

#[cfg(test)]
mod tests;
