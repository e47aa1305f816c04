//! tract.

use std::path::Path;

use anyhow::{Result, anyhow};
use tract_onnx::prelude::*;

use crate::cases::{Case, Input};

/// As pinned in Cargo.toml.
pub const VERSION: &str = "0.23.9";

/// The largest difference for each input of a case.
pub fn run(case: &Case, folder: &Path) -> Result<Vec<f32>> {
    let model = tract_onnx::onnx()
        .model_for_path(case.model(folder))
        .map_err(whole)?;
    let model = model
        .into_optimized()
        .map_err(whole)?
        .into_runnable()
        .map_err(whole)?;
    case.compare(folder, |input| {
        let value = match input {
            Input::Float(shape, values) => Tensor::from_shape(&shape, &values),
            Input::Bytes(shape, bytes) => Tensor::from_shape(&shape, &bytes),
        };
        let logits = model.run(tvec!(value.map_err(whole)?.into())).map_err(whole)?;
        Ok(logits[0]
            .to_plain_array_view::<f32>()
            .map_err(whole)?
            .iter()
            .copied()
            .collect())
    })
}

/// tract's reason with all that caused it.
fn whole(error: TractError) -> anyhow::Error {
    anyhow!("{error:#}")
}
