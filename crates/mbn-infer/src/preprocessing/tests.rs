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
        stated: None,
        read,
        source: "a file".to_owned(),
        crop_part: None,
        test: None,
        left_aside: None,
        blue_by: None,
        usual: given.preset.unwrap_or(ASSUMED).preprocess(),
        is_foreign: true,
        said: Said::Nothing,
        shown: None,
    }
}

fn parts(parts: PreprocessArgs) -> Given {
    Given {
        parts,
        ..Given::default()
    }
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
    let found = preprocessing(given, read)
        .settle(None, PixelType::Float, false)
        .unwrap();
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
    let found = preprocessing(given, read)
        .settle(None, PixelType::Float, false)
        .unwrap();
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
    let found = plain.settle(Some(128), PixelType::Float, false).unwrap();
    assert_eq!((found.size, found.shorter_side()), (128, 128));
    assert_eq!(plain.size(), 224);
    let given = parts(PreprocessArgs {
        size: Some(160),
        ..PreprocessArgs::default()
    });
    let sized = preprocessing(given, read);
    assert_eq!(sized.size(), 160);
    let error = sized
        .settle(Some(224), PixelType::Float, false)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`--size 160`") && error.contains("224 x 224"),
        "{error}"
    );
    assert_eq!(sized.settle(None, PixelType::Float, false).unwrap().size, 160);
}

/// timm computes the shorter side from the part at every size; scaled, 235 of 224 would give 201 and 403.
#[test]
fn the_shorter_side_follows_from_the_part_at_every_size() {
    let read = PartialPreprocess {
        size: Some(224),
        resize: Some(Resize::Crop),
        shorter: Some(235),
        ..NONE
    };
    let with = |given| Preprocessing {
        crop_part: Some(0.95),
        ..preprocessing(given, read)
    };
    for (size, shorter) in [(224, 235), (192, 202), (384, 404)] {
        let fixed = with(Given::default()).settle(Some(size), PixelType::Float, false);
        assert_eq!(fixed.unwrap().shorter_side(), shorter);
        let given = parts(PreprocessArgs {
            size: Some(size),
            ..PreprocessArgs::default()
        });
        let given = with(given).settle(None, PixelType::Float, false).unwrap();
        assert_eq!((given.size, given.shorter_side()), (size, shorter));
    }
    let given = parts(PreprocessArgs {
        shorter: Some(300),
        ..PreprocessArgs::default()
    });
    let given = with(given).settle(Some(192), PixelType::Float, false).unwrap();
    assert_eq!(given.shorter_side(), 300);
}

/// What a model of bytes says about itself.
fn stating(given: Given) -> Preprocessing {
    let inside = Preprocess {
        size: 96,
        ..Preprocess::default()
    };
    Preprocessing {
        stated: Some(inside),
        is_foreign: false,
        shown: None,
        ..preprocessing(given, NONE)
    }
}

#[test]
fn bytes_are_not_normalised() {
    let given = parts(PreprocessArgs {
        mean: Some("0.5".parse().unwrap()),
        ..PreprocessArgs::default()
    });
    let error = preprocessing(given, NONE).settle(None, PixelType::Uint8, false);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("`--mean` has no effect"), "{error}");
    assert!(
        preprocessing(Given::default(), NONE)
            .settle(None, PixelType::Uint8, false)
            .is_ok()
    );
}

#[test]
fn a_presets_statistics_are_refused_unless_they_are_the_models_own() {
    for preset in Preset::ALL {
        let given = Given {
            preset: Some(preset),
            ..Given::default()
        };
        let takes = |preprocessing: Preprocessing| preprocessing.settle(None, PixelType::Uint8, false);
        let is_bytes = preset == Preset::Bytes;
        let is_imagenet = matches!(preset, Preset::Imagenet | Preset::Timm);
        assert_eq!(takes(preprocessing(given, NONE)).is_ok(), is_bytes, "{preset}");
        match takes(stating(given)) {
            // candle gets what the model computes, and the preset's resize.
            Ok(found) => {
                assert!(is_bytes || is_imagenet, "{preset}");
                let usual = Preprocess::default();
                assert_eq!((found.mean, found.std), (usual.mean, usual.std));
                assert_eq!(found.interpolation, preset.preprocess().interpolation);
                assert_eq!(found.resize, Resize::Crop);
            }
            Err(error) => {
                assert!(!is_bytes && !is_imagenet, "{preset}");
                let text = error.to_string();
                assert!(text.contains(&format!("`--preprocess {preset}`")), "{text}");
            }
        }
    }
    let given = Given {
        preset: Some(Preset::Keras),
        ..Given::default()
    };
    let error = preprocessing(given, NONE).settle(None, PixelType::Uint8, false);
    let error = error.unwrap_err();
    let hint = &error.downcast_ref::<mbn_cli::Hinted>().unwrap().hint;
    let options = "`--preprocess bytes --resize square --interpolation bilinear`";
    assert!(hint.starts_with(options), "{hint}");
}

#[test]
fn a_model_of_whole_pictures_takes_no_option() {
    let all = PreprocessArgs {
        size: Some(128),
        resize: Some(Resize::Crop),
        shorter: Some(150),
        interpolation: Some(Interpolation::Bicubic),
        mean: Some("0.5".parse().unwrap()),
        std: Some("0.5".parse().unwrap()),
    };
    let none = PreprocessArgs::default();
    let (size, resize) = (all.size, all.resize);
    for (preset, parts, named) in [
        (Some(Preset::Bytes), none, "`--preprocess bytes` has"),
        (None, PreprocessArgs { size, ..none }, "`--size` has"),
        (None, PreprocessArgs { resize, ..none }, "`--resize` has"),
        (
            None,
            all,
            "`--size`, `--resize`, `--shorter`, `--interpolation`, `--mean` and `--std` have",
        ),
    ] {
        let error = stating(Given {
            preset,
            parts,
            channels: None,
        })
        .settle(None, PixelType::Pictures, false);
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{named} no effect")), "{error}");
    }
    assert!(
        stating(Given::default())
            .settle(None, PixelType::Pictures, false)
            .is_ok()
    );
}

#[test]
fn parts_go_before_the_preset() {
    let given = Given {
        preset: Some(Preset::Ultralytics),
        parts: PreprocessArgs {
            mean: Some("0.5".parse().unwrap()),
            ..PreprocessArgs::default()
        },
        channels: None,
    };
    let found = preprocessing(given, NONE)
        .settle(Some(160), PixelType::Float, false)
        .unwrap();
    assert_eq!((found.size, found.shorter_side()), (160, 160));
    assert_eq!((found.mean, found.std), ([0.5; 3], [1.0; 3]));
    let usual = Preprocess::default().with_size(96);
    assert_eq!(given.over(usual).unwrap().shorter_side(), 96);
}

/// timm's `mobilenetv1_100` tests at 256, of which it keeps 0.95.
#[test]
fn the_size_of_tests_has_its_own_crop() {
    let read = PartialPreprocess {
        size: Some(224),
        resize: Some(Resize::Crop),
        shorter: Some(256),
        ..NONE
    };
    let found = Preprocessing {
        crop_part: Some(0.875),
        test: Some((256, 0.95)),
        ..preprocessing(Given::default(), read)
    };
    for (size, shorter) in [(224, 256), (256, 269), (288, 329)] {
        let settled = found.settle(Some(size), PixelType::Float, false).unwrap();
        assert_eq!((settled.size, settled.shorter_side()), (size, shorter));
    }
}
