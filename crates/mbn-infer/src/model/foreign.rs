//! What is known about a model that another tool wrote.

use std::path::{Path, PathBuf};

use mbn_files::or_current;
use mbn_onnx::foreign::image::ImageMetadata;
use mbn_onnx::foreign::ultralytics::Ultralytics;
use mbn_onnx::foreign::{Normalisation, PictureInput, Unread};
use mbn_spec::ModelMetadata;

/// What is known about a model that another tool wrote.
#[derive(Clone, Debug, Default)]
pub struct Foreign {
    /// What Ultralytics' exporter says about it.
    pub ultralytics: Option<Ultralytics>,
    /// Folders with files that may describe it.
    pub folders: Vec<PathBuf>,
    /// What its first nodes normalise.
    pub normalisation: Option<Normalisation>,
    /// The first operator that may normalise and is not followed, where nothing is known of what they normalise.
    pub unread: Option<Unread>,
    /// What ONNX's own metadata says about its pictures.
    pub image: ImageMetadata,
    /// It takes one channel, grey.
    pub is_grey: bool,
}

impl Foreign {
    /// Reads what another tool's metadata says, and logs what it cannot use.
    pub(super) fn new(path: &Path, model: &mbn_onnx::Model, read: &ModelMetadata) -> Self {
        for collision in &read.collisions {
            log::warn!(
                "`{}` is of another tool, its {collision}; left aside",
                path.display()
            );
        }
        let ultralytics = model.ultralytics().map(|(told, problems)| {
            problems
                .iter()
                .for_each(|problem| log::warn!("`{}`: {problem}", path.display()));
            told
        });
        let image = ImageMetadata::of_model(model);
        for entry in &image.unknown {
            log::warn!(
                "`{}`: metadata {entry}, which is not one of ONNX's values and is left aside",
                path.display()
            );
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        // On the Hub, models of this format have a folder of their own.
        let above = folder
            .file_name()
            .filter(|name| *name == "onnx")
            .and(folder.parent());
        let folders = [Some(folder), above].into_iter().flatten();
        let (normalisation, unread) = match Normalisation::of_model(model) {
            Ok(found) => (Some(found), None),
            Err(unread) => (None, unread),
        };
        Self {
            ultralytics,
            folders: folders.map(|folder| or_current(folder).to_owned()).collect(),
            normalisation,
            unread,
            image,
            is_grey: PictureInput::of_model(model).is_some_and(|input| input.is_grey),
        }
    }
}
