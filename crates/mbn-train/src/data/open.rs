//! Finding and opening the data set, and refusing one that cannot be trained on.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use mbn_cli::{Hint, quote};
use mbn_data::{DataError, FolderError, FolderWarning, HoldOut, OpenOptions, Share, Splits};
use mbn_spec::text::listed;

use crate::settings::{DEFAULT_DATA, Part, Settings};

/// Folders around the classes that are looked into for them.
const MOST_FOLDERS: usize = 4;
/// Classes that a hint lists before it counts the others.
const LISTED: usize = 6;

/// The folder to train on: the given one, else STL-10 in its default place.
pub(crate) fn locate(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let default = Path::new(DEFAULT_DATA);
    if default.is_dir() {
        return Ok(default.to_owned());
    }
    Err(anyhow!("there is no `{DEFAULT_DATA}`, and no `--data DIR` is given")).hint(|| {
        "`--download` downloads STL-10 into `data` (2.6 GB; 360 MB stay on disk); `--data DIR` trains on your own images"
            .to_owned()
    })
}

/// Opens the data set of a new run. If it has no test images, holds out a part of the others, by default a fifth, and
/// says so.
pub(crate) fn open_new(settings: &Settings) -> Result<Splits> {
    let hold_out = match settings.val_fraction {
        Some(part) => HoldOut::Always(share(part, settings)),
        None => HoldOut::IfMissing(share(Part::FIFTH, settings)),
    };
    let folder = &settings.data;
    if !folder.exists() && !folder.is_symlink() {
        return Err(anyhow!("there is no data set `{}`", folder.display())).hint(|| {
            "`--data DIR` names the folder of the images; a relative name is looked for where the program runs".to_owned()
        });
    }
    let opened = open(settings, hold_out);
    let splits = match own_test_images(&opened) {
        true => opened.hint(|| {
            "leave out `--val-fraction` (`--no-val-fraction` drops that of a `--config`) to test on them, or move them out of the \
             data set"
                .to_owned()
        })?,
        false => opened?,
    };
    for warning in &splits.warnings {
        log::warn!("{warning}");
    }
    if let Some(Share { fraction, seed }) = splits.held_out {
        let (train, test) = (splits.train.len(), splits.test.len());
        let is_unlabelled = |warning: &FolderWarning| matches!(warning, FolderWarning::Unlabelled { .. });
        let lacks = match splits.warnings.iter().any(is_unlabelled) {
            true => "no test images in class folders",
            false => "no `val` or `test`",
        };
        log::info!(
            "`{}` has {lacks}: held out {test} of its {} images to test on, class by class \
             (`--val-fraction {fraction}`, `--seed {seed}`)",
            settings.data.display(),
            train + test
        );
    }
    Ok(splits)
}

/// Opens the data set of a run that is resumed, divided as it was.
pub(crate) fn open_again(settings: &Settings) -> Result<Splits> {
    let part = settings.val_fraction;
    let hold_out = part.map_or(HoldOut::Never, |part| HoldOut::Always(share(part, settings)));
    let opened = open(settings, hold_out);
    match own_test_images(&opened) {
        true => opened.hint(|| {
            "the run was started without them and tests on images that it held out: move them out of the data set, or \
             start a new run"
                .to_owned()
        }),
        false => opened,
    }
}

/// Whether a data set cannot be opened because `folder`, which looks like a class, has no images.
pub(crate) fn is_without_images(opened: &Result<Splits>, folder: &Path) -> bool {
    let error = opened.as_ref().err().and_then(|error| error.downcast_ref());
    let Some(DataError::Folder(FolderError::NoImages { path, .. })) = error else {
        return false;
    };
    let real = |path: &Path| path.canonicalize().ok();
    real(path).is_some() && real(path) == real(folder)
}

fn share(part: Part, settings: &Settings) -> Share {
    Share {
        fraction: part.get(),
        seed: settings.seed,
    }
}

/// Whether a data set cannot be divided because it is divided already.
fn own_test_images(opened: &Result<Splits>) -> bool {
    let error = opened.as_ref().err().and_then(|error| error.downcast_ref());
    matches!(
        error,
        Some(DataError::OwnTestImages { .. } | DataError::Folder(FolderError::OwnTestImages { .. }))
    )
}

fn open(settings: &Settings, hold_out: HoldOut) -> Result<Splits> {
    let options = OpenOptions {
        fold: settings.fold,
        hold_out,
        max_pixels: settings.max_pixels.get() as u64,
    };
    let splits = mbn_data::open_with(&settings.data, &options)?;
    let (names, train) = (&splits.class_names, &splits.train);
    let fold = settings
        .fold
        .map_or_else(String::new, |fold| format!("fold {fold} of "));
    if names.len() < 2 {
        let error = anyhow!(
            "`{}` has one class, `{}`; training needs at least two",
            settings.data.display(),
            names.first().map_or("", String::as_str)
        );
        return match classes_below(&settings.data, &splits, &options) {
            Some((folder, classes)) => {
                let names = listed(classes.iter().map(|name| format!("`{name}`")), LISTED);
                let count = classes.len();
                Err(error).hint(|| format!("`--data {}` has {count} classes: {names}", quote(&folder)))
            }
            None => Err(error),
        };
    }
    ensure!(
        train.len() > 1,
        "{fold}`{}` has one training image; batch norm needs at least two",
        settings.data.display()
    );
    ensure!(
        !splits.test.is_empty(),
        "`{}` has one image of each class, so none can be held out to test on; add images, or a folder `val`",
        settings.data.display()
    );
    Ok(splits)
}

/// The folder that was meant, with its classes, where the one class of a data set is a folder around the classes, as
/// archives leave it.
fn classes_below(data: &Path, splits: &Splits, options: &OpenOptions) -> Option<(PathBuf, Vec<String>)> {
    let images = |splits: &Splits| splits.train.len() + splits.test.len();
    let (mut data, mut above) = (data.to_owned(), None);
    for _ in 0..MOST_FOLDERS {
        let (class, others) = above.as_ref().unwrap_or(splits).class_folders.split_first()?;
        // Test images in a folder of their own are none of `class`.
        if others.iter().any(|other| other != class) {
            return None;
        }
        data = data.join(class.strip_prefix(data.canonicalize().ok()?).unwrap_or(class));
        let below = mbn_data::open_with(&data, options).ok()?;
        // Images beside its folders would belong to no class.
        if images(&below) != images(splits) {
            return None;
        }
        if below.class_names.len() > 1 {
            return Some((data, below.class_names));
        }
        above = Some(below);
    }
    None
}

#[cfg(test)]
mod tests;
