//! Messages as ONNX Runtime 1.31.1 prints them, with paths and line numbers shortened.

use super::*;

const PARSE: &str = "/src/core/providers/cuda/cuda_execution_provider_info.cc:63 FromProviderOptions [ONNXRuntimeError] : 1 \
                     : FAIL : provider_options_utils.h:187 Parse Failed to parse provider option \"device_id\": ";

fn cuda_failure(text: &str) -> CudaError {
    let message = format!(
        "{PARSE}CUDA failure {text} ; GPU=-1 ; hostname=vm ; file=/src/info.cc ; line=70 ; expr=cudaGetDeviceCount(&num_devices); "
    );
    CudaError::of_message(&message, 3)
}

fn load_failure(reason: &str) -> CudaError {
    let message = format!(
        "/src/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() \
         [ONNXRuntimeError] : 1 : FAIL : Failed to load library /lib/libonnxruntime_providers_cuda.so with error: {reason}"
    );
    CudaError::of_message(&message, 0)
}

#[test]
fn failures_of_cuda_have_their_own_errors() {
    let old = cuda_failure("35: CUDA driver version is insufficient for CUDA runtime version");
    assert!(matches!(old, CudaError::DriverTooOld { .. }), "{old:?}");
    let none = cuda_failure("100: no CUDA-capable device is detected");
    assert!(matches!(none, CudaError::NoDevice), "{none:?}");
    let stub = cuda_failure("34: CUDA driver is a stub library");
    assert!(matches!(stub, CudaError::NoDriver { .. }), "{stub:?}");
    let index = cuda_failure("101: invalid device ordinal");
    assert!(
        matches!(
            index,
            CudaError::Index {
                index: 3,
                found: None
            }
        ),
        "{index:?}"
    );
    let kind = cuda_failure("209: no kernel image is available for execution on the device");
    assert!(matches!(kind, CudaError::Unsupported { index: 3 }), "{kind:?}");
    let other = cuda_failure("999: unknown error");
    assert_eq!(
        other.to_string(),
        "the CUDA provider fails: CUDA failure 999: unknown error"
    );
}

#[test]
fn an_index_out_of_range_tells_how_many_there_are() {
    let parse = format!("{PARSE}Invalid device ID: 3, must be between 0 (inclusive) and 2 (exclusive).");
    for message in [
        &parse,
        "Invalid device id. Device id should be less than total number of devices (2)",
    ] {
        let error = CudaError::of_message(message, 3);
        assert_eq!(error.to_string(), "there is no CUDA device 3: 2 found");
    }
}

#[test]
fn a_missing_library_is_named_with_its_package() {
    let missing = "libcublasLt.so.13: cannot open shared object file: No such file or directory";
    let error = load_failure(missing);
    let CudaError::Library {
        library,
        package,
        reason,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(library, "libcublasLt.so.13");
    assert_eq!(reason, missing);
    assert_eq!(*package, Some("nvidia-cublas~=13.0"));
    let driver = load_failure("libcuda.so.1: cannot open shared object file: No such file or directory");
    assert!(matches!(driver, CudaError::NoDriver { .. }), "{driver:?}");
    let own = load_failure("/lib/libonnxruntime_providers_cuda.so: file too short");
    let CudaError::Library {
        library,
        package: None,
        ..
    } = own
    else {
        panic!("{own:?}")
    };
    assert_eq!(library, "libonnxruntime_providers_cuda.so");
    for message in [
        "cuDNN is not available. Install cuDNN, update the system library search path, or set",
        "Non-zero status code returned while running Conv node. Name:'model.0.0' Status Message: \
         cuDNN is unavailable or disabled for CUDA Execution Provider: dlsym failed",
    ] {
        let cudnn = CudaError::of_message(message, 0);
        let CudaError::Library {
            package: Some(package),
            ..
        } = cudnn
        else {
            panic!("{cudnn:?}")
        };
        assert_eq!(package, "nvidia-cudnn-cu13~=9.0");
    }
}

#[test]
fn exhausted_memory_differs_from_other_failures() {
    for message in [
        "Non-zero status code returned while running Conv node. Name:'a' Status Message: /src/bfc_arena.cc:376 \
         Failed to allocate memory for requested buffer of size 822083584",
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=vm",
        "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
    ] {
        assert!(CudaError::of_message(message, 0).is_out_of_memory(), "{message}");
    }
    assert!(!cuda_failure("700: an illegal memory access was encountered").is_out_of_memory());
    assert!(!load_failure("libcudart.so.13: no such file").is_out_of_memory());
}

#[test]
fn a_graph_that_cannot_be_captured_has_its_own_error() {
    let message = "[ONNXRuntimeError] : 1 : FAIL : This session cannot use the graph capture feature as requested by the user as \
                   all compute graph nodes have not been partitioned to the CUDAExecutionProvider";
    let error = CudaError::of_message(message, 0);
    assert!(matches!(error, CudaError::Graph(_)), "{error:?}");
}

#[test]
fn the_version_of_the_systems_driver_is_read() {
    let text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (builder)\nGCC version:  12\n";
    assert_eq!(version_of_driver(text).as_deref(), Some("570.86.15"));
    assert_eq!(version_of_driver("GCC version: 12.2.0"), None);
}
