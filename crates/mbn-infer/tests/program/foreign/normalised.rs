//! Which channels a model takes, by its first nodes and by ONNX's metadata about pictures.

use mbn_onnx::proto::DataType;

use super::model::{Build, IDENTITY, first, last};
use super::{COLOUR, assert_close, imagenet, normalised, picture, probabilities, run, says, softmax};
use crate::common::{Run, folder};

/// ImageNet's mean of channels from 0 to 255, blue first.
const CAFFE: [f32; 3] = [103.939, 116.779, 123.68];
const FORMAT: &str = "Image.BitmapPixelFormat";
const GAMMA: &str = "Image.ColorSpaceGamma";
const RANGE: &str = "Image.NominalPixelRange";

fn refuses(run: &Run, parts: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    parts.iter().for_each(|part| says(run, part));
}

/// Keras' ResNet and VGG turn the channels themselves.
#[test]
fn channels_that_the_model_turns_are_given_with_red_first() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::normalising(&[("Gather", &[2.0, 1.0, 0.0]), ("Sub", &CAFFE), ("Mul", &[0.01])]).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let [red, green, blue] = COLOUR.map(f64::from);
    let expected = [blue - 103.939, green - 116.779, red - 123.68].map(|value| 0.01 * value);
    assert_close(&probabilities(&found), &softmax(&expected), &found);
    says(
        &found,
        "first nodes normalise channels from 0 to 255, which it is given",
    );
}

#[test]
fn what_is_brought_from_minus_one_to_one_is_given_so() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let expected = softmax(&normalised(COLOUR, [0.0; 3], [1.0; 3]));
    for steps in [
        &[("Add", &[1.0][..]), ("Mul", &[127.5]), ("Div", &[255.0])][..],
        &[("Mul", &[0.5]), ("Add", &[0.5])],
    ] {
        Build::normalising(steps).save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &expected, &found);
        says(&found, "--mean 0.5,0.5,0.5 --std 0.5,0.5,0.5\n");
        says(
            &found,
            "first nodes normalise channels from -1 to 1, which it is given",
        );
    }
}

/// PyTorch's exporter leaves the reciprocal of the standard deviation to a node.
#[test]
fn constants_that_nodes_make_are_followed() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let negative = [-0.485, -0.456, -0.406];
    let std = [0.229, 0.224, 0.225];
    for (steps, range) in [
        (
            &[("Add", &negative[..]), ("Mul of Reciprocal", &std)][..],
            "from 0 to 1",
        ),
        (
            &[
                ("Mul of Reciprocal", &[255.0]),
                ("Sub of Neg", &negative),
                ("Div", &std),
            ],
            "from 0 to 255",
        ),
    ] {
        Build::normalising(steps).save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
        let line = format!("first nodes normalise channels {range}, which it is given");
        says(&found, &line);
    }
}

/// A model that may normalise in a way that is not followed gets ImageNet's values, and a warning unless the user says what it takes.
#[test]
fn what_may_be_normalised_otherwise_is_warned_of() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    for (steps, parts) in [
        (
            &[("Pow", &[2.0][..])][..],
            &["computes with its pictures", "(Pow)"][..],
        ),
        (
            &[("QuantizeLinear", &[1.0, 128.0][..])],
            &["quantised with channels from -128.0000 to 127.0000"],
        ),
    ] {
        Build::normalising(steps).save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_eq!(found.code, 0, "{}", found.stderr);
        parts.iter().for_each(|part| says(&found, part));
        says(&found, "`--mean` and `--std`");
        let Some(said) = run(&folder, "--mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 a.png") else {
            return;
        };
        assert!(!said.stderr.contains(parts[0]), "{}", said.stderr);
    }
    // ImageNet's own range.
    Build::normalising(&[("QuantizeLinear", &[4.757 / 255.0, 114.0])]).save(&folder);
    if let Some(found) = run(&folder, "a.png") {
        assert!(!found.stderr.contains("quantised with"), "{}", found.stderr);
    }
}

/// Caffe's models subtract their mean from blue, green and red.
#[test]
fn a_mean_with_blue_first_shows_that_the_model_takes_blue_first() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::normalising(&[("Sub", &CAFFE), ("Mul", &[0.01])]).save(&folder);
    let [red, green, blue] = COLOUR.map(f64::from);
    let of = |channels: [f64; 3]| softmax(&[0, 1, 2].map(|c| 0.01 * (channels[c] - f64::from(CAFFE[c]))));
    let is_told = |run: &Run| {
        run.stderr
            .contains("`model.onnx` takes blue first, which it is given: its first nodes")
    };
    for options in ["", "--preprocess bytes", "--mean 0 --std 0.00392156862745098"] {
        let Some(found) = run(&folder, &format!("{options} a.png")) else {
            return;
        };
        assert_close(&probabilities(&found), &of([blue, green, red]), &found);
        assert!(is_told(&found), "{}", found.stderr);
    }
    for (order, channels) in [("bgr", [blue, green, red]), ("rgb", [red, green, blue])] {
        let Some(found) = run(&folder, &format!("--channels {order} a.png")) else {
            return;
        };
        assert_close(&probabilities(&found), &of(channels), &found);
        assert!(!is_told(&found), "{}", found.stderr);
    }
}

/// A model that shows nothing gets what the user says; mean and standard deviation are those of red, green and blue.
#[test]
fn the_order_of_the_channels_is_an_option_in_every_layout_and_type() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let [red, green, blue] = imagenet(COLOUR);
    let bytes = COLOUR.map(f64::from);
    for (mut build, expected) in [
        (Build::new(DataType::Float, first(32)), [blue, green, red]),
        (
            Build::channels_last(DataType::Float, last(32)),
            [blue, green, red],
        ),
        (
            Build::new(DataType::Uint8, first(32)),
            [bytes[2], bytes[1], bytes[0]],
        ),
        (
            Build::channels_last(DataType::Uint8, last(32)),
            [bytes[2], bytes[1], bytes[0]],
        ),
    ] {
        build.product("means", &IDENTITY, "scores");
        build.output("scores", 3);
        build.save(&folder);
        let Some(found) = run(&folder, "--channels bgr a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&expected), &found);
    }
}

#[test]
fn onnx_metadata_says_the_range() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let of = |range: &'static str| {
        let said = [(FORMAT, "Rgb8"), (GAMMA, "SRGB"), (RANGE, range)];
        Build::normalising(&[("Mul", &[1.0])]).saying(&said).save(&folder);
    };
    for (range, mean, std, options) in [
        ("Normalized_0_1", 0.0, 1.0, "--mean 0,0,0 --std 1,1,1\n"),
        (
            "normalized_1_1",
            0.5,
            0.5,
            "--mean 0.5,0.5,0.5 --std 0.5,0.5,0.5\n",
        ),
        (
            "NominalRange_0_255",
            0.0,
            1.0 / 255.0,
            "--mean 0,0,0 --std 0.0039",
        ),
    ] {
        of(range);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        let expected = softmax(&normalised(COLOUR, [mean; 3], [std; 3]));
        assert_close(&probabilities(&found), &expected, &found);
        says(
            &found,
            &format!("preprocessing (as metadata `Image.NominalPixelRange` says): {options}"),
        );
        says(
            &found,
            "preprocessing (assumed): --size 32 --resize crop --interpolation bilinear\n",
        );
        // What the user says goes before it.
        let Some(found) = run(&folder, "--preprocess imagenet a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
    }
    of("Normalized_0_1");
    let Some(found) = run(&folder, "--std 0.5 a.png") else {
        return;
    };
    let expected = softmax(&normalised(COLOUR, [0.0; 3], [0.5; 3]));
    assert_close(&probabilities(&found), &expected, &found);
    says(&found, "NominalPixelRange` says): --mean 0,0,0\n");
    // So does a file beside the model.
    let config = r#"{"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 32, 32], "mean": [0.25, 0.25, 0.25],
        "std": [0.5, 0.5, 0.5]}}"#;
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let expected = softmax(&normalised(COLOUR, [0.25; 3], [0.5; 3]));
    assert_close(&probabilities(&found), &expected, &found);
}

#[test]
fn nodes_go_before_the_metadata_about_pictures() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::normalising(&[("Div", &[255.0])])
        .saying(&[(RANGE, "Normalized_1_1")])
        .save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let expected = softmax(&normalised(COLOUR, [0.0; 3], [1.0; 3]));
    assert_close(&probabilities(&found), &expected, &found);
    says(
        &found,
        "warning: the metadata `Image.NominalPixelRange` is `Normalized_1_1` of",
    );
    assert!(!found.stderr.contains("says): --mean"), "{}", found.stderr);
}

#[test]
fn onnx_metadata_says_that_blue_comes_first() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::of_size(32)
        .saying(&[(FORMAT, "BGR8"), (RANGE, "NominalRange_0_255")])
        .save(&folder);
    let [red, green, blue] = COLOUR.map(f64::from);
    for (options, expected) in [("", [blue, green, red]), ("--channels rgb", [red, green, blue])] {
        let Some(found) = run(&folder, &format!("{options} a.png")) else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&expected), &found);
        let told = "takes blue first, which it is given: its metadata `Image.BitmapPixelFormat` is `BGR8`";
        assert_eq!(
            found.stderr.contains(told),
            options.is_empty(),
            "{}",
            found.stderr
        );
    }
}

#[test]
fn metadata_that_says_red_first_goes_before_the_nodes() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::normalising(&[("Sub", &CAFFE), ("Mul", &[0.01])])
        .saying(&[(FORMAT, "Rgb8")])
        .save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let channels = COLOUR.map(f64::from);
    let expected = [0, 1, 2].map(|c| 0.01 * (channels[c] - f64::from(CAFFE[c])));
    assert_close(&probabilities(&found), &softmax(&expected), &found);
    says(
        &found,
        "warning: `model.onnx` is given red first, since its metadata `Image.BitmapPixelFormat` is `Rgb8`, but its first nodes",
    );
    says(&found, "hint: `--channels bgr` gives it blue first");
}

/// MobileViT's processor puts blue before red, also where a preset says how channels are normalised.
#[test]
fn a_file_beside_the_model_says_that_blue_comes_first() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::of_size(32).save(&folder);
    let config = r#"{"image_processor_type": "MobileViTImageProcessor", "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32}}"#;
    std::fs::write(folder.path().join("preprocessor_config.json"), config).unwrap();
    let [red, green, blue] = normalised(COLOUR, [0.0; 3], [1.0; 3]);
    let told = "takes blue first, which it is given: `preprocessor_config.json` beside it puts it before red";
    for (options, expected) in [
        ("", [blue, green, red]),
        ("--preprocess unit", [blue, green, red]),
        ("--channels rgb", [red, green, blue]),
    ] {
        let Some(found) = run(&folder, &format!("{options} a.png")) else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&expected), &found);
        assert_eq!(
            found.stderr.contains(told),
            !options.contains("rgb"),
            "{}",
            found.stderr
        );
    }
}

#[test]
fn pictures_that_no_option_makes_are_refused_by_name() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    for (key, value, parts) in [
        (
            FORMAT,
            "GRAY8",
            &[
                "one channel, but its input has three",
                "hint: `--preprocess PRESET`",
            ][..],
        ),
        (
            GAMMA,
            "Linear",
            &["expected `SRGB`", "hint: `--preprocess PRESET`"],
        ),
        (
            RANGE,
            "NominalRange_16_235",
            &["expected `NominalRange_0_255`", "hint: `--mean="],
        ),
    ] {
        Build::of_size(32).saying(&[(key, value)]).save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        let named = format!("`{key}` is `{value}`");
        refuses(
            &found,
            &["`model.onnx` takes pictures that cannot be made", &named],
        );
        refuses(&found, parts);
        let Some(found) = run(&folder, "--preprocess unit a.png") else {
            return;
        };
        let expected = softmax(&normalised(COLOUR, [0.0; 3], [1.0; 3]));
        assert_close(&probabilities(&found), &expected, &found);
    }
    // What the hint says: the range of films.
    let Some(found) = run(&folder, "--mean=-0.0730594 --std 0.00456621 a.png") else {
        return;
    };
    let expected = COLOUR.map(|value| 16.0 + 219.0 * f64::from(value) / 255.0);
    assert_close(&probabilities(&found), &softmax(&expected), &found);
    Build::of_size(32).saying(&[(RANGE, "0..1")]).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
    says(
        &found,
        "metadata `Image.NominalPixelRange` is `0..1`, which is not one of ONNX's values",
    );
}
