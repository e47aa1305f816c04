//! What a session says about its model, checked once.

use std::collections::BTreeMap;

use mbn_spec::{LARGEST_SIZE, Metadata};
use ort::session::Session;

use super::Reading;
use super::interface::Input;
use super::learn;
use super::output::{NoOutput, Output, Shapes, list};
use crate::error::{EngineError, MAX_KEYS};
use crate::images::MAX_BATCH;

/// The picture input and the output with the classes' values. `resizes`: the network resizes pictures of any size; `may_run`: a
/// run may show how many classes there are if the file does not say it.
pub(super) fn interface(
    session: &mut Session,
    reading: &Reading,
    resizes: bool,
    may_run: bool,
) -> Result<(Input, Output), EngineError> {
    let (named, classes) = (reading.output.as_deref(), reading.classes);
    let find = |session: &Session, shapes: &Shapes| {
        Output::of(session.outputs(), &reading.heads, named, classes, shapes)
    };
    let mut input =
        Input::of(session.inputs(), reading.layout, resizes).ok_or_else(|| EngineError::Input {
            inputs: list(session.inputs()),
            outputs: list(session.outputs()),
        })?;
    input.blue_first = reading.blue_first;
    if let Some(batch) = input.batch
        && batch > MAX_BATCH
    {
        return Err(EngineError::Batch { batch });
    }
    if let Some(side) = input.size.filter(|side| *side > LARGEST_SIZE) {
        return Err(EngineError::Side { side });
    }
    let mut found = find(session, &Shapes::new());
    if matches!(found, Err(NoOutput::Uncounted)) && may_run {
        let shapes = learn::shapes(session, &input).unwrap_or_default();
        found = find(session, &shapes);
    }
    let output = found.map_err(|why| no_output(why, session, reading))?;
    Ok((input, output))
}

fn no_output(why: NoOutput, session: &Session, reading: &Reading) -> EngineError {
    let (inputs, outputs) = (list(session.inputs()), list(session.outputs()));
    match why {
        NoOutput::Unfit => EngineError::Output { inputs, outputs },
        NoOutput::Uncounted => EngineError::Uncounted { outputs },
        NoOutput::Several => EngineError::SeveralOutputs { outputs },
        NoOutput::Unnamed => EngineError::NoSuchOutput {
            name: reading.output.clone().unwrap_or_default(),
            outputs,
        },
        NoOutput::Reordered(name) => {
            let by = reading.heads.reordered(&name).cloned();
            EngineError::Reordered { name, by, outputs }
        }
    }
}

/// Refuses metadata of this project that is not about the input and the output.
pub(super) fn agree(metadata: &Metadata, input: &Input, output: &Output) -> Result<(), EngineError> {
    if let Some(names) = &metadata.classes
        && names.len() != output.classes
    {
        return Err(EngineError::ClassNames {
            names: names.len(),
            classes: output.classes,
        });
    }
    if let (Some(stated), Some(input)) = (metadata.preprocess, input.size)
        && stated.size != input
    {
        return Err(EngineError::Size {
            preprocess: stated.size,
            input,
        });
    }
    Ok(())
}

/// The pairs of `metadata_props`.
pub(super) fn properties(session: &Session) -> Result<BTreeMap<String, String>, EngineError> {
    let metadata = session.metadata().map_err(EngineError::refused)?;
    let keys = metadata.custom_keys().map_err(EngineError::refused)?;
    // ONNX Runtime copies all of them to look one up.
    if keys.len() > MAX_KEYS {
        return Err(EngineError::Keys { keys: keys.len() });
    }
    let pairs = keys.into_iter().map(|key| {
        let value = metadata.custom(&key).unwrap_or_default();
        (key, value)
    });
    Ok(pairs.collect())
}
