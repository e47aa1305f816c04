//! STL-10's binary files: RGB images of 96 x 96 pixels, channel by channel, each channel column by column.

mod error;
mod layout;
mod text_files;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use mbn_files::whole_file;
use sha2::{Digest, Sha256};

pub use error::{Stl10Error, Stl10ErrorKind};
use layout::{CLASS_NAMES, FOLDS, PICTURE, SIDE};
pub(super) use layout::{LAYOUT, find, is_there};

use super::splits::{Splits, folder_name, hex};
use crate::decode::{DecodeError, DecodeErrorKind};
use crate::image_source::ImageSource;
use crate::picture::Picture;
use crate::picture_files::LeftOut;

/// Opens the training and the test set. With a fold, the training set has the images of that fold only.
pub(super) fn open(dir: &Path, fold: Option<usize>) -> Result<Splits, Stl10Error> {
    let class_names = text_files::class_names(&dir.join(CLASS_NAMES))?;
    let mut train = Stl10::open(dir, "train", &class_names)?;
    let test = Stl10::open(dir, "test", &class_names)?;
    if let Some(fold) = fold {
        train.pictures = text_files::fold(&dir.join(FOLDS), fold, train.len())?;
    }
    Ok(Splits {
        name: folder_name(dir),
        class_names,
        class_folders: Vec::new(),
        warnings: Vec::new(),
        fingerprint: fingerprint(&train, &test),
        train: Arc::new(train),
        test: Arc::new(test),
        left_out: LeftOut::default(),
        held_out: None,
    })
}

/// SHA-256 over the positions and labels of both parts.
fn fingerprint(train: &Stl10, test: &Stl10) -> String {
    let mut hash = Sha256::new();
    for part in [train, test] {
        for &picture in &part.pictures {
            hash.update((picture as u64).to_le_bytes());
            hash.update(part.labels[picture].to_le_bytes());
        }
        hash.update([0]);
    }
    hex(hash)
}

/// A labelled part of the data set. The labels are in memory; each image of 27,648 bytes is read from the file when it
/// is needed.
#[derive(Debug)]
pub struct Stl10 {
    class_names: Vec<String>,
    /// Class of each image in the file.
    labels: Vec<u32>,
    /// Positions in the file of the images that this source has.
    pictures: Vec<usize>,
    path: PathBuf,
    file: Mutex<File>,
}

impl Stl10 {
    /// Opens `PART_X.bin` and `PART_y.bin`, where `part` is `train` or `test`.
    ///
    /// # Errors
    /// [`Stl10Error`] if a file is missing, the sizes disagree, or a label is not in 1 to the number of classes.
    pub fn open(dir: &Path, part: &str, class_names: &[String]) -> Result<Self, Stl10Error> {
        let label_path = dir.join(format!("{part}_y.bin"));
        let path = dir.join(format!("{part}_X.bin"));
        let file = File::open(&path).map_err(|e| Stl10Error::reading(&path, e))?;
        let bytes = file.metadata().map_err(|e| Stl10Error::reading(&path, e))?.len();
        let pictures = bytes / PICTURE as u64;
        let wrong = |labels| Stl10Error {
            path: path.clone(),
            kind: Stl10ErrorKind::Size {
                bytes,
                labels,
                label_path: label_path.clone(),
            },
        };
        // No more labels than pictures are read: whatever else the file is, it is not theirs.
        let read = whole_file::read(&label_path, pictures, Failure::TooLarge);
        let labels = read.map_err(|failure| match failure {
            Failure::TooLarge(labels) => wrong(labels),
            Failure::Io(error) => Stl10Error::reading(&label_path, error),
        })?;
        if bytes != (labels.len() * PICTURE) as u64 || labels.is_empty() {
            return Err(wrong(labels.len() as u64));
        }
        check_labels(&labels, class_names.len()).map_err(|kind| Stl10Error {
            path: label_path,
            kind,
        })?;
        Ok(Self {
            class_names: class_names.to_vec(),
            pictures: (0..labels.len()).collect(),
            labels: labels.iter().map(|&label| u32::from(label) - 1).collect(),
            path,
            file: Mutex::new(file),
        })
    }
}

/// Why a file is not read whole.
enum Failure {
    /// It has so many bytes, or more.
    TooLarge(u64),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Checks that labels are in 1 to `classes` and that each of these occurs.
fn check_labels(labels: &[u8], classes: usize) -> Result<(), Stl10ErrorKind> {
    let mut seen = vec![false; classes];
    for (index, &label) in labels.iter().enumerate() {
        let class = usize::from(label).checked_sub(1);
        match class.and_then(|class| seen.get_mut(class)) {
            Some(seen) => *seen = true,
            None => {
                return Err(Stl10ErrorKind::Label {
                    index,
                    label,
                    classes,
                });
            }
        }
    }
    let missing = seen.iter().position(|&seen| !seen);
    missing.map_or(Ok(()), |class| {
        Err(Stl10ErrorKind::UnusedClass {
            label: class + 1,
            classes,
        })
    })
}

impl ImageSource for Stl10 {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> u32 {
        self.labels[self.pictures[index]]
    }

    fn path(&self, _index: usize) -> &Path {
        &self.path
    }

    fn load(&self, index: usize) -> Result<Picture, DecodeError> {
        let mut planes = vec![0; PICTURE];
        let start = self.pictures[index] as u64 * PICTURE as u64;
        let mut read = || {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut planes)
        };
        read().map_err(|error| DecodeError {
            path: self.path.clone(),
            kind: DecodeErrorKind::Io(error),
        })?;
        Ok(upright(&planes).into())
    }
}

/// The image of three planes that are stored column by column.
fn upright(planes: &[u8]) -> RgbImage {
    RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        let at = x as usize * SIDE + y as usize;
        image::Rgb(std::array::from_fn(|c| planes[c * SIDE * SIDE + at]))
    })
}

#[cfg(test)]
mod tests;
