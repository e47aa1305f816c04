//! rten.

use std::path::Path;

use anyhow::{Context, Result};
use rten::{Model, Value};
use rten_tensor::AsView;

use crate::cases::{Case, Input};

/// As pinned in Cargo.toml.
pub const VERSION: &str = "0.27.0";

/// The largest difference for each input of a case.
pub fn run(case: &Case, folder: &Path) -> Result<Vec<f32>> {
    let model = Model::load_file(case.model(folder))?;
    case.compare(folder, |input| {
        let value = match input {
            Input::Float(shape, values) => Value::from_shape(shape.as_slice(), values)?,
            Input::Bytes(shape, bytes) => Value::from_shape(shape.as_slice(), bytes)?,
        };
        let logits = model.run_one(value.into(), None)?;
        Ok(logits
            .into_tensor::<f32>()
            .context("the logits are not float32")?
            .to_vec())
    })
}
