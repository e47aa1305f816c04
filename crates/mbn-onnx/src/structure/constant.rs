//! The data of a constant: as long as its type and dimensions need, in the file or in one beside it.

use std::cell::OnceCell;
use std::path::{Component, Path, PathBuf};

use mbn_files::folder_of;

use crate::check_error::CheckError;
use crate::proto::{DataType, TensorProto};
use crate::types::TypeError;

/// Data of a constant in another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The constant.
    pub name: String,
    /// The file, relative to the model's folder.
    pub location: String,
    /// Number of bytes.
    pub bytes: u64,
}

/// Where a model is, and where files with its data may be.
pub(super) struct ModelFile<'f> {
    path: &'f Path,
    /// The folder in which it is named, and the one in which it really is: the Hub's cache holds all files of a repository in one folder,
    /// `blobs`, and links to them. Without links in their paths; found once, when a constant first needs them.
    folders: OnceCell<std::io::Result<[PathBuf; 2]>>,
}

impl<'f> ModelFile<'f> {
    pub(super) fn new(path: &'f Path) -> Self {
        Self {
            path,
            folders: OnceCell::new(),
        }
    }

    fn folders(&self) -> Result<&[PathBuf; 2], String> {
        let find = || {
            let file = self.path.canonicalize()?;
            let real = file.parent().map_or_else(|| file.clone(), Path::to_owned);
            Ok([folder_of(self.path).canonicalize()?, real])
        };
        let found = self.folders.get_or_init(find).as_ref();
        found.map_err(|error: &std::io::Error| error.to_string())
    }
}

/// Checks a constant; gives the place of its data if that is another file.
pub(super) fn check(
    tensor: &TensorProto,
    file: Option<&ModelFile<'_>>,
) -> Result<Option<External>, CheckError> {
    let name = || tensor.name().to_owned();
    let number = tensor.data_type.unwrap_or_default();
    let elem = match DataType::try_from(number) {
        Ok(DataType::Undefined) | Err(_) => {
            let reason = TypeError::Element(number);
            return Err(CheckError::Type { name: name(), reason });
        }
        Ok(elem) => elem,
    };
    let size = |&dim: &i64| usize::try_from(dim).ok();
    let elements = tensor
        .dims
        .iter()
        .try_fold(1usize, |n, dim| n.checked_mul(size(dim)?));
    let bits = elements.and_then(|n| n.checked_mul(elem.bits()));
    let (Some(elements), Some(bits)) = (elements, bits) else {
        return Err(CheckError::Dims {
            name: name(),
            dims: tensor.dims.clone(),
        });
    };
    let bytes = bits.div_ceil(8);
    if tensor.is_external() {
        let file = file.ok_or_else(|| CheckError::ExternalData(name()))?;
        require_only(tensor, "external_data")?;
        return external(tensor, file, bytes as u64).map(Some);
    }
    if let Some(raw) = &tensor.raw_data {
        require_only(tensor, "raw_data")?;
        if raw.len() != bytes || elem == DataType::String {
            return Err(CheckError::RawDataLength {
                name: name(),
                found: raw.len(),
                expected: bytes,
            });
        }
        return Ok(None);
    }
    let (field, found, expected) = match elem {
        DataType::String => ("string_data", tensor.string_data.len(), elements),
        DataType::Float => ("float_data", tensor.float_data.len(), elements),
        DataType::Complex64 => ("float_data", tensor.float_data.len(), 2 * elements),
        DataType::Double => ("double_data", tensor.double_data.len(), elements),
        DataType::Complex128 => ("double_data", tensor.double_data.len(), 2 * elements),
        DataType::Int64 => ("int64_data", tensor.int64_data.len(), elements),
        DataType::Uint64 | DataType::Uint32 => ("uint64_data", tensor.uint64_data.len(), elements),
        // Small ones share a number.
        elem if elem.bits() < 8 => ("int32_data", tensor.int32_data.len(), bytes),
        _ => ("int32_data", tensor.int32_data.len(), elements),
    };
    if found != expected {
        return Err(CheckError::Elements {
            name: name(),
            found,
            expected,
        });
    }
    require_only(tensor, field)?;
    Ok(None)
}

/// Refuses data in another field than the one from which the elements are read.
fn require_only(tensor: &TensorProto, field: &'static str) -> Result<(), CheckError> {
    let held = [
        ("raw_data", tensor.raw_data().len()),
        ("float_data", tensor.float_data.len()),
        ("double_data", tensor.double_data.len()),
        ("int32_data", tensor.int32_data.len()),
        ("int64_data", tensor.int64_data.len()),
        ("uint64_data", tensor.uint64_data.len()),
        ("string_data", tensor.string_data.len()),
    ];
    match held.into_iter().find(|(other, len)| *other != field && *len > 0) {
        None => Ok(()),
        Some((other, _)) => Err(CheckError::TwoData {
            name: tensor.name().to_owned(),
            one: field,
            other,
        }),
    }
}

fn external(tensor: &TensorProto, model: &ModelFile<'_>, bytes: u64) -> Result<External, CheckError> {
    let fail = |location: &str, reason: String| CheckError::ExternalFile {
        name: tensor.name().to_owned(),
        location: location.to_owned(),
        reason,
    };
    let find = |key: &str| tensor.external_data.iter().find(|entry| entry.key() == key);
    let location = find("location").map_or("", |entry| entry.value());
    let number = |key: &str| match find(key) {
        None => Ok(None),
        Some(entry) => match entry.value().parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(fail(
                location,
                format!("its `{key}` is `{}`, no number", entry.value()),
            )),
        },
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let path = Path::new(location);
    let inside = !location.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(fail(location, "it is not below the model's folder".to_owned()));
    }
    let folders = model.folders().map_err(|error| fail(location, error))?;
    let file = folder_of(model.path).join(path).canonicalize();
    let file = file.map_err(|error| fail(location, error.to_string()))?;
    if !folders.iter().any(|folder| file.starts_with(folder)) {
        let reason = format!(
            "a link leads to `{}`, expected a file below the folder of the model",
            file.display()
        );
        return Err(fail(location, reason));
    }
    let metadata = file
        .metadata()
        .map_err(|error| fail(location, error.to_string()))?;
    if !metadata.is_file() {
        return Err(fail(location, "it is no file".to_owned()));
    }
    let length = length.unwrap_or_else(|| metadata.len().saturating_sub(offset));
    if length != bytes {
        let reason = format!("{length} bytes are set aside there, the constant has {bytes}");
        return Err(fail(location, reason));
    }
    if offset.checked_add(length).is_none_or(|end| end > metadata.len()) {
        let reason = format!(
            "bytes {offset} to {} are wanted, the file has {}",
            offset.saturating_add(length),
            metadata.len()
        );
        return Err(fail(location, reason));
    }
    Ok(External {
        name: tensor.name().to_owned(),
        location: location.to_owned(),
        bytes,
    })
}
