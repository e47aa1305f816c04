//! A stand-in for NCCL.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip::{Needs, skip};

/// A library with NCCL's interface that adds up what lies in the computer's memory, compiled into `folder`. Skips the calling
/// test and returns `None` where there is no C compiler.
///
/// # Panics
/// If the source does not compile.
pub fn nccl(folder: &Path) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/nccl.c");
    let library = folder.join("libnccl.so.2");
    let compiler = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-pthread", source, "-o"])
        .arg(&library)
        .status();
    let Ok(status) = compiler else {
        skip(Needs::Other, "there is no C compiler `cc`");
        return None;
    };
    assert!(status.success(), "`cc` does not take {source}");
    Some(library)
}
