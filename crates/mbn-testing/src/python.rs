//! Checks by the reference libraries, run where there is a Python that has them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A Python that has the modules that a test needs.
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// The Python named by `MBN_PYTHON`, else that of `.venv` in the repository (made by `make test`); `None`,
    /// having said on stderr that `test` is skipped and why, if it is not there or lacks one of the modules.
    pub fn find(test: &str, modules: &[&str]) -> Option<Self> {
        let skip = |reason: String| {
            eprintln!("skipped: {test}: {reason}");
            None
        };
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
        let program = std::env::var_os("MBN_PYTHON").map_or(venv, PathBuf::from);
        let import = format!("import {}", modules.join(", "));
        match Command::new(&program).args(["-c", &import]).output() {
            Err(error) => skip(format!("cannot run `{}`: {error}", program.display())),
            Ok(output) if !output.status.success() => skip(format!("Python cannot `{import}`")),
            Ok(_) => Some(Self { program }),
        }
    }

    /// Runs one of the scripts in this crate's `python/` and returns what it printed.
    ///
    /// # Panics
    /// If the script fails, with its messages.
    #[track_caller]
    pub fn run(&self, script: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        let output = Command::new(&self.program).arg(&path).args(args).output();
        let output = output.unwrap_or_else(|error| panic!("cannot run {script}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{script} failed:\n{}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs models with ONNX Runtime on `input` and compares their outputs with `expected`, each a shape and
    /// float32 values; returns what the script printed, the largest difference of each model.
    ///
    /// # Panics
    /// If a difference is above the tolerance.
    #[track_caller]
    pub fn compare_outputs(
        &self,
        input: (&[usize], &[f32]),
        expected: (&[usize], &[f32]),
        tolerance: f32,
        models: &[PathBuf],
    ) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("tensors.safetensors");
        let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let (input_bytes, expected_bytes) = (bytes(input.1), bytes(expected.1));
        let view = |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes);
        let views = [
            ("input", view(input.0, &input_bytes).expect("input has its shape")),
            (
                "expected",
                view(expected.0, &expected_bytes).expect("expected has its shape"),
            ),
        ];
        safetensors::serialize_to_file(views, None, &path).expect("the tensors can be written");
        let args = [path, tolerance.to_string().into()];
        self.run("compare_outputs.py", args.iter().chain(models))
    }
}
