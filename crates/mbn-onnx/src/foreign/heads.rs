//! What makes a classifier's outputs, followed back from each through the nodes that change no value.

mod ancestry;
mod operators;
mod order;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use operators::{activation, is_product, keeps_values, reorders};
pub use order::Reordered;

use super::functions::{FunctionProto, Functions};
use crate::Model;
use crate::proto::NodeProto;

/// Nodes that are followed from an output. Real heads have a few.
const MAX_STEPS: usize = 256;
/// Outputs that are followed. Classifiers have a few.
const MAX_OUTPUTS: usize = 64;

/// What makes the values of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Softmax: probabilities that sum to one.
    Softmax,
    /// Sigmoid: probabilities, each by itself.
    Sigmoid,
    /// A product or a convolution of other values than probabilities, or the logarithm of probabilities: logits.
    Linear,
    /// Anything else.
    Other,
}

/// How one output is made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    ending: Ending,
    /// The values on the way back, from the output to the last product.
    values: BTreeSet<String>,
    /// What puts its values in an order of their own.
    reordered: Option<Reordered>,
    /// The other outputs that it is computed from by a product.
    from: BTreeSet<String>,
}

/// How each output of a graph is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads(BTreeMap<String, Head>);

impl Heads {
    /// Follows the outputs of a model.
    pub fn of(model: &Model) -> Self {
        let Some(graph) = model.graph() else {
            return Self::default();
        };
        let functions = Functions::of(model.proto());
        let functions = functions.iter();
        let functions = Scopes(
            functions
                .map(|(name, function)| (name, Scope::of_function(function)))
                .collect(),
        );
        let scope = Scope::of(&graph.node);
        let heads = graph.output.iter().take(MAX_OUTPUTS).map(|output| {
            let (mut values, mut steps) = (BTreeSet::new(), MAX_STEPS);
            let found = scope.follow(&functions, output.name(), &mut steps, &mut |value| {
                values.insert(value.to_owned());
            });
            let ending = match found {
                Found::Ending(ending) => ending,
                Found::Input(_) => Ending::Other,
            };
            let head = Head {
                ending,
                values,
                reordered: order::reordered(&scope, &functions, output.name()),
                from: BTreeSet::new(),
            };
            (output.name().to_owned(), head)
        });
        let mut heads: BTreeMap<_, _> = heads.collect();
        ancestry::find(&scope, &mut heads);
        Self(heads)
    }

    /// What makes the values of an output.
    pub fn ending(&self, output: &str) -> Ending {
        self.0.get(output).map_or(Ending::Other, |head| head.ending)
    }

    /// Whether two outputs are made of the same values: logits and their probabilities.
    pub fn are_one(&self, one: &str, other: &str) -> bool {
        match (self.0.get(one), self.0.get(other)) {
            (Some(one), Some(other)) => !one.values.is_disjoint(&other.values),
            _ => false,
        }
    }

    /// Whether a product makes an output of another one, as a classifier does of features.
    pub fn is_made_of(&self, one: &str, other: &str) -> bool {
        self.0.get(one).is_some_and(|head| head.from.contains(other))
    }

    /// What puts the values of an output in another order than that of the classes.
    pub fn reordered(&self, output: &str) -> Option<&Reordered> {
        self.0.get(output)?.reordered.as_ref()
    }
}

/// Where following a value ends.
enum Found {
    Ending(Ending),
    /// The input of this index of the function.
    Input(usize),
}

/// The functions of a model, by domain and name.
struct Scopes<'a>(HashMap<(&'a str, &'a str), Scope<'a>>);

/// The nodes of a graph or of a function, by the values that they define.
struct Scope<'a> {
    producers: HashMap<&'a str, (&'a NodeProto, usize)>,
    /// Outputs of the function.
    outputs: &'a [String],
    /// Inputs of the function.
    inputs: &'a [String],
}

impl<'a> Scope<'a> {
    fn of(nodes: &'a [NodeProto]) -> Self {
        let outputs = nodes.iter().flat_map(|node| {
            let outputs = node.output.iter().enumerate();
            outputs.map(move |(i, output)| (output.as_str(), (node, i)))
        });
        Self {
            producers: outputs.filter(|(name, _)| !name.is_empty()).collect(),
            outputs: &[],
            inputs: &[],
        }
    }

    fn of_function(function: &'a FunctionProto) -> Self {
        Self {
            outputs: &function.output,
            inputs: &function.input,
            ..Self::of(&function.node)
        }
    }

    fn producer(&self, value: &str) -> Option<&'a NodeProto> {
        self.producers.get(value).map(|(node, _)| *node)
    }

    /// Follows a value back. `seen` gets every value on the way, beyond softmax and sigmoid too.
    fn follow(
        &self,
        functions: &Scopes<'_>,
        value: &str,
        steps: &mut usize,
        seen: &mut dyn FnMut(&str),
    ) -> Found {
        let (mut value, mut activation) = (value.to_owned(), None);
        let ends = Found::Ending;
        loop {
            seen(&value);
            let Some(&(node, index)) = self.producers.get(value.as_str()) else {
                let input = self.inputs.iter().position(|input| *input == value);
                return match (activation, input) {
                    (Some(activation), _) => ends(activation),
                    (None, Some(input)) => Found::Input(input),
                    (None, None) => ends(Ending::Other),
                };
            };
            if *steps == 0 {
                return ends(activation.unwrap_or(Ending::Other));
            }
            *steps -= 1;
            if let Some(inside) = functions.0.get(&(node.domain(), node.op_type())) {
                let output = inside.outputs.get(index).map_or("", String::as_str);
                // Values inside have names of their own.
                match inside.follow(functions, output, steps, &mut |_| {}) {
                    Found::Ending(ending) => return ends(activation.unwrap_or(ending)),
                    Found::Input(input) => match node.input.get(input) {
                        Some(input) => value = input.clone(),
                        None => return ends(activation.unwrap_or(Ending::Other)),
                    },
                }
                continue;
            }
            let next = match self.kind(node) {
                Kind::Same => &node.input,
                Kind::Activation(found) => {
                    activation = activation.or(Some(found));
                    &node.input
                }
                Kind::Written(found, input) => {
                    activation = activation.or(Some(found));
                    value = input.to_owned();
                    continue;
                }
                Kind::Ending(ending) => return ends(activation.unwrap_or(ending)),
            };
            match next.first() {
                Some(input) => value.clone_from(input),
                None => return ends(activation.unwrap_or(Ending::Other)),
            }
        }
    }

    fn kind(&self, node: &'a NodeProto) -> Kind<'a> {
        let linear = |product: &NodeProto| match self.takes_probabilities(product) {
            // As likely as not it adds up the probabilities of classes: nothing shows it.
            true => Kind::Ending(Ending::Other),
            false => Kind::Ending(Ending::Linear),
        };
        match node.op_type() {
            op if keeps_values(op) => Kind::Same,
            // The values are those of its input, in another order.
            op if reorders(op) => match node.input.first() {
                Some(input) => Kind::Written(Ending::Other, input),
                None => Kind::Ending(Ending::Other),
            },
            // Softmax of the logarithm of probabilities gives the probabilities back.
            "LogSoftmax" => Kind::Activation(Ending::Linear),
            // The bias of a product.
            "Add" | "QLinearAdd" => match self.of_inputs(node, Self::scaled_product) {
                Some(product) => linear(product),
                None => Kind::Ending(Ending::Other),
            },
            "Div" => match self.softmax_in_parts(node) {
                Some(input) => Kind::Written(Ending::Softmax, input),
                None => self.scaled(node),
            },
            op => match (activation(op), self.scaled_product(node)) {
                (Some(activation), _) => Kind::Activation(activation),
                (None, Some(product)) => linear(product),
                (None, None) if op == "Mul" => self.scaled(node),
                (None, None) => Kind::Ending(Ending::Other),
            },
        }
    }

    /// A multiple of another value, as of logits before softmax: neither logits nor probabilities for sure, but made of the same
    /// values.
    fn scaled(&self, node: &'a NodeProto) -> Kind<'a> {
        match order::changing(self, node) {
            Some(input) => Kind::Written(Ending::Other, input),
            None => Kind::Ending(Ending::Other),
        }
    }

    /// Whether a product is one of probabilities, with nothing between that changes a value.
    fn takes_probabilities(&self, product: &NodeProto) -> bool {
        product.input.iter().any(|input| {
            let mut value = input.as_str();
            for _ in 0..MAX_STEPS {
                let Some(node) = self.producer(value) else {
                    return false;
                };
                let op = node.op_type();
                if activation(op).is_some() || self.softmax_in_parts(node).is_some() {
                    return true;
                }
                match node.input.first() {
                    Some(input) if keeps_values(op) || op == "DynamicQuantizeLinear" => value = input,
                    _ => return false,
                }
            }
            false
        })
    }

    fn of_inputs(
        &self,
        node: &NodeProto,
        find: fn(&Self, &'a NodeProto) -> Option<&'a NodeProto>,
    ) -> Option<&'a NodeProto> {
        let mut producers = node.input.iter().filter_map(|input| self.producer(input));
        producers.find_map(|producer| find(self, producer))
    }

    /// The product that a node is, or whose scale it is if that is one of integers.
    fn scaled_product(&self, node: &'a NodeProto) -> Option<&'a NodeProto> {
        match node.op_type() {
            op if is_product(op) => Some(node),
            "Mul" => self.of_inputs(node, Self::integer_product),
            _ => None,
        }
    }

    /// The product of integers that a node is, or casts to float.
    fn integer_product(&self, node: &'a NodeProto) -> Option<&'a NodeProto> {
        let product = |_: &Self, node: &'a NodeProto| {
            matches!(node.op_type(), "MatMulInteger" | "ConvInteger").then_some(node)
        };
        match node.op_type() {
            "Cast" => self.of_inputs(node, product),
            _ => product(self, node),
        }
    }

    /// The logits of `exp(x - max) / sum(exp(x - max))`, if `node` is that quotient.
    fn softmax_in_parts(&self, node: &'a NodeProto) -> Option<&'a str> {
        let [dividend, divisor] = node.input.as_slice() else {
            return None;
        };
        if node.op_type() != "Div" {
            return None;
        }
        let (exp, sum) = (self.producer(dividend)?, self.producer(divisor)?);
        if exp.op_type() != "Exp" || sum.op_type() != "ReduceSum" || sum.input.first() != Some(dividend) {
            return None;
        }
        let exponent = exp.input.first()?;
        match self.producer(exponent) {
            Some(sub) if sub.op_type() == "Sub" => sub.input.first().map(String::as_str),
            _ => Some(exponent),
        }
    }
}

/// What a node does to the values of its first input.
enum Kind<'a> {
    /// It changes their type or shape.
    Same,
    /// It makes probabilities of them.
    Activation(Ending),
    /// It is the last part of making probabilities, or a multiple, of another value.
    Written(Ending, &'a str),
    /// It makes new ones.
    Ending(Ending),
}

#[cfg(test)]
mod tests;
