//! Checks by the reference libraries, run where there is a Python that has them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python that has the modules that a test needs.
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// The Python named by `MBN_PYTHON`, else that of `.venv` in the repository (made by `make test`); `None`,
    /// having said on stderr that `test` is skipped and why, if it is not there or lacks one of the modules.
    pub fn find(test: &str, modules: &[&str]) -> Option<Self> {
        let skip = |reason: String| {
            crate::skipped(test, &reason);
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
}
