//! Image folders: data sets of `train/CLASS/*` with `val/CLASS/*` or `test/CLASS/*`, and of `CLASS/*` alone.

mod class_folders;
mod error;
mod layout;
mod outputs;
mod pairing;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use class_folders::{ClassFolders, class_folders};
pub use error::FolderError;
pub(super) use layout::has_train;
pub use layout::part_to_test_on;

use self::class_folders::{Listing, describe_files};
use self::layout::{Layout, missing};
use self::pairing::{Labels, both};
use super::hold_out::{HoldOut, Share, update_with_path};
use super::splits::{OpenOptions, Splits, folder_name, hex};
use crate::decode::{DEFAULT_MAX_PIXELS, DecodeError, DecodeOptions, check_file_with, decode_file_with};
use crate::image_source::ImageSource;
use crate::picture::Picture;
use crate::picture_files::{LeftOut, has_picture_extension, is_broken_link, name_of};

/// The files of a data set, as messages describe them.
pub(super) const LAYOUT: &str = "`train/CLASS/*`, with `val/CLASS/*` or `test/CLASS/*` if there are images to test on, or `CLASS/*` alone";

/// Image files in one folder per class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    /// Class names: the names of the folders, sorted.
    pub class_names: Vec<String>,
    /// File and class of each image, sorted by class and file name.
    pub items: Vec<(PathBuf, u32)>,
    /// What is not in `items`.
    pub left_out: LeftOut,
    /// Images of more pixels are errors.
    pub max_pixels: u64,
    /// The folder of the class folders.
    root: PathBuf,
    /// The class folders, with links resolved.
    folders: Vec<PathBuf>,
}

/// Opens a data set. Refuses a fold: image folders have none.
pub(super) fn open(dir: &Path, options: &OpenOptions) -> Result<Splits, FolderError> {
    let layout = Layout::of(dir)?;
    let (mut train, mut test, held_out) = match (&layout.test, options.hold_out) {
        (Some(test), HoldOut::Always(_)) => {
            return Err(FolderError::OwnTestImages {
                path: dir.to_owned(),
                test: test.clone(),
            });
        }
        (Some(test), _) => {
            let (train, test) = both(&layout.train, test)?;
            (train, test, None)
        }
        (None, hold_out) => {
            let share = hold_out.share().ok_or_else(|| without_test(dir, &layout))?;
            let (train, test) = all(dir, &layout)?.hold_out(share);
            (train, test, Some(share))
        }
    };
    if options.fold.is_some() {
        return Err(FolderError::NoFolds { path: dir.to_owned() });
    }
    (train.max_pixels, test.max_pixels) = (options.max_pixels, options.max_pixels);
    let mut warnings = layout.warnings();
    warnings.extend(pairing::of_one_look(&train.class_names));
    let mut left_out = std::mem::take(&mut train.left_out);
    if !layout.unused.is_empty() {
        let used: BTreeSet<_> = [&train, &test]
            .into_iter()
            .flat_map(ImageFolder::places)
            .collect();
        for (reason, folder) in layout.unused {
            let leads_to = |folder: PathBuf| used.iter().any(|place| place.starts_with(&folder));
            if !folder.canonicalize().is_ok_and(leads_to) {
                left_out.add_named(reason, name_of(&folder));
            }
        }
    }
    left_out.merge(std::mem::take(&mut test.left_out));
    let mut class_folders = train.folders.clone();
    class_folders.extend(test.folders.iter().cloned());
    Ok(Splits {
        name: folder_name(dir),
        class_names: train.class_names.clone(),
        class_folders,
        warnings,
        fingerprint: fingerprint(&train, &test),
        train: Arc::new(train),
        test: Arc::new(test),
        left_out,
        held_out,
    })
}

/// The images of a data set without test images.
fn all(dir: &Path, layout: &Layout) -> Result<ImageFolder, FolderError> {
    let found = labelled_folder(&layout.train);
    match found {
        // A folder of folders without any image is no data set.
        Err(FolderError::NoImages { .. }) if layout.train == dir && !has_any_image(dir)? => {
            Err(without_test(dir, layout))
        }
        found => found,
    }
}

fn has_any_image(dir: &Path) -> Result<bool, FolderError> {
    let folders = class_folders(dir)?;
    Ok((0..folders.classes.len()).any(|class| !folders.images(class).images.is_empty()))
}

/// The error for a data set without test images.
fn without_test(dir: &Path, layout: &Layout) -> FolderError {
    if let Some(path) = layout.unlabelled.first() {
        return FolderError::NoClasses {
            path: path.clone(),
            found: describe_files(path),
        };
    }
    let expected = if layout.train == dir {
        "`train`"
    } else {
        "`val` or `test`"
    };
    match Listing::of(dir) {
        Ok(listing) => missing(dir, expected, &listing),
        Err(error) => error,
    }
}

/// SHA-256 over the paths of both parts.
fn fingerprint(train: &ImageFolder, test: &ImageFolder) -> String {
    let mut hash = Sha256::new();
    for part in [train, test] {
        for (path, _) in &part.items {
            update_with_path(&mut hash, part.relative(path));
            hash.update([0]);
        }
        hash.update([0]);
    }
    hex(hash)
}

/// Opens a folder of `CLASS/*`. Images in subfolders of a class folder belong to that class.
///
/// # Errors
/// [`FolderError`] if there are no classes, a class has no images, or a folder cannot be read.
pub fn labelled_folder(dir: &Path) -> Result<ImageFolder, FolderError> {
    ImageFolder::list(dir, class_folders(dir)?, None)
}

impl ImageFolder {
    /// Lists the files of the classes in `root`. Labels are places in `class_names`, by default the names of `folders`.
    /// If names are given, some of these classes may have no images.
    fn list(root: &Path, folders: ClassFolders, class_names: Option<&[String]>) -> Result<Self, FolderError> {
        let own_names = folders.classes.iter().map(|(name, _)| name.clone());
        let may_lack_classes = class_names.is_some();
        let class_names = class_names.map_or_else(|| own_names.collect(), <[String]>::to_vec);
        let labels = Labels::of(&class_names);
        let (mut items, mut empty) = (Vec::new(), None);
        let mut left_out = folders.left_out.clone();
        for (class, (name, path)) in folders.classes.iter().enumerate() {
            let label = labels.of_folder(name).unwrap_or(class) as u32;
            let found = folders.images(class);
            // A broken link to a picture is a picture that cannot be read.
            let images = found.images.into_iter().map(|image| match image {
                Err((path, _)) if is_broken_link(&path) && has_picture_extension(&path) => Ok(path),
                image => image.map_err(|(path, source)| FolderError::unread(path, source)),
            });
            let images = images.collect::<Result<Vec<_>, _>>()?;
            left_out.merge(found.left_out.clone());
            if images.is_empty() {
                let error = FolderError::NoImages {
                    path: path.clone(),
                    left_out: found.left_out,
                };
                if !may_lack_classes {
                    return Err(error);
                }
                empty = empty.or(Some(error));
            }
            items.extend(images.into_iter().map(|image| (image, label)));
        }
        if let Some(error) = empty.filter(|_| items.is_empty()) {
            return Err(error);
        }
        Ok(Self {
            class_names,
            items,
            left_out,
            max_pixels: DEFAULT_MAX_PIXELS,
            root: root.to_owned(),
            folders: folders.real,
        })
    }

    fn decode_options(&self) -> DecodeOptions {
        DecodeOptions {
            max_pixels: self.max_pixels,
            ..DecodeOptions::default()
        }
    }

    /// A path below the folder of the class folders.
    fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// Where the images lie, with links resolved: each folder, and its first image, which may be a link as the others then are.
    /// Asking for every image would take long on a slow disk.
    fn places(&self) -> BTreeSet<PathBuf> {
        let folders = self
            .items
            .chunk_by(|(one, _), (other, _)| one.parent() == other.parent());
        let firsts = folders.filter_map(|images| Some(images.first()?.0.as_path()));
        let paths = firsts.flat_map(|image| image.parent().into_iter().chain([image]));
        paths.filter_map(|path| path.canonicalize().ok()).collect()
    }

    /// Divides the images into those to train on and those held out, class by class.
    fn hold_out(mut self, share: Share) -> (Self, Self) {
        let items = std::mem::take(&mut self.items);
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for class in items.chunk_by(|one, other| one.1 == other.1) {
            let paths: Vec<_> = class.iter().map(|(path, _)| self.relative(path)).collect();
            for (item, is_held_out) in class.iter().zip(share.of(&paths)) {
                let part = if is_held_out { &mut test } else { &mut train };
                part.push(item.clone());
            }
        }
        let test = Self {
            class_names: self.class_names.clone(),
            items: test,
            left_out: LeftOut::default(),
            max_pixels: self.max_pixels,
            root: self.root.clone(),
            folders: self.folders.clone(),
        };
        self.items = train;
        (self, test)
    }
}

impl ImageSource for ImageFolder {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> u32 {
        self.items[index].1
    }

    fn path(&self, index: usize) -> &Path {
        &self.items[index].0
    }

    fn load(&self, index: usize) -> Result<Picture, DecodeError> {
        decode_file_with(&self.items[index].0, &self.decode_options()).map(Picture::from)
    }

    fn check(&self, index: usize) -> Result<(), DecodeError> {
        check_file_with(&self.items[index].0, &self.decode_options())
    }
}

#[cfg(test)]
mod tests;
