//! The nodes of a graph with those of the model's functions in place of their calls, as an engine runs them.

use std::borrow::Cow;
use std::collections::HashMap;

use prost::Message;

use super::functions::{FunctionProto, Functions, Key, key_of_call};
use crate::Model;
use crate::proto::{AttributeProto, NodeProto};

/// Functions that call functions, within each other.
const MAX_DEPTH: usize = 32;
/// Nodes that are put in place of calls. What is looked for stands at the start of the graph, or is of few nodes.
const MAX_NODES: usize = 20_000;
/// Bytes of the parameters of these nodes, constants among them, which are copied at each call.
const MAX_BYTES: usize = 64 << 20;

/// The nodes of a model's graph, in an order in which they can run.
pub(super) struct Inlined<'a> {
    nodes: Vec<Cow<'a, NodeProto>>,
}

impl<'a> Inlined<'a> {
    /// The nodes of a model's graph. Calls stay where there are too many nodes in their place; graphs in nodes are left out of them.
    pub(super) fn of(model: &'a Model) -> Self {
        let own = model.graph().map_or(&[][..], |graph| &graph.node);
        let functions = Functions::of(model.proto());
        let mut inlining = Inlining {
            functions: functions.iter().collect(),
            nodes: Vec::with_capacity(own.len()),
            calls: 0,
            nodes_left: MAX_NODES,
            bytes_left: MAX_BYTES,
        };
        for node in own {
            if !inlining.replace(node, 0) {
                inlining.nodes.push(Cow::Borrowed(node));
            }
        }
        Self {
            nodes: inlining.nodes,
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeProto> {
        self.nodes.iter().map(Cow::as_ref)
    }
}

struct Inlining<'a, 'f> {
    functions: HashMap<Key<'f>, &'f FunctionProto>,
    nodes: Vec<Cow<'a, NodeProto>>,
    /// Calls so far, whose numbers tell the names inside them apart.
    calls: usize,
    nodes_left: usize,
    bytes_left: usize,
}

impl<'f> Inlining<'_, 'f> {
    /// Puts the nodes of the function that a node calls in its place. `false` if it calls none, or one of too many nodes.
    fn replace(&mut self, call: &NodeProto, depth: usize) -> bool {
        let Some(&function) = self.functions.get(&key_of_call(call)) else {
            return false;
        };
        let parts = function.node.len() + function.input.len() + function.output.len();
        if depth == MAX_DEPTH || parts > self.nodes_left {
            return false;
        }
        self.nodes_left -= parts;
        self.calls += 1;
        let names = Names::of(function, call, self.calls);
        for node in &function.node {
            let inside = NodeProto {
                input: node.input.iter().map(|name| names.outside(name)).collect(),
                output: node.output.iter().map(|name| names.outside(name)).collect(),
                op_type: node.op_type.clone(),
                domain: node.domain.clone(),
                overload: node.overload.clone(),
                attribute: self.parameters(function, node, call),
                ..NodeProto::default()
            };
            if !self.replace(&inside, depth + 1) {
                self.nodes.push(Cow::Owned(inside));
            }
        }
        // An output that is an input has two names outside.
        for (own, given) in function.output.iter().zip(&call.output) {
            if function.input.contains(own) {
                self.nodes.push(Cow::Owned(NodeProto {
                    input: vec![names.outside(own)],
                    output: vec![given.clone()],
                    op_type: Some("Identity".to_owned()),
                    ..NodeProto::default()
                }));
            }
        }
        true
    }

    /// The parameters of a node of a function, some of which its call may give.
    fn parameters(
        &mut self,
        function: &FunctionProto,
        node: &NodeProto,
        call: &NodeProto,
    ) -> Vec<AttributeProto> {
        let mut parameters = Vec::new();
        for own in &node.attribute {
            let given = match own.ref_attr_name() {
                "" => Some(own),
                name => {
                    let mut all = call.attribute.iter().chain(&function.attribute_proto);
                    all.find(|attribute| attribute.name() == name)
                }
            };
            let Some(given) = given.filter(|given| given.subgraphs().next().is_none()) else {
                continue;
            };
            let Some(left) = self.bytes_left.checked_sub(given.encoded_len()) else {
                continue;
            };
            self.bytes_left = left;
            parameters.push(AttributeProto {
                name: own.name.clone(),
                ..given.clone()
            });
        }
        parameters
    }
}

/// What the values of a function are called where it is called.
struct Names<'f> {
    given: HashMap<&'f str, &'f str>,
    call: usize,
}

impl<'f> Names<'f> {
    fn of(function: &'f FunctionProto, call: &'f NodeProto, number: usize) -> Self {
        let pairs = |own: &'f [String], given: &'f [String]| {
            let given = given.iter().map(String::as_str);
            own.iter().map(String::as_str).zip(given)
        };
        let outputs = pairs(&function.output, &call.output).filter(|(_, given)| !given.is_empty());
        let mut names: HashMap<_, _> = outputs.collect();
        // An input that the call leaves out is left out inside too.
        let left_out = function.input.iter().map(|own| (own.as_str(), ""));
        names.extend(left_out);
        names.extend(pairs(&function.input, &call.input));
        Self {
            given: names,
            call: number,
        }
    }

    fn outside(&self, own: &str) -> String {
        match self.given.get(own) {
            Some(given) => (*given).to_owned(),
            None if own.is_empty() => String::new(),
            // No exporter writes such a name.
            None => format!("\0{}\0{own}", self.call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_models::{float, int, model, names, node};
    use super::*;

    fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
        FunctionProto {
            name: Some(name.to_owned()),
            domain: Some("own".to_owned()),
            input: names(inputs),
            output: names(outputs),
            node: nodes,
            ..FunctionProto::default()
        }
    }

    fn call(name: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            domain: Some("own".to_owned()),
            ..node(name, inputs, outputs, attributes)
        }
    }

    fn reference(name: &str, to: &str) -> AttributeProto {
        AttributeProto {
            name: Some(name.to_owned()),
            ref_attr_name: Some(to.to_owned()),
            ..AttributeProto::default()
        }
    }

    #[test]
    fn nodes_take_the_place_of_calls() {
        let inner = FunctionProto {
            attribute_proto: vec![float("alpha", 0.5), int("axis", 3)],
            ..function(
                "Inner",
                &["a", "left out"],
                &["b", "a"],
                vec![
                    node("Add", &["a", "left out"], &["t"], vec![reference("k", "alpha")]),
                    node(
                        "Neg",
                        &["t"],
                        &["b"],
                        vec![reference("axis", "axis"), reference("m", "none")],
                    ),
                ],
            )
        };
        let outer = function(
            "Outer",
            &["x", "unused"],
            &["y"],
            vec![
                call("Inner", &["x"], &["t", "same"], vec![float("alpha", 2.0)]),
                node("Mul", &["t", "same"], &["y"], vec![]),
            ],
        );
        let nodes = vec![
            call("Outer", &["x"], &["once"], vec![]),
            call("Outer", &["once"], &["y"], vec![]),
        ];
        let model = model(17, nodes, &[inner, outer]);
        let inlined = Inlined::of(&model);
        let nodes: Vec<_> = inlined.nodes().collect();
        let ops: Vec<_> = nodes.iter().map(|node| node.op_type()).collect();
        assert_eq!(ops, ["Add", "Neg", "Identity", "Mul"].repeat(2));
        // What each takes is what the one before it makes, and no name of one call is one of another.
        for (i, input) in ["x", "once"].into_iter().enumerate() {
            let [add, neg, same, mul] = nodes[4 * i..4 * i + 4] else {
                panic!("four nodes");
            };
            assert_eq!(add.input, [input, ""]);
            assert_eq!((&neg.input, &same.input), (&add.output, &names(&[input])));
            assert_eq!(mul.input, [neg.output[0].as_str(), &same.output[0]]);
            assert_eq!((add.attribute[0].name(), add.attribute[0].f()), ("k", 2.0));
            assert_eq!((neg.attribute.len(), neg.attribute[0].i()), (1, 3));
        }
        assert_eq!(
            (nodes[3].output[0].as_str(), nodes[7].output[0].as_str()),
            ("once", "y")
        );
        assert_ne!(nodes[0].output, nodes[4].output);
    }

    #[test]
    fn a_function_without_end_and_one_without_bounds_stay_calls() {
        let circle = function("F", &["x"], &["y"], vec![call("F", &["x"], &["y"], vec![])]);
        let of_circle = model(17, vec![call("F", &["x"], &["y"], vec![])], &[circle]);
        assert_eq!(Inlined::of(&of_circle).nodes().count(), 1);
        // Each calls the one before it ten times: more nodes than there are atoms on earth.
        let level = |i: usize| {
            let inside = match i {
                0 => vec![node("Neg", &["x"], &["y"], vec![]); 10],
                i => vec![call(&format!("F{}", i - 1), &["x"], &["y"], vec![]); 10],
            };
            function(&format!("F{i}"), &["x"], &["y"], inside)
        };
        let functions: Vec<_> = (0..30).map(level).collect();
        let large = model(17, vec![call("F29", &["x"], &["y"], vec![])], &functions);
        assert!(Inlined::of(&large).nodes().count() <= MAX_NODES);
    }
}
