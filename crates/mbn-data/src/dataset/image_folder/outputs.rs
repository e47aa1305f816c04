//! Recognises the folders that the programs write, which often lie beside the classes: runs, and published weights.

use std::ffi::OsStr;
use std::path::Path;

use crate::file_kind::extension;
use crate::picture_files::{Clutter, Reason, has_picture_extension, other_kind};

/// The pictures that a run or an evaluation writes. They are of no class.
const PICTURES: [&str; 6] = [
    "augmented.png",
    "confusion.png",
    "curves.png",
    "mistakes.png",
    "rates.png",
    "reliability.png",
];
/// Endings of weights and models.
const WEIGHTS: [&str; 2] = ["safetensors", "onnx"];
/// What a search for a learning rate and an evaluation write, which write no weights.
const FIGURES: [&str; 2] = ["rates.csv", "evaluation.json"];
/// What stands beside the pictures of a search that was interrupted before it wrote its figures.
const SETTINGS: &str = "settings.toml";
/// Names of the folders in which runs and weights lie unless the user names others.
const USUAL: [&str; 2] = ["runs", "models"];
/// Folders within folders that are looked into: `runs/GROUP/RUN`.
const DEPTH: usize = 3;

/// What a folder holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Neither results nor images.
    Neither,
    /// Weights or figures, or pictures of a run beside its settings, and no other images.
    Results,
    /// Images, or what cannot be read.
    Images,
}

/// Whether a folder holds runs or weights, and no images but those that a run writes. Stops at the first other image.
pub(super) fn holds_results(dir: &Path) -> bool {
    let is_usual = || {
        USUAL
            .iter()
            .any(|usual| dir.file_name() == Some(OsStr::new(usual)))
    };
    match content(dir, DEPTH) {
        Content::Results => true,
        // No run has come so far that it left something.
        Content::Neither => is_usual(),
        Content::Images => false,
    }
}

fn content(dir: &Path, depth: usize) -> Content {
    let Ok(entries) = dir.read_dir() else {
        return Content::Images;
    };
    let mut found = Content::Neither;
    let (mut has_pictures, mut has_settings) = (false, false);
    for entry in entries {
        let Ok(path) = entry.map(|entry| entry.path()) else {
            return Content::Images;
        };
        let within = match path.is_dir() {
            true => content_of_folder(&path, depth),
            false => content_of_file(&path),
        };
        match within {
            Content::Images => return Content::Images,
            Content::Results => found = Content::Results,
            Content::Neither => {}
        }
        has_pictures |= is_picture_of_run(&path);
        has_settings |= path.file_name() == Some(OsStr::new(SETTINGS)) && path.is_file();
    }
    match has_pictures && has_settings {
        true => Content::Results,
        false => found,
    }
}

/// Whether a file is named like a picture that a run writes.
fn is_picture_of_run(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| PICTURES.iter().any(|picture| name == *picture))
}

fn content_of_folder(path: &Path, depth: usize) -> Content {
    match path.file_name().and_then(Clutter::of_folder) {
        Some(_) => Content::Neither,
        None if depth == 0 => Content::Images,
        None => content(path, depth - 1),
    }
}

fn content_of_file(path: &Path) -> Content {
    let name = path.file_name().unwrap_or_default();
    if Clutter::of_file(name).is_some() || is_picture_of_run(path) {
        return Content::Neither;
    }
    let is_figures = FIGURES.iter().any(|figures| name == *figures);
    if is_figures || extension(path).is_some_and(|found| WEIGHTS.contains(&found)) {
        return Content::Results;
    }
    // A broken link may stand for a folder of images.
    let Ok(metadata) = path.metadata() else {
        return Content::Images;
    };
    if has_picture_extension(path) {
        return Content::Images;
    }
    match other_kind(path, metadata.is_file()) {
        None => Content::Images,
        // Of a format that is not read, which the user should hear of.
        Some(Reason::File(kind)) if kind.is_picture() => Content::Images,
        Some(_) => Content::Neither,
    }
}
