//! How deep the functions of a model call each other. An engine puts each in place of its calls, one in another, until its stack ends.

use std::collections::HashMap;

use super::functions::{Functions, Key, key_of_call};
use crate::limits::MAX_NODES;
use crate::proto::{AttributeProto, ModelProto, NodeProto};

/// The most functions, and graphs in nodes around their calls, within each other. Exporters stay far below: a module in a module is one.
const MAX_DEPTH: usize = 100;

/// Functions of a model that no engine can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// They call each other in a circle.
    #[error(
        "its function {0} calls itself, by others or directly, expected functions that call only others; export the model again without it"
    )]
    Circle(String),
    /// They call each other too deep.
    #[error(
        "its function {0} calls others that call others, {1} deep, expected at most {MAX_DEPTH}; export the model again without functions, \
         or let `onnx.inliner.inline_local_functions` of Python's package `onnx` put them in place of their calls"
    )]
    Depth(String, usize),
    /// They call each other so often that few of them stand for any number of nodes.
    #[error(
        "its functions stand for more than {MAX_NODES} nodes, counted at each call; export a model with fewer"
    )]
    Nodes,
}

/// The calls between functions.
struct Calls<'c> {
    keys: Vec<Key<'c>>,
    /// For each function, those that it calls, and how many graphs in nodes are around the call.
    from: Vec<Vec<(usize, usize)>>,
    /// For each function, its own nodes.
    nodes: Vec<usize>,
    /// The functions that the model's graph calls.
    from_graph: Vec<usize>,
}

/// Refuses a model whose functions call each other in a circle, or deeper than an engine's stack may bear.
///
/// # Errors
/// [`CallError`].
pub(crate) fn check(model: &ModelProto) -> Result<(), CallError> {
    if model.functions.is_empty() {
        return Ok(());
    }
    let functions = Functions::of(model);
    let calls = Calls::of(model, &functions);
    let mut callers = vec![Vec::new(); calls.keys.len()];
    for (caller, called) in calls.from.iter().enumerate() {
        for &(function, around) in called {
            callers[function].push((caller, around));
        }
    }
    // Functions whose calls are all known come first: those that call none, then those that call these.
    let mut unknown: Vec<usize> = calls.from.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..unknown.len()).filter(|&i| unknown[i] == 0).collect();
    let (mut depths, mut nodes) = (vec![1; unknown.len()], calls.nodes.clone());
    let mut known = 0;
    while let Some(function) = ready.pop() {
        known += 1;
        for &(caller, around) in &callers[function] {
            depths[caller] = depths[caller].max(depths[function] + around + 1);
            nodes[caller] = nodes[caller].saturating_add(nodes[function]);
            unknown[caller] -= 1;
            if unknown[caller] == 0 {
                ready.push(caller);
            }
        }
    }
    if known < unknown.len() {
        return Err(CallError::Circle(calls.label(calls.in_circle(&unknown))));
    }
    let deepest = (0..depths.len()).max_by_key(|&function| depths[function]);
    if let Some(function) = deepest.filter(|&function| depths[function] > MAX_DEPTH) {
        return Err(CallError::Depth(calls.label(function), depths[function]));
    }
    let called = calls.from_graph.iter();
    let nodes = called.fold(0, |sum: usize, &function| sum.saturating_add(nodes[function]));
    match nodes > MAX_NODES {
        true => Err(CallError::Nodes),
        false => Ok(()),
    }
}

impl<'c> Calls<'c> {
    fn of(model: &ModelProto, functions: &'c Functions) -> Self {
        let (mut indexes, mut keys) = (HashMap::new(), Vec::new());
        for (key, _) in functions.iter() {
            indexes.entry(key).or_insert_with(|| {
                keys.push(key);
                keys.len() - 1
            });
        }
        let (mut from, mut nodes) = (vec![Vec::new(); keys.len()], vec![0; keys.len()]);
        for (key, function) in functions.iter() {
            // Of two that are known by the same, either may be the one that counts.
            let Some(&caller) = indexes.get(&key) else {
                continue;
            };
            for_each_node(&function.node, |node, around| {
                nodes[caller] += 1;
                if let Some(&called) = indexes.get(&key_of_call(node)) {
                    from[caller].push((called, around));
                }
            });
        }
        let mut from_graph = Vec::new();
        let graph = model.graph.as_ref().map_or(&[][..], |graph| &graph.node);
        for_each_node(graph, |node, _| {
            from_graph.extend(indexes.get(&key_of_call(node)))
        });
        Self {
            keys,
            from,
            nodes,
            from_graph,
        }
    }

    /// A function of a circle; `unknown` is above 0 for those that are in one, or call such.
    fn in_circle(&self, unknown: &[usize]) -> usize {
        let is_unknown = |function: &usize| unknown[*function] > 0;
        let next = |function: usize| {
            let mut called = self.from[function].iter().map(|(called, _)| *called);
            called.find(is_unknown).unwrap_or(function)
        };
        let first = (0..unknown.len()).find(is_unknown).unwrap_or_default();
        // After as many steps as there are functions, every further one is in the circle.
        (0..unknown.len()).fold(first, |function, _| next(function))
    }

    fn label(&self, function: usize) -> String {
        let (domain, name, overload) = self.keys[function];
        let overload = match overload {
            "" => String::new(),
            overload => format!(" of overload `{overload}`"),
        };
        let dot = if domain.is_empty() { "" } else { "." };
        format!("`{domain}{dot}{name}`{overload}")
    }
}

/// Each node, those of graphs in nodes too, and how many such graphs are around it.
fn for_each_node(nodes: &[NodeProto], mut visit: impl FnMut(&NodeProto, usize)) {
    let mut pending = vec![(nodes, 0)];
    while let Some((nodes, around)) = pending.pop() {
        for node in nodes {
            visit(node, around);
            let graphs = node.attribute.iter().flat_map(AttributeProto::subgraphs);
            pending.extend(graphs.map(|graph| (graph.node.as_slice(), around + 1)));
        }
    }
}

#[cfg(test)]
mod tests;
