//! Names for what the command in a message writes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How many names are tried.
const TRIED: usize = 10_000;

/// `wanted`, unless the command reads from that file or there is another of that name; then `STEM.converted.EXT` or
/// `STEM.converted-2.EXT` and so on beside it. What a user pastes replaces nothing.
pub(crate) fn free_name(wanted: PathBuf, from: &Path) -> PathBuf {
    let is_free = |path: &PathBuf| path != from && path.symlink_metadata().is_err();
    if is_free(&wanted) {
        return wanted;
    }
    let name = |number: usize| {
        let mut end = OsString::from("converted");
        if number > 1 {
            end.push(format!("-{number}"));
        }
        if let Some(extension) = wanted.extension() {
            end.push(".");
            end.push(extension);
        }
        wanted.with_extension(end)
    };
    (1..=TRIED).map(name).find(is_free).unwrap_or_else(|| name(TRIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_that_is_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let free = |name: &str, from: &str| free_name(path(name), &path(from));
        assert_eq!(free("w.safetensors", "w.pth"), path("w.safetensors"));
        let other = path("w.converted.safetensors");
        assert_eq!(free("w.safetensors", "w.safetensors"), other);
        std::fs::write(path("w.safetensors"), "precious").unwrap();
        assert_eq!(free("w.safetensors", "w.pth"), other);
        std::fs::create_dir(&other).unwrap();
        assert_eq!(free("w.safetensors", "w.pth"), path("w.converted-2.safetensors"));
        #[cfg(unix)]
        {
            // Whatever is written there gets the name that it leads to.
            let link = path("w.converted-2.safetensors");
            std::os::unix::fs::symlink("gone", link).unwrap();
            let next = path("w.converted-3.safetensors");
            assert_eq!(free("w.safetensors", "w.pth"), next);
        }
        assert_eq!(free("v", "v"), path("v.converted"));
    }
}
