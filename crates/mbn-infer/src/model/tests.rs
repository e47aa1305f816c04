use mbn_onnx::{ExportOptions, export};

use super::*;

#[test]
fn files_are_read_by_their_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let weights = builtin::weights().unwrap();
    let (onnx, safetensors) = (folder.path().join("a.onnx"), folder.path().join("a.weights"));
    weights.save(&safetensors).unwrap();
    std::fs::write(
        &onnx,
        export(&weights, &ExportOptions::default()).unwrap().to_bytes(),
    )
    .unwrap();
    let (a, b) = (
        Model::open(Some(&onnx), &Given::default()).unwrap(),
        Model::open(Some(&safetensors), &Given::default()).unwrap(),
    );
    assert!(matches!(a.content(), Content::Onnx(..)) && matches!(b.content(), Content::Weights(_)));
    assert_eq!(a.sha256(), b.sha256());
    assert_eq!(a.class_names(), b.class_names());
    let missing = Model::open(Some(&folder.path().join("gone.onnx")), &Given::default()).unwrap_err();
    assert!(missing.to_string().contains("gone.onnx"), "{missing}");
}

/// Its own weights, and those of a model that is made of them; what came from elsewhere says nothing of a training.
#[test]
fn who_trained_the_weights_is_kept_in_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let ours = builtin::weights().unwrap();
    let metadata = Metadata {
        training: None,
        ..ours.metadata().clone()
    };
    let others = ours.clone().with_metadata(metadata).unwrap();
    for (weights, expected) in [(ours, true), (others, false)] {
        let (file, onnx) = (folder.path().join("w.safetensors"), folder.path().join("m.onnx"));
        weights.save(&file).unwrap();
        let model = export(&weights, &ExportOptions::default()).unwrap();
        std::fs::write(&onnx, model.to_bytes()).unwrap();
        for path in [file, onnx] {
            let model = Model::open(Some(&path), &Given::default()).unwrap();
            assert_eq!(model.is_trained_here(), expected, "{}", path.display());
        }
    }
}
