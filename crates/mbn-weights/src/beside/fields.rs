//! Fields of a JSON file or of a checkpoint's arguments, with errors that name the place and the field.

mod literals;

use std::path::Path;
use std::{fmt, io};

use mbn_files::whole_file;
use mbn_spec::{Activation, Interpolation};
use serde_json::{Map, Value};

use crate::shown::{quoted, shortened};
use literals::without_literals;

/// The largest file that is read: class names of a few thousand classes take far less.
const MAX_BYTES: u64 = 16 << 20;
/// The largest number of pixels of a side.
const MAX_SIDE: u64 = 8192;

/// What describes weights beside them, in a file or in the checkpoint, and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {problem}")]
pub struct BesideError {
    place: Place,
    problem: String,
}

impl BesideError {
    pub(crate) fn new(file: &'static str, problem: String) -> Self {
        let place = Place::File(file);
        Self { place, problem }
    }

    /// The file in the folder of the weights that says it; `None` for the arguments that a checkpoint keeps.
    pub fn file(&self) -> Option<&'static str> {
        match self.place {
            Place::File(file) => Some(file),
            Place::Arguments => None,
        }
    }
}

/// Where fields are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In this file, in the folder of the weights.
    File(&'static str),
    /// In the arguments of the training script, which the checkpoint keeps.
    Arguments,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "`{file}` beside it"),
            Self::Arguments => f.write_str("`args` in it"),
        }
    }
}

/// An object in a file or in arguments.
pub(super) struct Object {
    place: Place,
    /// The fields that lead to it, each with a dot after it.
    path: String,
    fields: Map<String, Value>,
}

impl Object {
    /// The object in a file of a folder; `None` if there is no such file.
    pub fn read(folder: &Path, file: &'static str) -> Result<Option<Self>, BesideError> {
        let path = folder.join(file);
        let too_large = |_| io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20));
        let bytes = match whole_file::read(&path, MAX_BYTES, too_large) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BesideError::new(file, format!("cannot be read: {error}"))),
        };
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        // Python's `json` writes three literals that no other reader takes. Files without them are not copied.
        let parsed = serde_json::from_slice(bytes).or_else(|error| match without_literals(bytes) {
            Some(bytes) => serde_json::from_slice(&bytes),
            None => Err(error),
        });
        match parsed {
            Ok(Value::Object(fields)) => Ok(Some(Self {
                place: Place::File(file),
                path: String::new(),
                fields,
            })),
            Ok(_) => Err(BesideError::new(file, "is not a JSON object".to_owned())),
            Err(error) => Err(BesideError::new(file, format!("is not JSON: {error}"))),
        }
    }

    /// The arguments of a training script. Where nothing was given, its parser may leave an empty text.
    pub fn of_arguments(arguments: &Map<String, Value>) -> Self {
        let given = arguments.iter().filter(|(_, value)| value.as_str() != Some(""));
        Self {
            place: Place::Arguments,
            path: String::new(),
            fields: given.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// The error for a value that cannot be used.
    pub fn wrong(&self, name: &str, expected: &str) -> BesideError {
        let field = quoted(&format!("{}{name}", self.path));
        let problem = match self.fields.get(name) {
            Some(value) => {
                let value = shortened(&value.to_string());
                format!("has {field} {value}, expected {expected}")
            }
            None => format!("has no {field}, expected {expected}"),
        };
        self.error(problem)
    }

    /// The error for values that cannot be used together.
    pub fn error(&self, problem: String) -> BesideError {
        let place = self.place;
        BesideError { place, problem }
    }

    /// A field as it is, unless it is missing or null.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Whether there is a field, other than null.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The names of all fields that are not null.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let given = self.fields.iter().filter(|(_, value)| !value.is_null());
        given.map(|(name, _)| name.as_str())
    }

    fn get<'a, T>(
        &'a self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, BesideError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(name, expected)),
        }
    }

    pub fn object(&self, name: &str) -> Result<Option<Self>, BesideError> {
        let object = self.get(name, "an object", Value::as_object)?;
        Ok(object.map(|fields| Self {
            place: self.place,
            path: format!("{}{name}.", self.path),
            fields: fields.clone(),
        }))
    }

    /// A field if it is an object; else `None`, whatever it is.
    pub fn as_object(&self, name: &str) -> Option<Self> {
        self.object(name).ok().flatten()
    }

    pub fn text(&self, name: &str) -> Result<Option<&str>, BesideError> {
        self.get(name, "a string", Value::as_str)
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, BesideError> {
        self.get(name, "true or false", Value::as_bool)
    }

    /// Whether a processor of transformers takes a step. A field that is null is false there, and only one that is missing is left
    /// to the type: `None`.
    pub fn step(&self, name: &str) -> Result<Option<bool>, BesideError> {
        match self.is_null(name) {
            true => Ok(Some(false)),
            false => self.boolean(name),
        }
    }

    /// Whether a field is there and null.
    pub fn is_null(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(Value::is_null)
    }

    /// A number above 0.
    pub fn positive(&self, name: &str) -> Result<Option<f64>, BesideError> {
        let positive = |value: &Value| value.as_f64().filter(|value| *value > 0.0 && value.is_finite());
        self.get(name, "a number above 0", positive)
    }

    /// A number of pixels.
    pub fn side(&self, name: &str) -> Result<Option<usize>, BesideError> {
        self.get(name, &format!("a number of pixels from 1 to {MAX_SIDE}"), pixels)
    }

    /// Whether a field is a number.
    pub fn is_number(&self, name: &str) -> bool {
        self.value(name).is_some_and(Value::is_number)
    }

    /// The side of a square: a number of pixels, two equal ones, or a height and an equal width.
    pub fn square(&self, name: &str) -> Result<Option<usize>, BesideError> {
        match self.value(name) {
            Some(Value::Array(sides)) => match sides.as_slice() {
                [height, width] if height == width => pixels(height),
                _ => None,
            }
            .map(Some)
            .ok_or_else(|| self.wrong(name, "a square")),
            Some(Value::Object(_)) => {
                let sides = self.object(name)?;
                let side = |side| sides.as_ref().map_or(Ok(None), |sides| sides.side(side));
                match (side("height")?, side("width")?) {
                    (Some(height), Some(width)) if height == width => Ok(Some(height)),
                    _ => Err(self.wrong(name, "an equal `height` and `width`")),
                }
            }
            _ => self.side(name),
        }
    }

    /// Red, green and blue, or one number for all of them.
    pub fn channels_or_one(&self, name: &str) -> Result<Option<[f32; 3]>, BesideError> {
        self.get(name, "one number or three", |value| match value.as_f64() {
            Some(one) => Some([one as f32; 3]),
            None => match floats(value)?.as_slice() {
                [one] => Some([*one; 3]),
                three => three.try_into().ok(),
            },
        })
    }

    /// Whole numbers.
    pub fn whole_numbers(&self, name: &str) -> Result<Option<Vec<u64>>, BesideError> {
        self.get(name, "a list of whole numbers", |value| {
            value.as_array()?.iter().map(Value::as_u64).collect()
        })
    }

    /// A list of strings.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, BesideError> {
        self.get(name, "a list of strings", |value| {
            let texts = value.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    /// Names of classes: a list of strings, or strings by their index.
    pub fn names_of_classes(&self, name: &str) -> Result<Option<Vec<String>>, BesideError> {
        match self.as_object(name) {
            Some(_) => self.indexed_texts(name),
            None => self.texts(name),
        }
    }

    /// Strings by their index: `{"0": "a", "1": "b"}`.
    pub fn indexed_texts(&self, name: &str) -> Result<Option<Vec<String>>, BesideError> {
        self.get(name, "a name for each index from 0 on", |value| {
            let fields = value.as_object()?;
            let at = |index: usize| fields.get(&index.to_string())?.as_str().map(str::to_owned);
            (0..fields.len()).map(at).collect()
        })
    }

    pub fn activation(&self, name: &str) -> Result<Option<Activation>, BesideError> {
        self.get(name, "`relu` or `relu6`", |value| match value.as_str()? {
            "relu" => Some(Activation::Relu),
            "relu6" => Some(Activation::Relu6),
            _ => None,
        })
    }

    /// The name of a filter; an empty one says nothing, as timm takes it.
    pub fn interpolation(&self, name: &str) -> Result<Option<Interpolation>, BesideError> {
        if self.value(name).and_then(Value::as_str) == Some("") {
            return Ok(None);
        }
        self.get(name, "the name of one of Pillow's filters", |value| {
            let filter = value.as_str()?.parse().ok();
            filter.filter(|filter| PILLOW.contains(filter))
        })
    }

    /// Pillow's number of a filter.
    pub fn resample(&self, name: &str) -> Result<Option<Interpolation>, BesideError> {
        self.get(name, "the number of one of Pillow's filters, 0 to 5", |value| {
            PILLOW.get(usize::try_from(value.as_u64()?).ok()?).copied()
        })
    }
}

/// Pillow's filters by their numbers.
const PILLOW: [Interpolation; 6] = [
    Interpolation::Nearest,
    Interpolation::Lanczos,
    Interpolation::Bilinear,
    Interpolation::Bicubic,
    Interpolation::Box,
    Interpolation::Hamming,
];

/// A list of numbers, if it is one.
fn floats(value: &Value) -> Option<Vec<f32>> {
    let values = value.as_array()?.iter();
    values
        .map(|value| value.as_f64().map(|value| value as f32))
        .collect()
}

/// A number of pixels, if it is one.
fn pixels(value: &Value) -> Option<usize> {
    let side = value.as_u64().filter(|side| (1..=MAX_SIDE).contains(side))?;
    usize::try_from(side).ok()
}

#[cfg(test)]
mod tests;
