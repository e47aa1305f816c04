use std::path::Path;

use mbn_spec::{Centre, Interpolation, Resize};

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

type Read = fn(&Path, Preprocess) -> Result<Described, BesideError>;

fn read(library: Read, files: &[(&str, &str)]) -> Result<Described, BesideError> {
    library(folder(files).path(), Preprocess::default())
}

#[test]
fn transformers_files_describe_network_and_preprocessing() {
    let config = r#"{"model_type": "mobilenet_v1", "problem_type": "multi_label_classification", "depth_multiplier": 0.75, "min_depth": 8, "hidden_act": "relu6",
        "tf_padding": false, "layer_norm_eps": 0.002, "image_size": 192, "id2label": {"1": "tench", "0": "background"}}"#;
    let preprocessor = r#"{"crop_size": {"height": 192, "width": 192}, "do_center_crop": true, "do_normalize": true,
        "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.25, 0.5], "image_std": [0.5, 0.5, 1],
        "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 224}}"#;
    let described = read(
        transformers::read,
        &[(CONFIG, config), (PREPROCESSOR, preprocessor)],
    )
    .unwrap();
    let variant = described.variant(Variant::PYTORCH);
    assert_eq!(variant.activation, Activation::Relu6);
    assert_eq!(variant.batch_norm_epsilon, 0.002);
    assert_eq!(variant.stride2_padding, Stride2Padding::Symmetric);
    assert_eq!(described.meaning, Meaning::MultiLabel);
    assert_eq!(described.variant_files, [CONFIG]);
    assert_eq!(described.preprocess_files, [PREPROCESSOR]);
    let (field, names) = described.classes.clone().unwrap();
    assert_eq!(
        (field, names),
        ("id2label", vec!["background".into(), "tench".into()])
    );
    let preprocess = described.preprocess.unwrap();
    assert_eq!(preprocess.resize, Resize::Crop);
    assert_eq!((preprocess.size, preprocess.shorter_side()), (192, 224));
    assert_eq!(preprocess.interpolation, Interpolation::Bicubic);
    assert_eq!(
        (preprocess.mean, preprocess.std),
        ([0.5, 0.25, 0.5], [0.5, 0.5, 1.0])
    );
    assert!(described.require_alpha(Alpha::ThreeQuarters).is_ok());
    let error = described.require_alpha(Alpha::One).unwrap_err().to_string();
    assert!(
        error.contains("`config.json`") && error.contains("`depth_multiplier` 0.75"),
        "{error}"
    );
}

/// transformers writes the same field beside its own networks and those that it takes from timm.
#[test]
fn what_the_values_mean_is_read_beside_either_library() {
    for (library, model) in [
        (transformers::read as Read, r#""model_type": "mobilenet_v1""#),
        (
            timm::read,
            r#""model_type": "timm_wrapper", "architecture": "mobilenetv1_100""#,
        ),
        (timm::read, r#""architecture": "mobilenetv1_100""#),
    ] {
        for (problem, expected) in [
            (r#""multi_label_classification""#, Meaning::MultiLabel),
            (r#""regression""#, Meaning::Regression),
            (r#""single_label_classification""#, Meaning::Classes),
            ("null", Meaning::Classes),
        ] {
            let config = format!(r#"{{{model}, "problem_type": {problem}}}"#);
            let described = read(library, &[(CONFIG, &config)]).unwrap();
            assert_eq!(described.meaning, expected, "{config}");
            let refused = described.require_classes().map_err(|error| error.to_string());
            assert_eq!(refused.is_err(), expected == Meaning::Regression, "{config}");
        }
        let config = format!(r#"{{{model}, "problem_type": 3}}"#);
        let error = read(library, &[(CONFIG, &config)]).unwrap_err().to_string();
        assert!(error.contains("`problem_type` 3"), "{error}");
    }
}

/// transformers takes a number of pixels, a pair or an object of them.
#[test]
fn the_size_of_images_may_be_a_pair() {
    let size = |size: &str| {
        let config = format!(r#"{{"model_type": "mobilenet_v1", "image_size": {size}}}"#);
        read(transformers::read, &[(CONFIG, &config)])
    };
    for form in ["160", "[160, 160]", r#"{"height": 160, "width": 160}"#] {
        assert_eq!(size(form).unwrap().preprocess.unwrap().size, 160, "{form}");
    }
    let error = size("[160, 192]").unwrap_err().to_string();
    assert!(
        error.contains("`image_size` [160,192], expected a square"),
        "{error}"
    );
}

/// transformers 5 may keep the preprocessor in a section of the processor's file, which then goes before its own file.
#[test]
fn the_file_of_a_whole_processor_is_read() {
    let of_size = |size: usize| {
        format!(
            r#"{{"image_processor_type": "ViTImageProcessor", "size": {{"height": {size}, "width": {size}}}}}"#
        )
    };
    let nested = format!(
        r#"{{"image_processor": {}, "processor_class": "SomeProcessor"}}"#,
        of_size(160)
    );
    let other = r#"{"processor_class": "SomeProcessor", "image_seq_len": 64}"#.to_owned();
    for (files, expected) in [
        (&[(PROCESSOR, nested.clone())][..], Some((160, PROCESSOR))),
        (
            &[(PROCESSOR, nested.clone()), (PREPROCESSOR, of_size(192))],
            Some((160, PROCESSOR)),
        ),
        (&[(PROCESSOR, of_size(128))], Some((128, PROCESSOR))),
        (
            &[(PROCESSOR, of_size(128)), (PREPROCESSOR, of_size(192))],
            Some((192, PREPROCESSOR)),
        ),
        (
            &[(PROCESSOR, other.clone()), (PREPROCESSOR, of_size(192))],
            Some((192, PREPROCESSOR)),
        ),
        (&[(PROCESSOR, other)], None),
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let beside = folder(&files);
        let found = model::model_preprocess(beside.path(), Preprocess::default()).unwrap();
        let found = found.map(|found| (found.value.preprocess.size.unwrap(), found.file));
        assert_eq!(found, expected, "{files:?}");
        let described = read(transformers::read, &files).unwrap();
        let found = described.preprocess.map(|preprocess| preprocess.size);
        let file = described.preprocess_files.first().copied();
        assert_eq!(found.zip(file), expected, "{files:?}");
    }
    let wrong = nested.replace("160, \"width\"", "\"large\", \"width\"");
    let error = read(transformers::read, &[(PROCESSOR, &wrong)])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("`processor_config.json`") && error.contains("image_processor.size"),
        "{error}"
    );
}

#[test]
fn forms_of_older_and_newer_preprocessors_are_understood() {
    let preprocess = |preprocessor: &str| {
        let described = read(transformers::read, &[(PREPROCESSOR, preprocessor)]).unwrap();
        described.preprocess.unwrap()
    };
    let squeezed = preprocess(r#"{"size": {"height": 160, "width": 160}, "do_center_crop": false}"#);
    assert_eq!((squeezed.resize, squeezed.size), (Resize::Square, 160));
    let older = preprocess(r#"{"size": 256, "crop_size": 224, "do_normalize": false}"#);
    assert_eq!((older.resize, older.shorter_side()), (Resize::Crop, 256));
    assert_eq!((older.mean, older.std), ([0.0; 3], [1.0; 3]));
    // Bytes times 1/127.5 less 1: the same as a mean and a standard deviation of a half.
    let factor = preprocess(
        r#"{"size": 256, "crop_size": 224, "rescale_factor": 0.00784313725490196, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]}"#,
    );
    assert_eq!((factor.mean, factor.std), ([0.5; 3], [0.5; 3]));
    // Bytes divided by 256.
    let factor = preprocess(r#"{"size": 256, "rescale_factor": 0.00390625, "do_normalize": false}"#);
    assert_eq!(factor.std, [256.0 / 255.0; 3]);
}

#[test]
fn timms_file_describes_the_preprocessing() {
    let config = |pretrained: &str, more: &str| {
        format!(
            r#"{{"architecture": "mobilenetv1_100", "num_classes": 2, {more} "pretrained_cfg": {{{pretrained}}}}}"#
        )
    };
    let content = config(
        r#""input_size": [3, 256, 256], "crop_pct": 0.95, "crop_mode": "center", "interpolation": "bilinear",
           "mean": [0.1, 0.2, 0.3], "std": [1, 0.5, 0.25], "fixed_input_size": false"#,
        r#""label_names": ["a", "b"], "model_args": {"act_layer": "relu", "global_pool": "avg"},"#,
    );
    let described = read(timm::read, &[(CONFIG, &content)]).unwrap();
    let preprocess = described.preprocess.unwrap();
    assert_eq!((preprocess.size, preprocess.shorter_side()), (256, 269));
    assert_eq!(preprocess.interpolation, Interpolation::Bilinear);
    assert_eq!(preprocess.std, [1.0, 0.5, 0.25]);
    assert_eq!(described.activation, Some(Activation::Relu));
    assert_eq!(described.classes.unwrap().1, ["a", "b"]);
    let usual = config(r#""input_size": [3, 224, 224], "crop_pct": 0.875"#, "");
    let described = read(timm::read, &[(CONFIG, &usual)]).unwrap();
    assert_eq!(described.preprocess.unwrap().shorter, None);
    assert_eq!(described.classes, None);
}

/// Other networks of the same tensors.
#[test]
fn timms_arguments_that_make_another_network_are_refused() {
    let read_with = |fields: &str| {
        let content = format!(r#"{{"architecture": "mobilenetv1_100", {fields}}}"#);
        read(timm::read, &[(CONFIG, &content)])
    };
    for (fields, named) in [
        (r#""global_pool": "max""#, "`global_pool` \"max\", expected `avg`"),
        (
            r#""model_args": {"global_pool": "avgmax"}"#,
            "`model_args.global_pool` \"avgmax\", expected `avg`",
        ),
        (
            r#""model_args": {"output_stride": 16}"#,
            "`model_args.output_stride` 16, expected 32",
        ),
        (
            r#""model_args": {"num_classes": 5, "aa_layer": "blurpool"}"#,
            "`model_args.aa_layer` \"blurpool\", expected no such argument",
        ),
    ] {
        let error = read_with(fields).unwrap_err().to_string();
        assert!(
            error.starts_with("`config.json`") && error.contains(named),
            "{error}"
        );
    }
    let usual = r#""global_pool": "avg", "model_args": {"in_chans": 3, "drop_rate": 0.2, "output_stride": 32,
        "aa_layer": null, "global_pool": "avg"}"#;
    assert_eq!(read_with(usual).unwrap(), Described::default());
}

/// As files on the Hub were before `pretrained_cfg`.
#[test]
fn timms_flat_file_describes_the_same() {
    let flat = |architecture: &str| {
        format!(
            r#"{{"architecture": "{architecture}", "num_classes": 2, "input_size": [3, 192, 192], "pool_size": null,
                "crop_pct": 0.9, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.25, 0.5],
                "first_conv": "patch_embed.proj", "labels": ["a", "b"]}}"#
        )
    };
    let usual = Preprocess::default();
    let vit = folder(&[(CONFIG, &flat("vit_small_patch16_224"))]);
    let found = model::model_preprocess(vit.path(), usual).unwrap().unwrap();
    let found = found.value.preprocess.over(usual);
    // floor(192 / 0.9) = floor(213.3)
    assert_eq!(
        (found.size, found.shorter_side(), found.resize),
        (192, 213, Resize::Crop)
    );
    assert_eq!(found.interpolation, Interpolation::Bicubic);
    assert_eq!((found.mean, found.std), ([0.5; 3], [0.5, 0.25, 0.5]));
    let names = model::model_classes(vit.path()).unwrap().unwrap();
    assert_eq!(names.value, ["a", "b"]);

    let described = read(timm::read, &[(CONFIG, &flat("mobilenetv1_100"))]).unwrap();
    assert_eq!(described.preprocess, Some(found));
    let (field, names) = described.classes.unwrap();
    assert_eq!((field, names.len()), ("labels", 2));

    // Both fields tell that it is such a file.
    for other in [
        r#"{"architecture": "vit", "crop_pct": 0.9}"#,
        r#"{"input_size": [3, 192, 192], "labels": ["a"]}"#,
    ] {
        let other = folder(&[(CONFIG, other)]);
        assert_eq!(model::model_preprocess(other.path(), usual).unwrap(), None);
        assert_eq!(model::model_classes(other.path()).unwrap(), None);
    }
    // Names by their index, as timm takes them from a dictionary.
    let indexed =
        r#"{"architecture": "vit", "input_size": [3, 192, 192], "label_names": {"1": "b", "0": "a"}}"#;
    let indexed = folder(&[(CONFIG, indexed)]);
    let names = model::model_classes(indexed.path()).unwrap().unwrap();
    assert_eq!(names.value, ["a", "b"]);
    let wrong = folder(&[(CONFIG, r#"{"architecture": "vit", "input_size": [2, 28, 28]}"#)]);
    let error = model::model_preprocess(wrong.path(), usual)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`input_size` [2,28,28], expected [3, size, size], or 1 instead of 3 for grey"),
        "{error}"
    );
}

/// As timm's `resolve_data_config` takes them with `use_test_size`.
#[test]
fn timms_size_of_tests_has_its_own_crop() {
    let stated = |fields: &str| {
        let config = format!(
            r#"{{"architecture": "a", "pretrained_cfg": {{"input_size": [3, 224, 224], {fields}}}}}"#
        );
        let folder = folder(&[(CONFIG, &config)]);
        let found = model::model_preprocess(folder.path(), Preprocess::default());
        found.map(|found| found.unwrap().value)
    };
    let found =
        stated(r#""crop_pct": 0.875, "test_input_size": [3, 256, 256], "test_crop_pct": 0.95"#).unwrap();
    assert_eq!(found.test, Some((256, 0.95)));
    let parts = [224, 256, 288].map(|size| found.crop_part_at(size));
    assert_eq!(parts, [Some(0.875), Some(0.95), Some(0.875)]);
    assert_eq!(
        (found.preprocess.size, found.preprocess.shorter),
        (Some(224), Some(256))
    );
    for (fields, test) in [
        (
            r#""crop_pct": 0.9, "test_input_size": [3, 288, 288]"#,
            Some((288, 0.9)),
        ),
        (
            r#""test_input_size": [3, 288, 288], "test_crop_pct": 1.0"#,
            Some((288, 1.0)),
        ),
        (r#""test_input_size": [3, 224, 224], "test_crop_pct": 0.95"#, None),
        (r#""test_input_size": [3, 256, 224], "test_crop_pct": 0.95"#, None),
        (r#""test_input_size": null, "test_crop_pct": 0.95"#, None),
    ] {
        assert_eq!(stated(fields).unwrap().test, test, "{fields}");
    }
    let error = stated(r#""test_input_size": [3, 256, 256], "test_crop_pct": 2"#).unwrap_err();
    assert!(
        error.to_string().contains("`pretrained_cfg.test_crop_pct` 2"),
        "{error}"
    );
}

#[test]
fn configurations_of_other_networks_are_not_used() {
    for (library, content) in [
        (
            transformers::read as Read,
            r#"{"model_type": "resnet", "hidden_act": 7}"#,
        ),
        (timm::read, r#"{"architecture": "resnet", "pretrained_cfg": 7}"#),
    ] {
        let described = read(library, &[(CONFIG, content)]).unwrap();
        assert_eq!(described.other_model.as_deref(), Some("resnet"));
        assert_eq!(described.preprocess, None);
        assert_eq!(read(library, &[]).unwrap(), Described::default());
    }
}

/// Of any network, as its ONNX model needs it.
#[test]
fn models_of_any_network_are_described() {
    let preprocess = |files: &[(&str, &str)]| {
        let usual = Preprocess {
            resize: Resize::Crop,
            ..Preprocess::default()
        };
        let found = model::model_preprocess(folder(files).path(), usual).unwrap()?;
        Some((found.value.preprocess.over(usual), found.file))
    };
    let size_and_shorter = |preprocessor: &str| {
        let (found, _) = preprocess(&[(PREPROCESSOR, preprocessor)]).unwrap();
        (found.resize, found.size, found.shorter_side(), found.centre)
    };
    let (crop, square) = (Resize::Crop, Resize::Square);
    // ConvNeXt's processor: 224 / 0.875, and from 384 pixels on the whole picture.
    let convnext = r#"{"crop_pct": 0.875, "size": {"shortest_edge": 224}}"#;
    assert_eq!(size_and_shorter(convnext), (crop, 224, 256, Centre::Down));
    let large = r#"{"crop_pct": 1.0, "size": {"shortest_edge": 384}}"#;
    let (resize, size, ..) = size_and_shorter(large);
    assert_eq!((resize, size), (square, 384));
    // A number is a square for a processor that knows no crop.
    let (resize, size, ..) = size_and_shorter(r#"{"size": 160, "do_normalize": true}"#);
    assert_eq!((resize, size), (square, 160));
    let older = r#"{"size": 192, "do_center_crop": true, "crop_size": 160}"#;
    assert_eq!(size_and_shorter(older), (crop, 160, 192, Centre::Down));

    let timm =
        r#"{"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.95}}"#;
    let (found, file) = preprocess(&[(CONFIG, timm), (PREPROCESSOR, convnext)]).unwrap();
    assert_eq!(
        (found.shorter_side(), found.centre, file),
        (235, Centre::Even, CONFIG)
    );
    let (found, _) = preprocess(&[(CONFIG, r#"{"model_type": "vit", "image_size": [96, 96]}"#)]).unwrap();
    assert_eq!(found.size, 96);
    assert_eq!(preprocess(&[(CONFIG, r#"{"model_type": "vit"}"#)]), None);
    assert_eq!(preprocess(&[]), None);
    for (file, content, named) in [
        (
            PREPROCESSOR,
            r#"{"do_flip_channel_order": true}"#,
            "`do_flip_channel_order` true",
        ),
        (
            PREPROCESSOR,
            r#"{"rescale_offset": true}"#,
            "`rescale_offset` true",
        ),
        (
            PREPROCESSOR,
            r#"{"crop_pct": 2, "size": {"shortest_edge": 224}}"#,
            "`crop_pct` 2",
        ),
        (CONFIG, r#"{"image_size": [96, 64]}"#, "`image_size` [96,64]"),
        (
            CONFIG,
            r#"{"pretrained_cfg": {"input_size": [3, 7, 7]}}"#,
            "size 7 is outside",
        ),
    ] {
        let error = model::model_preprocess(folder(&[(file, content)]).path(), Preprocess::default());
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{file}`")) && error.contains(named),
            "{error}"
        );
    }

    let classes = |config: &str| model::model_classes(folder(&[(CONFIG, config)]).path()).unwrap();
    let names = classes(r#"{"model_type": "vit", "id2label": {"0": "a", "1": "b"}}"#).unwrap();
    assert_eq!(
        (names.value, names.file),
        (vec!["a".to_owned(), "b".to_owned()], CONFIG)
    );
    let nested =
        r#"{"architecture": "resnet18", "label_names": null, "pretrained_cfg": {"label_names": ["c"]}}"#;
    assert_eq!(classes(nested).unwrap().value, ["c"]);
    assert_eq!(classes(r#"{"id2label": {"0": "LABEL_0"}}"#), None);
    let problem = |config: &str| model::is_multi_label(folder(&[(CONFIG, config)]).path()).unwrap();
    assert!(problem(r#"{"problem_type": "multi_label_classification"}"#));
    assert!(!problem(r#"{"problem_type": "single_label_classification"}"#) && !problem("{}"));
    let measures = |config: &str| model::is_regression(folder(&[(CONFIG, config)]).path()).unwrap();
    assert!(measures(r#"{"problem_type": "regression"}"#));
    assert!(!measures(r#"{"problem_type": "single_label_classification"}"#) && !measures("{}"));
}

#[test]
fn every_wrong_field_is_named_with_its_file() {
    let pretrained =
        |field: &str| format!(r#"{{"architecture": "mobilenetv1_100", "pretrained_cfg": {{{field}}}}}"#);
    for (field, named) in [
        (
            r#""input_size": [3, 224, 192]"#,
            "`pretrained_cfg.input_size` [3,224,192]",
        ),
        (r#""input_size": [3, 7, 7]"#, "size 7 is outside 32 to 4096"),
        (r#""crop_pct": 0"#, "`pretrained_cfg.crop_pct` 0"),
        (r#""crop_pct": 1.5"#, "`pretrained_cfg.crop_pct` 1.5"),
        (r#""crop_pct": 0.001"#, "shorter side to 224000"),
        (r#""crop_mode": "border""#, "`pretrained_cfg.crop_mode`"),
        (
            r#""interpolation": "random""#,
            "`pretrained_cfg.interpolation` \"random\", expected the name of one of Pillow's filters",
        ),
        (
            r#""mean": [0.5, 0.5]"#,
            "`pretrained_cfg.mean` [0.5,0.5], expected one number or three",
        ),
        (r#""std": [0, 0, 0]"#, "std"),
        (r#""label_names": [1]"#, "`pretrained_cfg.label_names`"),
    ] {
        let error = read(timm::read, &[(CONFIG, &pretrained(field))])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("`config.json`") && error.contains(named),
            "{field}: {error}"
        );
    }
    for (file, content, named) in [
        (CONFIG, "[]", "is not a JSON object"),
        (CONFIG, "{", "is not JSON"),
        (
            CONFIG,
            r#"{"model_type": 3}"#,
            "`model_type` 3, expected a string",
        ),
        (
            CONFIG,
            r#"{"hidden_act": "swish"}"#,
            "`hidden_act` \"swish\", expected `relu` or `relu6`",
        ),
        (CONFIG, r#"{"tf_padding": "yes"}"#, "`tf_padding`"),
        (CONFIG, r#"{"layer_norm_eps": -1}"#, "`layer_norm_eps` -1"),
        (CONFIG, r#"{"image_size": [224]}"#, "`image_size` [224]"),
        (
            CONFIG,
            r#"{"min_depth": 16, "depth_multiplier": 0.25}"#,
            "`min_depth` 16",
        ),
        (CONFIG, r#"{"num_channels": 1}"#, "`num_channels` 1"),
        (CONFIG, r#"{"id2label": {"0": "a", "2": "b"}}"#, "`id2label`"),
        (
            PREPROCESSOR,
            r#"{"resample": 6}"#,
            "`resample` 6, expected the number of one of Pillow's filters, 0 to 5",
        ),
        (PREPROCESSOR, r#"{"do_resize": false}"#, "`do_resize` false"),
        (
            PREPROCESSOR,
            r#"{"size": {"shortest_edge": 256}, "do_center_crop": false}"#,
            "`do_center_crop` false",
        ),
        (
            PREPROCESSOR,
            r#"{"size": {"height": 256, "width": 224}}"#,
            "`size`",
        ),
        (
            PREPROCESSOR,
            r#"{"size": {"shortest_edge": 1e9}}"#,
            "`size.shortest_edge`",
        ),
        (
            PREPROCESSOR,
            r#"{"size": 224, "crop_size": 256}"#,
            "shorter side to 224",
        ),
        (PREPROCESSOR, r#"{"image_mean": [0.5, "x", 1]}"#, "`image_mean`"),
        (PREPROCESSOR, r#"{"rescale_factor": 0}"#, "`rescale_factor` 0"),
    ] {
        let error = read(transformers::read, &[(file, content)])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(&format!("`{file}` beside it")), "{error}");
        assert!(error.contains(named), "{content}: {error}");
    }
}

#[test]
fn a_file_larger_than_any_configuration_is_refused() {
    let folder = folder(&[]);
    let file = std::fs::File::create(folder.path().join(CONFIG)).unwrap();
    file.set_len(17 << 20).unwrap();
    let error = timm::read(folder.path(), Preprocess::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("larger than 16 MiB"), "{error}");
    let deep = "[".repeat(100_000);
    std::fs::write(folder.path().join(CONFIG), deep).unwrap();
    assert!(timm::read(folder.path(), Preprocess::default()).is_err());
}
