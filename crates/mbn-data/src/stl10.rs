//! STL-10's binary files: pictures of 96 x 96 RGB, channel by channel, each channel column by column.

mod error;
mod text;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;

pub use error::{Stl10Error, Stl10ErrorKind};

use crate::dataset::Splits;
use crate::decode::{DecodeError, DecodeErrorKind};
use crate::folder::folder_name;
use crate::source::Source;

/// The folder that the data set's archive holds.
pub(crate) const FOLDER: &str = "stl10_binary";

/// Height and width of the pictures.
const SIDE: usize = 96;
/// Bytes of a picture.
const PICTURE: usize = 3 * SIDE * SIDE;

const CLASS_NAMES: &str = "class_names.txt";
const FOLDS: &str = "fold_indices.txt";
/// By any of these the data set is recognised. `unlabeled_X.bin` is of no use here and may be absent.
const LABELLED: [&str; 4] = ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"];

/// Whether a folder has files of the data set.
pub(crate) fn is_there(dir: &Path) -> bool {
    LABELLED.iter().any(|name| dir.join(name).is_file())
}

/// Opens the training and the test set; of the former all, or a fold.
pub(crate) fn open_parts(dir: &Path, fold: Option<usize>) -> Result<Splits, Stl10Error> {
    let class_names = text::class_names(&dir.join(CLASS_NAMES))?;
    let mut train = Stl10::open(dir, "train", &class_names)?;
    let test = Stl10::open(dir, "test", &class_names)?;
    if let Some(fold) = fold {
        train.pictures = text::fold(&dir.join(FOLDS), fold, train.len())?;
    }
    Ok(Splits {
        name: folder_name(dir),
        class_names,
        train: Arc::new(train),
        test: Arc::new(test),
    })
}

/// A labelled part of the data set. The labels are in memory; pictures, 27,648 bytes each, are read from the file
/// when they are asked for.
#[derive(Debug)]
pub struct Stl10 {
    class_names: Vec<String>,
    /// Class of each picture in the file.
    labels: Vec<u32>,
    /// Places in the file of the pictures that are used.
    pictures: Vec<usize>,
    path: PathBuf,
    file: Mutex<File>,
}

impl Stl10 {
    /// Opens `PART_X.bin` and `PART_y.bin`, where `part` is `train` or `test`.
    ///
    /// # Errors
    /// [`Stl10Error`] if a file is not there, their sizes disagree, or labels are not 1 to the number of classes.
    pub fn open(dir: &Path, part: &str, class_names: &[String]) -> Result<Self, Stl10Error> {
        let label_path = dir.join(format!("{part}_y.bin"));
        let path = dir.join(format!("{part}_X.bin"));
        let labels = std::fs::read(&label_path).map_err(|e| Stl10Error::reading(&label_path, e))?;
        let file = File::open(&path).map_err(|e| Stl10Error::reading(&path, e))?;
        let bytes = file.metadata().map_err(|e| Stl10Error::reading(&path, e))?.len();
        if bytes != (labels.len() * PICTURE) as u64 || labels.is_empty() {
            let kind = Stl10ErrorKind::Size {
                bytes,
                labels: labels.len(),
                label_path,
            };
            return Err(Stl10Error { path, kind });
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

/// Labels are 1 to `classes`, and each of these is there.
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

impl Source for Stl10 {
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

    fn load(&self, index: usize) -> Result<Arc<RgbImage>, DecodeError> {
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
        Ok(Arc::new(upright(&planes)))
    }
}

/// A picture from its planes, each of them stored column by column.
fn upright(planes: &[u8]) -> RgbImage {
    RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        let at = x as usize * SIDE + y as usize;
        image::Rgb(std::array::from_fn(|c| planes[c * SIDE * SIDE + at]))
    })
}

#[cfg(test)]
mod tests;
