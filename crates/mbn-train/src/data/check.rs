//! Images that cannot be used: found before the first step, or when they are needed.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use mbn_cli::{Hint, interrupt, progress, quote};
use mbn_data::{DecodeError, ImageSource, LoaderError, Splits};
use mbn_spec::text::{listed, listed_lines};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::run::{ImageSet, STATE};
use crate::settings::BadImages;

/// Images that a message lists before it counts the others.
const LISTED: usize = 1000;
/// Classes that a message lists before it counts the others.
const CLASSES: usize = 12;

/// Checks all images but those in `known`, as far as that is possible without decoding them. Those that cannot be used
/// are an error that lists all of them, or with `skip` a warning, and are returned.
pub(crate) fn check_images(data: &Splits, bad_images: BadImages, known: &ImageSet) -> Result<ImageSet> {
    let total = data.train.len() + data.test.len() - known.len();
    let bar = progress::bar(total as u64, "checking images {wide_bar} {pos}/{len}");
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
            part.check(image).err().map(|error| (image, error))
        });
        found.collect::<Vec<(usize, DecodeError)>>()
    };
    let train = check(&*data.train, &known.train);
    let test = check(&*data.test, &known.test);
    bar.finish_and_clear();
    let lines = train.iter().chain(&test);
    let lines = lines.map(|(_, DecodeError { path, kind })| {
        let limit = match kind.is_too_large() {
            true => "; `--max-pixels` sets the limit",
            false => "",
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
    Ok(ImageSet {
        train: indices(train),
        test: indices(test),
    })
}

/// Refuses a data set that has too few images without those in `left_out`.
pub(crate) fn require_enough(data: &Splits, left_out: &ImageSet) -> Result<()> {
    let name = &data.name;
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
        "no training image in `{name}` can be used of {}",
        listed(missing, CLASSES)
    );
    ensure!(
        kept.count() > 1,
        "one training image in `{name}` can be used; batch norm needs at least two"
    );
    ensure!(
        left_out.test.len() < data.test.len(),
        "no test image in `{name}` can be used"
    );
    Ok(())
}

/// Unwraps what was made from images. If an image could not be read after all (its pixels are broken, or it is gone), the
/// error says how to go on: with the run in `folder`, or from the start if there is nothing to resume.
pub(crate) fn usable<T>(made: Result<T, LoaderError>, folder: &Path) -> Result<T> {
    match made {
        Err(error @ (LoaderError::Decode(_) | LoaderError::Resize { .. })) => Err(error).hint(|| {
            let again = match folder.join(STATE).is_file() {
                true => format!("continue with `mbn-train --resume {}`", quote(folder)),
                false => "run the same command again".to_owned(),
            };
            format!(
                "put an image that can be read in its place, and {again}; with `--bad-images skip` the run goes on without the image"
            )
        }),
        made => Ok(made?),
    }
}
