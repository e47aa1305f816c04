//! Values followed back through the nodes of a graph, and into the functions that they call.

use std::collections::HashMap;
use std::path::Path;

use super::super::constants::Constants;
use super::super::functions::{FunctionProto, Key, key_of_call};
use super::Ending;
use super::operators::{activation, is_product, keeps_values, reorders, selects};
use crate::proto::{NodeProto, TensorProto};

/// Nodes that are followed from an output. Real heads have a few.
pub(super) const MAX_STEPS: usize = 256;

/// Where following a value ends.
pub(super) enum Found {
    Ending(Ending),
    /// The input of this index of the function.
    Input {
        index: usize,
        /// What the function does to it shows nothing unless it is probabilities.
        needs_probabilities: bool,
    },
}

/// The functions of a model, by what they are known by.
pub(super) struct Scopes<'a>(pub(super) HashMap<Key<'a>, Scope<'a>>);

/// The nodes of a graph or of a function, by the values that they define.
pub(super) struct Scope<'a> {
    pub(super) producers: HashMap<&'a str, (&'a NodeProto, usize)>,
    /// Outputs of the function.
    pub(super) outputs: &'a [String],
    /// Inputs of the function.
    pub(super) inputs: &'a [String],
    pub(super) constants: Constants<'a>,
}

/// What was passed on the way back from an output.
#[derive(Clone, Copy, Default)]
struct Passed {
    /// Softmax or sigmoid, the last one.
    activation: Option<Ending>,
    /// Bounds of probabilities, or a choice among the values: what they were made of shows nothing unless it is probabilities.
    needs_probabilities: bool,
    /// A choice among the values: those before it are others.
    is_selected: bool,
}

impl Passed {
    /// What the values are that come after `ending`.
    fn ending(self, ending: Ending) -> Ending {
        match self.activation.unwrap_or(ending) {
            Ending::Linear if self.needs_probabilities => Ending::Other,
            ending => ending,
        }
    }
}

impl<'a> Scope<'a> {
    pub(super) fn of(
        nodes: &'a [NodeProto],
        initializers: &'a [TensorProto],
        file: Option<&'a Path>,
    ) -> Self {
        let outputs = nodes.iter().flat_map(|node| {
            let outputs = node.output.iter().enumerate();
            outputs.map(move |(i, output)| (output.as_str(), (node, i)))
        });
        Self {
            producers: outputs.filter(|(name, _)| !name.is_empty()).collect(),
            outputs: &[],
            inputs: &[],
            constants: Constants::of(nodes, initializers, file),
        }
    }

    pub(super) fn of_function(function: &'a FunctionProto) -> Self {
        Self {
            outputs: &function.output,
            inputs: &function.input,
            ..Self::of(&function.node, &[], None)
        }
    }

    pub(super) fn producer(&self, value: &str) -> Option<&'a NodeProto> {
        self.producers.get(value).map(|(node, _)| *node)
    }

    /// Follows a value back. `seen` gets every value on the way, beyond softmax and sigmoid too.
    pub(super) fn follow(
        &self,
        functions: &Scopes<'_>,
        value: &str,
        steps: &mut usize,
        seen: &mut dyn FnMut(&str),
    ) -> Found {
        let (mut value, mut passed) = (value.to_owned(), Passed::default());
        let other = |passed: Passed| Found::Ending(passed.ending(Ending::Other));
        loop {
            if !passed.is_selected {
                seen(&value);
            }
            let Some(&(node, index)) = self.producers.get(value.as_str()) else {
                let input = self.inputs.iter().position(|input| *input == value);
                return match (passed.activation, input) {
                    (None, Some(index)) => Found::Input {
                        index,
                        needs_probabilities: passed.needs_probabilities,
                    },
                    _ => other(passed),
                };
            };
            if *steps == 0 {
                return other(passed);
            }
            *steps -= 1;
            if let Some(inside) = functions.0.get(&key_of_call(node)) {
                let output = inside.outputs.get(index).map_or("", String::as_str);
                // Values inside have names of their own.
                match inside.follow(functions, output, steps, &mut |_| {}) {
                    Found::Ending(ending) => return Found::Ending(passed.ending(ending)),
                    Found::Input {
                        index,
                        needs_probabilities,
                    } => match node.input.get(index) {
                        Some(input) => {
                            value.clone_from(input);
                            passed.needs_probabilities |= needs_probabilities;
                        }
                        None => return other(passed),
                    },
                }
                continue;
            }
            let next = match self.kind(node) {
                Kind::Same => node.input.first().map(String::as_str),
                Kind::Activation(found) => {
                    passed.activation = passed.activation.or(Some(found));
                    node.input.first().map(String::as_str)
                }
                Kind::Written(found, input) => {
                    passed.activation = passed.activation.or(Some(found));
                    Some(input)
                }
                Kind::Bounded(input) => {
                    passed.needs_probabilities = true;
                    Some(input)
                }
                Kind::Selected => {
                    passed.needs_probabilities = true;
                    passed.is_selected = true;
                    node.input.first().map(String::as_str)
                }
                Kind::Joined => {
                    passed.needs_probabilities = true;
                    return Found::Ending(passed.ending(self.common_ending(functions, node, steps)));
                }
                Kind::Ending(ending) => return Found::Ending(passed.ending(ending)),
            };
            match next {
                Some(input) => value = input.to_owned(),
                None => return other(passed),
            }
        }
    }

    /// What makes all values that a node takes, if the same does.
    fn common_ending(&self, functions: &Scopes<'_>, node: &NodeProto, steps: &mut usize) -> Ending {
        let mut common = None;
        for input in &node.input {
            let found = match self.follow(functions, input, steps, &mut |_| {}) {
                Found::Ending(ending) => ending,
                Found::Input { .. } => Ending::Other,
            };
            if found == Ending::Other || common.is_some_and(|common| common != found) {
                return Ending::Other;
            }
            common = Some(found);
        }
        common.unwrap_or(Ending::Other)
    }

    fn kind(&self, node: &'a NodeProto) -> Kind<'a> {
        let linear = |product: &NodeProto| match self.takes_probabilities(product) {
            // As likely as not it adds up the probabilities of classes: nothing shows it.
            true => Kind::Ending(Ending::Other),
            false => Kind::Ending(Ending::Linear),
        };
        match node.op_type() {
            op if keeps_values(op) => Kind::Same,
            op if selects(op) => Kind::Selected,
            "Concat" => Kind::Joined,
            "Clip" | "Max" | "Min" => match self.within_bounds(node) {
                Some(input) => Kind::Bounded(input),
                None => Kind::Ending(Ending::Other),
            },
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
        match self.changing(node) {
            Some(input) => Kind::Written(Ending::Other, input),
            None => Kind::Ending(Ending::Other),
        }
    }

    /// The only input that is no constant; of those that only change a shape, the first.
    pub(super) fn changing<'n>(&self, node: &'n NodeProto) -> Option<&'n str> {
        let first = node.input.first()?;
        if keeps_values(node.op_type()) || ["Slice", "Split"].contains(&node.op_type()) {
            return Some(first);
        }
        let is_computed = |value: &&String| match self.producer(value) {
            Some(node) => node.op_type() != "Constant",
            None => self.inputs.contains(value),
        };
        let mut changing = node.input.iter().filter(is_computed);
        match (changing.next(), changing.next()) {
            (Some(only), None) => Some(only),
            _ => None,
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
    /// It cuts them, where probabilities are not cut.
    Bounded(&'a str),
    /// It takes some of them.
    Selected,
    /// It puts several behind each other.
    Joined,
    /// It is the last part of making probabilities, or a multiple, of another value.
    Written(Ending, &'a str),
    /// It makes new ones.
    Ending(Ending),
}
