//! `state.safetensors`: everything that the rest of the run depends on. The other files of the run follow from it.

mod cut_off;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use candle_core::{Device, Tensor};
use mbn_cli::Hint;
use mbn_files::whole_file;
use mbn_model::OptimizerState;
use mbn_spec::text::counted;
use mbn_weights::{MAX_FILE_BYTES, Weights};
use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};

use super::{Best, Progress};

const OPTIMIZER: &str = "optimizer.";
const WEIGHTS: &str = "weights";
const AVERAGE: &str = "average";
const BEST: &str = "best";
const CONFUSION: &str = "confusion";
const MISTAKES: &str = "mistakes";
const PROGRESS: &str = "progress";

/// The largest state, in bytes: the weights, their average, the best ones, two tensors of the optimiser for each, and as much for
/// the rest.
const MAX_BYTES: u64 = 6 * MAX_FILE_BYTES;

/// A run between two steps.
pub(crate) struct State {
    pub progress: Progress,
    pub weights: Weights,
    pub average: Option<Weights>,
    pub best: Option<Best>,
    pub optimizer: OptimizerState,
}

type Content = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

impl State {
    /// The content of the file: weight files as tensors of bytes, the optimiser's tensors, and the rest as JSON in the
    /// metadata.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors = Content::new();
        let mut file = |name: &str, bytes: Vec<u8>| {
            tensors.insert(name.into(), (Dtype::U8, vec![bytes.len()], bytes));
        };
        file(WEIGHTS, self.weights.to_bytes()?);
        if let Some(average) = &self.average {
            file(AVERAGE, average.to_bytes()?);
        }
        if let Some(best) = &self.best {
            file(BEST, best.file.clone());
            let mut rows = |name: &str, columns: usize, values: Vec<u32>| {
                let shape = vec![values.len() / columns, columns];
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                tensors.insert(name.into(), (Dtype::U32, shape, bytes));
            };
            rows(CONFUSION, tables::COUNT, tables::of_confusion(&best.confusion)?);
            if let Some(mistakes) = &best.mistakes {
                rows(MISTAKES, tables::MISTAKE, tables::of_mistakes(mistakes)?);
            }
        }
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
        let progress = HashMap::from([(PROGRESS.to_owned(), serde_json::to_string(&self.progress)?)]);
        Ok(safetensors::serialize(views, Some(progress))?)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read, or its parts do not belong together.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let read = || {
            let too_large = |bytes| {
                anyhow!(
                    "it has {bytes} bytes, and no run's state has more than {MAX_BYTES}; put back the file that the run \
                     wrote, or start a new run with another `--out`"
                )
            };
            let bytes = whole_file::read(path, MAX_BYTES, too_large)?;
            if let Some(problem) = cut_off::problem(&bytes) {
                return Err(anyhow!(problem)).hint(|| cut_off::advice(path));
            }
            let state = Self::from_bytes(&bytes, device)?;
            state.check()?;
            Ok::<_, anyhow::Error>(state)
        };
        read().with_context(|| format!("cannot resume from `{}`", path.display()))
    }

    /// Reads the content of the file, without a look at whether its parts belong together.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let progress = header.metadata().as_ref().and_then(|pairs| pairs.get(PROGRESS));
        let progress = progress.context("it is not the state of a run: metadata `progress` is missing")?;
        let progress: Progress =
            serde_json::from_str(progress).context("this version cannot read the metadata `progress`")?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let file = |name: &str| tensors.tensor(name).ok().map(|view| view.data());
        let weights = |name: &str| {
            let weights = file(name).map(Weights::from_bytes).transpose();
            weights.with_context(|| format!("tensor `{name}`"))
        };
        let best = match (file(BEST), tensors.tensor(CONFUSION)) {
            (Some(file), Ok(view)) => Some(Best {
                file: file.to_vec(),
                confusion: tables::confusion(&view, progress.classes.len())?,
                mistakes: tensors
                    .tensor(MISTAKES)
                    .ok()
                    .map(|view| tables::mistakes(&view))
                    .transpose()?,
            }),
            _ => None,
        };
        Ok(Self {
            weights: weights(WEIGHTS)?.context("tensor `weights` is missing")?,
            average: weights(AVERAGE)?,
            best,
            optimizer: optimizer(&tensors, progress.steps, device)?,
            progress,
        })
    }

    /// Refuses a file whose parts come from different runs.
    fn check(&self) -> Result<()> {
        let (settings, classes) = (&self.progress.settings, self.progress.classes.len());
        let best = self.best.as_ref().map(|best| Weights::from_bytes(&best.file));
        let best = best.transpose().context("tensor `best`")?;
        let files = [Some(&self.weights), self.average.as_ref(), best.as_ref()];
        for architecture in files.into_iter().flatten().map(Weights::architecture) {
            let (alpha, found) = (architecture.alpha, architecture.classes);
            ensure!(
                alpha == settings.alpha && found == classes,
                "its weights have another architecture than its settings: alpha {alpha} with {}, expected alpha {} with \
                 {}; put back the file that the run wrote, or start a new run with another `--out`",
                counted(found, "class"),
                settings.alpha,
                counted(classes, "class")
            );
        }
        ensure!(
            self.average.is_some() == (settings.ema.get() > 0.0),
            "its moving average and its settings disagree"
        );
        ensure!(
            self.best.is_some() == self.progress.best().is_some(),
            "its best weights and its history disagree"
        );
        ensure!(
            self.progress.steps == 0 || !self.optimizer.tensors.is_empty(),
            "the state of the optimiser after {} is missing",
            counted(self.progress.steps as usize, "step")
        );
        let architecture = self.weights.architecture();
        for spec in architecture.tensors() {
            let Some(tensor) = self.optimizer.tensors.get(&spec.name) else {
                continue;
            };
            ensure!(
                tensor.dims().ends_with(&spec.shape),
                "`{OPTIMIZER}{}` has shape {:?}, the network's has {:?}",
                spec.name,
                tensor.dims(),
                spec.shape
            );
        }
        Ok(())
    }
}

fn optimizer(tensors: &SafeTensors, steps: u32, device: &Device) -> Result<OptimizerState> {
    let mut optimizer = OptimizerState {
        steps,
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
        let tensor = Tensor::from_vec(values, view.shape(), device)?;
        optimizer.tensors.insert(name.to_owned(), tensor);
    }
    Ok(optimizer)
}
