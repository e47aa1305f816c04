//! The batch size of a new run, which follows the number of images.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Result;
use mbn_spec::Alpha;

use crate::options::Options;
use crate::settings::{RunArgs, Settings};

/// The settings of a new run on so many training images. A batch is no larger than that; if the user gives no size, few
/// images are divided evenly when trained weights get new classes. The default learning rate follows it.
pub(super) fn fitted(
    options: &Options,
    args: RunArgs,
    folder: &Path,
    init_alpha: Option<Alpha>,
    images: usize,
) -> Result<Settings> {
    let settings = options.resolve(args.clone(), folder.to_owned(), init_alpha)?;
    let batch = settings.batch_size.get();
    let fitting = match args.batch_size {
        None if settings.recipe.is_for_trained_weights() => even_batch(images, batch),
        _ => images.min(batch),
    };
    let Some(fitting) = NonZeroUsize::new(fitting).filter(|fitting| fitting.get() != batch) else {
        return Ok(settings);
    };
    let args = RunArgs {
        batch_size: Some(fitting),
        ..args
    };
    options.resolve(args, folder.to_owned(), init_alpha)
}

/// The batch size up to `most` that leaves out few of the images: every epoch leaves out the last batch if it is not full. A
/// tenth may be left out.
fn even_batch(images: usize, most: usize) -> usize {
    match images % most {
        rest if images < most || 10 * rest <= images => images.min(most),
        _ => images / images.div_ceil(most),
    }
}

/// Says if a batch is smaller than `asked`: as a warning if there are fewer images than that.
pub(super) fn tell_of_smaller_batch(asked: usize, images: usize, settings: &Settings) {
    let batch = settings.batch_size.get();
    if images < asked {
        log::warn!(
            "`{}` has {batch} training images, fewer than a batch of {asked}: the batch size is {batch}",
            settings.data.display()
        );
    } else if let Some(line) = divided_evenly(asked, images, batch) {
        log::info!("{line}");
    }
}

/// What is said of a batch that is smaller than `asked` for other reasons than too few images.
fn divided_evenly(asked: usize, images: usize, batch: usize) -> Option<String> {
    (batch < asked).then(|| {
        format!(
            "Batches of {batch}, so that few of {images} images are left out (`--batch-size` takes another)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_images_are_divided_evenly() {
        for (images, batch) in [
            (0, 0),
            (1, 1),
            (40, 40),
            (64, 64),
            (65, 64),
            (75, 37),
            (128, 64),
            (240, 60),
            (300, 60),
            (1290, 64),
        ] {
            assert_eq!(even_batch(images, 64), batch, "{images} images");
            let left_out = images.checked_rem(batch).unwrap_or(0);
            assert!(10 * left_out <= images, "{images} images in batches of {batch}");
            let is_said = divided_evenly(64, images, batch).is_some();
            assert_eq!(is_said, batch < 64, "{images} images");
        }
    }
}
