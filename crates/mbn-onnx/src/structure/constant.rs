//! The data of a constant: as long as its type and dimensions need, in the file or in one beside it.

use std::path::{Component, Path, PathBuf};

use mbn_files::or_current;

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

/// Checks a constant; gives the place of its data if that is another file.
pub(super) fn check(tensor: &TensorProto, folder: Option<&Path>) -> Result<Option<External>, CheckError> {
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
        let folder = folder.ok_or_else(|| CheckError::ExternalData(name()))?;
        return external(tensor, folder, bytes as u64).map(Some);
    }
    if let Some(raw) = &tensor.raw_data {
        if raw.len() != bytes || elem == DataType::String {
            return Err(CheckError::RawDataLength {
                name: name(),
                found: raw.len(),
                expected: bytes,
            });
        }
        return Ok(None);
    }
    let (found, expected) = match elem {
        DataType::String => (tensor.string_data.len(), elements),
        DataType::Float => (tensor.float_data.len(), elements),
        DataType::Complex64 => (tensor.float_data.len(), 2 * elements),
        DataType::Double => (tensor.double_data.len(), elements),
        DataType::Complex128 => (tensor.double_data.len(), 2 * elements),
        DataType::Int64 => (tensor.int64_data.len(), elements),
        DataType::Uint64 | DataType::Uint32 => (tensor.uint64_data.len(), elements),
        // Small ones share a number.
        elem if elem.bits() < 8 => (tensor.int32_data.len(), bytes),
        _ => (tensor.int32_data.len(), elements),
    };
    match found == expected {
        true => Ok(None),
        false => Err(CheckError::Elements {
            name: name(),
            found,
            expected,
        }),
    }
}

fn external(tensor: &TensorProto, folder: &Path, bytes: u64) -> Result<External, CheckError> {
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
    let real = |path: PathBuf| {
        path.canonicalize()
            .map_err(|error| fail(location, error.to_string()))
    };
    let folder = real(or_current(folder).to_owned())?;
    let file = real(folder.join(path))?;
    if !file.starts_with(&folder) {
        return Err(fail(
            location,
            "a link leads out of the model's folder".to_owned(),
        ));
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
