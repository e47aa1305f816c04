//! Warns of an evaluation on images that the model was trained on.

use std::ffi::OsStr;
use std::path::Path;

use mbn_spec::Training;

/// Says that a folder's images are, by its name and the model's account of its training, those that it was trained on.
pub(super) fn warn_of_known(folder: &Path, training: &Training) {
    if let Some(warning) = warning(folder, training) {
        log::warn!("{warning}");
    }
}

fn warning(folder: &Path, training: &Training) -> Option<String> {
    let whole = folder.canonicalize().ok()?;
    let is_set = |folder: &Path| folder.file_name() == Some(OsStr::new(&training.data_set));
    let is_train = whole
        .file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case("train"));
    let is_its_train = is_train && whole.parent().is_some_and(is_set);
    let Training {
        data_set, accuracy, ..
    } = training;
    match training.val_fraction {
        Some(part) if is_its_train || is_set(&whole) => Some(format!(
            "the model was trained on {:.0} % of the images of a data set called `{data_set}`, so the accuracy on `{}` is not that on new \
             images; on those that were held out it was {accuracy:.2} %\n\
             hint: `test_images.txt` in the folder of its training names these",
            100.0 * (1.0 - part),
            folder.display()
        )),
        None if is_its_train => Some(format!(
            "the model was trained on the images in `train` of a data set called `{data_set}`, so the accuracy on `{}` is not that on new \
             images; on its test images it was {accuracy:.2} %",
            folder.display()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_model_was_trained_on_is_known() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["photos/train", "photos/val", "flat/a", "other/train"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let found = |folder: &str, data_set: &str, val_fraction| {
            let training = Training {
                data_set: data_set.to_owned(),
                accuracy: 87.5,
                val_fraction,
                ..training()
            };
            warning(&root.path().join(folder), &training)
        };
        let held_out = Some(0.2);
        for (folder, data_set, val_fraction) in [
            ("flat", "flat", held_out),
            ("flat/a/..", "flat", held_out),
            ("photos/train", "photos", held_out),
            ("photos/train", "photos", None),
        ] {
            let warning = found(folder, data_set, val_fraction).unwrap();
            assert!(warning.contains("87.50 %"), "{warning}");
            assert_eq!(warning.contains("trained on 80 % of"), val_fraction.is_some());
        }
        for (folder, data_set, val_fraction) in [
            ("photos/val", "photos", None),
            ("photos/val", "photos", held_out),
            ("photos", "photos", None),
            ("other/train", "photos", None),
            ("flat", "photos", held_out),
            ("gone", "gone", held_out),
        ] {
            assert_eq!(found(folder, data_set, val_fraction), None, "{folder}");
        }
    }

    fn training() -> Training {
        Training {
            data_set: String::new(),
            recipe: "strong".to_owned(),
            epochs: 1,
            accuracy: 0.0,
            seed: 0,
            val_fraction: None,
            test_fingerprint: None,
            init: None,
            init_sha256: None,
            distilled: None,
            version: "0".to_owned(),
        }
    }
}
