//! What the arguments say about the network. Another script may use their names for something else.

use mbn_spec::{Activation, Stride2Padding};
use serde_json::Value;

use super::super::{OUTPUT_STRIDE, POOL, READ, WITHOUT_EFFECT};
use super::Notes;
use crate::beside::Described;
use crate::beside::fields::{BesideError, Object};

/// Names of timm for averages of the last values, and for features that are none.
const AVERAGES: [&str; 3] = ["avg", "fast", "fastavg"];
const OTHER_POOLS: [&str; 6] = [
    "max",
    "avgmax",
    "catavgmax",
    "fastmax",
    "fastavgmax",
    "fastcatavgmax",
];
/// What blurs before a stride.
const BLUR: &str = "aa_layer";

/// Refuses features that are known not to be averages of the last values.
pub(super) fn require_average(object: &Object, field: &str, notes: &mut Notes) -> Result<(), BesideError> {
    const EXPECTED: &str = "`avg`: the network averages";
    let pool = notes.read(object.text(field)).map(str::to_ascii_lowercase);
    match pool.as_deref() {
        None => {}
        Some(pool) if AVERAGES.contains(&pool) => {}
        Some(pool) if OTHER_POOLS.contains(&pool) => return Err(object.wrong(field, EXPECTED)),
        Some(_) => notes.unused.push(object.wrong(field, EXPECTED).to_string()),
    }
    Ok(())
}

/// Reads the options that have no argument of their own. Those of which the same tensors make another network are errors.
pub(super) fn read(
    options: &Object,
    described: &mut Described,
    notes: &mut Notes,
) -> Result<(), BesideError> {
    require_average(options, POOL, notes)?;
    match notes.read(options.positive("output_stride")) {
        Some(stride) if stride != OUTPUT_STRIDE => return Err(options.wrong("output_stride", "32")),
        _ => {}
    }
    if matches!(options.value(BLUR), Some(Value::String(layer)) if !layer.is_empty()) {
        return Err(options.wrong(BLUR, "none: the network does not blur before a stride"));
    }
    let known = |name: &&str| READ.contains(name) || WITHOUT_EFFECT.contains(name);
    for name in options.names().filter(|name| !known(name)) {
        let is_off = match options.value(name) {
            Some(Value::Bool(is_on)) => !is_on,
            Some(Value::String(text)) => text.is_empty(),
            _ => false,
        };
        if !is_off {
            let unknown = options.wrong(name, "an option of this network in timm");
            notes.unused.push(unknown.to_string());
        }
    }
    described.activation = activation(options, notes)?;
    described.epsilon = notes.read(options.positive("bn_eps"));
    let padding = notes.read(options.text("pad_type")).map(str::to_ascii_lowercase);
    described.padding = match padding.as_deref() {
        None => None,
        Some("") => Some(Stride2Padding::Symmetric),
        Some("same") => Some(Stride2Padding::Same),
        Some(other) => {
            let error = options.wrong("pad_type", "`same` or an empty string");
            match other {
                "valid" => return Err(error),
                _ => notes.unused.push(error.to_string()),
            }
            None
        }
    };
    Ok(())
}

/// The activation, by its name or by the description of its class in PyTorch. Another text that is no single word names none: it
/// describes some other object.
fn activation(options: &Object, notes: &mut Notes) -> Result<Option<Activation>, BesideError> {
    const FIELD: &str = "act_layer";
    const CLASS: &str = "the name `torch.nn.modules.activation.";
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let name = notes.read(options.text(FIELD)).filter(|name| !name.is_empty());
    let class = |text: &str| {
        text.strip_prefix(CLASS)
            .map(|name| name.trim_end_matches('`').to_owned())
    };
    let name = name.map(|name| class(name).unwrap_or(name.to_owned()).to_ascii_lowercase());
    match name.as_deref() {
        None => Ok(None),
        Some("relu") => Ok(Some(Activation::Relu)),
        Some("relu6") => Ok(Some(Activation::Relu6)),
        Some(other) => {
            let error = options.wrong(FIELD, "`relu` or `relu6`");
            if is_name(other) {
                return Err(error);
            }
            notes.unused.push(error.to_string());
            Ok(None)
        }
    }
}
