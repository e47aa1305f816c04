//! Whether a resumed run has the images that it was started with.

use std::path::Path;

use anyhow::{Result, bail};
use mbn_cli::quote;
use mbn_data::Splits;
use mbn_spec::text::{counted, joined};

use crate::options::Options;
use crate::run::{ImageSet, Progress};

/// What is different about the classes of a run that is continued. Characters that may look alike are spelled out.
fn first_difference(started: &[String], found: &[String]) -> String {
    let differing = started
        .iter()
        .zip(found)
        .position(|(started, found)| started != found);
    match differing {
        Some(i) => format!(
            "class {i} was `{}` and is `{}`",
            started[i].escape_default(),
            found[i].escape_default()
        ),
        None => format!(
            "there were {} and are {}",
            counted(started.len(), "class"),
            counted(found.len(), "class")
        ),
    }
}

/// Refuses other data than the run was started with: it would change the order of the remaining batches.
pub(super) fn require_the_same(data: &Splits, progress: &Progress) -> Result<()> {
    let folder = progress.settings.data.display();
    if data.class_names != progress.classes {
        let what = first_difference(&progress.classes, &data.class_names);
        bail!("the classes in `{folder}` differ from the classes that the run was started with: {what}");
    }
    for (part, images, expected) in [
        ("training", data.train.len(), Some(progress.train_images)),
        ("test", data.test.len(), progress.test_images),
    ] {
        if let Some(expected) = expected
            && images != expected
        {
            let images = counted(images, &format!("{part} image"));
            bail!("`{folder}` has {images}, the run was started with {expected}");
        }
    }
    if progress
        .fingerprint
        .as_ref()
        .is_some_and(|known| *known != data.fingerprint)
    {
        bail!(
            "`{folder}` has as many images as the run was started with, but not the same: some have other names"
        );
    }
    Ok(())
}

/// The hint for other images than the run was started with, where `--libheif` may be why: it decides whether HEIC and AVIF files are
/// images, `is_without` says whether some are left out. `None` if it is not.
pub(super) fn about_libheif(is_without: bool, options: &Options, run: &Path) -> Option<String> {
    match (is_without, &options.libheif.libheif) {
        (true, None) => Some(format!(
            "HEIC and AVIF files are left out; if the run was started with `--libheif`, give it again: \
             `mbn-train --resume {} --libheif system`",
            quote(run)
        )),
        (false, Some(_)) => Some(
            "if the run was started without `--libheif`, leave it out, or put back the images that the run was started with"
                .to_owned(),
        ),
        _ => None,
    }
}

/// What a resumed run does without, for a line of the log; `None` if it has all images.
pub(super) fn left_out_earlier(unusable: &ImageSet) -> Option<String> {
    let parts = [
        ("training image", unusable.train.len()),
        ("test image", unusable.test.len()),
    ];
    let some = parts.into_iter().filter(|(_, count)| *count > 0);
    let named: Vec<_> = some.map(|(name, count)| counted(count, name)).collect();
    let (was, stay) = match unusable.len() {
        0 => return None,
        1 => ("was", "stays"),
        _ => ("were", "stay"),
    };
    Some(format!(
        "{} {was} left out earlier and {stay} left out",
        joined(&named)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_images_may_be_those_of_libheif() {
        use clap::Parser;

        let hint = |is_without: bool, line: &str| {
            let options = Options::try_parse_from(line.split(' ')).unwrap();
            about_libheif(is_without, &options, "r".as_ref())
        };
        let again = hint(true, "mbn-train --resume r").unwrap();
        assert!(
            again.ends_with("`mbn-train --resume r --libheif system`"),
            "{again}"
        );
        let without = hint(false, "mbn-train --resume r --libheif system").unwrap();
        assert!(without.contains("leave it out"), "{without}");
        assert_eq!(hint(false, "mbn-train --resume r"), None);
        assert_eq!(hint(true, "mbn-train --resume r --libheif system"), None);
    }

    #[test]
    fn a_resumed_run_says_what_it_does_without() {
        let set = |train: usize, test: usize| ImageSet {
            train: (0..train).collect(),
            test: (0..test).collect(),
        };
        for (train, test, expected) in [
            (0, 0, None),
            (
                1,
                0,
                Some("1 training image was left out earlier and stays left out"),
            ),
            (
                40,
                0,
                Some("40 training images were left out earlier and stay left out"),
            ),
            (
                3,
                1,
                Some("3 training images and 1 test image were left out earlier and stay left out"),
            ),
        ] {
            assert_eq!(left_out_earlier(&set(train, test)).as_deref(), expected);
        }
    }
}
