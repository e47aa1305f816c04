//! Writes MobileNetV1 weights as an ONNX file.
//!
//! [`run`] is the program: [`source`] gets the weights, [`mbn_onnx::export`] makes the model, [`verify`] looks at
//! the written file before it gets its name.

pub mod options;
pub mod source;
pub mod summary;
pub mod verify;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use mbn_cli::{DeviceChoice, Hint, Outcome, UsageError, check_output};
use mbn_files::{OutputKind, atomic};
use mbn_onnx::export;
use mbn_weights::{Weights, is_weight_file};

use crate::options::Options;
use crate::verify::Parity;

/// Exports as the options say.
///
/// # Errors
/// Weights, options or a place to write that cannot be used, or a written file that does not pass.
pub fn run(options: Options) -> Result<Outcome> {
    let source = options.source()?;
    check_device(options.common.device)?;
    let classes = options.classes.as_deref();
    let Some(out) = &options.out else {
        let (architecture, size) = source::architecture(&source, classes)?;
        print(&summary::table(&architecture, size))?;
        return Ok(Outcome::Success);
    };
    check_out(out)?;
    let weights = source::weights(&source, classes)?;
    if options.summary {
        let preprocess = weights.metadata().preprocess.unwrap_or_default();
        print(&summary::table(weights.architecture(), preprocess.size))?;
    }
    write(&weights, &options, out)?;
    Ok(Outcome::Success)
}

/// This build runs candle on the CPU, which is enough for three pictures.
fn check_device(choice: DeviceChoice) -> Result<()> {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Cpu => Ok(()),
        DeviceChoice::Cuda(_) => {
            let message = format!("`--device {choice}`: `mbn-export` runs on the CPU alone");
            Err(UsageError(message))
                .hint(|| "leave `--device` out: the file is the same, and runs on any device".to_owned())
        }
    }
}

/// Sees before the work begins that OUT is a file's name, and where links lead to not that of weights.
fn check_out(out: &Path) -> Result<()> {
    check_output(out)?;
    let target = OutputKind::of(out).with_context(|| format!("cannot write `{}`", out.display()))?;
    match target {
        OutputKind::File(file) if is_weight_file(&file) => {
            let (out, file) = (out.display(), file.display());
            Err(anyhow!(
                "`{out}` leads to `{file}`, which is named like a weight file, and would be replaced"
            ))
        }
        OutputKind::File(_) => Ok(()),
        OutputKind::Stream => Err(anyhow!(
            "cannot write `{}`: it is a device, a pipe or an open file, expected a file's name",
            out.display()
        ))
        .hint(|| "what is written is read again and verified, then it gets its name".to_owned()),
    }
}

/// Why a file was not written.
enum WriteError {
    Io(std::io::Error),
    Verification(anyhow::Error),
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn write(weights: &Weights, options: &Options, out: &Path) -> Result<()> {
    let export_options = options.export_options();
    let bytes = export(weights, &export_options)?.to_bytes();
    let threads = options.common.thread_count();
    let mut parity = None;
    let written = atomic::write_checked(out, &bytes, |path| {
        let verified = verify::verify(
            path,
            weights,
            &export_options,
            options.ort_lib.as_deref(),
            threads,
        );
        parity = verified.map_err(WriteError::Verification)?;
        Ok(())
    });
    match written {
        Ok(()) => {}
        Err(WriteError::Io(error)) => {
            return Err(error).with_context(|| format!("cannot write `{}`", out.display()));
        }
        Err(WriteError::Verification(error)) => {
            return Err(error.context(format!(
                "`{}` was not written, it does not pass verification",
                out.display()
            )));
        }
    }
    report(weights, options, out, bytes.len(), parity.as_ref());
    Ok(())
}

fn report(weights: &Weights, options: &Options, out: &Path, bytes: usize, parity: Option<&Parity>) {
    let out = out.display();
    let architecture = weights.architecture();
    let parameters = architecture.summary(0).parameters();
    log::info!(
        "Wrote `{out}`: MobileNetV1 alpha {}, {}, {} parameters, {}, opset {}, {} bytes",
        architecture.alpha,
        architecture.class_count(),
        summary::thousands(parameters),
        options.export_options().precision,
        options.opset,
        summary::thousands(bytes as u64),
    );
    match parity {
        Some(parity) => log::info!("Its outputs agree with candle's: {parity}"),
        None => log::warn!(
            "its outputs were not compared with candle's, since ONNX Runtime was not found; `make onnxruntime` gets it"
        ),
    }
    log::info!("Classify with `mbn-infer --model {out} images/*`");
}

fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}
