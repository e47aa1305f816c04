//! What files state about themselves, and files that are refused.

use mbn_engine::EngineError;
use mbn_engine::engine::{Engine, OrtEngine};
use mbn_onnx::proto::{StringStringEntryProto, tensor_shape_proto, type_proto};
use mbn_onnx::{ExportOptions, Model, export};

use crate::common::{CLASSES, Pictures, SAME_NETWORK, SIZE, assert_same, engine, runtime, weights};

#[test]
fn reads_what_the_file_states_about_itself() {
    let Some(runtime) = runtime() else { return };
    let engine = engine(&runtime, &ExportOptions::default());
    assert_eq!(engine.classes(), CLASSES);
    assert_eq!(engine.input_size(), Some(SIZE));
    assert_eq!(engine.metadata().classes.as_deref().unwrap()[1], "name 1");
    assert_eq!(
        engine.property("weights_sha256"),
        Some(weights().sha256().as_str())
    );
    assert_eq!(engine.property("none"), None);
    assert!(
        engine.describe().contains(runtime.version()),
        "{}",
        engine.describe()
    );
    assert!(engine.describe().contains("CPUExecutionProvider"));
}

/// ONNX Runtime copies all keys to look one up.
#[test]
fn metadata_of_more_keys_than_can_be_looked_up_is_refused() {
    let Some(runtime) = runtime() else { return };
    let with = |keys: usize| {
        let mut proto = export(&weights(), &ExportOptions::default())
            .unwrap()
            .proto()
            .clone();
        let entry = |i| StringStringEntryProto {
            key: Some(format!("key {i}")),
            value: Some("v".into()),
        };
        proto.metadata_props.extend((0..keys).map(entry));
        OrtEngine::from_bytes(&runtime, &Model::from(proto).to_bytes(), 1)
    };
    assert!(with(900).is_ok());
    let error = with(1001).unwrap_err();
    assert!(
        matches!(error, EngineError::Keys { keys } if keys > 1001),
        "{error}"
    );
    assert!(error.to_string().contains("at most 1000 are read"), "{error}");
}

#[test]
fn files_that_are_not_models_are_refused() {
    let Some(runtime) = runtime() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let load = || OrtEngine::from_file(&runtime, &path, 1).unwrap_err();
    assert!(matches!(load(), EngineError::Read(_)));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(load(), EngineError::Empty));
    std::fs::write(&path, b"this is a text").unwrap();
    assert!(matches!(load(), EngineError::Refused(_)));
    let whole = export(&weights(), &ExportOptions::default()).unwrap().to_bytes();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(load(), EngineError::Refused(_)));
    std::fs::write(&path, &whole).unwrap();
    assert!(OrtEngine::from_file(&runtime, &path, 1).is_ok());
}

/// A file that takes `batch` images at a time and no other number.
fn file_of_batch(batch: i64) -> Vec<u8> {
    let mut proto = export(&weights(), &ExportOptions::default())
        .unwrap()
        .proto()
        .clone();
    let graph = proto.graph.as_mut().unwrap();
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        let Some(type_proto::Value::TensorType(tensor)) = &mut value.r#type.as_mut().unwrap().value else {
            panic!("it is not a tensor");
        };
        let dim = &mut tensor.shape.as_mut().unwrap().dim[0];
        dim.value = Some(tensor_shape_proto::Value::DimValue(batch));
    }
    mbn_onnx::Model::from(proto).to_bytes()
}

#[test]
fn a_file_whose_fixed_batch_is_too_large_is_refused() {
    let Some(runtime) = runtime() else { return };
    let error = OrtEngine::from_bytes(&runtime, &file_of_batch(1_000_000), 1).unwrap_err();
    assert!(
        matches!(error, EngineError::Batch { batch: 1_000_000 }),
        "{error}"
    );
    let pictures = Pictures::new(3);
    let expected = pictures.logits(&mut engine(&runtime, &ExportOptions::default()));
    let mut engine = OrtEngine::from_bytes(&runtime, &file_of_batch(2), 1).unwrap();
    assert_same(&pictures.logits(&mut engine), &expected, SAME_NETWORK);
}
