//! Images that cannot be used: found before the first step, or when they are needed.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use mbn_cli::{Hint, interrupt, max_pixels_advice, progress};
use mbn_data::{DecodeError, ImageSource, LoaderError, Splits, pixels_for_memory};
use mbn_spec::text::{listed, listed_lines};
use rayon::iter::{Either, IntoParallelIterator, ParallelIterator};

use super::copies::{Print, Prints};
use crate::again;
use crate::run::{ImageSet, STATE};
use crate::settings::BadImages;

/// Images that a message lists before it counts the others.
const LISTED: usize = 1000;
/// The begin of a hint for images that cannot be read, whatever they hold.
const OF_MACHINE: &str =
    "that is a fault of the machine or its network, not of the images: see that it is gone";
/// Classes that a message lists before it counts the others.
const CLASSES: usize = 12;

/// What the check of images finds.
pub(crate) struct Checked {
    /// Images that cannot be used.
    pub unusable: ImageSet,
    /// What tells the files of the others apart.
    pub prints: Prints,
}

/// Checks all images but those in `known`, as far as that is possible without decoding them. Those that cannot be used
/// are an error that lists all of them, or with `skip` a warning, and are returned. Those that cannot be read for a fault of the
/// machine are an error in any case: they may be as good as the others.
pub(crate) fn check_images(data: &Splits, bad_images: BadImages, known: &ImageSet) -> Result<Checked> {
    let total = data.train.len() + data.test.len() - known.len();
    let bar = progress::bar(total as u64, "checking images {wide_bar} {pos}/{len}");
    // STL-10's pictures are all in one file.
    let has_files = !data.class_folders.is_empty();
    let check = |part: &dyn ImageSource, known: &BTreeSet<usize>| {
        let images = (0..part.len())
            .into_par_iter()
            .filter(|image| !known.contains(image));
        let found = images.filter_map(|image| {
            // An interrupted run ends before its first step, whatever is found here.
            if interrupt::requested() {
                return None;
            }
            bar.inc(1);
            match part.check(image) {
                Err(error) => Some(Either::Left((image, error))),
                // The check has read the file, so that the system has it in memory.
                Ok(()) if has_files => Some(Either::Right((image, Print::of(part.path(image))?))),
                Ok(()) => None,
            }
        });
        found.partition_map::<Vec<(usize, DecodeError)>, Vec<(usize, Print)>, _, _, _>(|found| found)
    };
    let (train, train_prints) = check(&*data.train, &known.train);
    let (test, test_prints) = check(&*data.test, &known.test);
    bar.finish_and_clear();
    let found = || train.iter().chain(&test).map(|(_, error)| error);
    require_machine(found(), total, &data.name)?;
    let lines = found().map(|DecodeError { path, kind }| {
        let limit = match kind.is_too_large() {
            true => max_pixels_advice(pixels_for_memory(kind)),
            false => String::new(),
        };
        format!("`{}`: {kind}{limit}", path.display())
    });
    let (bad, name) = (train.len() + test.len(), &data.name);
    let list = listed_lines(lines, LISTED);
    match bad_images {
        _ if bad == 0 => {}
        BadImages::Fail => {
            return Err(anyhow!(
                "{bad} of {total} images in `{name}` cannot be used:{list}"
            ));
        }
        BadImages::Skip => {
            log::warn!("{bad} of {total} images in `{name}` cannot be used and are left out:{list}");
        }
    }
    let indices = |found: Vec<(usize, DecodeError)>| found.into_iter().map(|(image, _)| image).collect();
    Ok(Checked {
        unusable: ImageSet {
            train: indices(train),
            test: indices(test),
        },
        prints: Prints {
            train: train_prints,
            test: test_prints,
        },
    })
}

/// Refuses to go on where some of `total` images cannot be read for a fault of the machine.
fn require_machine<'a>(
    errors: impl Iterator<Item = &'a DecodeError>,
    total: usize,
    name: &str,
) -> Result<()> {
    let faults = errors.filter(|error| error.kind.is_of_machine());
    let lines: Vec<_> = faults
        .map(|DecodeError { path, kind }| format!("`{}`: {kind}", path.display()))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let (count, list) = (lines.len(), listed_lines(lines, LISTED));
    Err(anyhow!(
        "{count} of {total} images in `{name}` cannot be read now:{list}"
    ))
    .hint(|| format!("{OF_MACHINE}, and run the same command again"))
}

/// Refuses a data set that has too few images without those in `left_out`.
pub(crate) fn require_enough(data: &Splits, fold: Option<usize>, left_out: &ImageSet) -> Result<()> {
    let fold = fold.map_or_else(String::new, |fold| format!("fold {fold} of "));
    let name = format!("{fold}`{}`", data.name);
    let kept = (0..data.train.len()).filter(|image| !left_out.train.contains(image));
    let present: BTreeSet<u32> = kept.clone().map(|image| data.train.label(image)).collect();
    let missing = data
        .class_names
        .iter()
        .zip(0..)
        .filter(|(_, label)| !present.contains(label));
    let missing = missing.map(|(class, _)| format!("`{class}`"));
    ensure!(
        present.len() == data.class_names.len(),
        "no training image in {name} can be used of {}",
        listed(missing, CLASSES)
    );
    ensure!(
        kept.count() > 1,
        "one training image in {name} can be used; batch norm needs at least two"
    );
    ensure!(
        left_out.test.len() < data.test.len(),
        "no test image in `{}` can be used",
        data.name
    );
    Ok(())
}

/// Unwraps what was made from images. If an image could not be read after all (its pixels are broken, or it is gone), the
/// error says how to go on: with the run in `folder`, or from the start if there is nothing to resume.
pub(crate) fn usable<T>(made: Result<T, LoaderError>, folder: &Path) -> Result<T> {
    let go_on = || match folder.join(STATE).is_file() {
        true => format!("continue with `{}`", again::resume(folder)),
        false => "run the same command again".to_owned(),
    };
    match made {
        Err(error @ LoaderError::Gone(_)) => Err(error).hint(|| {
            format!(
                "no other image that was tried can be read either: see whether the data set is still there and its disk is mounted, and {}",
                go_on()
            )
        }),
        Err(error) if error.is_of_machine() => Err(error).hint(|| format!("{OF_MACHINE}, and {}", go_on())),
        Err(error) if error.is_of_pictures() => Err(error).hint(|| {
            format!(
                "put an image that can be read in its place, and {}; with `--bad-images skip` the run goes on without the image",
                go_on()
            )
        }),
        made => Ok(made?),
    }
}

#[cfg(test)]
mod tests;
