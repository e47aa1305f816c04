//! The options that a run does not remember, for the commands that messages name.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mbn_cli::quote;

use crate::options::Options;

/// What `--libheif` names: the whole process reads images with it.
static LIBHEIF: OnceLock<PathBuf> = OnceLock::new();

/// Keeps the options that a command has to give again.
pub(crate) fn keep(options: &Options) {
    if let Some(library) = &options.libheif.libheif {
        LIBHEIF.get_or_init(|| library.clone());
    }
}

/// The command that continues the run in `folder`.
pub(crate) fn resume(folder: &Path) -> String {
    format!("mbn-train --resume {}{}", quote(folder), options())
}

/// The options to append to a command that reads the same images: empty, or ` --libheif system`.
pub(crate) fn options() -> String {
    shown(LIBHEIF.get().map(PathBuf::as_path))
}

fn shown(libheif: Option<&Path>) -> String {
    libheif.map_or_else(String::new, |library| format!(" --libheif {}", quote(library)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_named_as_a_shell_takes_it() {
        assert_eq!(shown(None), "");
        assert_eq!(shown(Some("system".as_ref())), " --libheif system");
        assert_eq!(shown(Some("my libs/h.so".as_ref())), " --libheif 'my libs/h.so'");
    }
}
