use super::*;
use crate::{Metadata, Preprocess, Quantization, Training, Variant};

fn message<T: DeserializeOwned>(text: &str) -> String {
    let error = parse::<T>(text).err().expect("the text cannot be read");
    for word in ["usize", "f32", "u64", "struct", "line 1 column"] {
        assert!(!error.contains(word), "{error}");
    }
    error
}

/// A preprocessing in which `field` has `value`.
fn preprocess(field: &str, value: &str) -> String {
    let mut fields: serde_json::Map<String, Value> = serde_json::from_str(
        r#"{"size": 224, "resize": "crop", "shorter": 256, "mean": [0, 0, 0], "std": [1, 1, 1]}"#,
    )
    .unwrap();
    fields.insert(field.to_owned(), serde_json::from_str(value).unwrap());
    serde_json::to_string(&fields).unwrap()
}

#[test]
fn a_wrong_field_is_named_with_its_value_and_what_is_expected() {
    const WHOLE: &str = "expected a whole number of 0 or more, without point and exponent";
    const NAMES: &str = "expected `square` or `crop`";
    let deep = format!("{}1{}", "[".repeat(50), "]".repeat(50));
    for (field, value, expected) in [
        ("size", "-3", format!("`size` is -3, {WHOLE}")),
        ("size", "224.5", format!("`size` is 224.5, {WHOLE}")),
        ("size", "\"224\"", format!("`size` is the text \"224\", {WHOLE}")),
        ("size", "null", format!("`size` is null, {WHOLE}")),
        ("shorter", "-1", format!("`shorter` is -1, {WHOLE}")),
        ("shorter", "{}", format!("`shorter` is an object, {WHOLE}")),
        (
            "mean",
            "0.5",
            "`mean` is 0.5, expected a list of numbers".to_owned(),
        ),
        ("mean", "[0, 0]", "`mean` has 2 values, expected 3".to_owned()),
        ("std", "[1, 1, 1, 1]", "`std` has 4 values, expected 3".to_owned()),
        (
            "std",
            "[1, \"x\", 1]",
            "`std[1]` is the text \"x\", expected a number".to_owned(),
        ),
        (
            "std",
            "[1, 1, true]",
            "`std[2]` is true, expected a number".to_owned(),
        ),
        ("mean", &deep, "`mean[0]` is a list, expected a number".to_owned()),
        (
            "resize",
            "\"fit\"",
            format!("`resize` is the text \"fit\", {NAMES}"),
        ),
        ("resize", "7", format!("`resize` is 7, {NAMES}")),
        (
            "centre",
            "[]",
            "`centre` is a list, expected `even` or `down`".to_owned(),
        ),
        (
            "interpolation",
            "\"\\u001b[2J\"",
            "`interpolation` is the text \"\\u{1b}[2J\", expected `nearest`, `box`, `bilinear`, `bilinear-no-antialias`, \
             `hamming`, `bicubic` or `lanczos`"
                .to_owned(),
        ),
    ] {
        assert_eq!(message::<Preprocess>(&preprocess(field, value)), expected);
    }
    let size = preprocess("size", "-3");
    let error = Metadata::from_pairs([("preprocess", size.as_str())]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("metadata `preprocess` cannot be read: `size` is -3, {WHOLE}")
    );
    let huge = message::<Preprocess>(&preprocess("size", "1e300"));
    assert!(
        huge.starts_with("`size` is 1e") && huge.ends_with(WHOLE),
        "{huge}"
    );
    let long = message::<Preprocess>(&preprocess("resize", &format!("\"{}\"", "é".repeat(1000))));
    assert!(long.len() < 200, "{long}");
}

#[test]
fn whatever_the_whole_is_its_parts_are_named() {
    let fields =
        |more: &str| format!(r#"{{"distilled": {{"teacher_sha256": "a", "teacher_size": 32 {more}}}}}"#);
    for (found, expected) in [
        (message::<Preprocess>("7"), "it is 7, expected an object"),
        (message::<Preprocess>("{}"), "`size` is missing"),
        (message::<Vec<String>>("{}"), "it is an object, expected a list"),
        (
            message::<Vec<String>>(r#"["a", 1]"#),
            "`[1]` is 1, expected a text",
        ),
        (
            message::<Variant>(r#"{"activation": "gelu"}"#),
            "`activation` is the text \"gelu\", expected `relu` or `relu6`",
        ),
        (
            message::<Training>(r#"{"seed": -1}"#),
            "`seed` is -1, expected a whole number of 0 or more, without point and exponent",
        ),
        (
            message::<Training>(r#"{"init": 1}"#),
            "`init` is 1, expected a text",
        ),
        (
            message::<Training>(&fields(r#", "teacher_alpha": 0.3"#)),
            "`distilled.teacher_alpha`: `0.3` is not a width multiplier of MobileNetV1; use one of 0.25, 0.5, 0.75, 1.0",
        ),
        (
            message::<Training>(&fields("")),
            "`distilled.teacher_alpha` is missing",
        ),
        (
            message::<Quantization>(r#"{"equalised": 1, "keep_float": []}"#),
            "`equalised` is 1, expected a boolean",
        ),
        // Two values of one field.
        (
            message::<Variant>(
                r#"{"activation": "relu", "batch_norm_epsilon": 1, "stride2_padding": "end", "activation": "relu"}"#,
            ),
            "duplicate field `activation`",
        ),
    ] {
        assert_eq!(found, expected);
    }
    // What is no JSON has a place at least.
    let error = parse::<Training>(r#"{"epochs": -1, "seed": }"#).unwrap_err();
    assert!(
        error.starts_with("it is no JSON: ") && error.contains("column"),
        "{error}"
    );
    let error = parse::<Training>("").unwrap_err();
    assert!(error.starts_with("it is no JSON: "), "{error}");
}
