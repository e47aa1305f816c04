//! The arguments of timm's training script, which its checkpoints keep in `args`: what they say goes before what timm publishes
//! of the network, as it does in timm.

use mbn_spec::{PartialPreprocess, Preprocess};
use serde_json::{Map, Value};

use super::{ARCHITECTURE, crop_mode, crop_part, input_size, network, require_average, shorter_side};
use crate::beside::FromArguments;
use crate::beside::fields::{BesideError, Object};
use crate::shown::quoted;

/// The argument with options of the network that have no argument of their own.
const MODEL_KWARGS: &str = "model_kwargs";
/// Begins the name of a model that is described in a folder; such a name tells nothing.
const IN_FOLDER: &str = "local-dir:";

/// Reads the arguments. `usual` is the preprocessing of the published weights. A value of the preprocessing that cannot be
/// followed is noted and not used; one that makes another network of the same tensors is an error.
pub(crate) fn read(arguments: &Map<String, Value>, usual: Preprocess) -> Result<FromArguments, BesideError> {
    let arguments = Object::of_arguments(arguments);
    let mut said = FromArguments::default();
    if let Ok(Some(model)) = arguments.text("model")
        && !model.contains(ARCHITECTURE)
        && !model.starts_with(IN_FOLDER)
    {
        said.unused
            .push(format!("`args` in it is about {}", quoted(model)));
        return Ok(said);
    }
    require_average(&arguments, "gp")?;
    if let Some(options) = arguments.object(MODEL_KWARGS)? {
        network(&options, &mut said.described)?;
        if !std::mem::take(&mut said.described.variant_files).is_empty() {
            said.variant_fields.push(MODEL_KWARGS);
        }
    }
    let mut notes = Notes::default();
    if let Some(epsilon) = notes.take("bn_eps", arguments.positive("bn_eps")) {
        said.described.epsilon = Some(epsilon);
        said.variant_fields.append(&mut notes.fields);
    }
    let stated = preprocessing(&arguments, usual, &mut notes);
    let preprocess = stated.over(usual);
    match preprocess.validate() {
        _ if stated.is_empty() => {}
        Ok(()) => {
            said.described.preprocess = Some(preprocess);
            said.preprocess_fields = notes.fields;
        }
        Err(error) => {
            let error = arguments.error(format!("cannot be followed: {error}"));
            notes.unused.push(error.to_string());
        }
    }
    said.unused = notes.unused;
    Ok(said)
}

/// What the arguments say about the preprocessing. What they leave open is as it is published: `usual`.
fn preprocessing(arguments: &Object, usual: Preprocess, notes: &mut Notes) -> PartialPreprocess {
    let size = notes.take("input_size", input_size(arguments));
    let size = size.or_else(|| notes.take("img_size", arguments.square("img_size")));
    let part = notes.take("crop_pct", crop_part(arguments));
    let shorter = match (size, part) {
        (None, None) => usual.shorter_side(),
        (size, part) => {
            let usual_part = usual.size as f64 / usual.shorter_side() as f64;
            shorter_side(size.unwrap_or(usual.size), part.unwrap_or(usual_part))
        }
    };
    let resize = match arguments.has("crop_mode") {
        true => crop_mode(arguments, size.unwrap_or(usual.size), shorter).map(Some),
        false => Ok(None),
    };
    PartialPreprocess {
        size,
        resize: notes.take("crop_mode", resize),
        shorter: (shorter != usual.shorter_side() || size.is_some()).then_some(shorter),
        centre: None,
        interpolation: notes.take("interpolation", arguments.interpolation("interpolation")),
        mean: notes.take("mean", arguments.channels_or_one("mean")),
        std: notes.take("std", arguments.channels_or_one("std")),
    }
}

/// Which arguments said something, and what of them cannot be followed.
#[derive(Default)]
struct Notes {
    fields: Vec<&'static str>,
    unused: Vec<String>,
}

impl Notes {
    /// The value of an argument, if it has one that can be followed.
    fn take<T>(&mut self, field: &'static str, read: Result<Option<T>, BesideError>) -> Option<T> {
        match read {
            Ok(value) => {
                self.fields.extend(value.is_some().then_some(field));
                value
            }
            Err(error) => {
                self.unused.push(error.to_string());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
