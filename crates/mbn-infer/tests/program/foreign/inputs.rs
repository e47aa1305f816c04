//! What the input takes: layout, type, size, batch; and how pictures become it.

use image::Rgb;
use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::DataType;

use super::model::{Build, IDENTITY, first, integers, last, symbol};
use super::{COLOUR, assert_close, imagenet, normalised, picture, predictions, probabilities, run, softmax};
use crate::common::folder;

const ASSUMED: &str = "preprocessing (assumed): --size 32 --resize crop --interpolation bilinear \
                       --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225\n";

#[test]
fn either_layout_gets_the_channels_where_it_has_them() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let expected = softmax(&imagenet(COLOUR));
    let symbolic = ["batch", "channels", "height", "width"].map(symbol);
    for mut build in [
        Build::new(DataType::Float, first(32)),
        Build::channels_last(DataType::Float, last(32)),
        Build::new(DataType::Float, symbolic.clone()),
        // The first node shows the layout.
        Build::channels_last(DataType::Float, symbolic),
    ] {
        build.product("means", &IDENTITY, "scores");
        build.output("scores", 3);
        build.save(&folder);
        let Some(run) = run(&folder, "a.png") else { return };
        assert_close(&probabilities(&run), &expected, &run);
        assert!(
            run.stderr.contains("preprocessing (assumed): --size "),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("parity"), "{}", run.stderr);
    }
}

#[test]
fn bytes_are_given_as_they_are() {
    let folder = folder();
    picture(&folder, "a.png", [100, 102, 101]);
    for mut build in [
        Build::new(DataType::Uint8, first(32)),
        Build::channels_last(DataType::Uint8, last(32)),
    ] {
        build.product("means", &IDENTITY, "scores");
        build.output("scores", 3);
        build.save(&folder);
        let Some(run) = run(&folder, "a.png") else { return };
        assert_close(&probabilities(&run), &softmax(&[100.0, 102.0, 101.0]), &run);
        let assumed = "preprocessing (assumed): --size 32 --resize crop --interpolation bilinear\n";
        assert!(run.stderr.contains(assumed), "{}", run.stderr);
    }
    let Some(run) = run(&folder, "--mean 0.5 a.png") else {
        return;
    };
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("takes bytes"), "{}", run.stderr);
}

/// The model gets channels in the range that its first nodes normalise, unless something else says how it is made.
#[test]
fn what_the_model_normalises_is_not_normalised_before() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let inside: &[(&str, &[f32])] = &[("Sub", &mean), ("Div", &std)];
    let bytes = [&[("Mul", &[1.0 / 255.0][..])][..], inside].concat();
    let half: &[(&str, &[f32])] = &[("Div", &[127.5]), ("Sub", &[1.0])];
    for (steps, expected, range) in [
        (inside, imagenet(COLOUR), "from 0 to 1,"),
        (&bytes, imagenet(COLOUR), "from 0 to 255,"),
        (half, normalised(COLOUR, [0.5; 3], [0.5; 3]), "from 0 to 255,"),
    ] {
        Build::normalising(steps).save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&expected), &found);
        assert!(found.stderr.contains(range), "{}", found.stderr);
        assert!(
            found.stderr.contains("preprocessing (assumed): "),
            "{}",
            found.stderr
        );
    }
    // Of channels that are normalised already, the network computes something else.
    let [red, green, blue] = imagenet(COLOUR);
    let again = [red, green, blue].map(|value| value / 127.5 - 1.0);
    let Some(found) = run(&folder, "--preprocess imagenet a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&again), &found);
    for part in [
        "pictures are normalised twice",
        "`--preprocess bytes` gives channels from 0 to 255",
    ] {
        assert!(found.stderr.contains(part), "{}", found.stderr);
    }
    // A file may be about the network without what the graph does before it.
    let config = r#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32},
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}"#;
    std::fs::write(folder.path().join("preprocessor_config.json"), config).unwrap();
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let expected = normalised(COLOUR, [0.5; 3], [0.5; 3]);
    assert_close(&probabilities(&found), &softmax(&expected), &found);
    let aside = "mean and standard deviation of `preprocessor_config.json` beside it are left aside";
    assert!(found.stderr.contains(aside), "{}", found.stderr);
    // Both say the same of a picture from 0 to 1.
    let config = config
        .replace("[0.485, 0.456, 0.406]", "[0, 0, 0]")
        .replace("[0.229, 0.224, 0.225]", "[1, 1, 1]");
    std::fs::write(folder.path().join("preprocessor_config.json"), config).unwrap();
    Build::normalising(inside).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
    assert!(!found.stderr.contains("left aside"), "{}", found.stderr);
    assert!(!found.stderr.contains("from 0 to 255"), "{}", found.stderr);
}

#[test]
fn float16_comes_in_and_goes_out() {
    let folder = folder();
    // 0, 1 and 2 after normalisation, which float16 has exactly.
    picture(&folder, "a.png", [0, 51, 102]);
    let mut build = Build::new(DataType::Float16, first(32));
    build.product("means", &IDENTITY, "product");
    build.cast("product", DataType::Float16, "scores");
    build.output_of("scores", DataType::Float16, &[3]);
    build.save(&folder);
    let Some(run) = run(&folder, "--mean 0 --std 0.2 a.png") else {
        return;
    };
    assert_close(&probabilities(&run), &softmax(&[0.0, 1.0, 2.0]), &run);
}

#[test]
fn a_fixed_batch_is_filled_up_and_the_filling_left_out() {
    let folder = folder();
    for i in 0..5u8 {
        picture(&folder, &format!("{i}.png"), [40 * i, 100, 200 - 40 * i]);
    }
    for batch in [1, 2, 8] {
        let mut build = Build::new(DataType::Float, [batch.into(), 3.into(), 32.into(), 32.into()]);
        build.product("means", &IDENTITY, "scores");
        build.output("scores", 3);
        build.save(&folder);
        let Some(run) = run(&folder, ".") else { return };
        let found = predictions(&run);
        assert_eq!(found.len(), 5);
        for (i, found) in (0..).zip(found) {
            let found: Vec<_> = found.iter().map(|(_, probability)| *probability).collect();
            let expected = softmax(&imagenet([40 * i, 100, 200 - 40 * i]));
            assert_close(&found, &expected, &run);
        }
    }
}

/// The sum over all pixels shows the size.
#[test]
fn symbolic_sizes_are_given_or_assumed() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let shape = [symbol("n"), 3.into(), symbol("h"), symbol("w")];
    let mut build = Build::new(DataType::Float, shape);
    let axes = ("axes", Attribute::Ints(vec![2, 3]));
    let flat = ("keepdims", Attribute::Int(0));
    build
        .graph
        .node("ReduceL1", "sum", ["planes"], "sums", [axes, flat]);
    build.product("sums", &IDENTITY.map(|value| 1e-5 * value), "scores");
    build.output("scores", 3);
    build.save(&folder);
    let expected = |size: f64| {
        let channels = normalised(COLOUR, [0.0; 3], [1.0; 3]);
        softmax(&channels.map(|value| 1e-5 * value * size * size))
    };
    for (options, size) in [("", 224.0), ("--size 64", 64.0), ("--preprocess unit", 224.0)] {
        let line = format!("{options} --mean 0 --std 1 a.png");
        let Some(run) = run(&folder, &line) else { return };
        assert_close(&probabilities(&run), &expected(size), &run);
        let is_said = run.stderr.contains("(assumed): --size 224");
        assert_eq!(is_said, !options.contains("size"), "{}", run.stderr);
    }
    std::fs::write(folder.path().join("config.json"), r#"{"image_size": [96, 96]}"#).unwrap();
    let Some(run) = run(&folder, "--mean 0 --std 1 a.png") else {
        return;
    };
    assert_close(&probabilities(&run), &expected(96.0), &run);
}

#[test]
fn a_size_that_the_input_does_not_take_is_refused() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::of_size(32).save(&folder);
    let Some(run) = run(&folder, "--size 64 a.png") else {
        return;
    };
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("`--size 64`") && run.stderr.contains("32 x 32"),
        "{}",
        run.stderr
    );
}

/// The line that says what is assumed, given back as options, changes nothing and leaves nothing to assume.
#[test]
fn what_is_assumed_can_be_pasted_back() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::of_size(32).save(&folder);
    let Some(assuming) = run(&folder, "a.png") else {
        return;
    };
    assert!(assuming.stderr.contains(ASSUMED), "{}", assuming.stderr);
    let (_, options) = ASSUMED.trim_end().split_once(": ").unwrap();
    let Some(told) = run(&folder, &format!("{options} a.png")) else {
        return;
    };
    assert_eq!(told.stdout, assuming.stdout);
    assert!(!told.stderr.contains("assumed): "), "{}", told.stderr);
    // What is given is not assumed.
    let Some(partly) = run(&folder, "--mean 0.5 --resize square a.png") else {
        return;
    };
    let rest = "preprocessing (assumed): --size 32 --interpolation bilinear --std 0.229,0.224,0.225\n";
    assert!(partly.stderr.contains(rest), "{}", partly.stderr);
    let expected = normalised(COLOUR, [0.5; 3], [0.229, 0.224, 0.225]);
    assert_close(&probabilities(&partly), &softmax(&expected), &partly);
}

#[test]
fn presets_are_overridden_by_options() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::of_size(32).save(&folder);
    for (options, mean, std) in [
        ("--preprocess half", 0.5, 0.5),
        ("--preprocess unit", 0.0, 1.0),
        ("--preprocess ultralytics", 0.0, 1.0),
        ("--preprocess keras", 0.5, 0.5),
        ("--preprocess bytes --std 0.5", 0.0, 0.5),
        ("--preprocess keras --mean 0.25", 0.25, 0.5),
    ] {
        let Some(run) = run(&folder, &format!("{options} a.png")) else {
            return;
        };
        let expected = softmax(&normalised(COLOUR, [mean; 3], [std; 3]));
        assert_close(&probabilities(&run), &expected, &run);
        assert!(!run.stderr.contains("assumed): "), "{}", run.stderr);
    }
    // Bytes themselves: 200, 100 and 50 leave the others nothing.
    let Some(run) = run(&folder, "--preprocess bytes a.png") else {
        return;
    };
    assert_close(&probabilities(&run), &[1.0, 0.0, 0.0], &run);
}

/// Three thirds of one colour each: the crop sees the middle one alone.
#[test]
fn the_crop_is_assumed_and_can_be_turned_off() {
    let folder = folder();
    let thirds = [[250, 0, 0], [0, 250, 0], [0, 0, 250]];
    let image = image::RgbImage::from_fn(192, 64, |x, _| Rgb(thirds[x as usize / 64]));
    image.save(folder.path().join("a.png")).unwrap();
    Build::of_size(32).save(&folder);
    let Some(cropped) = run(&folder, "--mean 0 --std 1 a.png") else {
        return;
    };
    let middle = softmax(&[0.0, 250.0 / 255.0, 0.0]);
    assert_close(&probabilities(&cropped), &middle, &cropped);
    let Some(squeezed) = run(&folder, "--preprocess keras --mean 0 --std 1 a.png") else {
        return;
    };
    let found = probabilities(&squeezed);
    // Equal thirds; where they meet, pixels mix.
    assert!(found.iter().all(|p| (p - 1.0 / 3.0).abs() < 0.01), "{found:?}");
}

/// ONNX Runtime up to 1.31 pads with the least number where it makes a `Pad` part of the pooling behind it.
#[test]
fn zeros_that_a_model_pads_with_count_in_pooling() {
    let folder = folder();
    // Black is below zero once it is normalised.
    picture(&folder, "a.png", [0, 0, 0]);
    let mut build = Build::new(DataType::Float, first(32));
    let graph = &mut build.graph;
    graph.constant(integers("pads", vec![0, 0, 1, 1, 0, 0, 1, 1]));
    graph.node("Pad", "pad", ["planes", "pads"], "padded", []);
    let kernel = ("kernel_shape", Attribute::Ints(vec![34, 34]));
    graph.node("MaxPool", "largest", ["padded"], "largest", [kernel]);
    graph.node("Flatten", "row", ["largest"], "row", []);
    build.product("row", &IDENTITY, "scores");
    build.output("scores", 3);
    build.save(&folder);
    let Some(run) = run(&folder, "a.png") else { return };
    assert_close(&probabilities(&run), &[1.0 / 3.0; 3], &run);
}
