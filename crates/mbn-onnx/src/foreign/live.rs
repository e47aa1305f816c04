//! The nodes on which an output depends, also in graphs in nodes and in the functions that nodes call, and what is known beforehand of
//! the values and parameters that they take.

use std::collections::HashMap;

use super::functions::{FunctionProto, Functions, Key, is_onnx, key_of_call};
use crate::Model;
use crate::proto::{AttributeProto, DataType, GraphProto, NodeProto, TensorProto};
use crate::structure::reads;

/// Nodes, and what else functions consist of. A function counts at each call, so that few bytes of a file can stand for any number.
const MAX_PARTS: usize = 400_000;
/// Graphs in nodes, and functions that call functions, within each other. A function may call itself in a broken file.
const MAX_DEPTH: usize = 48;
/// Steps back to where a value or a parameter is given.
const MAX_STEPS: usize = 64;
/// Operators that make values of nothing.
const DRAWING: [&str; 2] = ["RandomNormal", "RandomUniform"];
/// Elements of a constant that are read: axes, and numbers that switch something.
const FEW: usize = 16;

/// What is done with each node, and where that stands.
pub(super) type Visit<'v> = dyn FnMut(&NodeProto, &Frame<'_>) + 'v;

/// Visits the nodes on which `output` depends, or any output, from the output back. Values of which a node takes only the shape
/// do not count.
pub(super) fn visit(model: &Model, output: Option<&str>, visit: &mut Visit<'_>) {
    let Some(graph) = model.graph() else {
        return;
    };
    let functions = Functions::of(model.proto());
    let mut walk = Walk {
        functions: functions.iter().collect(),
        left: MAX_PARTS,
        visit,
    };
    let own = model.proto().opset_import.iter();
    let own = own.filter(|import| is_onnx(import.domain()));
    let opset = own.map(|import| import.version()).next();
    // Without a version no engine takes the model; the newest has the strictest rules.
    let frame = Frame::of_graph(graph, opset.unwrap_or(i64::MAX), Place::Model);
    let outputs = graph.output.iter().map(|output| output.name());
    let wanted = outputs.filter(|name| output.is_none_or(|output| output == *name));
    walk.from(&frame, wanted.collect(), 0);
}

struct Walk<'w, 'v> {
    functions: HashMap<Key<'w>, &'w FunctionProto>,
    left: usize,
    visit: &'w mut Visit<'v>,
}

impl Walk<'_, '_> {
    fn from<'f>(&mut self, frame: &'f Frame<'f>, mut pending: Vec<&'f str>, depth: usize) {
        let mut live = vec![false; frame.nodes.len()];
        while let Some(name) = pending.pop() {
            let Some(&index) = frame.producers.get(name) else {
                continue;
            };
            if std::mem::replace(&mut live[index], true) {
                continue;
            }
            let node = &frame.nodes[index];
            (self.visit)(node, frame);
            if is_onnx(node.domain()) && ["Shape", "Size"].contains(&node.op_type()) {
                continue;
            }
            pending.extend(reads(node));
            if depth == MAX_DEPTH {
                continue;
            }
            for graph in node.attribute.iter().flat_map(AttributeProto::subgraphs) {
                if !self.affords(graph.node.len() + graph.initializer.len()) {
                    return;
                }
                let inner = Frame::of_graph(graph, frame.opset, Place::Inside(frame));
                let outputs = graph.output.iter().map(|output| output.name());
                self.from(&inner, outputs.collect(), depth + 1);
            }
            if let Some(&function) = self.functions.get(&key_of_call(node)) {
                let parameters = function.input.len() + function.attribute_proto.len();
                if !self.affords(function.node.len() + function.output.len() + parameters) {
                    return;
                }
                let inner = Frame::of_call(function, node, frame);
                let outputs = function.output.iter().map(String::as_str);
                self.from(&inner, outputs.collect(), depth + 1);
            }
        }
    }

    /// Whether so many parts more can be visited.
    fn affords(&mut self, parts: usize) -> bool {
        let left = self.left.checked_sub(parts + 1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// A graph, or a function at one of its calls.
pub(super) struct Frame<'f> {
    nodes: &'f [NodeProto],
    /// Indexes of the nodes that define values.
    producers: HashMap<&'f str, usize>,
    constants: HashMap<&'f str, &'f TensorProto>,
    /// Version of ONNX's own operators.
    pub opset: i64,
    place: Place<'f>,
}

/// What is around a frame.
enum Place<'f> {
    Model,
    /// In a node of this graph or function.
    Inside(&'f Frame<'f>),
    Call(Call<'f>),
}

/// A call of a function.
struct Call<'f> {
    /// What the function's inputs are called where it is called.
    inputs: HashMap<&'f str, &'f str>,
    /// Its parameters.
    parameters: HashMap<&'f str, &'f AttributeProto>,
    from: &'f Frame<'f>,
}

impl<'f> Frame<'f> {
    fn of_graph(graph: &'f GraphProto, opset: i64, place: Place<'f>) -> Self {
        let constants = graph.initializer.iter().map(|tensor| (tensor.name(), tensor));
        Self {
            constants: constants.collect(),
            ..Self::of_nodes(&graph.node, opset, place)
        }
    }

    fn of_call(function: &'f FunctionProto, node: &'f NodeProto, from: &'f Frame<'f>) -> Self {
        let own = function.opset_import.iter();
        let own = own.filter(|import| is_onnx(import.domain()));
        let opset = own.map(|import| import.version()).next().unwrap_or(from.opset);
        let inputs = function.input.iter().zip(&node.input);
        // Those that the call gives come last, and stay.
        let parameters = function.attribute_proto.iter().chain(&node.attribute);
        let call = Call {
            inputs: inputs
                .map(|(own, given)| (own.as_str(), given.as_str()))
                .collect(),
            parameters: parameters.map(|given| (given.name(), given)).collect(),
            from,
        };
        Self::of_nodes(&function.node, opset, Place::Call(call))
    }

    fn of_nodes(nodes: &'f [NodeProto], opset: i64, place: Place<'f>) -> Self {
        let outputs = nodes.iter().enumerate();
        let outputs = outputs.flat_map(|(i, node)| node.output.iter().map(move |name| (name.as_str(), i)));
        Self {
            nodes,
            producers: outputs.filter(|(name, _)| !name.is_empty()).collect(),
            constants: HashMap::new(),
            opset,
            place,
        }
    }

    /// The elements of a value that is a constant of few numbers; `None` if it is anything else.
    pub fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        let (mut frame, mut name) = (self, name);
        for _ in 0..MAX_STEPS {
            if let Some(tensor) = frame.constants.get(name) {
                return numbers(tensor);
            }
            if let Some(&index) = frame.producers.get(name) {
                let node = &frame.nodes[index];
                match node.op_type() {
                    "Constant" => return frame.of_constant(node),
                    "Identity" | "Cast" => name = node.input.first()?,
                    _ => return None,
                }
                continue;
            }
            match &frame.place {
                Place::Model => return None,
                Place::Inside(outer) => frame = outer,
                Place::Call(call) => (frame, name) = (call.from, call.inputs.get(name)?),
            }
        }
        None
    }

    /// Whether a value is made of constants alone, as weights that a graph scales before it uses them. `false` where that is not known.
    pub fn is_constant(&self, name: &str) -> bool {
        let mut pending = vec![(self, name)];
        let mut steps = 0;
        while let Some((frame, name)) = pending.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                return false;
            }
            if frame.constants.contains_key(name) {
                continue;
            }
            if let Some(&index) = frame.producers.get(name) {
                let node = &frame.nodes[index];
                let is_known =
                    is_onnx(node.domain()) && node.attribute.iter().all(|of| of.subgraphs().next().is_none());
                if !is_known || DRAWING.contains(&node.op_type()) {
                    return false;
                }
                let inputs = node.input.iter().filter(|input| !input.is_empty());
                pending.extend(inputs.map(|input| (frame, input.as_str())));
                continue;
            }
            match &frame.place {
                Place::Model => return false,
                Place::Inside(outer) => pending.push((outer, name)),
                Place::Call(call) => match call.inputs.get(name) {
                    Some(given) => pending.push((call.from, given)),
                    None => return false,
                },
            }
        }
        true
    }

    fn of_constant(&self, node: &NodeProto) -> Option<Vec<f64>> {
        let value = |name: &str| self.attribute(node, name);
        if let Some(tensor) = value("value").and_then(|value| value.t.as_deref()) {
            return numbers(tensor);
        }
        let number = |value: &AttributeProto| value.f.map(f64::from).or(value.i.map(|i| i as f64));
        if let Some(value) = value("value_int").or(value("value_float")) {
            return Some(vec![number(value)?]);
        }
        let list = value("value_ints")?;
        (list.ints.len() <= FEW).then(|| list.ints.iter().map(|&i| i as f64).collect())
    }

    /// A parameter of a node in this frame; in a function the call may give it.
    pub fn attribute<'a>(&'a self, node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
        let mut frame = self;
        let mut found = node.attribute.iter().find(|attribute| attribute.name() == name)?;
        for _ in 0..MAX_STEPS {
            if found.ref_attr_name().is_empty() {
                return Some(found);
            }
            let call = frame.call()?;
            found = call.parameters.get(found.ref_attr_name())?;
            frame = call.from;
        }
        None
    }

    /// The call of the function in which it stands.
    fn call(&self) -> Option<&Call<'_>> {
        let mut frame = self;
        loop {
            match &frame.place {
                Place::Model => return None,
                Place::Inside(outer) => frame = outer,
                Place::Call(call) => return Some(call),
            }
        }
    }
}

fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    // Whatever its dimensions say, a long list would be converted for each node that takes it.
    let held = tensor.raw_data().len()
        + tensor.float_data.len()
        + tensor.double_data.len()
        + tensor.int32_data.len()
        + tensor.int64_data.len()
        + tensor.uint64_data.len();
    if held > FEW * size_of::<u64>() {
        return None;
    }
    let bytes = tensor.element_bytes()?;
    let four = || bytes.as_chunks::<4>().0.iter();
    let eight = || bytes.as_chunks::<8>().0.iter();
    Some(match tensor.data_type() {
        DataType::Bool | DataType::Uint8 => bytes.iter().map(|&byte| byte.into()).collect(),
        DataType::Int32 => four().map(|bytes| i32::from_le_bytes(*bytes).into()).collect(),
        DataType::Int64 => eight().map(|bytes| i64::from_le_bytes(*bytes) as f64).collect(),
        DataType::Float => four().map(|bytes| f32::from_le_bytes(*bytes).into()).collect(),
        DataType::Double => eight().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
        DataType::Float16 => {
            let halves = bytes.as_chunks().0.iter();
            halves
                .map(|bytes| half::f16::from_le_bytes(*bytes).to_f64())
                .collect()
        }
        _ => return None,
    })
}
