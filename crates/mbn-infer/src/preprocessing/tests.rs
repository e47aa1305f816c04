//! What counts where several say something about the preprocessing.

use mbn_cli::PreprocessArgs;
use mbn_spec::{Interpolation, Resize};

use super::*;

const NONE: PartialPreprocess = PartialPreprocess {
    size: None,
    resize: None,
    shorter: None,
    centre: None,
    interpolation: None,
    mean: None,
    std: None,
};

fn preprocessing(given: Given, read: PartialPreprocess) -> Preprocessing {
    Preprocessing {
        given,
        read,
        source: "a file".to_owned(),
        usual: given.preset.unwrap_or(ASSUMED).preprocess(),
        is_foreign: true,
    }
}

fn parts(parts: PreprocessArgs) -> Given {
    Given { preset: None, parts }
}

#[test]
fn options_go_before_what_is_read_and_that_before_assumptions() {
    let read = PartialPreprocess {
        size: Some(192),
        shorter: Some(216),
        mean: Some([0.25; 3]),
        ..NONE
    };
    let given = parts(PreprocessArgs {
        interpolation: Some(Interpolation::Bicubic),
        ..PreprocessArgs::default()
    });
    let found = preprocessing(given, read).settle(None, false).unwrap();
    assert_eq!(
        (found.size, found.shorter_side(), found.resize),
        (192, 216, Resize::Crop)
    );
    assert_eq!((found.mean, found.std), ([0.25; 3], ASSUMED.preprocess().std));
    assert_eq!(found.interpolation, Interpolation::Bicubic);
    let given = parts(PreprocessArgs {
        size: Some(96),
        ..PreprocessArgs::default()
    });
    let found = preprocessing(given, read).settle(None, false).unwrap();
    assert_eq!((found.size, found.shorter_side()), (96, 108));
}

#[test]
fn the_input_decides_about_the_size() {
    let read = PartialPreprocess {
        size: Some(224),
        shorter: Some(224),
        ..NONE
    };
    let plain = preprocessing(Given::default(), read);
    let found = plain.settle(Some(128), false).unwrap();
    assert_eq!((found.size, found.shorter_side()), (128, 128));
    assert_eq!(plain.size(), 224);
    let given = parts(PreprocessArgs {
        size: Some(160),
        ..PreprocessArgs::default()
    });
    let sized = preprocessing(given, read);
    assert_eq!(sized.size(), 160);
    let error = sized.settle(Some(224), false).unwrap_err().to_string();
    assert!(
        error.contains("`--size 160`") && error.contains("224 x 224"),
        "{error}"
    );
    assert_eq!(sized.settle(None, false).unwrap().size, 160);
}

#[test]
fn bytes_are_not_normalised() {
    let given = parts(PreprocessArgs {
        mean: Some("0.5".parse().unwrap()),
        ..PreprocessArgs::default()
    });
    assert!(preprocessing(given, NONE).settle(None, true).is_err());
    assert!(preprocessing(Given::default(), NONE).settle(None, true).is_ok());
}

#[test]
fn parts_go_before_the_preset() {
    let given = Given {
        preset: Some(Preset::Ultralytics),
        parts: PreprocessArgs {
            mean: Some("0.5".parse().unwrap()),
            ..PreprocessArgs::default()
        },
    };
    let found = preprocessing(given, NONE).settle(Some(160), false).unwrap();
    assert_eq!((found.size, found.shorter_side()), (160, 160));
    assert_eq!((found.mean, found.std), ([0.5; 3], [1.0; 3]));
    let usual = Preprocess::default().with_size(96);
    assert_eq!(given.over(usual).unwrap().shorter_side(), 96);
}
