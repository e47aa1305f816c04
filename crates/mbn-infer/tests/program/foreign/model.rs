//! Builds the models.

use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto};
use mbn_onnx::{Dim, Model, Precision, TensorType};
use tempfile::TempDir;

/// A graph from a picture input to `logits`, `[batch, 3]`: the means of the channels.
pub struct Build {
    pub graph: GraphBuilder,
    pub metadata: Vec<(&'static str, &'static str)>,
    batch: Dim,
}

pub fn symbol(name: &str) -> Dim {
    Dim::Symbol(name.to_owned())
}

/// A symbolic batch, three channels and a size, in either layout.
pub fn first(size: usize) -> [Dim; 4] {
    [symbol("batch"), 3.into(), size.into(), size.into()]
}

pub fn last(size: usize) -> [Dim; 4] {
    [symbol("batch"), size.into(), size.into(), 3.into()]
}

impl Build {
    /// The means of the channels of an input with the channels first.
    pub fn new(element: DataType, shape: [Dim; 4]) -> Self {
        Self::with(element, shape, false, &[])
    }

    /// The same with the channels last.
    pub fn channels_last(element: DataType, shape: [Dim; 4]) -> Self {
        Self::with(element, shape, true, &[])
    }

    /// A float32 model of 32 pixels whose output `scores` is the means of what these operators by constants make of the channels,
    /// each with one value or three. `Gather` puts the channels in the order of its values, and `Mul of Reciprocal` multiplies by
    /// what `Reciprocal` makes of them. `QuantizeLinear` has a scale and a zero point of bytes, and makes floats of them again.
    pub fn normalising(steps: &[(&str, &[f32])]) -> Self {
        let mut build = Self::with(DataType::Float, first(32), false, steps);
        build.product("means", &IDENTITY, "scores");
        build.output("scores", 3);
        build
    }

    fn with(element: DataType, shape: [Dim; 4], is_last: bool, steps: &[(&str, &[f32])]) -> Self {
        let mut graph = GraphBuilder::new("foreign");
        let batch = shape[0].clone();
        graph.input("pictures", &TensorType::new(element, shape));
        let to_float = ("to", Attribute::Int(DataType::Float as i64));
        graph.node("Cast", "float", ["pictures"], "floats", [to_float]);
        let perm = ("perm", Attribute::Ints(vec![0, 3, 1, 2]));
        match is_last {
            true => graph.node("Transpose", "planes", ["floats"], "planes", [perm]),
            false => graph.node("Identity", "planes", ["floats"], "planes", []),
        }
        let mut planes = "planes".to_owned();
        for (i, (op, values)) in steps.iter().enumerate() {
            let (constant, to) = (format!("constant{i}"), format!("planes{i}"));
            if let ("QuantizeLinear", [scale, zero]) = (*op, *values) {
                let (bytes, zero_point) = (format!("bytes{i}"), format!("{constant}.zero"));
                graph.initializer(&constant, &[], &[*scale], Precision::Fp32);
                graph.constant(TensorProto {
                    name: Some(zero_point.clone()),
                    data_type: Some(DataType::Uint8 as i32),
                    raw_data: Some(vec![*zero as u8]),
                    ..TensorProto::default()
                });
                for (op, from, to) in [
                    ("QuantizeLinear", &planes, &bytes),
                    ("DequantizeLinear", &bytes, &to),
                ] {
                    graph.node(op, to, [from, &constant, &zero_point].map(String::as_str), to, []);
                }
                planes = to;
                continue;
            }
            let attributes = (*op == "Gather").then_some(("axis", Attribute::Int(1)));
            if *op == "Gather" {
                let order = values.iter().map(|value| *value as i64).collect();
                graph.constant(integers(&constant, order));
            } else {
                graph.initializer(&constant, &[1, values.len(), 1, 1], values, Precision::Fp32);
            }
            // Another operator may make the constant of the values.
            let (op, constant) = match op.split_once(" of ") {
                Some((op, made)) => {
                    let name = format!("{constant}.{made}");
                    graph.node(made, &name, [constant.as_str()], &name, []);
                    (op, name)
                }
                None => (*op, constant),
            };
            graph.node(op, &to, [planes.as_str(), constant.as_str()], &to, attributes);
            planes = to;
        }
        graph.node("GlobalAveragePool", "pool", [planes.as_str()], "pooled", []);
        graph.node("Flatten", "flatten", ["pooled"], "means", []);
        Self {
            graph,
            metadata: Vec::new(),
            batch,
        }
    }

    /// A model of one channel whose output `scores` is the mean of what these operators by a constant make of it, times each of
    /// [`OF_GREY`]. The shape is of any layout.
    pub fn grey(element: DataType, shape: &[Dim], steps: &[(&str, f32)]) -> Self {
        let mut graph = GraphBuilder::new("foreign");
        graph.input("pictures", &TensorType::new(element, shape.to_vec()));
        let to_float = ("to", Attribute::Int(DataType::Float as i64));
        graph.node("Cast", "float", ["pictures"], "floats", [to_float]);
        let mut values = "floats".to_owned();
        for (i, (op, value)) in steps.iter().enumerate() {
            let (constant, to) = (format!("constant{i}"), format!("values{i}"));
            graph.initializer(&constant, &[], &[*value], Precision::Fp32);
            graph.node(op, &to, [values.as_str(), constant.as_str()], &to, []);
            values = to;
        }
        graph.node("Flatten", "flatten", [values.as_str()], "flat", []);
        let axes = ("axes", Attribute::Ints(vec![1]));
        graph.node("ReduceMean", "mean", ["flat"], "mean", [axes]);
        graph.initializer("weight", &[1, OF_GREY.len()], &OF_GREY, Precision::Fp32);
        graph.node("MatMul", "scores", ["mean", "weight"], "scores", []);
        let mut build = Self {
            graph,
            metadata: Vec::new(),
            batch: shape[0].clone(),
        };
        build.output("scores", OF_GREY.len());
        build
    }

    /// A float32 model of 32 pixels whose output `scores` is the result of `op` on the means times `matrix`.
    pub fn ending_in(op: &str, matrix: &[f32]) -> Self {
        let mut build = Self::new(DataType::Float, first(32));
        build.product("means", matrix, "product");
        build.node(op, "product", "scores");
        build.output("scores", matrix.len() / 3);
        build
    }

    /// Logits that are the means themselves, at a size.
    pub fn of_size(size: usize) -> Self {
        let mut build = Self::new(DataType::Float, first(size));
        build.product("means", &IDENTITY, "scores");
        build.output("scores", 3);
        build
    }

    pub fn node(&mut self, op: &str, from: &str, to: &str) {
        self.graph.node(op, to, [from], to, []);
    }

    pub fn cast(&mut self, from: &str, element: DataType, to: &str) {
        let to_element = ("to", Attribute::Int(element as i64));
        self.graph.node("Cast", to, [from], to, [to_element]);
    }

    /// The `k` largest values of `from`, the largest first, as `to`, and their places as `to.places`.
    pub fn top_k(&mut self, from: &str, k: i64, to: &str) {
        let name = format!("{to}.k");
        self.graph.constant(integers(&name, vec![k]));
        self.graph.node("TopK", to, [from, &name], to, []);
    }

    /// `from`, `[batch, 3]`, times a matrix of three rows.
    pub fn product(&mut self, from: &str, matrix: &[f32], to: &str) {
        let name = format!("{to}.weight");
        let columns = matrix.len() / 3;
        self.graph
            .initializer(&name, &[3, columns], matrix, Precision::Fp32);
        self.graph.node("MatMul", to, [from, &name], to, []);
    }

    /// An output of float32 whose dimensions after the batch are symbols.
    pub fn open_output(&mut self, name: &str, dims: &[&str]) {
        let dims = dims.iter().map(|dim| symbol(dim));
        let shape: Vec<_> = std::iter::once(self.batch.clone()).chain(dims).collect();
        self.graph.output(name, &TensorType::new(DataType::Float, shape));
    }

    /// An output `[batch, classes]` of float32.
    pub fn output(&mut self, name: &str, classes: usize) {
        self.output_of(name, DataType::Float, &[classes]);
    }

    pub fn output_of(&mut self, name: &str, element: DataType, dims: &[usize]) {
        let dims = dims.iter().map(|&dim| Dim::Fixed(dim));
        let shape: Vec<_> = std::iter::once(self.batch.clone()).chain(dims).collect();
        self.graph.output(name, &TensorType::new(element, shape));
    }

    #[must_use]
    pub fn saying(mut self, pairs: &[(&'static str, &'static str)]) -> Self {
        self.metadata.extend(pairs);
        self
    }

    /// Writes `model.onnx`.
    pub fn save(self, folder: &TempDir) {
        let entry = |(key, value): (&str, &str)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        let mut graph = self.graph.finish();
        for node in &mut graph.node {
            if node.op_type().starts_with("QLinear") {
                node.domain = Some("com.microsoft".to_owned());
            }
            if node.op_type() == "TopK" {
                node.output.push(format!("{}.places", node.output[0]));
            }
            if node.op_type() == "ZipMap" {
                node.domain = Some("ai.onnx.ml".to_owned());
                // A sequence of dictionaries, which ONNX Runtime finds out.
                let mut outputs = graph.output.iter_mut();
                if let Some(output) = outputs.find(|output| output.name() == node.output[0]) {
                    output.r#type = None;
                }
            }
        }
        let opset = |(domain, version): (&str, i64)| OperatorSetIdProto {
            domain: Some(domain.to_owned()),
            version: Some(version),
        };
        let model = Model::from(ModelProto {
            ir_version: Some(8),
            producer_name: Some("another tool".to_owned()),
            graph: Some(graph),
            opset_import: [("", 17), ("com.microsoft", 1), ("ai.onnx.ml", 2)]
                .map(opset)
                .to_vec(),
            metadata_props: self.metadata.into_iter().map(entry).collect(),
            ..ModelProto::default()
        });
        std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
    }
}

/// A constant of whole numbers.
pub fn integers(name: &str, values: Vec<i64>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        data_type: Some(DataType::Int64 as i32),
        dims: vec![values.len() as i64],
        int64_data: values,
        ..TensorProto::default()
    }
}

/// What a grey model makes of a mean.
pub const OF_GREY: [f32; 3] = [1.0, -1.0, 0.5];

/// Leaves the means as they are.
pub const IDENTITY: [f32; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
