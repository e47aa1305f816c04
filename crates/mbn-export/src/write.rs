//! Writes what was asked for, and proves it before it gets its name.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use mbn_files::atomic;
use mbn_onnx::{ExportOptions, Exporter, Precision};
use mbn_spec::text::thousands;
use mbn_weights::Weights;

use crate::options::{Options, rejected};
use crate::proof::Proof;
use crate::report::Report;
use crate::speed::Speed;
use crate::target::Target;
use crate::verify::{self, Verification, find_runtime};
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

/// Writes the model under a temporary name, verifies it, and gives it its name.
pub(crate) fn model(weights: &Weights, options: &Options, target: &Target) -> Result<()> {
    let out = &target.path();
    let (mut exporter, mut export_options) = (Exporter::new(weights), options.export_options());
    if let Some(recipe) = options.recipe() {
        let calibrated = calibrate::quantise(weights, &recipe)?;
        if let Some(table) = &calibrated.table {
            print(table)?;
        }
        export_options.keep_float = calibrated.quantized.float_layers();
        exporter = exporter.with_quantized(calibrated.quantized, calibrated.how);
    }
    let model = exporter.export(&export_options)?;
    let bytes = model.to_bytes();
    let pictures = options.check_images.as_deref();
    range::check(weights, &export_options, pictures, options.allow_overflow)?;
    let file = target.stage(&model, &bytes)?;
    let verification = Verification {
        run: !options.no_verify,
        ort_lib: options.ort_lib.as_deref(),
        pictures,
        threads: options.common.thread_count(),
    };
    let found = verify::verify(file.temporary_path(), &exporter, &export_options, verification);
    let (evidence, failed) = match found {
        Ok(evidence) => {
            let failed = evidence.verdict().err();
            (Some(evidence), failed)
        }
        Err(error) => (None, Some(error)),
    };
    let failed = failed.map(|error| {
        error.context(format!(
            "`{}` was not written because it does not pass verification",
            out.display()
        ))
    });
    if let Some(path) = &options.report {
        let report = Report {
            file: out,
            model: &model,
            bytes: bytes.len(),
            reference: Some("the weights"),
            evidence: evidence.as_ref(),
            error: failed.as_ref(),
        };
        report.write(path)?;
    }
    if let Some(error) = failed {
        if options.keep_rejected {
            let kept = rejected(out);
            atomic::write(&kept, &bytes).with_context(|| format!("cannot write `{}`", kept.display()))?;
            log::warn!("The file that does not pass is kept as `{}`", kept.display());
        }
        return Err(error);
    }
    file.commit()?;
    let proof = evidence.as_ref().and_then(|evidence| evidence.proof.as_ref());
    report(weights, options, target, bytes.len(), proof);
    if proof.is_some() && export_options.precision == Precision::Int8 {
        tell_speed(&exporter, &export_options, options, bytes)?;
    }
    Ok(())
}

/// Says how fast an int8 file is here: without VNNI it may be slower than float32.
fn tell_speed(
    exporter: &Exporter<'_>,
    export: &ExportOptions,
    options: &Options,
    bytes: Vec<u8>,
) -> Result<()> {
    let runtime = find_runtime(options.ort_lib.as_deref(), "")?;
    let threads = options.common.thread_count();
    let speed = Speed::measure(&runtime, bytes, exporter, export, threads)?;
    match speed.ratio() < 1.0 {
        false => log::info!("It is {speed}"),
        true => log::warn!(
            "It is {speed}\nhint: on processors with VNNI int8 is faster; `docs/int8.md` has a table"
        ),
    }
    Ok(())
}

fn report(weights: &Weights, options: &Options, target: &Target, bytes: usize, proof: Option<&Proof>) {
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
