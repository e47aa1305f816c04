use mbn_onnx::{ExportOptions, Exporter, InputKind, InputSize};
use mbn_spec::Alpha;

use super::*;
use crate::fixtures::weights;

fn interface(options: ExportOptions) -> Interface {
    let weights = weights(1);
    Interface::of(&Exporter::new(&weights).export(&options).unwrap()).unwrap()
}

fn config(options: ExportOptions) -> String {
    interface(options).config(&ModelName::of(Alpha::Quarter))
}

fn bytes() -> ExportOptions {
    ExportOptions {
        input: InputKind::Uint8,
        ..ExportOptions::default()
    }
}

#[test]
fn requests_for_pictures_of_one_size_are_joined() {
    let text = config(ExportOptions {
        softmax: true,
        features: true,
        ..bytes()
    });
    for expected in [
        "name: \"mobilenet_v1_0.25\"\nbackend: \"onnxruntime\"\nmax_batch_size: 64\n",
        "data_type: TYPE_UINT8\n    format: FORMAT_NHWC\n    dims: [ 64, 64, 3 ]\n",
        "dynamic_batching {\n  preferred_batch_size: [ 8, 16, 32 ]\n  max_queue_delay_microseconds: 1000\n}\n",
        "kind: KIND_AUTO\n    count: 1\n",
        "name: \"64 images\"\n    batch_size: 64\n",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    // Classes have names, features have none.
    assert_eq!(text.matches("label_filename: \"labels.txt\"").count(), 2);
    let features = text.split("name: \"features\"").nth(1).unwrap();
    assert!(!features.contains("label_filename"), "{text}");
    let float = config(ExportOptions::default());
    assert!(
        float.contains("data_type: TYPE_FP32\n    format: FORMAT_NCHW\n    dims: [ 3, 64, 64 ]\n"),
        "{float}"
    );
}

#[test]
fn a_fixed_batch_is_a_dimension_and_requests_are_not_joined() {
    for (batch, labelled) in [(1, true), (4, false)] {
        let text = config(ExportOptions {
            batch: Some(batch),
            ..bytes()
        });
        assert!(text.contains("max_batch_size: 0\n"), "{text}");
        let dims = format!("dims: [ {batch}, 64, 64, 3 ]\n");
        assert_eq!(text.matches(&dims).count(), 2, "input and warm-up: {text}");
        assert!(
            !text.contains("dynamic_batching") && !text.contains("format:"),
            "{text}"
        );
        assert!(text.contains("batch_size: 1\n"), "{text}");
        assert_eq!(text.contains("label_filename"), labelled, "{text}");
    }
}

#[test]
fn pictures_of_any_size_do_not_wait_for_others() {
    for size in [InputSize::Resized, InputSize::Any] {
        let text = config(ExportOptions {
            size,
            opset: 18,
            ..bytes()
        });
        assert!(text.contains("dims: [ -1, -1, 3 ]\n"), "{text}");
        assert!(text.contains("dims: [ 480, 640, 3 ]\n"), "{text}");
        assert!(
            text.contains("dynamic_batching {\n  max_queue_delay_microseconds: 0\n}\n"),
            "{text}"
        );
        assert!(!text.contains("ragged"), "{text}");
    }
    let float = config(ExportOptions {
        size: InputSize::Any,
        ..ExportOptions::default()
    });
    assert!(
        float.contains("dims: [ 3, -1, -1 ]\n") && float.contains("dims: [ 3, 480, 640 ]\n"),
        "{float}"
    );
}

#[test]
fn what_clients_see_is_compared() {
    let first = interface(bytes());
    let other_precision = ExportOptions {
        precision: mbn_onnx::Precision::Fp16,
        opset: 21,
        ..bytes()
    };
    assert_eq!(first.difference(&interface(other_precision)), None);
    for (options, expected) in [
        (
            ExportOptions::default(),
            "it takes `input` TYPE_UINT8 [-1, 64, 64, 3], this one `input` TYPE_FP32",
        ),
        (
            ExportOptions {
                softmax: true,
                ..bytes()
            },
            "it gives `logits` TYPE_FP32 [-1, ",
        ),
        (
            ExportOptions {
                batch: Some(2),
                ..bytes()
            },
            "this one `input` TYPE_UINT8 [2, 64, 64, 3]",
        ),
    ] {
        let found = first.difference(&interface(options)).unwrap();
        assert!(found.contains(expected), "{found}");
    }
    let mut other = first.clone();
    other.preprocess = Some("{}".to_owned());
    assert!(first.difference(&other).unwrap().ends_with("this one's {}"));
}

/// Both take pictures of any size. What one makes of a picture is not what the other does.
#[test]
fn whether_the_graph_resizes_is_part_of_what_clients_see() {
    let of = |size| ExportOptions {
        size,
        opset: 18,
        ..bytes()
    };
    let (resized, any) = (interface(of(InputSize::Resized)), interface(of(InputSize::Any)));
    let found = resized.difference(&any).unwrap();
    assert_eq!(found, "it resizes and crops pictures itself, this one does not");
    let found = any.difference(&resized).unwrap();
    assert!(found.ends_with("this one resizes and crops them"), "{found}");
    let said = "parameters {\n  key: \"resize_inside\"\n  value {\n    string_value: \"true\"\n";
    assert!(config(of(InputSize::Resized)).contains(said));
    assert!(!config(of(InputSize::Any)).contains("resize_inside"));
}

/// Logits of either kind look the same. What makes probabilities of them does not.
#[test]
fn whether_classes_exclude_each_other_is_part_of_what_clients_see() {
    let of = |multi_label| {
        let weights = weights(1);
        let metadata = mbn_spec::Metadata {
            multi_label,
            ..weights.metadata().clone()
        };
        let weights = weights.with_metadata(metadata).unwrap();
        Interface::of(&Exporter::new(&weights).export(&bytes()).unwrap()).unwrap()
    };
    let (exclusive, multi_label) = (of(false), of(true));
    assert_eq!(multi_label.difference(&of(true)), None);
    let found = exclusive.difference(&multi_label).unwrap();
    assert_eq!(
        found,
        "its classes exclude each other, of this one's several may be right at once"
    );
    let found = multi_label.difference(&exclusive).unwrap();
    assert_eq!(
        found,
        "several of its classes may be right at once, this one's exclude each other"
    );
    let text = |interface: &Interface| interface.config(&ModelName::of(Alpha::Quarter));
    let said = "parameters {\n  key: \"problem_type\"\n  value {\n    string_value: \"multi_label_classification\"\n";
    assert!(text(&multi_label).contains(said), "{}", text(&multi_label));
    assert!(!text(&exclusive).contains("problem_type"));
}
