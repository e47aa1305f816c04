//! What to do about an input that holds pictures, but not as it was given.

use std::path::Path;

use mbn_cli::quote;
use mbn_data::{CollectErrorKind, LeftOut};
use mbn_files::FileKind;

/// Patterns that advice names; more are too many to type.
const PATTERNS: usize = 3;

/// What to do about a folder without pictures that has archives or tables; else nothing.
pub(super) fn for_folder(folder: &Path, left_out: &LeftOut) -> String {
    let patterns = left_out.containers().into_iter().take(PATTERNS);
    let patterns: Vec<_> = patterns.map(|pattern| quote(&folder.join(pattern))).collect();
    match patterns.is_empty() {
        true => String::new(),
        false => format!("; `mbn-infer {}` reads them", patterns.join(" ")),
    }
}

/// What to do about a path that gives no picture; else nothing.
pub(super) fn for_path(path: &Path, kind: &CollectErrorKind) -> String {
    match kind {
        CollectErrorKind::NoImages(left_out) => for_folder(path, left_out),
        CollectErrorKind::OtherThanArchive(FileKind::Picture(_)) => {
            "; give its path to classify it".to_owned()
        }
        CollectErrorKind::OtherThanArchive(kind) => for_kind(path, *kind),
        _ => String::new(),
    }
}

/// What to do about a file on this machine that is no picture, by its first bytes; else nothing.
pub fn for_file(path: &Path) -> String {
    let kind = FileKind::of_file(path).ok().flatten();
    kind.map(|kind| for_kind(path, kind)).unwrap_or_default()
}

/// What to do about a file of a kind that may hold pictures.
fn for_kind(path: &Path, kind: FileKind) -> String {
    // It may be on stdin or on another machine.
    let file = match path.is_file() {
        true => quote(path),
        false => "FILE".to_owned(),
    };
    match kind {
        FileKind::Compressed(program @ ("gzip" | "bzip2" | "xz" | "zstd")) => {
            format!("; `{program} -dc {file} | mbn-infer -` reads it, if it holds a tar archive")
        }
        FileKind::Zip | FileKind::Compressed(_) => "; unpack it and give the folder".to_owned(),
        FileKind::Tar => format!("; `mbn-infer - < {file}` reads it"),
        FileKind::Parquet => "; its name must end in `.parquet`".to_owned(),
        _ => String::new(),
    }
}
