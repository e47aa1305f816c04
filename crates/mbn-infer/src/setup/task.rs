//! Models that do something other than classify, as far as the model or a file beside it shows it.

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_engine::EngineError;
use mbn_onnx::foreign::ultralytics::CLASSIFY;
use mbn_onnx::foreign::{Dictionary, Ending};
use mbn_weights::{REGRESSION, is_regression};

use crate::model::{Content, Model};
use crate::scores::{Head, Scores};

/// Numbers of ImageNet's classes, without and with one for what is none of them.
const OF_IMAGENET: [usize; 2] = [1000, 1001];

/// Refuses a model whose values are said to be no classes'.
pub(super) fn require_classes(model: &Model) -> Result<()> {
    let name = model.name();
    let mut folders = model.folders();
    // A file that cannot be read is told where its class names and its preprocessing are.
    match folders.find(|folder| is_regression(folder).unwrap_or(false)) {
        Some(folder) => Err(anyhow!(
            "{name} is no classifier: `{}` has `problem_type` `{REGRESSION}`, expected one of classes",
            folder.join("config.json").display()
        ))
        .hint(|| "if its values are those of classes, take `problem_type` out of the file".to_owned()),
        None => Ok(()),
    }
}

/// The result, and what the model is if that is why it cannot be used.
pub(super) fn explained<T>(loaded: Result<T>, model: &Model) -> Result<T> {
    let loaded = match of_another_task(model) {
        Some(text) => loaded.context(text),
        None => loaded,
    };
    let has_no_output = |error: &anyhow::Error| {
        let mut causes = error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<EngineError>());
        causes.any(|cause| {
            matches!(
                cause,
                EngineError::Output { .. } | EngineError::Uncounted { .. } | EngineError::Reordered { .. }
            )
        })
    };
    let dictionary = match model.content() {
        Content::Onnx(_, onnx) if loaded.as_ref().err().is_some_and(has_no_output) => {
            Dictionary::of_model(onnx)
        }
        _ => None,
    };
    match dictionary {
        Some(Dictionary { output, operator, from }) => loaded.hint(|| {
            format!(
                "its output `{output}` is a dictionary that `{operator}` makes: export the model with `{from}`, which `{operator}` \
                 takes, as an output; `--output-name {from}` then names it"
            )
        }),
        None => loaded,
    }
}

/// That the model's metadata says it is no classifier.
fn of_another_task(model: &Model) -> Option<String> {
    let task = &model.foreign()?.ultralytics.as_ref()?.task;
    let name = model.name();
    (task != CLASSIFY).then(|| format!("{name} is for Ultralytics' task `{task}`, expected `{CLASSIFY}`"))
}

/// Says so if the values look like features of a network whose classifier was taken off. `named`: as many classes have names.
pub(super) fn warn_of_features(model: &Model, head: &Head<'_>, scores: Scores, named: bool) {
    if !head.is_foreign || named || head.ending != Ending::Other || !scores.are_logits() {
        return;
    }
    let heads = model.reading(None, None).heads;
    let Some(pooled) = heads.pooled(head.output) else {
        return;
    };
    // A network without a product behind pooling, such as SqueezeNet.
    if pooled.is_of_product && OF_IMAGENET.contains(&head.values) {
        return;
    }
    log::warn!(
        "the values of the output `{}` look like features and not like classes: `{}` makes them, and no product (`Gemm`, `MatMul`, \
         `Conv`) follows it\n\
         hint: export the model with its classifier (timm: without `num_classes=0`); if they are values of classes, \
         `--classes FILE` names these",
        head.output,
        pooled.operator
    );
}
