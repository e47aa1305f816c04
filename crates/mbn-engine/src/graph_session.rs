//! Any ONNX graph in ONNX Runtime: values in by name, values out by name. [`OrtEngine`](crate::engine::OrtEngine) runs image
//! classifiers instead, with their preprocessing and metadata.

use half::{bf16, f16};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynTensor, DynValue, PrimitiveTensorElementType, Tensor, TensorElementType};

use crate::engine::{ModelSource, Provider, SessionOptions, start};
use crate::error::EngineError;
use crate::runtime::Runtime;

/// A graph that ONNX Runtime runs on the CPU.
#[derive(Debug)]
pub struct GraphSession {
    session: Session,
}

/// An input of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphInput {
    /// Its name.
    pub name: String,
    /// Type of its elements; `None` if [`Elements`] has none like it.
    pub elements: Option<ElementKind>,
    /// Its dimensions; `None` where the caller chooses.
    pub shape: Vec<Option<usize>>,
}

/// The types of elements that a caller can pass in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementKind {
    /// float32
    Float,
    /// float64
    Double,
    /// float16
    Half,
    /// bfloat16
    Brain,
    /// uint8
    Uint8,
    /// int8
    Int8,
    /// int32
    Int32,
    /// int64
    Int64,
}

/// Elements of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// float32
    Float(Vec<f32>),
    /// float64
    Double(Vec<f64>),
    /// float16
    Half(Vec<f16>),
    /// bfloat16
    Brain(Vec<bf16>),
    /// uint8
    Uint8(Vec<u8>),
    /// int8
    Int8(Vec<i8>),
    /// int32
    Int32(Vec<i32>),
    /// int64
    Int64(Vec<i64>),
}

/// A tensor that a graph takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Name of the input.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub elements: Elements,
}

/// A tensor of floats that a graph gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name of the output.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<i64>,
    /// Its elements.
    pub values: Vec<f32>,
}

impl Elements {
    /// Elements of a kind from bytes, such as random ones.
    pub fn bytes(kind: ElementKind, bytes: impl Iterator<Item = u8>) -> Self {
        // From -2 to 2, as normalised pictures are.
        let float = |byte: u8| f32::from(byte) / 64.0 - 2.0;
        match kind {
            ElementKind::Float => Self::Float(bytes.map(float).collect()),
            ElementKind::Double => Self::Double(bytes.map(|byte| float(byte).into()).collect()),
            ElementKind::Half => Self::Half(bytes.map(|byte| f16::from_f32(float(byte))).collect()),
            ElementKind::Brain => Self::Brain(bytes.map(|byte| bf16::from_f32(float(byte))).collect()),
            ElementKind::Int8 => Self::Int8(bytes.map(u8::cast_signed).collect()),
            ElementKind::Uint8 => Self::Uint8(bytes.collect()),
            ElementKind::Int32 => Self::Int32(bytes.map(i32::from).collect()),
            ElementKind::Int64 => Self::Int64(bytes.map(i64::from).collect()),
        }
    }
}

impl GraphSession {
    /// Loads a graph; `threads` compute each operation.
    ///
    /// # Errors
    /// [`EngineError`]: it cannot be read, or ONNX Runtime refuses it.
    pub fn load(runtime: &Runtime, source: &ModelSource, threads: usize) -> Result<Self, EngineError> {
        let options = SessionOptions {
            threads,
            provider: Provider::Cpu,
            batch: None,
        };
        let session = start(runtime, source, &options, false, None)?;
        Ok(Self { session })
    }

    /// The graph's inputs.
    pub fn inputs(&self) -> Vec<GraphInput> {
        let input = |outlet: &ort::value::Outlet| GraphInput {
            name: outlet.name().to_owned(),
            elements: match outlet.dtype().tensor_type() {
                Some(TensorElementType::Float32) => Some(ElementKind::Float),
                Some(TensorElementType::Float64) => Some(ElementKind::Double),
                Some(TensorElementType::Float16) => Some(ElementKind::Half),
                Some(TensorElementType::Bfloat16) => Some(ElementKind::Brain),
                Some(TensorElementType::Uint8) => Some(ElementKind::Uint8),
                Some(TensorElementType::Int8) => Some(ElementKind::Int8),
                Some(TensorElementType::Int32) => Some(ElementKind::Int32),
                Some(TensorElementType::Int64) => Some(ElementKind::Int64),
                _ => None,
            },
            shape: outlet.dtype().tensor_shape().map_or_else(Vec::new, |shape| {
                shape.iter().map(|&dim| usize::try_from(dim).ok()).collect()
            }),
        };
        self.session.inputs().iter().map(input).collect()
    }

    /// The graph's outputs of floats, in its order, as float32: those of float16, bfloat16 and float64 are converted.
    ///
    /// # Errors
    /// [`EngineError::Run`].
    pub fn run(&mut self, feeds: Vec<Feed>) -> Result<Vec<Output>, EngineError> {
        // They outlive the outputs below: ONNX Runtime gives an input that is also an output back in the input's memory.
        let mut inputs: Vec<(String, DynTensor)> = Vec::new();
        for Feed {
            name,
            shape,
            elements,
        } in feeds
        {
            let value = match elements {
                Elements::Float(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Double(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Half(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Brain(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Int8(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Uint8(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Int32(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
                Elements::Int64(values) => Tensor::from_array((shape, values)).map(Tensor::upcast),
            };
            inputs.push((name, value.map_err(EngineError::run)?));
        }
        let names: Vec<String> = self
            .session
            .outputs()
            .iter()
            .map(|outlet| outlet.name().to_owned())
            .collect();
        let views: Vec<(&str, SessionInputValue<'_>)> = inputs
            .iter()
            .map(|(name, value)| (name.as_str(), value.into()))
            .collect();
        let found = self.session.run(views).map_err(EngineError::run)?;
        let mut outputs = Vec::new();
        for name in names {
            if let Some((shape, values)) = found.get(&name).and_then(floats) {
                outputs.push(Output { name, shape, values });
            }
        }
        Ok(outputs)
    }
}

/// The dimensions and elements of a tensor of floats.
fn floats(value: &DynValue) -> Option<(Vec<i64>, Vec<f32>)> {
    let extracted = value.try_extract_tensor::<f32>();
    extracted
        .map(|(shape, values)| (shape.to_vec(), values.to_vec()))
        .or_else(|_| converted(value, f16::to_f32))
        .or_else(|_| converted(value, bf16::to_f32))
        // What only float64 holds is finite all the same.
        .or_else(|_| {
            converted(value, |value: f64| match value.is_finite() {
                true => value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32,
                false => value as f32,
            })
        })
        .ok()
}

fn converted<T: PrimitiveTensorElementType + Copy>(
    value: &DynValue,
    convert: impl Fn(T) -> f32,
) -> ort::Result<(Vec<i64>, Vec<f32>)> {
    let (shape, values) = value.try_extract_tensor::<T>()?;
    Ok((shape.to_vec(), values.iter().copied().map(convert).collect()))
}
