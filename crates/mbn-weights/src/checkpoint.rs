//! The network in a PyTorch checkpoint, which may hold several state dicts.

use mbn_files::FileKind;
use mbn_spec::Metadata;
use mbn_spec::text::listed;
use safetensors::SafeTensorError;
use safetensors::tensor::TensorView;

use crate::contents::WeightFile;
use crate::error::Problem;
use crate::family::Context;
use crate::pickle::{self, Checkpoint, PickleError};
use crate::{Adaptation, MismatchError, WeightsErrorKind, families};

/// Keys that a message lists before it counts the others.
const NAMED: usize = 3;

/// Reads the state dict of a checkpoint as if it were a safetensors file. Where it has all parameters of a network and not its
/// statistics, as an average of `named_parameters()` does, the next one is read.
pub(crate) fn read(bytes: &[u8], kind: FileKind, context: &Context) -> Result<WeightFile, WeightsErrorKind> {
    let (mut passed, mut first) = (Vec::new(), None);
    // Each round passes over another one of `KEYS`.
    loop {
        let checkpoint = match pickle::read_after(bytes, &passed) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                return Err(first.unwrap_or_else(|| match error {
                    PickleError::NotCheckpoint => WeightsErrorKind::OtherKind(kind),
                    error => error.into(),
                }));
            }
        };
        let Checkpoint { key, others, .. } = &checkpoint;
        let error = match state_dict(&checkpoint, context) {
            Ok(mut read) => {
                let unread = checkpoint.unread.iter().cloned().map(Adaptation::Unread);
                read.adaptations.splice(0..0, unread);
                if !passed.is_empty() {
                    let passed = passed.into_iter().map(str::to_owned).collect();
                    let key = key.clone();
                    read.adaptations.insert(0, Adaptation::PassedOver { passed, key });
                } else if key.is_some() || !others.is_empty() {
                    let (key, others) = (key.clone(), others.clone());
                    read.adaptations.insert(0, Adaptation::Chosen { key, others });
                }
                return Ok(read);
            }
            Err(error) => error,
        };
        let next = checkpoint.known.filter(|_| lacks_statistics(&error));
        let error = first.take().unwrap_or_else(|| under_key(error, &checkpoint));
        match next {
            Some(key) => passed.push(key),
            None => return Err(error),
        }
        first = Some(error);
    }
}

fn state_dict(checkpoint: &Checkpoint, context: &Context) -> Result<WeightFile, WeightsErrorKind> {
    let views = checkpoint
        .tensors
        .iter()
        .map(|(name, tensor)| {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?;
            Ok((name.clone(), view))
        })
        .collect::<Result<_, SafeTensorError>>()?;
    let context = Context {
        arguments: Some(&checkpoint.arguments),
        ..*context
    };
    let mut read = families::read(&views, Metadata::default(), &context)?;
    if !checkpoint.left_out.is_empty() {
        let left_out = checkpoint.left_out.clone();
        read.adaptations.push(Adaptation::LeftOut(left_out));
    }
    Ok(read)
}

/// Whether nothing but batch norm's statistics is missing. What is kept with an average, such as its decay, is no layer's.
fn lacks_statistics(error: &WeightsErrorKind) -> bool {
    let is_one = |name: &str| {
        [".running_mean", ".running_var"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let WeightsErrorKind::Mismatch(MismatchError { problems, .. }) = error else {
        return false;
    };
    problems
        .iter()
        .any(|problem| matches!(problem, Problem::Missing(_)))
        && problems.iter().all(|problem| match problem {
            Problem::Missing(name) => is_one(name),
            Problem::Unexpected(name) => !name.contains('.'),
            Problem::Several { .. } | Problem::Backbone(_) | Problem::Other(_) => false,
        })
}

/// The error for tensors of a checkpoint, with the key that they stand under, and those of others.
fn under_key(mut error: WeightsErrorKind, checkpoint: &Checkpoint) -> WeightsErrorKind {
    let Checkpoint { key, others, .. } = checkpoint;
    let WeightsErrorKind::Mismatch(MismatchError { problems, .. }) = &mut error else {
        return error;
    };
    for problem in problems.iter_mut() {
        if let Problem::Several { key: place, .. } = problem {
            place.clone_from(key);
        }
    }
    if others.is_empty() && key.is_none() {
        return error;
    }
    let mut text = match key {
        Some(key) => format!("they are those of its `{key}`"),
        None => "they are those at its top".to_owned(),
    };
    if !others.is_empty() {
        let others = listed(others.iter().map(|key| format!("`{key}`")), NAMED);
        text.push_str(&format!(" and not those of {others}"));
    }
    if let (Some(key), [_]) = (key, others.as_slice()) {
        text.push_str(&format!(", which are read of a copy without `{key}`"));
    }
    problems.insert(0, Problem::Other(text));
    error
}
