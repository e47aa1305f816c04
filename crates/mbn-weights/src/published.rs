//! Where published weights are, relative to the current folder, and how weight files are told from others.

use std::path::{Path, PathBuf};

use mbn_files::FileKind;
use mbn_spec::Alpha;

/// The folder in which `mbn-train` publishes weights and `mbn-export` and `mbn-infer` look for them.
pub const MODELS: &str = "models";

/// The file of a run folder with the weights of its best epoch.
pub const BEST_OF_RUN: &str = "best.safetensors";

/// The file of a run folder with the weights of its last epoch.
pub const LAST_OF_RUN: &str = "last.safetensors";

const EXTENSION: &str = "safetensors";

/// The file of the published weights of `alpha`.
pub fn published_weights(alpha: Alpha) -> PathBuf {
    format!("{MODELS}/mobilenet_v1_{alpha}.{EXTENSION}").into()
}

/// Whether a file is named like a weight file; the extension may have large letters, as on systems that do not tell them apart.
pub fn is_weight_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION))
}

/// What kind of weight file a file is by its first bytes, if it is one, of any library and any network. A zip may be one.
///
/// # Errors
/// The file cannot be read.
pub fn weight_file_kind(path: &Path) -> std::io::Result<Option<FileKind>> {
    use FileKind::{Hdf5, NumpyPickle, PytorchPickle, PytorchZip, Safetensors, TensorflowCheckpoint, Zip};
    let kind = FileKind::of_file(path)?.filter(|kind| {
        matches!(
            kind,
            Safetensors | PytorchZip | Zip | PytorchPickle | Hdf5 | NumpyPickle | TensorflowCheckpoint
        )
    });
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_files_are_told_by_their_names_and_by_their_first_bytes() {
        for (name, expected) in [
            ("a.safetensors", true),
            ("a/b.SafeTensors", true),
            ("a.onnx", false),
            ("safetensors", false),
        ] {
            assert_eq!(is_weight_file(Path::new(name)), expected, "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(weight_file_kind(&path).is_err());
        let weights = crate::sample::sample(2).to_bytes().unwrap();
        for (content, expected) in [
            (&weights[..], Some(FileKind::Safetensors)),
            (b"\x89HDF\r\n\x1a\n\0\0\0\0", Some(FileKind::Hdf5)),
            (b"\x08\x08\x12\x07pytorch\x3a\0", None),
            (b"a text", None),
            (b"", None),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(weight_file_kind(&path).unwrap(), expected);
        }
    }
}
