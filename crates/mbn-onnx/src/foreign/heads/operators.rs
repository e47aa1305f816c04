//! What operators do to values, as far as it tells what an output is.

use super::Ending;

/// Nodes that change at most the type or shape of their first input, or round it.
pub(super) fn keeps_values(op: &str) -> bool {
    [
        "Cast",
        "CastLike",
        "Identity",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Dropout",
        "QuantizeLinear",
        "DequantizeLinear",
    ]
    .contains(&op)
}

/// What makes probabilities of its first input. ONNX Runtime's operators of 8 bits have that first too.
pub(super) fn activation(op: &str) -> Option<Ending> {
    match op {
        "Softmax" | "QLinearSoftmax" | "BiasSoftmax" => Some(Ending::Softmax),
        "Sigmoid" | "HardSigmoid" | "QLinearSigmoid" => Some(Ending::Sigmoid),
        _ => None,
    }
}

/// Products by weights, of ONNX and of ONNX Runtime.
pub(super) fn is_product(op: &str) -> bool {
    [
        "Gemm",
        "MatMul",
        "Conv",
        "Einsum",
        "FusedGemm",
        "FusedMatMul",
        "FusedConv",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "DynamicQuantizeMatMul",
        "MatMulNBits",
        "QGemm",
        "QLinearMatMul",
        "QLinearConv",
        "ConvInteger",
    ]
    .contains(&op)
}

/// What changes the values of its only input that is no constant, but not their order along the classes.
pub(super) fn keeps_order(op: &str) -> bool {
    [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Exp",
        "Log",
        "Clip",
        "Round",
        "Max",
        "Min",
        "LogSoftmax",
        "Slice",
        "Split",
        "QLinearAdd",
        "QLinearMul",
    ]
    .contains(&op)
        || keeps_values(op)
        || activation(op).is_some()
}

/// What takes some of the values of its first input.
pub(super) fn selects(op: &str) -> bool {
    ["Slice", "Split", "Gather"].contains(&op)
}

/// What gives values in an order of its own, or places of values, instead of a value for each class.
pub(super) fn reorders(op: &str) -> bool {
    ["TopK", "ArgMax", "ArgMin", "Unique", "NonMaxSuppression"].contains(&op)
}
