//! Which provider ran each operation.

use mbn_engine::EngineError;
use mbn_engine::cuda::{self, CudaError, Folders};
use mbn_engine::engine::{CudaOptions, Engine, OrtEngine, Provider, Reading, SessionOptions};
use mbn_engine::placement::PlacementError;
use mbn_onnx::ExportOptions;

use crate::common::{CLASSES, SIZE, fixed, runtime, source};

#[test]
fn a_profile_shows_that_a_network_ran_on_the_cpu() {
    let Some(runtime) = runtime() else { return };
    let source = source(&ExportOptions::default());
    let (engine, placement) =
        OrtEngine::with_placement(&runtime, &source, &fixed(8), &Reading::default(), SIZE).unwrap();
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
fn cuda_has_its_own_error_if_the_library_lacks_it() {
    let Some(runtime) = runtime() else { return };
    if runtime.has_cuda() {
        let path = runtime.path().display();
        let reason = format!("ONNX Runtime in `{path}` has the CUDA provider");
        mbn_testing::skip(mbn_testing::Needs::Other, reason);
        return;
    }
    let options = SessionOptions {
        provider: Provider::Cuda(CudaOptions::default()),
        ..fixed(1)
    };
    let error = OrtEngine::load(
        &runtime,
        &source(&ExportOptions::default()),
        &options,
        &Reading::default(),
    )
    .unwrap_err();
    assert!(!matches!(error, EngineError::Refused(_)), "{error:?}");
    let error = cuda::prepare(&runtime, &Folders::default()).unwrap_err();
    assert!(matches!(error, CudaError::NoProvider { .. }), "{error:?}");
}
