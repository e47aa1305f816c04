//! The order of nodes: each reads only what is defined before it.

use std::collections::HashMap;

use super::{Names, Scope, label, reads};
use crate::check_error::CheckError;
use crate::proto::GraphProto;

/// Refuses nodes that read what is not defined before them.
pub(super) fn check(graph: &GraphProto, scope: &Scope<'_>) -> Result<(), CheckError> {
    let names = scope.names;
    let reads: Vec<Vec<&str>> = graph.node.iter().map(reads).collect();
    for (node, reads) in graph.node.iter().zip(&reads) {
        if let Some(input) = reads.iter().find(|name| !scope.has(name)) {
            return Err(CheckError::Undefined {
                node: label(node),
                input: (*input).to_owned(),
            });
        }
    }
    if let Some(cycle) = cycle(&reads, names) {
        return Err(CheckError::Cycle(
            cycle.into_iter().map(|i| label(&graph.node[i])).collect(),
        ));
    }
    for (i, (node, reads)) in graph.node.iter().zip(&reads).enumerate() {
        let later = |name: &&&str| names.get(**name).is_some_and(|by| by.is_some_and(|by| by >= i));
        if let Some(input) = reads.iter().find(later) {
            return Err(CheckError::Order {
                node: label(node),
                input: (*input).to_owned(),
            });
        }
    }
    Ok(())
}

/// The nodes of a cycle, the first one again at the end.
fn cycle(reads: &[Vec<&str>], names: &Names<'_>) -> Option<Vec<usize>> {
    let producers = |i: usize| {
        reads[i]
            .iter()
            .filter_map(|name| names.get(name).copied().flatten())
    };
    let mut waiting: Vec<usize> = (0..reads.len()).map(|i| producers(i).count()).collect();
    let mut readers = vec![Vec::new(); reads.len()];
    for i in 0..reads.len() {
        for producer in producers(i) {
            readers[producer].push(i);
        }
    }
    let mut ready: Vec<usize> = (0..reads.len()).filter(|&i| waiting[i] == 0).collect();
    let mut done = vec![false; reads.len()];
    while let Some(i) = ready.pop() {
        done[i] = true;
        for &reader in &readers[i] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(reader);
            }
        }
    }
    // Each node that is left waits for another that is left: going back from one, a node comes up twice.
    let mut at = done.iter().position(|done| !done)?;
    let (mut path, mut seen) = (Vec::new(), HashMap::new());
    loop {
        if let Some(&start) = seen.get(&at) {
            let mut cycle: Vec<usize> = path.split_off(start);
            cycle.push(at);
            cycle.reverse();
            return Some(cycle);
        }
        seen.insert(at, path.len());
        path.push(at);
        at = producers(at).find(|&producer| !done[producer])?;
    }
}
