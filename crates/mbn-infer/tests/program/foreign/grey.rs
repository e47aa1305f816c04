//! Models that take one channel.

use mbn_onnx::Dim;
use mbn_onnx::proto::DataType;

use super::model::{Build, OF_GREY, first, symbol};
use super::{COLOUR, assert_close, picture, predictions, probabilities, run, says, softmax, write};
use crate::common::folder;

/// Pillow's `convert("L")` of [`COLOUR`].
const LUMINANCE: f64 = 124.0;
const SIZE: usize = 28;

/// Probabilities for the value of every pixel.
fn expected(value: f64) -> Vec<f64> {
    softmax(&OF_GREY.map(|weight| f64::from(weight) * value))
}

fn channels_first() -> [Dim; 4] {
    [symbol("batch"), 1.into(), SIZE.into(), SIZE.into()]
}

#[test]
fn pictures_are_made_grey_in_every_layout_and_type() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let any = |name: &str| symbol(name);
    for shape in [
        channels_first().to_vec(),
        vec![any("batch"), SIZE.into(), SIZE.into(), 1.into()],
        vec![any("batch"), SIZE.into(), SIZE.into()],
        vec![1.into(), SIZE.into(), SIZE.into()],
        vec![any("batch"), 1.into(), any("height"), any("width")],
        vec![any("batch"), any("height"), any("width"), 1.into()],
    ] {
        for (element, scale) in [
            (DataType::Float, 255.0),
            (DataType::Float16, 255.0),
            (DataType::Uint8, 1.0),
        ] {
            Build::grey(element, &shape, &[("Mul", 1.5)]).save(&folder);
            let Some(found) = run(&folder, "a.png a.png") else {
                return;
            };
            // float16 keeps eleven bits of the mean, which the softmax of such values shows less.
            let value = 1.5 * LUMINANCE / scale;
            let both = predictions(&found);
            assert_eq!(both.len(), 2);
            for one in both {
                let one: Vec<f64> = one.into_iter().map(|(_, probability)| probability).collect();
                let close = if element == DataType::Float16 { 1e-3 } else { 1e-4 };
                let is_close = |(found, expected): (&f64, f64)| (found - expected).abs() < close;
                assert!(
                    one.iter().zip(expected(value)).all(is_close),
                    "{shape:?} {element:?}: {one:?}, expected {:?}\n{}",
                    expected(value),
                    found.stderr
                );
            }
            says(
                &found,
                "the model takes one channel: pictures are made grey for it",
            );
        }
    }
}

#[test]
fn what_nothing_says_of_grey_is_the_whole_picture_from_0_to_1() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::grey(DataType::Float, &channels_first(), &[]).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    says(
        &found,
        "preprocessing (assumed): --size 28 --resize square --interpolation bilinear --mean 0,0,0 --std 1,1,1\n",
    );
    for (steps, range) in [
        (&[("Div", 255.0)][..], "from 0 to 255,"),
        (&[("Div", 127.5), ("Sub", 1.0)], "from 0 to 255,"),
        (&[("Sub", 0.1307), ("Div", 0.3081)], "from 0 to 1,"),
    ] {
        Build::grey(DataType::Float, &channels_first(), steps).save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        says(&found, range);
    }
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(
        &probabilities(&found),
        &expected((LUMINANCE / 255.0 - 0.1307) / 0.3081),
        &found,
    );
}

#[test]
fn one_channel_has_one_mean() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::grey(DataType::Float, &channels_first(), &[]).save(&folder);
    for (options, value) in [
        (
            "--mean 0.1307 --std 0.3081",
            (LUMINANCE / 255.0 - 0.1307) / 0.3081,
        ),
        ("--preprocess half", LUMINANCE / 127.5 - 1.0),
        ("--preprocess bytes", LUMINANCE),
    ] {
        let Some(found) = run(&folder, &format!("{options} a.png")) else {
            return;
        };
        assert_close(&probabilities(&found), &expected(value), &found);
    }
    for (options, part) in [
        ("--preprocess imagenet", "are of red, green and blue, but"),
        ("--mean 0.485,0.456,0.406", "are of red, green and blue, but"),
        ("--channels bgr", "`--channels` has no effect"),
    ] {
        let Some(found) = run(&folder, &format!("{options} a.png")) else {
            return;
        };
        assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
        says(&found, part);
    }
}

#[test]
fn files_and_metadata_may_speak_of_one_channel() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let gray = [
        ("Image.BitmapPixelFormat", "Gray8"),
        ("Image.NominalPixelRange", "NominalRange_0_255"),
    ];
    Build::grey(DataType::Float, &channels_first(), &[])
        .saying(&gray)
        .save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(LUMINANCE), &found);
    // Its input has three channels.
    let mut build = Build::new(DataType::Float, first(SIZE));
    build.output("means", 3);
    build.saying(&gray).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    says(&found, "`Gray8`, one channel, but its input has three");

    Build::grey(DataType::Float, &channels_first(), &[]).save(&folder);
    let config = r#"{"architecture": "resnet18", "pretrained_cfg": {"input_size": [1, 28, 28], "mean": [0.5],
        "std": [0.25], "interpolation": "nearest", "crop_pct": 1.0}}"#;
    write(&folder, "config.json", config);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    says(
        &found,
        "--size 28 --resize crop --shorter 28 --interpolation nearest",
    );
    assert_close(
        &probabilities(&found),
        &expected((LUMINANCE / 255.0 - 0.5) / 0.25),
        &found,
    );
}
