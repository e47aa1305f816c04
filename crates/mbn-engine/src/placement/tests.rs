//! Profiles in ONNX Runtime's format.

use super::*;

const CPU: &str = "CPUExecutionProvider";
const CUDA: &str = "CUDAExecutionProvider";

fn event(index: usize, operator: &str, provider: &str) -> String {
    format!(
        r#"{{"cat": "Node", "pid": 1, "dur": 3, "ph": "X", "name": "n{index}_kernel_time",
            "args": {{"op_name": "{operator}", "provider": "{provider}", "node_index": "{index}"}}}}"#
    )
}

fn placement(nodes: &[(&str, &str)]) -> Placement {
    let session = r#"{"cat": "Session", "name": "model_run", "args": {}}"#.to_owned();
    let events = nodes.iter().enumerate().map(|(i, (op, ep))| event(i, op, ep));
    let events: Vec<_> = std::iter::once(session).chain(events).collect();
    Placement::of_profile(format!("[{}]", events.join(",")).as_bytes()).unwrap()
}

#[test]
fn shape_arithmetic_on_the_cpu_is_no_error() {
    let nodes = [("Shape", CPU), ("Gather", CPU), ("Conv", CUDA), ("Gemm", CUDA)];
    let placement = placement(&nodes);
    assert_eq!(placement.require(CUDA), Ok(()));
    assert_eq!(placement.nodes()[2].name, "n2");
    assert_eq!(placement.to_string(), format!("2 nodes on {CPU}, 2 on {CUDA}"));
}

#[test]
fn each_kind_of_product_on_the_cpu_is_an_error() {
    for operator in [
        "Conv",
        "FusedConv",
        "QLinearConv",
        "NhwcFusedConv",
        "Gemm",
        "FusedGemm",
        "QGemm",
        "MatMul",
        "MatMulInteger",
    ] {
        let error = placement(&[("Conv", CUDA), (operator, CPU)])
            .require(CUDA)
            .unwrap_err();
        let PlacementError::Elsewhere { costly: 2, nodes, .. } = &error else {
            panic!("{operator}: {error}")
        };
        assert_eq!(nodes.len(), 1);
        assert!(error.to_string().contains("`n1`"), "{error}");
    }
}

#[test]
fn a_provider_that_ran_nothing_is_an_error() {
    for nodes in [&[][..], &[("Relu", CPU)]] {
        let error = placement(nodes).require(CUDA).unwrap_err();
        assert!(matches!(error, PlacementError::Nowhere { .. }), "{error}");
    }
}

#[test]
fn a_node_counts_once_and_long_lists_are_cut() {
    let twice = format!("[{},{}]", event(0, "Conv", CPU), event(0, "Conv", CPU));
    assert_eq!(Placement::of_profile(twice.as_bytes()).unwrap().nodes().len(), 1);
    let error = placement(&[
        ("Conv", CPU),
        ("Conv", CPU),
        ("Conv", CPU),
        ("Conv", CPU),
        ("Relu", CUDA),
    ])
    .require(CUDA)
    .unwrap_err();
    assert!(error.to_string().ends_with("and 1 more"), "{error}");
}

#[test]
fn other_json_than_a_profile_is_refused() {
    for text in ["", "{}", "[1]", "[{\"cat\": \"Node\""] {
        assert!(Placement::of_profile(text.as_bytes()).is_err(), "{text}");
    }
}
