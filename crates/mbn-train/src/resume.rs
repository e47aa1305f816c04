//! `state.safetensors`: everything that the next epoch depends on.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use candle_core::{Device, Tensor};
use mbn_model::OptimizerState;
use mbn_spec::{Metadata, Weights};
use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::history::Epoch;
use crate::settings::Settings;

const OPTIMIZER: &str = "optimizer.";
const WEIGHTS: &str = "weights";

/// The part of the state that is not tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub settings: Settings,
    pub classes: Vec<String>,
    pub steps: u32,
    pub history: Vec<Epoch>,
}

/// A run between two epochs.
pub(crate) struct State {
    pub progress: Progress,
    pub weights: Weights,
    pub optimizer: OptimizerState,
}

impl State {
    /// The file's content: the weight file as one tensor of bytes, the optimiser's tensors, the rest as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let weights = self.weights.to_bytes()?;
        let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
        tensors.insert(WEIGHTS.into(), (Dtype::U8, vec![weights.len()], weights));
        for (name, tensor) in &self.optimizer.tensors {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.insert(
                format!("{OPTIMIZER}{name}"),
                (Dtype::F32, tensor.dims().to_vec(), bytes),
            );
        }
        let views = tensors
            .iter()
            .map(|(name, (dtype, shape, bytes))| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>>>()?;
        let progress = HashMap::from([("progress".to_owned(), serde_json::to_string(&self.progress)?)]);
        Ok(safetensors::serialize(views, Some(progress))?)
    }

    /// Reads the file.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let read = || Self::from_bytes(&std::fs::read(path)?, device);
        read().with_context(|| format!("cannot resume from `{}`", path.display()))
    }

    fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let progress = header.metadata().as_ref().and_then(|pairs| pairs.get("progress"));
        let progress: Progress = serde_json::from_str(progress.context("metadata `progress` is missing")?)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let weights = Weights::from_bytes(tensors.tensor(WEIGHTS)?.data())?;
        let mut optimizer = OptimizerState {
            steps: progress.steps,
            ..OptimizerState::default()
        };
        for (name, view) in tensors.iter() {
            let Some(name) = name.strip_prefix(OPTIMIZER) else {
                continue;
            };
            if view.dtype() != Dtype::F32 {
                return Err(anyhow!("`{OPTIMIZER}{name}` is {}, expected F32", view.dtype()));
            }
            let values: Vec<f32> = view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect();
            optimizer
                .tensors
                .insert(name.to_owned(), Tensor::from_vec(values, view.shape(), device)?);
        }
        Ok(Self {
            progress,
            weights,
            optimizer,
        })
    }
}

impl Progress {
    /// The epoch with the highest test accuracy, the earliest of several.
    pub fn best(&self) -> Option<&Epoch> {
        self.history
            .iter()
            .fold(None, |best: Option<&Epoch>, epoch| match best {
                Some(best) if best.test_accuracy >= epoch.test_accuracy => Some(best),
                _ => Some(epoch),
            })
    }

    /// Metadata of the weights after the last epoch of the history.
    pub fn metadata(&self, data_set: &str, preprocess: mbn_spec::Preprocess) -> Metadata {
        Metadata {
            alpha: None,
            classes: Some(self.classes.clone()),
            preprocess: Some(preprocess),
            variant: None,
            training: Some(mbn_spec::Training {
                data_set: data_set.to_owned(),
                recipe: self.settings.recipe.name().to_owned(),
                epochs: self.history.len(),
                accuracy: self.history.last().map_or(0.0, |epoch| epoch.test_accuracy),
                seed: self.settings.seed,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
        }
    }
}
