//! MobileNetV1's nodes, derived from [`Architecture`]. `constants` adds the constants that they read.

use mbn_spec::{Activation, Architecture, ConvLayer};

use crate::builder::{Attribute, GraphBuilder};
use crate::proto::DataType;
use crate::{Dim, ExportOptions, InputKind, Precision, TensorType};

/// Name of the graph's input.
pub const INPUT: &str = "input";
/// Name of the output without softmax.
pub const LOGITS: &str = "logits";
/// Name of the output with softmax.
pub const PROBABILITIES: &str = "probabilities";
/// Name of the input's and the output's first dimension.
pub const BATCH: &str = "batch";

pub(crate) const SCALE: &str = "preprocess.scale";
pub(crate) const OFFSET: &str = "preprocess.offset";
pub(crate) const RELU6_MIN: &str = "relu6.min";
pub(crate) const RELU6_MAX: &str = "relu6.max";

/// Adds the network's input, nodes and output, for pictures of `size` x `size`.
pub(crate) fn add(
    graph: &mut GraphBuilder,
    architecture: &Architecture,
    size: usize,
    options: &ExportOptions,
) {
    graph.input(INPUT, &input_type(size, options.input));
    let mut nodes = Nodes {
        graph,
        value: INPUT.to_owned(),
    };
    if options.input == InputKind::Uint8 {
        normalise(&mut nodes);
    }
    if options.precision == Precision::Fp16 {
        nodes.add("Cast", "input.half", &[], [cast_to(DataType::Float16)]);
    }
    let mut side = size;
    for layer in architecture.convs() {
        convolution(&mut nodes, &layer, architecture, side, options);
        side = layer.out_size(side, &architecture.variant);
    }
    nodes.add("GlobalAveragePool", "pool", &[], []);
    nodes.add("Flatten", "flatten", &[], [("axis", Attribute::Int(1))]);
    let output = classifier(&mut nodes, options);
    graph.output(output, &matrix_type(architecture.classes));
}

fn input_type(size: usize, kind: InputKind) -> TensorType {
    let batch = Dim::Symbol(BATCH.to_owned());
    match kind {
        InputKind::Float => TensorType::new(DataType::Float, [batch, 3.into(), size.into(), size.into()]),
        InputKind::Uint8 => TensorType::new(DataType::Uint8, [batch, size.into(), size.into(), 3.into()]),
    }
}

fn matrix_type(columns: usize) -> TensorType {
    TensorType::new(DataType::Float, [Dim::Symbol(BATCH.to_owned()), columns.into()])
}

/// Turns bytes into the network's float input. It transposes first, while each value is still one byte.
fn normalise(nodes: &mut Nodes) {
    let perm = Attribute::Ints(vec![0, 3, 1, 2]);
    nodes.add("Transpose", "preprocess.nchw", &[], [("perm", perm)]);
    nodes.add("Cast", "preprocess.float", &[], [cast_to(DataType::Float)]);
    nodes.add("Mul", "preprocess.mul", &[SCALE], []);
    nodes.add("Add", "preprocess.add", &[OFFSET], []);
}

/// A convolution of an input of `side` x `side`, with its batch norm and activation.
fn convolution(
    nodes: &mut Nodes,
    layer: &ConvLayer,
    architecture: &Architecture,
    side: usize,
    options: &ExportOptions,
) {
    let variant = &architecture.variant;
    let (conv, norm, activation) = (layer.conv_name(), layer.norm_name(), layer.activation_name());
    let (kernel, stride) = (layer.kernel() as i64, layer.stride as i64);
    let padding = layer.padding(variant, side);
    let (begin, end) = (padding.begin as i64, padding.end as i64);
    let attributes = [
        ("group", Attribute::Int(layer.groups() as i64)),
        ("kernel_shape", Attribute::Ints(vec![kernel; 2])),
        ("pads", Attribute::Ints(vec![begin, begin, end, end])),
        ("strides", Attribute::Ints(vec![stride; 2])),
    ];
    let (weight, bias) = (format!("{conv}.weight"), format!("{conv}.bias"));
    if options.fold {
        nodes.add("Conv", &conv, &[&weight, &bias], attributes);
    } else {
        nodes.add("Conv", &conv, &[&weight], attributes);
        let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| format!("{norm}.{part}"));
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let epsilon = Attribute::Float(variant.batch_norm_epsilon as f32);
        nodes.add("BatchNormalization", &norm, &parts, [("epsilon", epsilon)]);
    }
    match variant.activation {
        Activation::Relu => nodes.add("Relu", &activation, &[], []),
        Activation::Relu6 => nodes.add("Clip", &activation, &[RELU6_MIN, RELU6_MAX], []),
    }
}

/// The last nodes; returns the name of the graph's output.
fn classifier(nodes: &mut Nodes, options: &ExportOptions) -> &'static str {
    let transposed = [("transB", Attribute::Int(1))];
    nodes.add("Gemm", "fc", &["fc.weight", "fc.bias"], transposed);
    if options.precision == Precision::Fp16 {
        nodes.add("Cast", "logits.float", &[], [cast_to(DataType::Float)]);
    }
    if options.softmax {
        nodes.add("Softmax", "softmax", &[], [("axis", Attribute::Int(1))]);
    }
    let output = if options.softmax { PROBABILITIES } else { LOGITS };
    nodes.graph.rename_last_output(output);
    output
}

fn cast_to(ty: DataType) -> (&'static str, Attribute) {
    ("to", Attribute::Int(ty as i64))
}

/// A chain of nodes; each reads the output of the one before.
struct Nodes<'a> {
    graph: &'a mut GraphBuilder,
    value: String,
}

impl Nodes<'_> {
    fn add<const N: usize>(
        &mut self,
        op_type: &str,
        name: &str,
        constants: &[&str],
        attributes: [(&'static str, Attribute); N],
    ) {
        let output = format!("{name}.out");
        let inputs = std::iter::once(self.value.as_str()).chain(constants.iter().copied());
        self.graph.node(op_type, name, inputs, &output, attributes);
        self.value = output;
    }
}
