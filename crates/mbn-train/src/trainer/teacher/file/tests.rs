//! The classes of a teacher.

use candle_core::Device;
use mbn_model::{InferenceNetwork, random_weights};
use mbn_spec::{Alpha, Architecture};

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn file(classes: &[&str]) -> TeacherFile {
    let architecture = Architecture::new(Alpha::Quarter, classes.len());
    let weights = random_weights(architecture, 5, &Device::Cpu).unwrap();
    let metadata = Metadata {
        classes: Some(names(classes)),
        ..Metadata::default()
    };
    let weights = weights.with_metadata(metadata).unwrap();
    TeacherFile {
        preprocess: Preprocess::default(),
        path: "t.safetensors".into(),
        hub: None,
        sha256: weights.sha256(),
        weights,
    }
}

/// Logits for an image.
fn logits(file: &TeacherFile) -> Vec<f32> {
    let network = InferenceNetwork::new(&file.weights.fold(), &Device::Cpu).unwrap();
    let pixels = (0..3 * 32 * 32).map(|at| (at % 97) as f32 / 30.0 - 1.0).collect();
    let image = candle_core::Tensor::from_vec(pixels, (1, 3, 32, 32), &Device::Cpu).unwrap();
    network
        .forward(&image)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

#[test]
fn another_order_of_the_classes_is_followed() {
    let given = file(&["cat", "Golden Retriever", "owl"]);
    let (before, hash) = (logits(&given), given.sha256.clone());
    let teacher = given
        .for_classes(&names(&["golden_retriever", "owl", "cat"]))
        .unwrap();
    assert_eq!(logits(&teacher), [before[1], before[2], before[0]]);
    assert_eq!(teacher.weights.class_names(), ["golden_retriever", "owl", "cat"]);
    // The hash is that of the file.
    assert_eq!(teacher.record().sha256, hash);
    assert_ne!(teacher.weights.sha256(), hash);
    // The same order changes nothing.
    let same = file(&["a", "b"]).for_classes(&names(&["a", "b"])).unwrap();
    assert_eq!(same.weights.sha256(), same.sha256);
}

#[test]
fn names_that_differ_in_capitals_alone_are_kept_apart() {
    let own = names(&["polish", "Polish", "b"]);
    assert_eq!(order(&own, &names(&["b", "Polish", "polish"])), Ok(vec![2, 1, 0]));
    // Which of the two is meant?
    assert!(order(&own, &names(&["b", "Polish", "POLISH"])).is_err());
}

#[test]
fn other_classes_are_named() {
    for (own, data, expected) in [
        (
            &["cat", "dog"][..],
            &["cat", "owl"][..],
            "it lacks `owl`; it has besides `dog`",
        ),
        (
            &["cat"],
            &["cat", "owl"],
            "it has 1 class, expected 2; it lacks `owl`",
        ),
        (
            &["cat", "dog", "owl"],
            &["owl", "cat"],
            "it has 3 classes, expected 2; it has besides `dog`",
        ),
        (
            &["cat", "cat"],
            &["cat", "dog"],
            "it lacks `dog`; it has besides `cat`",
        ),
        (
            &["a", "b", "c", "d", "e", "f", "g", "h"],
            &["x"],
            "it has besides `a`, `b`, `c`, `d`, `e`, `f` and 2 more",
        ),
    ] {
        let difference = order(&names(own), &names(data)).unwrap_err();
        assert!(difference.contains(expected), "{difference}");
        let error = file(own).for_classes(&names(data)).err().unwrap();
        let message = mbn_cli::message(&error);
        assert!(
            message.starts_with("`--teacher t.safetensors` is for other classes than the data: it ")
                && message.contains("hint: a teacher is trained on the classes of the data"),
            "{message}"
        );
    }
}

#[test]
fn classes_without_names_need_the_right_number() {
    let unnamed = || {
        let given = file(&["a", "b", "c"]);
        let weights = given.weights.clone().with_metadata(Metadata::default()).unwrap();
        TeacherFile { weights, ..given }
    };
    let teacher = unnamed().for_classes(&names(&["x", "y", "z"])).unwrap();
    assert_eq!(teacher.weights.sha256(), teacher.sha256);
    let error = unnamed().for_classes(&names(&["x", "y"])).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("has 3 classes without names, the data has 2 classes"),
        "{error}"
    );
}
