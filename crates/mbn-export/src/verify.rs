//! Verifies a written file before it gets its name: read again, checked, and run beside candle.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail, ensure};
use mbn_cli::{Hint, Hinted, onnx_runtime};
use mbn_engine::engine::{ModelSource, OrtEngine, Provider, Reading, SessionOptions};
use mbn_engine::runtime::{self, NEEDED, Runtime, RuntimeError};
use mbn_onnx::{
    ExportOptions, Exporter, InputSize, Model, Precision, Structure, Written, checker, structure,
};
use mbn_weights::Weights;

use crate::memory::{self, TooLarge};
use crate::pictures::{Unusable, check_images};
use crate::proof::{OtherOutput, Proof, Reference, Subject, other_outputs, prove};
use crate::trial::NoSizes;

/// What is known about a file after it was checked.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What its graph consists of.
    pub structure: Structure,
    /// Its logits beside candle's, if it ran.
    pub proof: Option<Proof>,
    /// Its other outputs beside the logits.
    pub others: Vec<OtherOutput>,
}

impl Evidence {
    /// Refuses a file that does not compute what it should.
    ///
    /// # Errors
    /// The first difference that is larger than allowed.
    pub fn verdict(&self) -> Result<()> {
        if let Some(proof) = &self.proof {
            proof.verdict()?;
        }
        if let Some(other) = self.others.iter().find(|other| !other.passed()) {
            let OtherOutput {
                name,
                beside,
                largest,
                allowed,
            } = other;
            bail!("its output `{name}` does not fit {beside}: {largest:.1e} apart, {allowed:.1e} allowed");
        }
        Ok(())
    }
}

/// How a written file is verified.
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    /// Whether ONNX Runtime runs the file beside candle; the file is read again and checked in any case.
    pub run: bool,
    /// ONNX Runtime's library, if the user names one.
    pub ort_lib: Option<&'a Path>,
    /// Folder of pictures to run, besides noise.
    pub pictures: Option<&'a Path>,
    /// CPU threads.
    pub threads: usize,
}

impl Verification<'_> {
    /// Refuses a check that cannot take place, before work is done in vain.
    ///
    /// # Errors
    /// There are no pictures in the folder, ONNX Runtime is not found or cannot be used, or a batch of `batch` takes more memory than
    /// there is.
    pub fn require_possible(&self, weights: &Weights, batch: Option<usize>) -> Result<()> {
        self.pictures.map(check_images).transpose()?;
        if self.run {
            find_runtime(self.ort_lib, OTHERWISE)?;
            let size = weights.metadata().preprocess.unwrap_or_default().size;
            memory::require(weights.architecture(), size, batch.unwrap_or(1), OTHERWISE)?;
        }
        Ok(())
    }
}

/// What can be done without ONNX Runtime.
const OTHERWISE: &str = "; `--no-verify` writes the file without the comparison";

/// Threads of ONNX Runtime beside candle's, which sleep meanwhile: few pictures need no more.
pub(crate) const MAX_THREADS: usize = 3;

/// Checks that the file at `path` is whole, and compares what it computes with what the exporter's weights compute in candle.
///
/// # Errors
/// The file is wrong, or ONNX Runtime is not found or cannot be used. Outputs that differ are no error here, but in
/// [`Evidence::verdict`].
pub fn verify(
    path: &Path,
    exporter: &Exporter<'_>,
    options: &ExportOptions,
    verification: Verification<'_>,
) -> Result<Evidence> {
    let bytes = std::fs::read(path).context("cannot read the file again")?;
    let (structure, written) = check(&bytes, exporter, options)?;
    let mut evidence = Evidence {
        structure,
        ..Evidence::default()
    };
    if verification.run {
        let runtime = find_runtime(verification.ort_lib, OTHERWISE)?;
        let threads = verification.threads.min(MAX_THREADS);
        let mut reference = Reference::weights(exporter.weights())?;
        compare(
            &mut evidence,
            &runtime,
            &ModelSource::Bytes(Arc::from(bytes)),
            &written,
            &mut reference,
            verification.pictures,
            threads,
        )?;
    }
    Ok(evidence)
}

/// Runs a file that the exporter wrote beside candle.
pub(crate) fn compare(
    evidence: &mut Evidence,
    runtime: &Runtime,
    source: &ModelSource,
    written: &Written,
    reference: &mut Reference,
    pictures: Option<&Path>,
    threads: usize,
) -> Result<()> {
    let (architecture, batch) = (&written.weights.architecture, written.options.batch);
    memory::require(architecture, written.preprocess.size, batch.unwrap_or(1), "")?;
    let session = SessionOptions {
        threads,
        provider: Provider::Cpu,
        batch: None,
    };
    let mut engine = OrtEngine::load(runtime, source, &session, &Reading::default())?;
    let subject = Subject {
        preprocess: written.preprocess,
        precision: written.options.precision.into(),
        batch: written.options.batch,
        any_size: written.options.size == InputSize::Any,
        pictures,
    };
    // An int8 file must compute what its own integers do; how far that is from the float weights is told beside it. Its own
    // constants are those integers once more.
    evidence.proof = Some(match written.quantized.clone() {
        Some(quantized) => {
            let float = match matches!(reference, Reference::Constants(_)) {
                true => None,
                false => Some(&mut *reference),
            };
            prove(&mut engine, &mut Reference::bytes(quantized)?, float, &subject)?
        }
        None => prove(&mut engine, reference, None, &subject)?,
    });
    evidence.others = other_outputs(runtime, source, written, reference, threads)?;
    Ok(())
}

/// Whether the error is no fault of the file, as far as is known: what it is checked with cannot be used, or no sizes are found with
/// which it runs.
pub(crate) fn is_unchecked(error: &Error) -> bool {
    fn is<T: std::fmt::Display + std::fmt::Debug + Send + Sync + std::error::Error + 'static>(
        cause: &(dyn std::error::Error + 'static),
    ) -> bool {
        let hinted = cause.downcast_ref::<Hinted>();
        cause.is::<T>() || hinted.is_some_and(Hinted::is::<T>)
    }
    let says_nothing = |cause: &(dyn std::error::Error + 'static)| {
        is::<RuntimeError>(cause) || is::<NoSizes>(cause) || is::<TooLarge>(cause)
    };
    error.is::<Unusable>() || error.chain().any(says_nothing)
}

/// ONNX Runtime. The hint for a missing library ends with `otherwise`.
pub(crate) fn find_runtime(library: Option<&Path>, otherwise: &str) -> Result<Runtime> {
    match runtime::find(library) {
        Ok(runtime) => Ok(runtime),
        Err(RuntimeError::NotFound) => Err(RuntimeError::NotFound)
            .context("its outputs cannot be compared with candle's")
            .hint(|| format!("{}{otherwise}", onnx_runtime::missing(NEEDED))),
        Err(error) => Err(error).hint(|| onnx_runtime::unusable(NEEDED)),
    }
}

/// What can be seen without running the file.
fn check(bytes: &[u8], exporter: &Exporter<'_>, options: &ExportOptions) -> Result<(Structure, Written)> {
    let model = Model::from_bytes(bytes)?;
    let report = checker::check(&model)?;
    log::debug!("Shapes inferred: {:?} -> {:?}", report.inputs, report.outputs);
    ensure!(
        model.weights_sha256() == Some(exporter.sha256()),
        "`weights_sha256` is not the hash of the weights"
    );
    let written = model.written()?;
    ensure!(
        written.options == *options,
        "it was written with other options: {:?}, expected {options:?}",
        written.options
    );
    if options.precision == Precision::Int8 {
        ensure!(
            written.quantized.as_ref() == exporter.quantized(),
            "its integers differ from the quantised weights"
        );
    }
    if options.precision == Precision::Fp32 {
        ensure!(
            written.weights == *exporter.folded(),
            "its constants differ from the weights"
        );
    }
    Ok((structure(&model, None)?, written))
}

#[cfg(test)]
mod tests;
