//! The network on a CUDA device through ONNX Runtime: checked to run there, warmed up, two batches in flight.

use anyhow::Result;
use mbn_onnx::PROBABILITIES;

use super::Loaded;
use crate::cuda::{self, CudaError, Folders};
use crate::engine::{BatchLimit, CudaOptions, Engine, Halving, OrtEngine, Provider, SessionOptions, Source};
use crate::lanes::{Build, Lanes};
use crate::model::Model;
use crate::options::Options;
use crate::runtime::Runtime;

/// Sessions on the device: while one computes, the other copies its next batch.
const LANES: usize = 2;

/// Loads the model onto CUDA device `device`.
///
/// # Errors
/// [`CudaError`] in the chain: what is missing, or that the network would not run there.
pub(super) fn load(
    model: &Model,
    runtime: &Runtime,
    source: &Source,
    options: &Options,
    device: usize,
) -> Result<Loaded> {
    cuda::prepare(runtime, &Folders::new(options.cuda_libs.as_deref()))?;
    let provider = Provider::Cuda(CudaOptions {
        device,
        tf32: options.tf32,
        search: options.cudnn_search.unwrap_or_default(),
        graph: options.cuda_graph,
    });
    let session = SessionOptions {
        threads: options.common.thread_count(),
        provider,
        batch: None,
    };
    let size = model.preprocess(None).size;
    let (engine, placement) = OrtEngine::with_placement(runtime, source, &session, size)?;
    log::info!("placement: {placement}");
    placement.require(provider.name()).map_err(CudaError::from)?;
    let (input_size, probabilities) = (engine.input_size(), engine.output_name() == PROBABILITIES);
    drop(engine);

    let batch = options.cuda_batch_len();
    let limit = BatchLimit::new(batch);
    let builds = (0..LANES).map(|_| -> Build {
        let (runtime, source, limit) = (runtime.clone(), source.clone(), limit.clone());
        Box::new(move || {
            let build = move |batch| warm_engine(&runtime, &source, &session, size, batch);
            Ok(Box::new(Halving::start(limit, build)?))
        })
    });
    Ok(Loaded {
        lanes: Lanes::start(builds)?,
        batch,
        input_size,
        probabilities,
        provider,
    })
}

/// An engine that has run once, so that cuDNN's algorithms are chosen, a CUDA graph is recorded, and what the batch
/// needs of the device's memory is known.
fn warm_engine(
    runtime: &Runtime,
    source: &Source,
    session: &SessionOptions,
    size: usize,
    batch: usize,
) -> Result<Box<dyn Engine>> {
    let session = SessionOptions {
        batch: Some(batch),
        ..*session
    };
    let mut engine = OrtEngine::load(runtime, source, &session)?;
    let size = engine.input_size().unwrap_or(size);
    engine.logits(&vec![0.0; batch * 3 * size * size], batch)?;
    Ok(Box::new(engine))
}
