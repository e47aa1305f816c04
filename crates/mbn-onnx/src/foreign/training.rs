//! Nodes that compute as in training, or draw random values: a picture's classes then depend on the pictures beside it or on chance.

use std::fmt;

use mbn_spec::text::counted;

use super::functions::is_onnx;
use super::live::{self, Frame};
use crate::Model;
use crate::proto::{AttributeProto, NodeProto};
use crate::structure::label;

/// First operator set in which `BatchNormalization` and `Dropout` only infer, unless they say otherwise; before it they train, unless
/// they say otherwise.
const INFERRING: i64 = 7;
/// First operator set in which `Dropout` can be told to train.
const TRAINABLE_DROPOUT: i64 = 12;
/// First operator set in which `BatchNormalization` is told to train; before it, it does so if more than one output is wanted.
const TRAINABLE_BATCH_NORM: i64 = 14;
/// What `Dropout` sets to 0 unless it says otherwise.
const USUAL_RATIO: f64 = 0.5;

/// What a node does that makes a picture's values depend on more than the picture. In the order in which they are told: the first is the surest
/// sign of a model that was exported while it was trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It normalises by mean and variance of the batch.
    BatchStatistics,
    /// It sets values to 0 at random.
    Dropout,
    /// It draws values at random.
    Random,
    /// It draws values of a normal distribution without a spread: all are alike, but ONNX Runtime 1.31 ends the process.
    NoSpread,
}

/// A model that computes as in training.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node `{node}` ({operator}) {effect}{}", others(*.nodes))]
pub struct TrainingMode {
    /// One of the nodes.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// What it does.
    pub effect: Effect,
    /// Number of such nodes.
    pub nodes: usize,
}

impl TrainingMode {
    /// What makes an output, or any of them, depend on more than the picture; `None` if nothing is known to do so.
    pub fn of(model: &Model, output: Option<&str>) -> Option<Self> {
        let mut found: Option<Self> = None;
        live::visit(model, output, &mut |node, frame| {
            let Some(effect) = effect(node, frame) else {
                return;
            };
            let nodes = found.as_ref().map_or(0, |found| found.nodes) + 1;
            match &mut found {
                Some(found) if found.effect < effect => found.nodes = nodes,
                // Nodes come from the output back: of layers in a row, the first is named.
                _ => {
                    found = Some(Self {
                        node: label(node),
                        operator: node.op_type().to_owned(),
                        effect,
                        nodes,
                    });
                }
            }
        });
        found
    }

    /// What is to be done about it.
    pub fn advice(&self) -> &'static str {
        match self.effect {
            Effect::BatchStatistics | Effect::Dropout => {
                "export the model in evaluation mode: in PyTorch, call `model.eval()` before `torch.onnx.export`"
            }
            Effect::Random => "export the model without what is random, as it is in evaluation mode",
            Effect::NoSpread => "export the model without what would be random: it has no effect",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BatchStatistics => {
                "normalises by the mean and variance of the batch, as in training, so that a picture's classes depend on the pictures \
                 beside it"
            }
            Self::Dropout => {
                "sets values to 0 at random, as in training, so that a picture's classes change from run to run"
            }
            Self::Random => "draws random values, so that a picture's classes change from run to run",
            Self::NoSpread => "draws random values of scale 0, all alike, at which ONNX Runtime ends the program",
        })
    }
}

fn others(nodes: usize) -> String {
    match nodes {
        0 | 1 => String::new(),
        nodes => format!("; it is one of {} of this kind", counted(nodes, "node")),
    }
}

fn effect(node: &NodeProto, frame: &Frame<'_>) -> Option<Effect> {
    if !is_onnx(node.domain()) {
        return None;
    }
    match node.op_type() {
        "BatchNormalization" => trains_batch_norm(node, frame).then_some(Effect::BatchStatistics),
        "Dropout" => drops(node, frame).then_some(Effect::Dropout),
        "Bernoulli" | "Multinomial" => Some(Effect::Random),
        "RandomNormal" | "RandomNormalLike" => Some(match number(node, frame, "scale", 1.0) {
            0.0 => Effect::NoSpread,
            _ => Effect::Random,
        }),
        "RandomUniform" | "RandomUniformLike" => {
            let (low, high) = (number(node, frame, "low", 0.0), number(node, frame, "high", 1.0));
            // Else every value is the bound.
            (low != high).then_some(Effect::Random)
        }
        _ => None,
    }
}

fn flag(node: &NodeProto, frame: &Frame<'_>, name: &str) -> bool {
    let attribute = frame.attribute(node, name);
    attribute.is_some_and(|attribute| attribute.i() != 0)
}

fn number(node: &NodeProto, frame: &Frame<'_>, name: &str, default: f32) -> f32 {
    frame.attribute(node, name).map_or(default, AttributeProto::f)
}

fn trains_batch_norm(node: &NodeProto, frame: &Frame<'_>) -> bool {
    // PyTorch's layers that standardise their weights write it of the weights, which no picture reaches.
    if node.input.first().is_some_and(|input| frame.is_constant(input)) {
        return false;
    }
    match frame.opset {
        ..INFERRING => !flag(node, frame, "is_test"),
        INFERRING..TRAINABLE_BATCH_NORM => node.output.iter().skip(1).any(|output| !output.is_empty()),
        TRAINABLE_BATCH_NORM.. => flag(node, frame, "training_mode"),
    }
}

fn drops(node: &NodeProto, frame: &Frame<'_>) -> bool {
    let number = |input: usize| {
        let name = node.input.get(input).filter(|name| !name.is_empty())?;
        frame.numbers(name)?.first().copied()
    };
    let ratio = match frame.opset {
        ..INFERRING if flag(node, frame, "is_test") => return false,
        ..INFERRING => frame.attribute(node, "ratio").map(|ratio| ratio.f().into()),
        INFERRING..TRAINABLE_DROPOUT => return false,
        // What is computed while the model runs is not known to be true.
        TRAINABLE_DROPOUT.. if number(2).is_none_or(|trains| trains == 0.0) => return false,
        TRAINABLE_DROPOUT.. => number(1),
    };
    ratio.unwrap_or(USUAL_RATIO) != 0.0
}

#[cfg(test)]
mod tests;
