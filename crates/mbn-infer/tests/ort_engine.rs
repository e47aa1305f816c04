//! The engine on ONNX Runtime, where `make onnxruntime` got it: files that `mbn-onnx` writes, and files that are
//! no classifiers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mbn_infer::engine::{
    BatchLimit, CudaOptions, Engine, EngineError, Halving, OrtEngine, PlacementError, Provider,
    SessionOptions, Source,
};
use mbn_infer::lanes::{Build, Lanes};
use mbn_infer::pipeline::Images;
use mbn_infer::runtime::{self, Runtime};
use mbn_onnx::proto::{tensor_shape_proto, type_proto};
use mbn_onnx::{ExportOptions, InputKind, Precision, export};
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, TensorKind, Weights};
use mbn_testing::{Needs, skip};

/// Float32 results of one network through different paths of ONNX Runtime.
const SAME_NETWORK: f32 = 1e-5;
/// The graph normalises bytes with constants of its own, which rounds once more.
const NORMALISED_TWICE: f32 = 1e-4;
/// Logits near 1 after 28 layers whose values have eleven bits.
const HALF_PRECISION: f32 = 5e-2;
/// Size that keeps these tests fast.
const SIZE: usize = 32;
const CLASSES: usize = 3;

/// ONNX Runtime. Skips the calling test and returns `None` where there is none.
fn runtime() -> Option<Runtime> {
    let download = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    let named = std::env::var_os("ORT_DYLIB_PATH").is_none() && download.is_dir();
    match runtime::find(named.then_some(download.as_path())) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            skip(Needs::Other, format!("{error}; {}", error.hint()));
            None
        }
    }
}

/// A byte that follows from `i` and looks random.
fn noise(i: usize) -> u8 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .to_be_bytes()[0]
}

/// Weights of a size that keeps values in range, different for each tensor, and a variance of one.
fn weights() -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, CLASSES);
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for (i, spec) in architecture.tensors().into_iter().enumerate() {
        let fan_in = spec.shape.iter().skip(1).product::<usize>().max(1) as f32;
        let value = |j: usize| match spec.kind {
            TensorKind::Weight => (f32::from(noise(i * 1_000_003 + j)) / 127.5 - 1.0) * (6.0 / fan_in).sqrt(),
            _ if spec.name.ends_with("running_var") || spec.name.ends_with("weight") => 1.0,
            _ => ((i + j) % 7) as f32 / 70.0,
        };
        let len = spec.shape.iter().product::<usize>();
        match spec.kind {
            TensorKind::Counter => drop(counters.insert(spec.name.clone(), 1)),
            _ => drop(floats.insert(spec.name.clone(), (0..len).map(value).collect::<Vec<_>>())),
        }
    }
    let metadata = Metadata {
        classes: Some((0..CLASSES).map(|i| format!("name {i}")).collect()),
        preprocess: Some(Preprocess {
            size: SIZE,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    Weights::new(architecture, metadata, floats, counters).unwrap()
}

fn engine(runtime: &Runtime, options: &ExportOptions) -> OrtEngine {
    let bytes = export(&weights(), options).unwrap().to_bytes();
    OrtEngine::from_bytes(runtime, &bytes, 1).unwrap()
}

/// Normalised pictures of noise.
fn images(n: usize) -> Vec<f32> {
    let preprocess = Preprocess::default();
    let plane = SIZE * SIZE;
    let value = |i: usize| {
        let (scale, offset) = preprocess.affine(i / plane % 3);
        f32::from(noise(i)) * scale + offset
    };
    (0..n * 3 * plane).map(value).collect()
}

fn assert_same(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance, "{found:?}, expected {expected:?}");
    }
}

#[test]
fn reads_what_the_file_says_of_itself() {
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

#[test]
fn the_batch_does_not_change_the_logits() {
    let Some(runtime) = runtime() else { return };
    let mut engine = engine(&runtime, &ExportOptions::default());
    let images = images(7);
    let together = engine.logits(&images, 7).unwrap();
    assert_eq!(together.len(), 7 * CLASSES);
    assert_ne!(together[..CLASSES], together[CLASSES..2 * CLASSES]);
    for (image, expected) in images.chunks(images.len() / 7).zip(together.chunks(CLASSES)) {
        assert_same(&engine.logits(image, 1).unwrap(), expected, SAME_NETWORK);
    }
    assert!(engine.logits(&[], 0).unwrap().is_empty());
    assert!(engine.logits(&images[1..], 7).is_err());
}

#[test]
fn an_input_of_bytes_gets_the_bytes() {
    let Some(runtime) = runtime() else { return };
    let expected = engine(&runtime, &ExportOptions::default())
        .logits(&images(2), 2)
        .unwrap();
    let options = ExportOptions {
        input: InputKind::Uint8,
        ..ExportOptions::default()
    };
    let found = engine(&runtime, &options).logits(&images(2), 2).unwrap();
    assert_same(&found, &expected, NORMALISED_TWICE);
}

#[test]
fn float16_files_give_float32_logits() {
    let Some(runtime) = runtime() else { return };
    let expected = engine(&runtime, &ExportOptions::default())
        .logits(&images(2), 2)
        .unwrap();
    let options = ExportOptions {
        precision: Precision::Fp16,
        ..ExportOptions::default()
    };
    let found = engine(&runtime, &options).logits(&images(2), 2).unwrap();
    assert_same(&found, &expected, HALF_PRECISION);
}

#[test]
fn files_that_are_no_model_are_refused() {
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
            panic!("it is no tensor");
        };
        let dim = &mut tensor.shape.as_mut().unwrap().dim[0];
        dim.value = Some(tensor_shape_proto::Value::DimValue(batch));
    }
    mbn_onnx::Model::from(proto).to_bytes()
}

#[test]
fn a_file_of_a_batch_that_no_memory_holds_is_refused() {
    let Some(runtime) = runtime() else { return };
    let error = OrtEngine::from_bytes(&runtime, &file_of_batch(1_000_000), 1).unwrap_err();
    assert!(
        matches!(error, EngineError::Batch { batch: 1_000_000 }),
        "{error}"
    );
    let expected = engine(&runtime, &ExportOptions::default())
        .logits(&images(3), 3)
        .unwrap();
    let mut engine = OrtEngine::from_bytes(&runtime, &file_of_batch(2), 1).unwrap();
    assert_same(&engine.logits(&images(3), 3).unwrap(), &expected, SAME_NETWORK);
}

/// A session on the CPU whose batch is fixed, in bound buffers, as on CUDA.
fn fixed(batch: usize) -> SessionOptions {
    SessionOptions {
        threads: 1,
        provider: Provider::Cpu,
        batch: Some(batch),
    }
}

fn source(options: &ExportOptions) -> Source {
    Source::Bytes(export(&weights(), options).unwrap().to_bytes().into())
}

#[test]
fn bound_buffers_give_the_same_logits_for_full_and_partial_batches() {
    let Some(runtime) = runtime() else { return };
    let default = ExportOptions::default();
    let byte_input = ExportOptions {
        input: InputKind::Uint8,
        ..default
    };
    for options in [default, byte_input] {
        let mut plain = engine(&runtime, &options);
        let mut bound = OrtEngine::load(&runtime, &source(&options), &fixed(4)).unwrap();
        let images = images(11);
        let expected = plain.logits(&images, 11).unwrap();
        // Two full batches and one that is filled up.
        assert_same(&bound.logits(&images, 11).unwrap(), &expected, SAME_NETWORK);
        // What an earlier batch left in the buffers does not show.
        let image_len = images.len() / 11;
        for n in [1, 4, 3] {
            let found = bound.logits(&images[..n * image_len], n).unwrap();
            assert_same(&found, &expected[..n * CLASSES], SAME_NETWORK);
        }
        assert!(bound.logits(&images[1..], 11).is_err());
        assert!(bound.logits(&[], 0).unwrap().is_empty());
    }
}

#[test]
fn halving_runs_bound_sessions_of_smaller_batches() {
    let Some(runtime) = runtime() else { return };
    let source = source(&ExportOptions::default());
    let images = images(9);
    let expected = engine(&runtime, &ExportOptions::default())
        .logits(&images, 9)
        .unwrap();
    let mut built = Vec::new();
    let build = |batch: usize| {
        built.push(batch);
        if batch > 3 {
            let reason = "Failed to allocate memory for requested buffer of size 1".to_owned();
            let error = mbn_infer::cuda::CudaError::OutOfMemory { index: 0, reason };
            return Err(error.into());
        }
        Ok(Box::new(OrtEngine::load(&runtime, &source, &fixed(batch))?) as Box<dyn Engine>)
    };
    let mut halving = Halving::start(BatchLimit::new(12), build).unwrap();
    assert_same(&halving.logits(&images, 9).unwrap(), &expected, SAME_NETWORK);
    assert_eq!(halving.classes(), CLASSES);
    drop(halving);
    assert_eq!(built, [12, 6, 3]);
}

#[test]
fn a_profile_tells_that_a_network_ran_on_the_cpu() {
    let Some(runtime) = runtime() else { return };
    let source = source(&ExportOptions::default());
    let (engine, placement) = OrtEngine::with_placement(&runtime, &source, &fixed(8), SIZE).unwrap();
    assert_eq!(engine.classes(), CLASSES);
    let operators: Vec<_> = placement
        .nodes()
        .iter()
        .map(|node| node.operator.as_str())
        .collect();
    // 13 blocks of two convolutions, and the stem; batch norm and ReLU are fused into them.
    assert_eq!(
        operators.iter().filter(|name| name.contains("Conv")).count(),
        27,
        "{operators:?}"
    );
    assert_eq!(
        operators.iter().filter(|name| name.contains("Gemm")).count(),
        1,
        "{operators:?}"
    );
    placement.require("CPUExecutionProvider").unwrap();
    let error = placement.require("CUDAExecutionProvider").unwrap_err();
    let PlacementError::Elsewhere {
        costly: 28, nodes, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(nodes.len(), 28);
    assert!(
        placement.to_string().contains("on CPUExecutionProvider"),
        "{placement}"
    );
}

#[test]
fn cuda_is_an_error_of_its_own_where_the_library_has_none() {
    let Some(runtime) = runtime() else { return };
    if runtime.has_cuda() {
        let path = runtime.path().display();
        skip(
            Needs::Other,
            format!("ONNX Runtime in `{path}` has the CUDA provider"),
        );
        return;
    }
    let options = SessionOptions {
        provider: Provider::Cuda(CudaOptions::default()),
        ..fixed(1)
    };
    let error = OrtEngine::load(&runtime, &source(&ExportOptions::default()), &options).unwrap_err();
    assert!(!matches!(error, EngineError::Refused(_)), "{error:?}");
    let error = mbn_infer::cuda::prepare(&runtime, &mbn_infer::cuda::Folders::default()).unwrap_err();
    assert!(
        matches!(error, mbn_infer::cuda::CudaError::NoProvider { .. }),
        "{error:?}"
    );
}

#[test]
fn bound_sessions_on_two_threads_do_not_mix_their_batches() {
    let Some(runtime) = runtime() else { return };
    let builds = (0..2).map(|_| -> Build {
        let runtime = runtime.clone();
        Box::new(move || {
            let source = source(&ExportOptions::default());
            Ok(Box::new(OrtEngine::load(&runtime, &source, &fixed(2))?))
        })
    });
    let mut lanes = Lanes::start(builds).unwrap();
    let values = images(40);
    let expected = engine(&runtime, &ExportOptions::default())
        .logits(&values, 40)
        .unwrap();
    let (image_len, values) = (values.len() / 40, Arc::new(Images::from(values)));
    let batches: Vec<_> = (0..20)
        .map(|i| lanes.submit(&values, 2 * i * image_len..2 * (i + 1) * image_len, 2))
        .collect();
    let found: Vec<f32> = batches
        .iter()
        .flat_map(|batch| batch.wait().logits.unwrap())
        .collect();
    assert_same(&found, &expected, SAME_NETWORK);
}
