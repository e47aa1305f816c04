//! Follows the nodes after the input as long as each does to every channel what can be written as a factor and an offset.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::channels::Channels;
use super::steps::{Layers, Step};
use crate::foreign::constants::Constants;
use crate::foreign::inlined::Inlined;
use crate::proto::{GraphProto, NodeProto};

/// Nodes that are followed. Normalising each channel by itself takes a dozen.
const MAX_STEPS: usize = 64;

/// The values that are made of the input's channels.
pub(super) struct Walk<'a> {
    input: &'a str,
    states: HashMap<&'a str, Channels>,
    /// Those that something else is made of.
    ends: BTreeSet<&'a str>,
    /// What takes each of them.
    takers: HashMap<&'a str, Vec<&'a NodeProto>>,
    /// The first node that computes with the channels in a way that cannot be written so and is no layer.
    pub(super) unread: Option<&'a NodeProto>,
}

impl<'a> Walk<'a> {
    /// Follows the nodes after `input` of a graph, whose channels are `start`.
    pub(super) fn new(
        graph: &'a GraphProto,
        nodes: &'a Inlined<'_>,
        constants: &Constants<'a>,
        (input, start): (&'a str, Channels),
        layers: Layers,
    ) -> Self {
        let mut walk = Self {
            input,
            states: HashMap::from([(input, start)]),
            ends: BTreeSet::new(),
            takers: HashMap::new(),
            unread: None,
        };
        let mut steps = MAX_STEPS;
        let mut statistics = HashSet::new();
        // Nodes are in an order in which they can run.
        for node in nodes.nodes().filter(|node| node.op_type() != "Shape") {
            // Of its second input, this one takes only the type.
            let count = if node.op_type() == "CastLike" {
                1
            } else {
                node.input.len()
            };
            let inputs = node.input.iter().map(String::as_str).take(count);
            let mut taken: Vec<&'a str> = inputs.filter(|name| walk.states.contains_key(name)).collect();
            taken.dedup();
            let of_statistics = || node.input.iter().any(|name| statistics.contains(name.as_str()));
            if taken.is_empty() && !of_statistics() {
                continue;
            }
            for name in &taken {
                walk.takers.entry(name).or_default().push(node);
            }
            let step = Step {
                node,
                states: &walk.states,
                statistics: &statistics,
                constants,
                layers,
            };
            match step.outputs().filter(|_| steps > 0) {
                Some(outputs) => {
                    steps -= 1;
                    let names = node.output.iter().map(String::as_str);
                    walk.states.extend(names.zip(outputs));
                }
                None => {
                    if walk.unread.is_none() && step.is_arithmetic() {
                        walk.unread = Some(node);
                    }
                    if statistics.len() < MAX_STEPS && step.is_statistic() {
                        statistics.extend(node.output.iter().map(String::as_str));
                    }
                    walk.ends.extend(taken);
                }
            }
        }
        let outputs = graph.output.iter().map(|output| output.name());
        let outputs = outputs.filter(|output| walk.states.contains_key(output));
        walk.ends.extend(outputs);
        walk
    }

    /// The channels of every value on the way.
    pub(super) fn states(&self) -> impl Iterator<Item = &Channels> {
        self.states.values()
    }

    /// The channels that the network takes. Where it takes several values that are not alike, those of the last value that all of
    /// it is made of.
    pub(super) fn end(&self) -> Option<&Channels> {
        let mut ends = self.ends.iter().filter_map(|name| self.states.get(name));
        let first = ends.next()?;
        if ends.all(|end| end.done() == first.done()) && first.done().is_some() {
            return Some(first);
        }
        let mut value = self.input;
        for _ in 0..MAX_STEPS {
            let Some([node]) = self.takers.get(value).map(Vec::as_slice) else {
                break;
            };
            match node.output.as_slice() {
                [next] if self.states.contains_key(next.as_str()) => value = next,
                _ => break,
            }
        }
        self.states.get(value)
    }
}
