//! MobileNetV1's nodes, derived from [`Architecture`]. `constants` adds the constants that they read.

mod preprocess;

use mbn_spec::{Activation, Architecture, CLASSIFIER, ConvLayer, Preprocess, Stride2Padding};

use crate::builder::{Attribute, GraphBuilder};
use crate::names::{
    BATCH, BYTE_ZERO, CLASSIFIER_ZERO, FEATURES, HEIGHT, INPUT, INPUT_ZERO, LOGITS, PROBABILITIES, RELU6_MAX,
    RELU6_MIN, WIDTH, activation_name, scale_name,
};
use crate::proto::DataType;
use crate::{Dim, ExportOptions, InputKind, InputSize, Precision, TensorType};

/// Adds the network's input, nodes and outputs.
pub(crate) fn add(
    graph: &mut GraphBuilder,
    architecture: &Architecture,
    preprocess: &Preprocess,
    options: &ExportOptions,
) {
    graph.input(INPUT, &input_type(preprocess.size, options));
    let mut nodes = Nodes {
        graph,
        value: INPUT.to_owned(),
    };
    if options.input == InputKind::Uint8 {
        preprocess::add(&mut nodes, preprocess, options.size == InputSize::Resized);
    }
    if options.precision == Precision::Fp16 {
        nodes.add("Cast", "input.half", &[], [cast_to(DataType::Float16)]);
    }
    let mut side = preprocess.size;
    if options.on_bytes(0) {
        nodes.through_bytes(INPUT, INPUT_ZERO);
    }
    for (i, layer) in architecture.convs().into_iter().enumerate() {
        convolution(&mut nodes, i, &layer, architecture, side, options);
        side = layer.out_size(side, &architecture.variant);
    }
    nodes.add("GlobalAveragePool", "pool", &[], []);
    classifier(&mut nodes, architecture, options);
    let matrix = |columns: usize| TensorType::new(DataType::Float, [batch(options), columns.into()]);
    graph.output(LOGITS, &matrix(architecture.classes));
    if options.softmax {
        graph.output(PROBABILITIES, &matrix(architecture.classes));
    }
    if options.features {
        graph.output(FEATURES, &matrix(architecture.features()));
    }
}

fn batch(options: &ExportOptions) -> Dim {
    options
        .batch
        .map_or_else(|| Dim::Symbol(BATCH.to_owned()), Dim::Fixed)
}

fn input_type(size: usize, options: &ExportOptions) -> TensorType {
    let (height, width) = match options.size {
        InputSize::Fixed => (size.into(), size.into()),
        InputSize::Any | InputSize::Resized => {
            (Dim::Symbol(HEIGHT.to_owned()), Dim::Symbol(WIDTH.to_owned()))
        }
    };
    let batch = batch(options);
    match options.input {
        InputKind::Float => TensorType::new(DataType::Float, [batch, 3.into(), height, width]),
        InputKind::Uint8 => TensorType::new(DataType::Uint8, [batch, height, width, 3.into()]),
    }
}

/// A convolution of an input of `side` x `side`, with its batch norm and activation.
fn convolution(
    nodes: &mut Nodes,
    i: usize,
    layer: &ConvLayer,
    architecture: &Architecture,
    side: usize,
    options: &ExportOptions,
) {
    let variant = &architecture.variant;
    let (conv, norm, name) = (layer.conv_name(), layer.norm_name(), layer.name());
    let (kernel, stride) = (layer.kernel() as i64, layer.stride as i64);
    let padding = layer.padding(variant, side);
    let (begin, end) = (padding.begin as i64, padding.end as i64);
    let by_size = variant.stride2_padding == Stride2Padding::Same && layer.stride == 2;
    let padding = match options.size {
        // The graph does not know whether the size is even.
        InputSize::Any if by_size => ("auto_pad", Attribute::Text("SAME_UPPER")),
        _ => ("pads", Attribute::Ints(vec![begin, begin, end, end])),
    };
    let attributes = [
        ("group", Attribute::Int(layer.groups() as i64)),
        ("kernel_shape", Attribute::Ints(vec![kernel; 2])),
        padding,
        ("strides", Attribute::Ints(vec![stride; 2])),
    ];
    let (weight, bias) = (format!("{conv}.weight"), format!("{conv}.bias"));
    if options.on_bytes(i) {
        let own = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        nodes.constant_of_bytes(&weight, None, &own[0]);
        nodes.constant_of_bytes(&bias, None, &own[1]);
        nodes.add("Conv", &name, &[&own[0], &own[1]], attributes);
        nodes.describe(format!(
            "`{conv}` of the weight file with `{norm}` folded in, in 8 bits"
        ));
    } else if options.fold {
        nodes.add("Conv", &name, &[&weight, &bias], attributes);
        nodes.describe(format!("`{conv}` of the weight file with `{norm}` folded in"));
    } else {
        nodes.add("Conv", &format!("{name}.conv"), &[&weight], attributes);
        nodes.describe(format!("`{conv}` of the weight file"));
        let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| format!("{norm}.{part}"));
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let epsilon = Attribute::Float(variant.batch_norm_epsilon as f32);
        let attributes = [("epsilon", epsilon)];
        nodes.add_named(
            "BatchNormalization",
            &format!("{name}.norm"),
            &parts,
            &name,
            attributes,
        );
        nodes.describe(format!("`{norm}` of the weight file"));
    }
    let activation = activation_name(layer, variant.activation);
    match variant.activation {
        // Bytes end at 6 or before.
        Activation::Relu6 if options.on_bytes(i) => nodes.add("Relu", &activation, &[], []),
        Activation::Relu => nodes.add("Relu", &activation, &[], []),
        Activation::Relu6 => nodes.add("Clip", &activation, &[RELU6_MIN, RELU6_MAX], []),
    }
    if options.keeps_bytes(architecture, i) {
        nodes.through_bytes(&activation, BYTE_ZERO);
    }
}

/// The last nodes.
fn classifier(nodes: &mut Nodes, architecture: &Architecture, options: &ExportOptions) {
    let half = options.precision == Precision::Fp16;
    let (features, logits) = match half {
        true => ("features.half", "logits.half"),
        false => (FEATURES, LOGITS),
    };
    let flattened = [("axis", Attribute::Int(1))];
    let on_bytes = options.on_bytes(architecture.convs().len());
    match (on_bytes, options.features) {
        // Rounding comes first, so that ONNX Runtime averages bytes in the order in which the convolutions leave them.
        (true, false) => {
            nodes.quantize(FEATURES, BYTE_ZERO);
            nodes.add("Flatten", "flatten", &[], flattened);
            nodes.dequantize(FEATURES, BYTE_ZERO);
        }
        (true, true) => {
            nodes.add_named("Flatten", "flatten", &[], features, flattened);
            nodes.through_bytes(FEATURES, BYTE_ZERO);
        }
        (false, _) => nodes.add_named("Flatten", "flatten", &[], features, flattened),
    }
    if half && options.features {
        nodes.add("Cast", FEATURES, &[], [cast_to(DataType::Float)]);
        features.clone_into(&mut nodes.value);
    }
    let transposed = [("transB", Attribute::Int(1))];
    if on_bytes {
        // Without a zero point ONNX Runtime leaves the classifier on floats.
        let weight = nodes.constant_of_bytes("fc.weight", Some(CLASSIFIER_ZERO), "classifier.weight");
        let bias = nodes.constant_of_bytes("fc.bias", None, "classifier.bias");
        nodes.add_named("Gemm", CLASSIFIER, &[weight, bias], logits, transposed);
        nodes.describe("`fc` of the weight file, in 8 bits".to_owned());
    } else {
        nodes.add_named("Gemm", CLASSIFIER, &["fc.weight", "fc.bias"], logits, transposed);
        nodes.describe("`fc` of the weight file".to_owned());
    }
    if half {
        nodes.add("Cast", LOGITS, &[], [cast_to(DataType::Float)]);
    }
    if options.softmax {
        nodes.add_named(
            "Softmax",
            "softmax",
            &[],
            PROBABILITIES,
            [("axis", Attribute::Int(1))],
        );
    }
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
    /// A node that has the name of its output.
    fn add<const N: usize>(
        &mut self,
        op_type: &str,
        name: &str,
        constants: &[&str],
        attributes: [(&'static str, Attribute); N],
    ) {
        self.add_named(op_type, name, constants, name, attributes);
    }

    fn add_named<const N: usize>(
        &mut self,
        op_type: &str,
        name: &str,
        constants: &[&str],
        output: &str,
        attributes: [(&'static str, Attribute); N],
    ) {
        let inputs = std::iter::once(self.value.as_str()).chain(constants.iter().copied());
        self.graph.node(op_type, name, inputs, output, attributes);
        output.clone_into(&mut self.value);
    }

    /// The value as bytes, and what they stand for: engines that compute on bytes leave both out.
    fn through_bytes(&mut self, name: &str, zero: &str) {
        self.quantize(name, zero);
        self.dequantize(name, zero);
    }

    fn quantize(&mut self, name: &str, zero: &str) {
        self.add(
            "QuantizeLinear",
            &format!("{name}.bytes"),
            &[&scale_name(name), zero],
            [],
        );
    }

    fn dequantize(&mut self, name: &str, zero: &str) {
        self.add(
            "DequantizeLinear",
            &format!("{name}.rounded"),
            &[&scale_name(name), zero],
            [],
        );
    }

    /// A constant of integers with a scale for each output channel. What it stands for gets the given name, which is returned.
    fn constant_of_bytes<'b>(&mut self, constant: &str, zero: Option<&str>, name: &'b str) -> &'b str {
        let scale = scale_name(constant);
        let inputs = [constant, &scale].into_iter().chain(zero);
        let axis = ("axis", Attribute::Int(0));
        self.graph.node("DequantizeLinear", name, inputs, name, [axis]);
        name
    }

    fn describe(&mut self, text: String) {
        self.graph.describe_last(text);
    }
}
