//! In what the functions differ that two models bring with them.

use std::collections::{BTreeMap, BTreeSet};

use mbn_onnx::proto::{AttributeProto, ModelProto, NodeProto, OperatorSetIdProto};
use prost::Message;

use super::nodes::{by_result, domain, only, plain, same, say};

/// A function, as far as it is compared: the field numbers are those of `onnx.proto`.
#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, repeated, tag = "4")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    output: Vec<String>,
    /// Parameters that every call gives.
    #[prost(string, repeated, tag = "6")]
    attribute: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "9")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(string, optional, tag = "10")]
    domain: Option<String>,
    /// Parameters that have a value unless a call gives another.
    #[prost(message, repeated, tag = "11")]
    attribute_proto: Vec<AttributeProto>,
    /// Tells it from others of the same domain and name.
    #[prost(string, optional, tag = "13")]
    overload: Option<String>,
}

impl FunctionProto {
    /// What no other function of the model is called.
    fn full_name(&self) -> String {
        let parts = [self.domain(), self.name(), self.overload()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(".")
    }

    /// Whether both do the same, whatever the order of their nodes and parameters.
    fn does_the_same(&self, other: &Self) -> bool {
        let (nodes, others) = (by_result(&self.node), by_result(&other.node));
        let are_same = |(one, two): (_, _)| same(one, two);
        (&self.input, &self.output) == (&other.input, &other.output)
            && self.parameters() == other.parameters()
            && self.operator_sets() == other.operator_sets()
            && self.node.len() == other.node.len()
            && nodes.keys().eq(others.keys())
            && nodes.into_values().zip(others.into_values()).all(are_same)
    }

    fn parameters(&self) -> (BTreeSet<&str>, Vec<AttributeProto>) {
        let given = self.attribute.iter().map(String::as_str).collect();
        (given, plain(&self.attribute_proto))
    }

    fn operator_sets(&self) -> BTreeSet<(&str, i64)> {
        let sets = self.opset_import.iter();
        sets.map(|set| (domain(set.domain()), set.version())).collect()
    }
}

/// The differences, a line each.
pub(super) fn differences(a: &ModelProto, b: &ModelProto) -> Vec<String> {
    let mut lines = Vec::new();
    let (a, b) = (by_name(a), by_name(b));
    let (a, b) = (borrowed(&a), borrowed(&b));
    only("function", &a, &b, &mut lines);
    let both = a.iter().filter_map(|(name, a)| Some((*name, *a, *b.get(name)?)));
    let differ: Vec<_> = both
        .filter(|(_, a, b)| !a.does_the_same(b))
        .map(|(name, ..)| name)
        .collect();
    say(
        "these functions differ in their nodes, operator sets or parameters",
        &differ,
        &mut lines,
    );
    lines
}

/// The functions of a model by name. What cannot be read as one was refused before.
fn by_name(model: &ModelProto) -> BTreeMap<String, FunctionProto> {
    let functions = model.functions.iter();
    let functions = functions.filter_map(|bytes| FunctionProto::decode(bytes.as_slice()).ok());
    functions
        .map(|function| (function.full_name(), function))
        .collect()
}

fn borrowed(functions: &BTreeMap<String, FunctionProto>) -> BTreeMap<&str, &FunctionProto> {
    functions
        .iter()
        .map(|(name, function)| (name.as_str(), function))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, output: &str) -> NodeProto {
        NodeProto {
            op_type: Some(operator.to_owned()),
            input: vec!["x".to_owned()],
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    fn head() -> FunctionProto {
        FunctionProto {
            name: Some("Head".to_owned()),
            domain: Some("my".to_owned()),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            node: vec![node("Relu", "z"), node("Neg", "y")],
            attribute: vec!["alpha".to_owned(), "beta".to_owned()],
            opset_import: vec![OperatorSetIdProto {
                domain: None,
                version: Some(17),
            }],
            ..FunctionProto::default()
        }
    }

    fn model(functions: &[FunctionProto]) -> ModelProto {
        ModelProto {
            functions: functions.iter().map(Message::encode_to_vec).collect(),
            ..ModelProto::default()
        }
    }

    /// The lines for a model with the function and one with what `change` makes of it.
    fn lines(change: impl Fn(&mut FunctionProto)) -> Vec<String> {
        let mut other = head();
        change(&mut other);
        differences(&model(&[head()]), &model(&[other]))
    }

    #[test]
    fn functions_are_compared_by_what_they_do() {
        let differ = ["these functions differ in their nodes, operator sets or parameters: `my.Head`"];
        assert_eq!(lines(|head| head.node[0] = node("Sigmoid", "z")), differ);
        assert_eq!(lines(|head| head.node.push(node("Abs", "w"))), differ);
        assert_eq!(lines(|head| head.input.push("v".to_owned())), differ);
        assert_eq!(lines(|head| head.attribute.truncate(1)), differ);
        assert_eq!(lines(|head| head.opset_import[0].version = Some(18)), differ);
        let same = lines(|head| {
            head.node.reverse();
            head.attribute.reverse();
            head.node[0].doc_string = Some("negative".to_owned());
            head.opset_import[0].domain = Some("ai.onnx".to_owned());
        });
        assert_eq!(same, [""; 0]);
    }

    #[test]
    fn functions_of_one_file_alone_are_named() {
        let overload = FunctionProto {
            overload: Some("2".to_owned()),
            ..head()
        };
        let found = differences(&model(&[head(), overload]), &model(&[head()]));
        assert_eq!(found, ["only the first file has these functions: `my.Head.2`"]);
        let found = differences(&model(&[]), &model(&[head()]));
        assert_eq!(found, ["only the second file has these functions: `my.Head`"]);
    }
}
