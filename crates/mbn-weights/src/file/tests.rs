use super::*;
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
