use mbn_spec::ARCHITECTURE;

use super::*;
use crate::Adaptation;
use crate::sample::sample;

#[test]
fn round_trip_is_exact_and_repeatable() {
    let weights = sample(10);
    let bytes = weights.to_bytes().unwrap();
    let read = Weights::from_bytes(&bytes).unwrap();
    assert_eq!(read, weights);
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.sha256(), weights.sha256());
    assert_eq!(sample(10).to_bytes().unwrap(), bytes);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = sample(2).to_bytes().unwrap();
    for len in (0..bytes.len())
        .step_by(9973)
        .chain([1, 7, 8, 9, bytes.len() - 1])
    {
        assert!(
            Weights::from_bytes(&bytes[..len]).is_err(),
            "{len} bytes were accepted"
        );
    }
}

#[test]
fn a_file_without_metadata_loads() {
    let weights = sample(3);
    let views = weights.tensor_bytes();
    let views = views
        .iter()
        .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
    let read = Weights::from_bytes(&safetensors::serialize(views, None).unwrap()).unwrap();
    assert_eq!(read.architecture(), weights.architecture());
    assert_eq!(read.class_names(), ["class_0", "class_1", "class_2"]);
    assert_eq!(read.tensor_bytes(), weights.tensor_bytes());
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let error = Weights::load(&path).unwrap_err();
    assert!(
        error.to_string().contains("weights.safetensors` cannot be used"),
        "{error}"
    );
    let error = sample(2).save(&path.join("below/a/file")).unwrap_err();
    assert!(error.to_string().contains("file` cannot be written"), "{error}");
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(
        Weights::load(&path).unwrap_err().kind,
        WeightsErrorKind::Empty
    ));
    std::fs::write(&path, b"this is not a safetensors file").unwrap();
    assert!(matches!(
        Weights::load(&path).unwrap_err().kind,
        WeightsErrorKind::Malformed(_)
    ));
}

/// A file of another kind is named, whatever safetensors would say about its first bytes.
#[test]
fn other_kinds_of_files_are_named() {
    let message = |bytes: &[u8]| Weights::from_bytes(bytes).unwrap_err().to_string();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 8\n";
    for (bytes, expected) in [
        (&pointer[..], "it is a Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "it is a web page"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "it is an HDF5 file"),
        (b"\x08\x08\x12\x07pytorch", "it is an ONNX model"),
        (b"\x93NUMPY\x01\0", "it is a NumPy array"),
    ] {
        let found = message(bytes);
        assert!(
            found.starts_with(expected)
                && found.ends_with("expected a safetensors file or a checkpoint of PyTorch 1.6 or newer"),
            "{found}"
        );
    }
    let whole = sample(2).to_bytes().unwrap();
    for (bytes, expected) in [
        (
            &b"some words"[..],
            "its first eight bytes are not the length of a header",
        ),
        (&whole[..100], "it ends within its header"),
        (
            &whole[..whole.len() - 4],
            "its tensors do not end where the file ends",
        ),
    ] {
        let found = message(bytes);
        assert_eq!(found, format!("not a whole safetensors file: {expected}"));
    }
}

#[test]
fn the_state_of_a_run_is_named() {
    let weights = sample(2).to_bytes().unwrap();
    let view = TensorView::new(safetensors::Dtype::U8, vec![weights.len()], &weights).unwrap();
    let metadata = [("progress".to_owned(), "{}".to_owned())].into();
    let state = safetensors::serialize([("weights", view)], Some(metadata)).unwrap();
    assert!(matches!(
        Weights::from_bytes(&state),
        Err(WeightsErrorKind::RunState)
    ));
}

/// Other programs write what they like under the same names.
#[test]
fn metadata_of_other_programs_is_named_and_not_used() {
    let weights = sample(3);
    let read = |pairs: &[(&str, &str)]| {
        let tensors = weights.tensor_bytes();
        let views = tensors
            .iter()
            .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
        let owned = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        WeightFile::from_bytes(&safetensors::serialize(views, Some(owned.collect())).unwrap())
    };
    for (key, value) in [
        ("architecture", "mobilenetv1_100"),
        ("training", "imagenet"),
        ("classes", "10"),
        ("preprocess", "imagenet"),
        ("variant", "small"),
        ("alpha", "thin"),
    ] {
        let file = read(&[("format", "pt"), (key, value)]).unwrap();
        assert_eq!(file.weights.class_names(), ["class_0", "class_1", "class_2"]);
        let [Adaptation::ForeignMetadata(entries)] = file.adaptations.as_slice() else {
            panic!("{:?}", file.adaptations);
        };
        assert!(entries.len() == 1 && entries[0].contains(key), "{entries:?}");
        // A file of this project with such a value is damaged.
        let ours = [("architecture", ARCHITECTURE), (key, value)];
        assert!(key == "architecture" || read(&ours).is_err(), "{key}");
    }
    let both = [("classes", r#"["a", "b", "c"]"#), ("training", "imagenet")];
    let file = read(&both).unwrap();
    assert_eq!(file.weights.class_names(), ["a", "b", "c"]);
    assert!(file.adaptations[0].to_string().contains("`training`"));
    // What has the form of ours and contradicts the tensors.
    for (key, value) in [("alpha", "0.75"), ("classes", r#"["a", "b"]"#)] {
        let file = read(&[("format", "pt"), (key, value)]).unwrap();
        assert_eq!(file.weights.architecture(), weights.architecture());
        assert_eq!(file.weights.class_names(), ["class_0", "class_1", "class_2"]);
        assert!(
            matches!(file.adaptations.as_slice(), [Adaptation::ForeignMetadata(entries)] if entries[0].contains(key)),
            "{:?}",
            file.adaptations
        );
        assert!(
            read(&[("architecture", ARCHITECTURE), (key, value)]).is_err(),
            "{key}"
        );
    }
}

#[test]
fn names_that_are_too_long_or_too_many_are_refused() {
    let read = |names: &[String]| {
        let bytes = [0; 4];
        let views = names.iter().map(|name| {
            (
                name,
                TensorView::new(safetensors::Dtype::F32, vec![1], &bytes).unwrap(),
            )
        });
        let file = safetensors::serialize(views, None).unwrap();
        Weights::from_bytes(&file).unwrap_err().to_string()
    };
    assert_eq!(
        read(&["a".to_owned(), "b".repeat(257)]),
        "a tensor in it has a name of 257 bytes, expected at most 256"
    );
    assert!(read(&["b".repeat(256)]).contains("none of the 1 has a name from the network"));
    let many: Vec<_> = (0..65_537).map(|i| i.to_string()).collect();
    assert_eq!(
        read(&many),
        "it holds 65537 tensors, expected at most 65536: a MobileNetV1 and what stands beside it"
    );
}

/// What is wrong with a value of the metadata may repeat it.
#[test]
fn values_of_metadata_do_not_forge_lines_of_messages() {
    let weights = sample(2);
    let tensors = weights.tensor_bytes();
    let views = || {
        let views = tensors.iter();
        views.map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()))
    };
    let read = |architecture: &str| {
        let pairs = [
            ("architecture".to_owned(), architecture.to_owned()),
            (
                "variant".to_owned(),
                "{\"activation\": \"x\\u001b\\nerror: forged\"}".to_owned(),
            ),
        ];
        WeightFile::from_bytes(&safetensors::serialize(views(), Some(pairs.into())).unwrap())
    };
    let foreign = read("a\nb").unwrap().adaptations;
    assert_eq!(foreign.len(), 1);
    for text in [
        foreign[0].to_string(),
        read(ARCHITECTURE).unwrap_err().to_string(),
    ] {
        assert!(
            text.contains("forged") && !text.contains(char::is_control),
            "{text:?}"
        );
    }
}
