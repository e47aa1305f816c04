//! A network on a CUDA device through ONNX Runtime: checked to run there, warmed up, two batches in flight.

use crate::cuda::{self, CudaError, Folders};
use crate::engine::{
    BatchLimit, CudaOptions, Engine, Halving, ModelSource, OrtEngine, Provider, Reading, SessionOptions,
};
use crate::error::EngineError;
use crate::images::PixelBuffer;
use crate::lanes::{Build, Lanes};
use crate::placement::Placement;
use crate::runtime::Runtime;

/// Sessions on the device: while one computes, the other copies its next batch.
const LANES: usize = 2;

/// A network, loaded into its sessions.
pub struct CudaNetwork {
    /// The sessions, on threads of their own.
    pub lanes: Lanes,
    /// Which provider runs each operation.
    pub placement: Placement,
    /// Height and width of the input, if the file fixes them.
    pub input_size: Option<usize>,
    /// Name of the output that the sessions return.
    pub output: String,
}

impl CudaNetwork {
    /// Loads an ONNX file for batches of `batch` images, or of half, a quarter, ... as many if the device has too little
    /// memory. Height and width are `size` if the file does not fix them.
    ///
    /// # Errors
    /// [`EngineError::Cuda`]: something is missing, or the network would not run on the device. Other variants: the file
    /// cannot be run.
    pub fn load(
        runtime: &Runtime,
        source: &ModelSource,
        reading: &Reading,
        options: CudaOptions,
        folders: &Folders,
        size: usize,
        batch: usize,
    ) -> Result<Self, EngineError> {
        cuda::prepare(runtime, folders)?;
        let provider = Provider::Cuda(options);
        let session = SessionOptions {
            // The CPU only does arithmetic on shapes.
            threads: 1,
            provider,
            batch: None,
        };
        let (engine, placement) = OrtEngine::with_placement(runtime, source, &session, reading, size)?;
        placement.require(provider.name()).map_err(CudaError::from)?;
        let (input_size, output) = (engine.input_size(), engine.output_name().to_owned());
        // It holds memory that the batch may need.
        drop(engine);

        let limit = BatchLimit::new(batch);
        let builds = (0..LANES).map(|_| -> Build {
            let (runtime, source, limit) = (runtime.clone(), source.clone(), limit.clone());
            let reading = reading.clone();
            Box::new(move || {
                let build = move |batch| warm_engine(&runtime, &source, &reading, &session, size, batch);
                Ok(Box::new(Halving::start(limit, build)?))
            })
        });
        Ok(Self {
            lanes: Lanes::start(builds)?,
            placement,
            input_size,
            output,
        })
    }
}

/// An engine that has run once: cuDNN has chosen its algorithms, the CUDA graph (if any) is recorded, and the batch fits
/// into the device's memory.
fn warm_engine(
    runtime: &Runtime,
    source: &ModelSource,
    reading: &Reading,
    session: &SessionOptions,
    size: usize,
    batch: usize,
) -> Result<Box<dyn Engine>, EngineError> {
    let session = SessionOptions {
        batch: Some(batch),
        ..*session
    };
    let mut engine = OrtEngine::load(runtime, source, &session, reading)?;
    let size = engine.input_size().unwrap_or(size);
    let blank = PixelBuffer::blank(engine.pixel_type(), batch, size);
    engine.logits(blank.pixels(), batch)?;
    Ok(Box::new(engine))
}
