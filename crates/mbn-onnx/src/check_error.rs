//! Errors of the checks: one variant for each way that a model can be wrong.

use crate::TensorType;
use crate::opset::OpsetError;
use crate::types::TypeError;

/// What is wrong with a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It has no graph.
    #[error("it has no graph")]
    NoGraph,
    /// ONNX's own operator set is not imported.
    #[error("it imports no version of ONNX's operator set")]
    NoOpset,
    /// ONNX's own operator set is imported more than once.
    #[error("it imports ONNX's operator set more than once")]
    OpsetTwice,
    /// The operator set is not supported.
    #[error(transparent)]
    Opset(#[from] OpsetError),
    /// The version of the format is missing, or too old for the operator set.
    #[error("its IR version is {found}, expected at least {lowest} for opset {opset}")]
    IrVersion {
        /// Version of the model; 0 if missing.
        found: i64,
        /// Version that came with the operator set.
        lowest: i64,
        /// The operator set.
        opset: i64,
    },
    /// Operators of another domain.
    #[error("it uses operators of the domain `{0}`, expected only ONNX's own")]
    Domain(String),
    /// A metadata key that appears more than once.
    #[error("its metadata has `{0}` more than once")]
    MetadataTwice(String),
    /// A part of the format that changes what the model computes and is not supported.
    #[error("it has {0}, which are not supported")]
    Unsupported(&'static str),
    /// A graph without a name, which ONNX demands of each.
    #[error("a graph in it has no name, which ONNX demands; `graph.name` is to be any text")]
    UnnamedGraph,
    /// A constant or value without a name.
    #[error("it has a value without a name")]
    Unnamed,
    /// A name that two constants, inputs or nodes define.
    #[error("`{0}` is defined more than once")]
    DefinedTwice(String),
    /// A constant, input or output of a type that is not supported.
    #[error("`{name}` cannot be used: {reason}")]
    Type {
        /// The value.
        name: String,
        /// What is wrong with its type.
        reason: TypeError,
    },
    /// A constant whose dimensions are negative or whose size overflows.
    #[error("constant `{name}` cannot have the dimensions {dims:?}")]
    Dims {
        /// The constant.
        name: String,
        /// Its dimensions.
        dims: Vec<i64>,
    },
    /// A constant whose data is longer or shorter than its dimensions need.
    #[error("constant `{name}` has {found} bytes of `raw_data`, expected {expected}")]
    RawDataLength {
        /// The constant.
        name: String,
        /// Bytes found.
        found: usize,
        /// Bytes that its type and dimensions need.
        expected: usize,
    },
    /// A constant with data in two places, which engines may read otherwise.
    #[error("constant `{name}` has data in `{one}` and in `{other}`, expected in one of them")]
    TwoData {
        /// The constant.
        name: String,
        /// The field that holds its elements by its type.
        one: &'static str,
        /// Another field with data.
        other: &'static str,
    },
    /// A constant whose data is in another file.
    #[error("the data of constant `{0}` is in another file, which is not supported")]
    ExternalData(String),
    /// A constant with more or fewer elements than its dimensions say.
    #[error("constant `{name}` has {found} elements, expected {expected}")]
    Elements {
        /// The constant.
        name: String,
        /// Elements found.
        found: usize,
        /// Elements that its dimensions need.
        expected: usize,
    },
    /// A constant whose data is in a file that cannot be used.
    #[error("the data of constant `{name}` is in the file `{location}`: {reason}")]
    ExternalFile {
        /// The constant.
        name: String,
        /// The file, as the model names it.
        location: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A node that reads a value that nothing defines.
    #[error("node `{node}` reads `{input}`, which nothing defines")]
    Undefined {
        /// The node.
        node: String,
        /// The value.
        input: String,
    },
    /// A node that reads a value that a later node defines.
    #[error("node `{node}` reads `{input}`, which a later node defines")]
    Order {
        /// The node.
        node: String,
        /// The value.
        input: String,
    },
    /// Nodes that depend on themselves.
    #[error("its nodes form a cycle: {}", chain(.0))]
    Cycle(Vec<String>),
    /// A constant or a node that no output needs.
    #[error("no output depends on `{0}`")]
    Orphan(String),
    /// A node without a name, or with the name of another.
    #[error("two nodes have the name `{0}`")]
    NodeTwice(String),
    /// A value whose stated type is wrong.
    #[error("`{name}` is stated to be {stated}, but is {inferred}")]
    ValueType {
        /// The value.
        name: String,
        /// Type that the file states.
        stated: TensorType,
        /// Type that follows from the nodes.
        inferred: TensorType,
    },
    /// A node that cannot work.
    #[error("node `{node}` ({op_type}): {reason}")]
    Node {
        /// The node.
        node: String,
        /// Its operator.
        op_type: String,
        /// What is wrong.
        reason: NodeError,
    },
    /// The graph has no output.
    #[error("its graph has no output")]
    NoOutput,
    /// An output that nothing defines.
    #[error("output `{0}` is not defined by any node")]
    UndefinedOutput(String),
    /// An output whose declared type is wrong.
    #[error("output `{name}` is declared as {declared}, but is {inferred}")]
    OutputType {
        /// The output.
        name: String,
        /// Type that the file declares.
        declared: TensorType,
        /// Type that follows from the nodes.
        inferred: TensorType,
    },
}

/// Names that a message about a cycle holds.
const NAMED: usize = 5;

fn chain(nodes: &[String]) -> String {
    let named: Vec<_> = nodes.iter().map(|node| format!("`{node}`")).collect();
    match named.len() > NAMED {
        false => named.join(" -> "),
        true => format!(
            "{} -> ... -> {} ({} nodes)",
            named[..NAMED].join(" -> "),
            named[0],
            named.len() - 1
        ),
    }
}

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// This network does not use the operator.
    #[error("the operator is not supported")]
    UnknownOp,
    /// Too few or too many inputs.
    #[error("{found} inputs, expected {least} to {most}")]
    Inputs {
        /// Inputs found.
        found: usize,
        /// Fewest that the operator takes.
        least: usize,
        /// Most that the operator takes.
        most: usize,
    },
    /// Not one output.
    #[error("{0} outputs, expected 1")]
    Outputs(usize),
    /// An input that no earlier node defines.
    #[error("input `{0}` is not defined before this node")]
    Undefined(String),
    /// An input that this operator needs is left out.
    #[error("an input is left out")]
    LeftOut,
    /// An attribute that is missing, repeated, of the wrong type or out of range.
    #[error("attribute `{name}` {reason}")]
    Attribute {
        /// The attribute.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Inputs whose types do not fit together.
    #[error("{reason}: {}", .found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Types {
        /// What does not fit.
        reason: &'static str,
        /// Types of all inputs.
        found: Vec<TensorType>,
    },
}
