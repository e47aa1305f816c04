//! Which provider ran each operation, according to ONNX Runtime's profile of a run.

use std::collections::BTreeMap;
use std::fmt;

use mbn_spec::text::listed;
use serde::Deserialize;

/// The most nodes that an error names.
const NAMED: usize = 3;

/// Operations that are nearly all of a network's arithmetic, in ONNX's and in ONNX Runtime's names, which add
/// prefixes and suffixes when they fuse: `FusedConv`, `QLinearConv`, `NhwcFusedConv`, `FusedMatMul`, `QGemm`, ...
const COSTLY: [&str; 3] = ["Conv", "Gemm", "MatMul"];

/// The nodes of a network that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    nodes: Vec<Node>,
}

/// A node of ONNX Runtime's graph, in which it has fused nodes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it computes.
    pub operator: String,
    /// ONNX Runtime's name of the provider that ran it.
    pub provider: String,
}

/// A network that did not run where it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// The file is not a profile.
    #[error("ONNX Runtime's profile cannot be read: {0}")]
    Unreadable(String),
    /// The profile names no node that ran on the provider.
    #[error("ONNX Runtime ran no node on {provider}")]
    Nowhere {
        /// The provider asked for.
        provider: String,
    },
    /// Convolutions or products ran on another provider.
    #[error("ONNX Runtime does not run {} of the network's {costly} convolutions and matrix products on {provider}: {}", nodes.len(), list(nodes))]
    Elsewhere {
        /// The provider asked for.
        provider: String,
        /// Number of all of them.
        costly: usize,
        /// Those that ran elsewhere.
        nodes: Vec<Node>,
    },
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    args: Arguments,
}

#[derive(Default, Deserialize)]
struct Arguments {
    op_name: Option<String>,
    provider: Option<String>,
    node_index: Option<String>,
}

impl Placement {
    /// Reads a profile, a JSON array of events. A node that ran several times counts once.
    ///
    /// # Errors
    /// [`PlacementError::Unreadable`].
    pub fn of_profile(json: &[u8]) -> Result<Self, PlacementError> {
        let events: Vec<Event> =
            serde_json::from_slice(json).map_err(|error| PlacementError::Unreadable(error.to_string()))?;
        let mut nodes = BTreeMap::new();
        for Event { cat, name, args } in events {
            let (Some(operator), Some(provider)) = (args.op_name, args.provider) else {
                continue;
            };
            if cat != "Node" || provider.is_empty() {
                continue;
            }
            let name = name.strip_suffix("_kernel_time").unwrap_or(&name).to_owned();
            let index = args.node_index.and_then(|index| index.parse::<usize>().ok());
            nodes.entry((index, name.clone())).or_insert(Node {
                name,
                operator,
                provider,
            });
        }
        Ok(Self {
            nodes: nodes.into_values().collect(),
        })
    }

    /// The nodes in the order of ONNX Runtime's graph.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Checks that `provider` ran every convolution and matrix product. Other operations may run elsewhere: ONNX Runtime
    /// computes shapes on the CPU on purpose.
    ///
    /// # Errors
    /// [`PlacementError::Nowhere`] and [`PlacementError::Elsewhere`].
    pub fn require(&self, provider: &str) -> Result<(), PlacementError> {
        let costly: Vec<_> = self.nodes.iter().filter(|node| node.is_costly()).collect();
        let elsewhere = costly.iter().filter(|node| node.provider != provider);
        let nodes: Vec<Node> = elsewhere.map(|node| (*node).clone()).collect();
        let provider = provider.to_owned();
        if !nodes.is_empty() {
            let costly = costly.len();
            return Err(PlacementError::Elsewhere {
                provider,
                costly,
                nodes,
            });
        }
        if !self.nodes.iter().any(|node| node.provider == provider) {
            return Err(PlacementError::Nowhere { provider });
        }
        Ok(())
    }
}

impl Node {
    fn is_costly(&self) -> bool {
        COSTLY.iter().any(|name| self.operator.contains(name))
    }
}

impl fmt::Display for Placement {
    /// `29 nodes on CUDAExecutionProvider, 2 on CPUExecutionProvider`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = BTreeMap::<&str, usize>::new();
        for node in &self.nodes {
            *counts.entry(&node.provider).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (i, (provider, count)) in counts.into_iter().enumerate() {
            let unit = if i == 0 { " nodes" } else { "" };
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{count}{unit} on {provider}")?;
        }
        Ok(())
    }
}

fn list(nodes: &[Node]) -> String {
    let nodes = nodes
        .iter()
        .map(|node| format!("{} `{}` on {}", node.operator, node.name, node.provider));
    listed(nodes, NAMED)
}

#[cfg(test)]
mod tests;
