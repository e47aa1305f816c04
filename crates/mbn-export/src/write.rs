//! Writes what was asked for, and proves it before it gets its name.

use std::path::Path;

use anyhow::{Context, Error, Result, anyhow, ensure};
use mbn_cli::Hint;
use mbn_files::atomic;
use mbn_onnx::{ExportError, ExportOptions, Exporter, Precision};
use mbn_spec::text::thousands;
use mbn_weights::Weights;

use crate::options::{Options, rejected};
use crate::proof::Proof;
use crate::report::Known;
use crate::speed::{self, Speed};
use crate::target::Target;
use crate::verify::{self, Verification, find_runtime, is_unchecked};
use crate::{calibrate, print, range};

/// Writes the weights under this project's names, with their description, and reads them again.
pub(crate) fn weights(weights: &Weights, out: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write `{}`", out.display());
    // Whoever reads them must not assume anything.
    let mut metadata = weights.metadata().clone();
    metadata.preprocess.get_or_insert_default();
    let weights = weights.clone().with_metadata(metadata)?;
    let bytes = weights.to_bytes().with_context(cannot_write)?;
    let written = Weights::from_bytes(&bytes).with_context(cannot_write)?;
    ensure!(
        written == weights,
        "the written weights differ from those that were read"
    );
    // Weights take long to train.
    if Weights::load(out).is_ok_and(|there| there.sha256() != weights.sha256()) {
        return Err(anyhow!(
            "`{}` holds other weights, which would be replaced",
            out.display()
        ))
        .hint(|| "give the weights another name, or remove that file first".to_owned());
    }
    atomic::write(out, &bytes).with_context(cannot_write)?;
    log::info!(
        "Wrote `{}`: {}, {} parameters, weights for every program of this project, {} bytes",
        out.display(),
        weights.architecture(),
        thousands(weights.architecture().summary(0).parameters()),
        thousands(bytes.len() as u64),
    );
    Ok(())
}

/// Writes the model under a temporary name, verifies it, and gives it its name. `source` names the weights in messages, and `known`
/// gets what is to be reported.
pub(crate) fn model(
    weights: &Weights,
    source: &str,
    options: &Options,
    target: Target,
    known: &mut Known,
) -> Result<()> {
    let out = known.file.insert(target.path()).clone();
    let (mut exporter, mut export_options) = (Exporter::new(weights), options.export_options());
    let verification = Verification {
        run: !options.no_verify,
        ort_lib: options.ort_lib.as_deref(),
        pictures: options.check_images.as_deref(),
        threads: options.common.thread_count(),
    };
    // Calibration takes minutes.
    verification
        .require_possible(weights, export_options.batch)
        .map_err(|error| unwritten(error, &out))?;
    if let Some(recipe) = options.recipe() {
        let calibrated =
            calibrate::quantise(weights, &recipe).with_context(|| format!("{source} cannot be quantised"))?;
        if let Some(table) = &calibrated.table {
            print(table)?;
        }
        export_options.keep_float = calibrated.quantized.float_layers();
        exporter = exporter.with_quantized(calibrated.quantized, calibrated.how);
    }
    let model = advised(exporter.export(&export_options), source)?;
    let model = &*known.model.insert(model);
    let bytes = model.to_bytes();
    known.bytes = bytes.len();
    range::check(
        weights,
        &export_options,
        verification.pictures,
        options.allow_overflow,
    )?;
    let file = target.stage(model, &bytes)?;
    let found = verify::verify(file.temporary_path(), &exporter, &export_options, verification);
    let failed = match found {
        Ok(evidence) => known.evidence.insert(evidence).verdict().err(),
        Err(error) => Some(error),
    };
    if let Some(error) = failed {
        // What could not be checked may be sound.
        if options.keep_rejected && !is_unchecked(&error) {
            let kept = rejected(&out);
            let shown = kept.display();
            // What is wrong with the model counts more.
            match atomic::write(&kept, &bytes) {
                Ok(()) => log::warn!("The file that does not pass is kept as `{shown}`"),
                Err(error) => log::warn!("The file that does not pass cannot be kept as `{shown}`: {error}"),
            }
        }
        return Err(unwritten(error, &out));
    }
    let target = file.commit(target, model, &bytes)?;
    known.file = Some(target.path());
    let proof = known
        .evidence
        .as_ref()
        .and_then(|evidence| evidence.proof.as_ref());
    tell(weights, options, &target, bytes.len(), proof);
    if proof.is_some()
        && export_options.precision == Precision::Int8
        && let Err(error) = tell_speed(&exporter, &export_options, options, bytes, &target.path())
    {
        // The file is written and proven.
        log::warn!("how fast it is was not measured: {error:#}");
    }
    Ok(())
}

/// The error for a file that was verified, or was to be.
fn unwritten(error: Error, out: &Path) -> Error {
    let why = match is_unchecked(&error) {
        true => "cannot be checked",
        false => "does not pass verification",
    };
    error.context(format!("`{}` was not written because it {why}", out.display()))
}

/// Names the weights that cannot be exported, and what may be done about it.
fn advised<T>(result: Result<T, ExportError>, source: &str) -> Result<T> {
    let advice = result.as_ref().err().and_then(advice);
    let result = result.with_context(|| format!("{source} cannot be exported"));
    match advice {
        Some(advice) => result.hint(|| advice.to_owned()),
        None => result,
    }
}

fn advice(error: &ExportError) -> Option<&'static str> {
    let float32 = Some("`--precision fp32` holds them");
    match error {
        ExportError::Vanishing { .. } => float32,
        // An infinity is none that float32 holds as a weight.
        ExportError::Range {
            precision: Precision::Fp16,
            value,
            ..
        } if value.is_finite() => float32,
        ExportError::Range { folded: true, .. } => Some(
            "weights so large come of a training run that diverged: take earlier ones, or keep batch norm apart with `--no-fold`",
        ),
        ExportError::Range { .. } | ExportError::Values(_) => Some(
            "weights that are no numbers, or so large, come of a training run that diverged: take earlier ones",
        ),
        _ => None,
    }
}

/// Says how fast the int8 file `out` is here: without VNNI, or with few channels, it may be slower than float32.
fn tell_speed(
    exporter: &Exporter<'_>,
    export: &ExportOptions,
    options: &Options,
    bytes: Vec<u8>,
    out: &Path,
) -> Result<()> {
    let runtime = find_runtime(options.ort_lib.as_deref(), "")?;
    let threads = options.common.thread_count();
    let speed = Speed::measure(&runtime, bytes, exporter, export, threads)?;
    let text = speed.describe(out);
    match speed.ratio() < 1.0 {
        false => log::info!("{text}"),
        true => log::warn!("{text}\nhint: {}", speed::advice(speed::has_vnni())),
    }
    Ok(())
}

fn tell(weights: &Weights, options: &Options, target: &Target, bytes: usize, proof: Option<&Proof>) {
    let architecture = weights.architecture();
    let parameters = architecture.summary(0).parameters();
    log::info!(
        "Wrote `{}`: MobileNetV1 alpha {}, {}, {} parameters, {}, opset {}, {} bytes",
        target.path().display(),
        architecture.alpha,
        architecture.class_count(),
        thousands(parameters),
        options.export_options().precision,
        options.export_options().opset,
        thousands(bytes as u64),
    );
    match proof {
        Some(proof) => log::info!("Its outputs agree with candle's: {proof}"),
        None => log::info!("Its outputs were not compared with candle's, as `--no-verify` says"),
    }
    log::info!("{}", target.next_step());
}
