//! Checks by Python libraries such as ONNX's own checker.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip::{Needs, skip};

/// A Python that has the modules that a test needs.
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// The Python that `MBN_PYTHON` names, else the one in the repository's `.venv`, which `make test` makes. Skips the
    /// calling test and returns `None` if it does not run or lacks one of the modules.
    pub fn find(modules: &[&str]) -> Option<Self> {
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
        let program = std::env::var_os("MBN_PYTHON").map_or(venv, PathBuf::from);
        let import = format!("import {}", modules.join(", "));
        let reason = match Command::new(&program).args(["-c", &import]).output() {
            Ok(output) if output.status.success() => return Some(Self { program }),
            Ok(_) => format!("`{}` fails to `{import}`", program.display()),
            Err(error) => format!("cannot run `{}`: {error}", program.display()),
        };
        skip(Needs::Other, reason);
        None
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
