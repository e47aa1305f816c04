//! What makes a classifier's outputs, followed back from each through the nodes that change no value.

mod ancestry;
mod bounds;
mod operators;
mod order;
mod per_cent;
mod pooled;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

pub use order::Reordered;
pub use pooled::Pooled;
use scope::{Found, MAX_STEPS, Scope, Scopes};

use super::functions::Functions;
use crate::Model;

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
    /// What pools its values, if no product follows.
    pooled: Option<Pooled>,
    /// What makes the probabilities whose hundredfold its values are.
    per_cent: Option<Ending>,
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
        let scope = Scope::of(&graph.node, &graph.initializer, model.file());
        let heads = graph.output.iter().take(MAX_OUTPUTS).map(|output| {
            let (mut values, mut steps) = (BTreeSet::new(), MAX_STEPS);
            let found = scope.follow(&functions, output.name(), &mut steps, &mut |value| {
                values.insert(value.to_owned());
            });
            let ending = match found {
                Found::Ending(ending) => ending,
                Found::Input { .. } => Ending::Other,
            };
            let head = Head {
                ending,
                values,
                reordered: order::reordered(&scope, &functions, output.name()),
                pooled: pooled::pooled(&scope, output.name()),
                per_cent: per_cent::per_cent(&scope, &functions, output.name()),
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

    /// What makes the probabilities of which the values of an output are the hundredfold, softmax or sigmoid; `None` if the graph does
    /// not show that they are per cent. Their [ending](Self::ending) is [`Ending::Other`] then.
    pub fn per_cent(&self, output: &str) -> Option<Ending> {
        self.0.get(output)?.per_cent
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

    /// What pools the values of an output, if no product makes classes of them afterwards.
    pub fn pooled(&self, output: &str) -> Option<&Pooled> {
        self.0.get(output)?.pooled.as_ref()
    }
}

#[cfg(test)]
mod tests;
