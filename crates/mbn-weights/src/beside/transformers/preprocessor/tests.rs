use mbn_spec::Interpolation::{Bicubic, Bilinear};
use mbn_spec::Preset;

use super::*;

const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const HALF: ([f32; 3], [f32; 3]) = ([0.5; 3], [0.5; 3]);

fn read(content: &str, model: Option<&str>) -> Result<StatedPreprocess, BesideError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("preprocessor_config.json"), content).unwrap();
    let config = Object::read(folder.path(), "preprocessor_config.json")?.unwrap();
    super::read(&config, model, Preset::Imagenet.preprocess())
}

/// The file of a type, with these fields.
fn of(processor: &str, fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { ", " };
    format!(r#"{{"image_processor_type": "{processor}"{comma}{fields}}}"#)
}

/// `(size, shorter side)`; without the latter, the picture is squeezed.
fn sides(content: &str) -> (usize, Option<usize>) {
    let found = read(content, None).unwrap();
    assert_eq!(found.unknown_type, None);
    let found = found.preprocess;
    let is_cropped = found.resize == Some(Resize::Crop);
    assert_eq!(
        (found.centre == Some(Centre::Down), found.shorter.is_some()),
        (is_cropped, is_cropped)
    );
    (found.size.unwrap(), found.shorter)
}

/// What transformers 5.24 resizes to: `size` of the classes' attributes, then `crop_size`.
#[test]
fn sizes_mean_what_the_type_takes_them_for() {
    let cropped = r#""size": 224, "crop_size": 224, "do_center_crop": true"#;
    let shortest = r#""size": {"shortest_edge": 224}"#;
    let square = r#""size": {"height": 192, "width": 192}"#;
    for (processor, fields, expected) in [
        // int(256 / 224 * 224) = 256, int(256 / 224 * 192) = int(219.4) = 219.
        ("LevitImageProcessor", cropped, (224, Some(256))),
        ("LevitFeatureExtractor", shortest, (224, Some(256))),
        (
            "LevitImageProcessorFast",
            r#""size": {"shortest_edge": 192}, "crop_size": 192"#,
            (192, Some(219)),
        ),
        (
            "LevitImageProcessor",
            r#""size": {"height": 224, "width": 224}"#,
            (224, None),
        ),
        // int(224 / (224 / 256)) = 256, int(224 / 0.95) = int(235.8) = 235.
        ("ConvNextFeatureExtractor", r#""size": 224"#, (224, Some(256))),
        (
            "ConvNextImageProcessor",
            r#""size": {"shortest_edge": 224}, "crop_pct": 0.95"#,
            (224, Some(235)),
        ),
        (
            "ConvNextImageProcessor",
            r#""size": 384, "crop_pct": 0.95"#,
            (384, None),
        ),
        ("ConvNextImageProcessor", "", (384, None)),
        // int(224 / 0.9) = int(248.9) = 248.
        (
            "PoolFormerFeatureExtractor",
            r#""size": 224, "do_resize_and_center_crop": true"#,
            (224, Some(248)),
        ),
        (
            "PoolFormerImageProcessor",
            r#""size": {"height": 224, "width": 224}, "crop_pct": 0.95"#,
            (224, Some(235)),
        ),
        // A number is a square, unless the type says otherwise.
        (
            "BeitFeatureExtractor",
            r#""size": 224, "do_center_crop": false"#,
            (224, None),
        ),
        ("ViTFeatureExtractor", r#""size": 224"#, (224, None)),
        ("ViTImageProcessor", r#""size": [160, 160]"#, (160, None)),
        ("PvtImageProcessor", r#""size": 192"#, (192, None)),
        ("CLIPFeatureExtractor", cropped, (224, Some(224))),
        (
            "BitImageProcessor",
            r#""size": {"shortest_edge": 256}"#,
            (224, Some(256)),
        ),
        ("MobileNetV2FeatureExtractor", r#""size": 256"#, (224, Some(256))),
        (
            "MobileViTImageProcessor",
            r#""size": 288, "do_flip_channel_order": false"#,
            (256, Some(288)),
        ),
        // Without sizes: those of the type.
        ("MobileNetV1ImageProcessor", "", (224, Some(256))),
        ("EfficientNetImageProcessor", "", (346, None)),
        ("SegformerImageProcessor", "", (512, None)),
        ("SiglipImageProcessorPil", square, (192, None)),
        // A square that the centre is as large as.
        (
            "DeiTImageProcessor",
            r#""size": 224, "crop_size": 224"#,
            (224, None),
        ),
        (
            "DeiTImageProcessor",
            r#""size": 192, "do_center_crop": false"#,
            (192, None),
        ),
        (
            "PerceiverImageProcessor",
            r#""do_center_crop": false"#,
            (224, None),
        ),
    ] {
        let content = match processor.ends_with("FeatureExtractor") {
            true => of(processor, fields).replace("image_processor_type", "feature_extractor_type"),
            false => of(processor, fields),
        };
        assert_eq!(sides(&content), expected, "{content}");
    }
}

/// Filters, means and standard deviations of files that leave them out.
#[test]
fn what_a_file_leaves_out_is_as_its_type_has_it() {
    let clip = Preset::Clip.preprocess();
    for (processor, interpolation, range) in [
        ("BeitImageProcessor", Bicubic, HALF),
        ("BitImageProcessor", Bicubic, (clip.mean, clip.std)),
        ("CLIPImageProcessor", Bicubic, (clip.mean, clip.std)),
        ("ConvNextImageProcessor", Bicubic, HALF),
        ("LevitImageProcessor", Bicubic, IMAGENET),
        ("MobileNetV1ImageProcessor", Bilinear, HALF),
        ("PoolFormerImageProcessor", Bicubic, IMAGENET),
        ("PvtImageProcessor", Bicubic, IMAGENET),
        ("SegformerImageProcessor", Bilinear, IMAGENET),
        ("SiglipImageProcessor", Bicubic, HALF),
        ("ViTImageProcessor", Bilinear, HALF),
    ] {
        let found = read(&of(processor, ""), None).unwrap().preprocess;
        let found = (found.interpolation, found.mean.zip(found.std));
        assert_eq!(found, (Some(interpolation), Some(range)), "{processor}");
    }
    let given = of(
        "ViTImageProcessor",
        r#""resample": 3, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]"#,
    );
    let found = read(&given, None).unwrap().preprocess;
    assert_eq!(
        (found.interpolation, found.mean, found.std),
        (Some(Bicubic), Some([0.0; 3]), Some([1.0; 3]))
    );
    // The network says the type of a file that does not: its number is a square, of which the centre cannot be cut.
    let older = r#"{"size": 256, "crop_size": 224, "do_center_crop": true}"#;
    assert!(read(older, Some("deit")).is_err());
    assert_eq!(read(older, Some("levit")).unwrap().preprocess.shorter, Some(292));
    assert_eq!(
        read(older, Some("another")).unwrap().preprocess.shorter,
        Some(256)
    );
}

#[test]
fn efficientnet_divides_by_the_standard_deviation_twice() {
    let fields = r#""image_mean": [0.5, 0.25, 0], "image_std": [0.5, 0.25, 2]"#;
    let range = |more: &str| {
        let content = of("EfficientNetImageProcessor", &format!("{fields}{more}"));
        let found = read(&content, None).unwrap().preprocess;
        (found.mean.unwrap(), found.std.unwrap())
    };
    // ((x - mean) / std) / std = (x - mean) / (std * std).
    let twice = ([0.5, 0.25, 0.0], [0.25, 0.0625, 4.0]);
    assert_eq!(range(""), twice);
    assert_eq!(range(r#", "include_top": true"#), twice);
    assert_eq!(
        range(r#", "include_top": false"#),
        ([0.5, 0.25, 0.0], [0.5, 0.25, 2.0])
    );
    assert_eq!(range(r#", "do_normalize": false"#), ([0.0; 3], [0.5, 0.25, 2.0]));
    // Bytes times 2/255: (2 x - mean) / std² = (x - mean / 2) / (std² / 2).
    let found = range(r#", "rescale_factor": 0.00784313725490196"#);
    assert_eq!(found, ([0.25, 0.125, 0.0], [0.125, 0.03125, 2.0]));
    // MobileViT's has no mean and standard deviation, whatever the file says.
    let mobilevit = of(
        "MobileViTImageProcessor",
        &format!(r#"{fields}, "do_flip_channel_order": false, "size": 288"#),
    );
    let found = read(&mobilevit, None).unwrap();
    let statistics = (found.preprocess.mean, found.preprocess.std);
    assert_eq!(statistics, (Some([0.0; 3]), Some([1.0; 3])));
    assert!(!found.blue_first);
}

#[test]
fn mobilevit_puts_blue_before_red_unless_the_file_says_otherwise() {
    for (fields, expected) in [
        ("", true),
        (r#""do_flip_channel_order": true"#, true),
        (r#""do_flip_channel_order": false"#, false),
    ] {
        for name in ["MobileViTImageProcessor", "MobileViTFeatureExtractor"] {
            let found = read(&of(name, fields), None).unwrap();
            assert_eq!(found.blue_first, expected, "{fields}");
        }
    }
    assert!(!read(&of("ViTImageProcessor", ""), None).unwrap().blue_first);
}

#[test]
fn what_no_option_does_is_refused_by_its_name() {
    for (content, named) in [
        (
            of("DeiTFeatureExtractor", r#""size": 256, "crop_size": 224"#),
            "`crop_size` 224, expected 256 x 256",
        ),
        (of("DeiTImageProcessor", ""), "no `crop_size`, expected 256 x 256"),
        (
            of("PerceiverImageProcessor", ""),
            "no `do_center_crop`, expected false, since Perceiver",
        ),
        (
            of(
                "ConvNextImageProcessor",
                r#""size": {"height": 224, "width": 224}"#,
            ),
            "`size`",
        ),
        (
            of("SiglipImageProcessor", r#""size": 224"#),
            "no `do_center_crop`, expected true",
        ),
        (
            of("DonutImageProcessor", ""),
            "`image_processor_type` \"DonutImageProcessor\"",
        ),
        (of("TextNetImageProcessorFast", ""), "TextNet rounds both sides"),
        (of("ImageGPTImageProcessor", ""), "ImageGPT replaces colours"),
        (of("PPLCNetImageProcessor", ""), "PPLCNet puts blue before red"),
        (of("Siglip2ImageProcessor", ""), "Siglip2 cuts pictures"),
        (
            of("ViTImageProcessor", r#""do_grayscale": true"#),
            "`do_grayscale` true",
        ),
        (
            of("CLIPImageProcessor", r#""use_square_size": true"#),
            "`use_square_size` true",
        ),
        (
            of("EfficientNetImageProcessor", r#""rescale_offset": true"#),
            "`rescale_offset` true",
        ),
        (
            of("Gemma3ImageProcessor", r#""do_pan_and_scan": true"#),
            "`do_pan_and_scan` true",
        ),
        (r#"{"do_pad": true}"#.to_owned(), "`do_pad` true"),
        (r#"{"include_top": true}"#.to_owned(), "`include_top` true"),
        (
            r#"{"size": {"shortest_edge": 224, "longest_edge": 300}, "crop_size": 224}"#.to_owned(),
            "`size.longest_edge` 300",
        ),
        (
            r#"{"image_processor_type": 3}"#.to_owned(),
            "`image_processor_type` 3, expected a string",
        ),
    ] {
        let error = read(&content, None).unwrap_err().to_string();
        assert!(error.contains(named), "{content}: {error}");
    }
}

#[test]
fn unknown_types_are_read_as_most_are() {
    let content = of(
        "NewImageProcessor",
        r#""size": {"shortest_edge": 256}, "crop_size": 224"#,
    );
    let found = read(&content, Some("deit")).unwrap();
    assert_eq!(found.unknown_type.as_deref(), Some("NewImageProcessor"));
    assert_eq!(
        (found.preprocess.shorter, found.preprocess.size),
        (Some(256), Some(224))
    );
    assert_eq!(found.preprocess.mean, None);
    // A number without a crop is a square.
    let squeezed = r#"{"size": 160, "crop_size": 128, "do_center_crop": false}"#;
    assert_eq!(sides(squeezed), (160, None));
}

/// As in transformers 5.24, where a null takes the place of the type's own value, and no step is taken that is null.
#[test]
fn null_is_false_and_only_what_is_missing_is_the_types() {
    let half = (Some([0.5; 3]), Some([0.5; 3]));
    let none = (Some([0.0; 3]), Some([1.0; 3]));
    let range = |processor: &str, fields: &str| {
        let found = read(&of(processor, fields), None).unwrap().preprocess;
        (found.mean, found.std)
    };
    assert_eq!(range("ViTImageProcessorFast", r#""do_normalize": null"#), none);
    assert_eq!(range("ViTImageProcessorFast", r#""do_normalize": true"#), half);
    assert_eq!(range("ViTImageProcessorFast", ""), half);
    // The second division is a step of its own.
    let efficient = |fields: &str| range("EfficientNetImageProcessor", fields);
    assert_eq!(efficient(r#""do_normalize": null"#), (none.0, half.1));
    assert_eq!(efficient(r#""include_top": null"#), half);
    assert_eq!(efficient(r#""do_normalize": null, "include_top": null"#), none);
    let bytes = (Some([0.0; 3]), Some([1.0 / 255.0; 3]));
    let pvt = |fields: &str| range("PvtImageProcessor", fields);
    assert_eq!(pvt(r#""do_rescale": null, "do_normalize": false"#), bytes);

    // CLIP cuts the centre out, unless the file says that it does not.
    let size = r#""size": {"height": 96, "width": 96}, "crop_size": 56"#;
    let clip = |crop: &str| read(&of("CLIPImageProcessor", &format!("{size}{crop}")), None);
    assert!(clip("").is_err());
    let squeezed = clip(r#", "do_center_crop": null"#).unwrap().preprocess;
    assert_eq!((squeezed.size, squeezed.resize), (Some(96), Some(Resize::Square)));
    let unnamed = r#"{"size": {"height": 96, "width": 96}, "crop_size": 56, "do_center_crop": null}"#;
    assert_eq!(sides(unnamed), (96, None));
    let unnamed = read(r#"{"size": 96, "do_normalize": null}"#, None)
        .unwrap()
        .preprocess;
    assert_eq!((unnamed.mean, unnamed.std), none);

    for (field, named) in [
        (r#""do_resize": null"#, "`do_resize` null, expected true"),
        (
            r#""size": {"shortest_edge": 96}, "do_center_crop": null"#,
            "`do_center_crop` null",
        ),
    ] {
        let error = read(&of("BitImageProcessor", field), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains(named), "{error}");
    }
    assert!(
        !read(
            &of("MobileViTImageProcessor", r#""do_flip_channel_order": null"#),
            None
        )
        .unwrap()
        .blue_first
    );
    // Without a part, PoolFormer's size is what it resizes to.
    let pool = |fields: &str| {
        sides(&of(
            "PoolFormerImageProcessor",
            &format!(r#""size": 256, {fields}"#),
        ))
    };
    assert_eq!(pool(r#""crop_pct": null"#), (224, Some(256)));
    assert_eq!(pool(r#""crop_pct": 1.0"#), (224, Some(256)));
    assert_eq!(pool(r#""do_resize": true"#), (224, Some(284)));
}

#[test]
fn bytes_may_stay_unscaled() {
    let range = |fields: &str| {
        let found = read(&of("ViTImageProcessor", fields), None).unwrap().preprocess;
        (found.mean.unwrap(), found.std.unwrap())
    };
    // (byte - 127.5) / 127.5, with a factor that nothing is multiplied by.
    let of_bytes = r#""image_mean": [127.5, 127.5, 127.5], "image_std": [127.5, 127.5, 127.5]"#;
    for factor in [
        r#""do_rescale": false"#,
        r#""rescale_factor": 1"#,
        r#""do_rescale": false, "rescale_factor": 0.5"#,
    ] {
        assert_eq!(range(&format!("{of_bytes}, {factor}")), HALF, "{factor}");
    }
    let plain = range(r#""do_rescale": false, "do_normalize": false"#);
    assert_eq!(plain, ([0.0; 3], [1.0 / 255.0; 3]));
    // (byte - 0.5) / 0.5
    let odd = range(r#""do_rescale": false"#);
    assert_eq!(odd, ([0.5 / 255.0; 3], [0.5 / 255.0; 3]));
}

#[test]
fn one_number_is_for_all_channels() {
    let found = read(
        &of("ViTImageProcessor", r#""image_mean": 0.25, "image_std": 0.125"#),
        None,
    );
    let found = found.unwrap().preprocess;
    assert_eq!((found.mean, found.std), (Some([0.25; 3]), Some([0.125; 3])));
    let error = read(r#"{"image_mean": [0.25, 0.25]}"#, None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`image_mean` [0.25,0.25], expected one number or three"),
        "{error}"
    );
}

#[test]
fn a_number_for_the_size_is_what_the_file_says() {
    let mobilenet = |fields: &str| {
        of(
            "MobileNetV2ImageProcessor",
            &format!(r#""crop_size": 64, {fields}"#),
        )
    };
    for (content, expected) in [
        (mobilenet(r#""size": 64, "default_to_square": true"#), (64, None)),
        (
            mobilenet(r#""size": 96, "default_to_square": false"#),
            (64, Some(96)),
        ),
        (
            mobilenet(r#""size": 96, "default_to_square": null"#),
            (64, Some(96)),
        ),
        (mobilenet(r#""size": 96"#), (64, Some(96))),
        // It is of numbers alone.
        (
            mobilenet(r#""size": {"shortest_edge": 96}, "default_to_square": true"#),
            (64, Some(96)),
        ),
        (
            mobilenet(r#""size": [64, 64], "default_to_square": false"#),
            (64, None),
        ),
        (
            of("DeiTImageProcessor", r#""size": 256, "default_to_square": false"#),
            (224, Some(256)),
        ),
        (
            r#"{"size": 64, "crop_size": 64, "default_to_square": true}"#.to_owned(),
            (64, None),
        ),
        (
            r#"{"size": 96, "crop_size": 64, "default_to_square": false}"#.to_owned(),
            (64, Some(96)),
        ),
    ] {
        assert_eq!(sides(&content), expected, "{content}");
    }
}

#[test]
fn what_python_writes_for_no_number_is_null() {
    let found = read(
        r#"{"image_processor_type": "ViTImageProcessor", "size": 96, "loss": NaN, "limits": [-Infinity, Infinity]}"#,
        None,
    );
    assert_eq!(found.unwrap().preprocess.size, Some(96));
    let error = read(r#"{"loss": NaN, "size": }"#, None).unwrap_err().to_string();
    assert!(error.contains("is not JSON"), "{error}");
}

/// Whoever asks can tell that there is one.
#[test]
fn an_unknown_type_is_told_without_any_field_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let content = of(
        "TimmWrapperImageProcessor",
        r#""pretrained_cfg": {"crop_pct": 0.9}"#,
    );
    std::fs::write(folder.path().join("preprocessor_config.json"), content).unwrap();
    let usual = Preset::Imagenet.preprocess();
    let found = crate::beside::model::model_preprocess(folder.path(), usual)
        .unwrap()
        .unwrap();
    assert!(found.value.preprocess.is_empty());
    assert_eq!(
        found.value.unknown_type.as_deref(),
        Some("TimmWrapperImageProcessor")
    );
    std::fs::write(folder.path().join("preprocessor_config.json"), "{}").unwrap();
    assert_eq!(
        crate::beside::model::model_preprocess(folder.path(), usual),
        Ok(None)
    );
}
