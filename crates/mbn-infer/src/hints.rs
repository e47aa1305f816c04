//! What a user can do about errors of the engine.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use anyhow::Result;
use mbn_cli::{Hint, onnx_runtime};
use mbn_engine::EngineError;
use mbn_engine::cuda::{CudaError, OLDEST_DRIVER};
use mbn_engine::runtime::{NEEDED, RuntimeError};
use mbn_spec::text::listed;

/// Missing files that a message names before it counts the others.
const MISSING: usize = 3;

/// Advice for an ONNX Runtime that is missing or unusable.
pub fn of_runtime(error: &RuntimeError) -> String {
    match error {
        RuntimeError::NotFound => onnx_runtime::missing(NEEDED),
        _ => onnx_runtime::unusable(NEEDED),
    }
}

/// Advice for a model without the files that hold its constants.
pub fn of_missing(files: &[PathBuf]) -> String {
    let files = files.iter().map(|path| format!("`{}`", path.display()));
    format!(
        "the model keeps constants in files of their own, which are not there: {}; copy them into its folder under these names",
        listed(files, MISSING)
    )
}

/// Advice for a CUDA provider that cannot be used.
pub fn of_cuda(error: &CudaError) -> String {
    match error {
        CudaError::NoProvider { .. } => {
            "`make onnxruntime-cuda` gets an ONNX Runtime that has it, and so does the package `onnxruntime-gpu`, 1.27 or newer, in the \
             program's Python environment; to use it, leave out `--ort-lib` and unset `ORT_DYLIB_PATH`. `--device cpu` \
             classifies on the CPU"
                .to_owned()
        }
        CudaError::Overwritten { .. } => {
            "the packages `onnxruntime` and `onnxruntime-gpu` write into one folder: `python3 -m pip uninstall \
             onnxruntime`, then `python3 -m pip install --force-reinstall --no-deps 'onnxruntime-gpu>=1.27'`, leaves the second"
                .to_owned()
        }
        CudaError::OtherVersion { .. } => {
            "`python3 -m pip install 'onnxruntime-gpu>=1.27'` gets one for CUDA 13, and so does `make onnxruntime-cuda`"
                .to_owned()
        }
        CudaError::ProviderMissing { .. } => {
            "`make onnxruntime-cuda` gets it; it must lie beside ONNX Runtime's library".to_owned()
        }
        CudaError::Library {
            package: Some(package),
            ..
        } => format!(
            "`python3 -m pip install '{package}'` gets it; `--cuda-libs DIR` names the folder that has it, or the \
             Python environment that has NVIDIA's packages"
        ),
        CudaError::Library { .. } => "`--cuda-libs DIR` names the folder that has it".to_owned(),
        CudaError::NoDriver { .. } => format!(
            "install NVIDIA's driver, {OLDEST_DRIVER} or newer; start a container with the host's GPUs. \
             `--device cpu` classifies on the CPU"
        ),
        CudaError::DriverTooOld { .. } => {
            format!("install driver {OLDEST_DRIVER} or newer; `nvidia-smi` shows the version")
        }
        CudaError::NoDevice => {
            "`nvidia-smi` lists the devices; `CUDA_VISIBLE_DEVICES` may hide them. `--device cpu` classifies on the \
             CPU"
            .to_owned()
        }
        CudaError::Index {
            found: Some(found), ..
        } if *found > 0 => {
            format!("the first device is `cuda:0`, the last `cuda:{}`", found - 1)
        }
        CudaError::Index { .. } => {
            "the first device is `cuda:0`; `nvidia-smi -L` lists all, `CUDA_VISIBLE_DEVICES` may hide some".to_owned()
        }
        CudaError::Unsupported { .. } => {
            "`--engine candle --device cuda` of a program that `make cuda` built runs on every card from compute capability 8.0 on; \
             `--device cpu` classifies on the CPU"
                .to_owned()
        }
        CudaError::OutOfMemory { .. } => {
            "`nvidia-smi` shows what else uses the device; `--batch-size` and `--cudnn-search heuristic` need less"
                .to_owned()
        }
        CudaError::Placement(_) => {
            "`--device cpu` runs all of it on the CPU; a float32 or float16 model of `mbn-export` runs on CUDA as a \
             whole"
                .to_owned()
        }
        CudaError::Graph(_) => "leave `--cuda-graph` out".to_owned(),
        CudaError::Other(_) => {
            "`--log-level debug` prints what ONNX Runtime says; `--device cpu` classifies on the CPU".to_owned()
        }
    }
}

/// The result, with a hint if CUDA is the cause of its error.
pub fn with_cuda_hint<T>(result: Result<T>) -> Result<T> {
    let hint = result.as_ref().err().and_then(cuda_cause).map(of_cuda);
    match hint {
        Some(hint) => result.hint(|| hint),
        None => result,
    }
}

/// What an engine was given, as far as the model leaves it open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fed {
    /// Images at once.
    pub batch: usize,
    /// Height and width of the images, unless the model fixes them.
    pub open_size: Option<usize>,
}

impl Fed {
    /// Advice for a network that may have been exported for something else.
    fn advice(self) -> Option<String> {
        let batch = (self.batch > 1).then_some("`--batch-size 1` gives it one image at a time");
        let size = self.open_size.map(|size| {
            format!(
                "`--size PIXELS` gives it images of another size than {size} x {size}, which it does not fix"
            )
        });
        let parts: Vec<_> = batch.map(str::to_owned).into_iter().chain(size).collect();
        (!parts.is_empty()).then(|| format!("{}, in case it was exported for that", parts.join("; ")))
    }
}

/// The result, with a hint if the user can say what the model leaves open.
pub fn with_engine_hint<T>(result: Result<T>, fed: Fed) -> Result<T> {
    let cause = result.as_ref().err();
    let cause = cause.and_then(|error| {
        error
            .chain()
            .find_map(|cause| cause.downcast_ref::<EngineError>())
    });
    let hint = match cause {
        Some(EngineError::SeveralOutputs { .. }) => {
            Some("`--output-name NAME` names the one that has the classes' values".to_owned())
        }
        Some(EngineError::OutputShape { .. } | EngineError::Run(_)) => fed.advice(),
        _ => return with_cuda_hint(result),
    };
    match hint {
        Some(hint) => result.hint(|| hint),
        None => result,
    }
}

/// The result, with a hint if a full disk is the cause of its error, and the unfinished output called `left` has the results so far.
pub fn with_disk_hint<T>(result: Result<T>, left: Option<String>) -> Result<T> {
    let is_full = |error: &anyhow::Error| {
        let mut kinds = error
            .chain()
            .filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
        kinds.any(|kind| {
            matches!(
                kind,
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            )
        })
    };
    match left {
        Some(left) if result.as_ref().is_err_and(is_full) => {
            result.hint(|| format!("{left} has the results so far: make room, then `--resume` continues it"))
        }
        _ => result,
    }
}

fn cuda_cause(error: &anyhow::Error) -> Option<&CudaError> {
    error.chain().find_map(|cause| {
        let cuda = cause.downcast_ref::<CudaError>();
        cuda.or_else(|| cause.downcast_ref::<EngineError>()?.cuda())
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use mbn_cli::Hinted;

    use super::*;

    #[test]
    fn hints_name_what_the_error_leaves_open() {
        let library = CudaError::of_message("cuDNN is not available", 0);
        for (error, part) in [
            (CudaError::DriverTooOld { installed: None }, OLDEST_DRIVER),
            (library, "nvidia-cudnn-cu13"),
            (
                CudaError::Index {
                    index: 3,
                    found: Some(2),
                },
                "the last `cuda:1`",
            ),
            (CudaError::Graph(String::new()), "--cuda-graph"),
            (
                CudaError::Overwritten {
                    library: "libonnxruntime.so.1.31.1".into(),
                    version: "1.31.1".to_owned(),
                    provider: "libonnxruntime_providers_cuda.so".into(),
                },
                "--force-reinstall",
            ),
        ] {
            assert!(of_cuda(&error).contains(part), "{error}");
        }
        assert!(of_runtime(&RuntimeError::NotFound).contains("make onnxruntime"));
    }

    #[test]
    fn a_failing_network_gets_advice_on_what_it_leaves_open() {
        for (batch, open_size, parts) in [
            (1, None, &[][..]),
            (8, None, &["--batch-size 1"]),
            (1, Some(64), &["--size PIXELS", "64 x 64"]),
            (8, Some(64), &["--batch-size 1", "--size PIXELS"]),
        ] {
            let failed = Err::<(), _>(EngineError::Run(String::new()).into());
            let error = with_engine_hint(failed, Fed { batch, open_size }).unwrap_err();
            let hint = error.downcast_ref::<Hinted>().map_or("", |hinted| &hinted.hint);
            assert_eq!(hint.is_empty(), parts.is_empty(), "{hint}");
            assert!(parts.iter().all(|part| hint.contains(part)), "{hint}");
        }
    }

    #[test]
    fn an_error_of_cuda_is_found_below_others() {
        let failed = || Err(EngineError::from(CudaError::NoDevice)).context("the engine failed");
        let error = with_cuda_hint::<()>(failed()).unwrap_err();
        let hint = &error.downcast_ref::<Hinted>().unwrap().hint;
        assert!(hint.contains("nvidia-smi"), "{hint}");
        let error = with_cuda_hint::<()>(Err(EngineError::Empty.into())).unwrap_err();
        assert!(error.downcast_ref::<Hinted>().is_none());
    }
}
