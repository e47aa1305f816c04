//! The arguments of timm's training script, which its checkpoints keep in `args`: what they say goes before what timm publishes
//! of the network, as it does in timm.

mod network;
mod preprocess;

use mbn_spec::text::joined;
use mbn_spec::{Preprocess, PreprocessError};
use serde_json::{Map, Value};

use super::ARCHITECTURE;
use crate::beside::FromArguments;
use crate::beside::fields::{BesideError, Object};
use crate::shown::quoted;

/// The argument with options of the network that have no argument of their own.
const MODEL_KWARGS: &str = "model_kwargs";
/// Begin the name of a model that is described elsewhere, in a folder or on the Hub; such a name tells nothing.
const ELSEWHERE: [&str; 3] = ["local-dir:", "hf-hub:", "hf_hub:"];

/// Reads the arguments. `usual` is the preprocessing of the published weights. A value that cannot be followed, such as one of
/// another script, is noted and not used; one that is known to make another network of the same tensors is an error.
pub(crate) fn read(arguments: &Map<String, Value>, usual: Preprocess) -> Result<FromArguments, BesideError> {
    let arguments = Object::of_arguments(arguments);
    let mut said = FromArguments::default();
    let mut notes = Notes::default();
    if let Ok(Some(model)) = arguments.text("model")
        && !may_be_this(&model.to_ascii_lowercase())
    {
        let other = format!("`args` in it is about {}", quoted(model));
        said.unused.push(other);
        return Ok(said);
    }
    network::require_average(&arguments, "gp", &mut notes)?;
    if let Some(options) = notes.read(arguments.object(MODEL_KWARGS)) {
        network::read(&options, &mut said.described, &mut notes)?;
        let described = &said.described;
        if described.activation.is_some() || described.epsilon.is_some() || described.padding.is_some() {
            said.variant_fields.push(MODEL_KWARGS);
        }
    }
    if let Some(epsilon) = notes.read(arguments.positive("bn_eps")) {
        said.described.epsilon = Some(epsilon);
        said.variant_fields.push("bn_eps");
    }
    let stated = preprocess::read(&arguments, usual, &mut notes);
    if !stated.is_empty() {
        said.described.preprocess = Some(stated.over(usual));
        said.preprocess_fields = notes.fields;
    }
    said.unused = notes.unused;
    Ok(said)
}

/// Whether a model of this name, in small letters, may be the one of the weights.
fn may_be_this(model: &str) -> bool {
    model.contains(ARCHITECTURE) || ELSEWHERE.iter().any(|begin| model.starts_with(begin))
}

/// Which arguments say something about the preprocessing, and what of all arguments is not used, as messages.
#[derive(Default)]
struct Notes {
    fields: Vec<&'static str>,
    unused: Vec<String>,
}

impl Notes {
    /// The value of an argument, if it has one that can be followed.
    fn read<T>(&mut self, read: Result<Option<T>, BesideError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.unused.push(error.to_string());
            None
        })
    }

    /// The same of an argument about the preprocessing.
    fn take<T>(&mut self, field: &'static str, read: Result<Option<T>, BesideError>) -> Option<T> {
        let value = self.read(read);
        self.fields.extend(value.is_some().then_some(field));
        value
    }

    /// Takes back what arguments about the preprocessing say, since together they cannot be followed.
    fn drop(&mut self, fields: &[&'static str], arguments: &Object, error: &PreprocessError) {
        let dropped = self.fields.extract_if(.., |field| fields.contains(field));
        let dropped = joined(dropped.map(|field| format!("`{field}`")));
        let error = arguments.error(format!(
            "has values of {dropped} that cannot be followed: {error}"
        ));
        self.unused.push(error.to_string());
    }
}

#[cfg(test)]
mod tests;
