//! What a file would take in memory, counted before it is read: two bytes of a file can make a node of some hundred bytes.

/// The most nodes of a model, those of graphs in it included. The largest published models have some ten thousand.
pub(crate) const MAX_NODES: usize = 100_000;
/// The most memory beyond the bytes of the file.
const MAX_OVERHEAD: usize = 512 << 20;
/// Messages in messages; [`prost`] refuses deeper ones.
const MAX_DEPTH: usize = 100;
/// Memory of a number in a list, where the file has at least a byte for it.
const NUMBER: usize = 8;
/// Memory of a string or of a message that is kept as bytes.
const STRING: usize = 40;

/// A file that takes too much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// It has too many nodes.
    #[error("its graph has more than {MAX_NODES} nodes")]
    Nodes,
    /// It has too many parts.
    #[error("its parts would take more than {} MB of memory", MAX_OVERHEAD >> 20)]
    Memory,
}

/// The messages that are looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    /// Its bytes are kept, and read later: a fault in it is none of the model.
    Function,
    Node,
    Attribute,
    Tensor,
    Value,
    /// Its messages take little memory, but there may be many.
    Other,
}

impl Kind {
    /// The message in field `tag`; `None` if that holds a string, or bytes that nobody looks into.
    fn child(self, tag: u64) -> Option<Self> {
        match (self, tag) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Some(Self::Graph),
            (Self::Model, 25) => Some(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Some(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Some(Self::Tensor),
            (Self::Node, 5) | (Self::Function, 11) => Some(Self::Attribute),
            (Self::Graph, 11..=13) => Some(Self::Value),
            (Self::Model, 8 | 14)
            | (Self::Function, 9)
            | (Self::Graph, 16)
            | (Self::Node, 9)
            | (Self::Tensor, 13 | 16) => Some(Self::Other),
            // A type, its tensor, its shape, its dimensions.
            (Self::Value, 2 | 4) | (Self::Other, 1 | 2) => Some(Self::Other),
            _ => None,
        }
    }

    /// Memory of one such message, without what it holds.
    fn size(self) -> usize {
        match self {
            Self::Model | Self::Graph | Self::Function => 400,
            Self::Node => 300,
            Self::Attribute => 480,
            Self::Tensor => 420,
            Self::Value => 200,
            Self::Other => 72,
        }
    }

    /// Whether field `tag` holds numbers of variable length, one after another.
    fn is_packed(self, tag: u64) -> bool {
        match self {
            Self::Tensor => matches!(tag, 1 | 5 | 7 | 11),
            Self::Attribute => tag == 8,
            _ => false,
        }
    }
}

/// Refuses files that would take too much memory. A file that is not well-formed passes up to its first fault, where
/// reading it ends too.
pub(crate) fn check(file: &[u8]) -> Result<(), TooLarge> {
    let mut scan = Scan {
        nodes: 0,
        overhead: 0,
    };
    scan.message(file, Kind::Model, 0).map(drop)
}

struct Scan {
    nodes: usize,
    overhead: usize,
}

impl Scan {
    fn add(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.overhead = self.overhead.saturating_add(bytes);
        match self.overhead > MAX_OVERHEAD {
            true => Err(TooLarge::Memory),
            false => Ok(()),
        }
    }

    /// `None` at the first fault.
    fn message(&mut self, mut bytes: &[u8], kind: Kind, depth: usize) -> Result<Option<()>, TooLarge> {
        if depth > MAX_DEPTH {
            return Ok(None);
        }
        self.add(kind.size())?;
        if kind == Kind::Node {
            self.nodes += 1;
            if self.nodes > MAX_NODES {
                return Err(TooLarge::Nodes);
            }
        }
        while !bytes.is_empty() {
            let Some(key) = varint(&mut bytes) else {
                return Ok(None);
            };
            let tag = key >> 3;
            let fixed = match key & 7 {
                0 => {
                    self.add(NUMBER)?;
                    if varint(&mut bytes).is_none() {
                        return Ok(None);
                    }
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => match varint(&mut bytes).and_then(|length| usize::try_from(length).ok()) {
                    Some(length) => length,
                    None => return Ok(None),
                },
                _ => return Ok(None),
            };
            let Some((field, rest)) = bytes.split_at_checked(fixed) else {
                return Ok(None);
            };
            bytes = rest;
            if key & 7 != 2 {
                self.add(NUMBER)?;
            } else if let Some(child) = kind.child(tag) {
                let read = self.message(field, child, depth + 1)?;
                if read.is_none() && child != Kind::Function {
                    return Ok(None);
                }
            } else if kind.is_packed(tag) {
                self.add(NUMBER.saturating_mul(field.len()))?;
            } else {
                self.add(STRING)?;
            }
        }
        Ok(Some(()))
    }
}

/// The next number of variable length; `None` if the bytes end in it.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            *bytes = &bytes[i + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::proto::{GraphProto, ModelProto, NodeProto};

    fn model(nodes: usize) -> Vec<u8> {
        let graph = GraphProto {
            node: vec![NodeProto::default(); nodes],
            ..GraphProto::default()
        };
        let model = ModelProto {
            graph: Some(graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }

    #[test]
    fn nodes_are_counted_before_they_are_read() {
        assert_eq!(check(&model(MAX_NODES)), Ok(()));
        assert_eq!(check(&model(MAX_NODES + 1)), Err(TooLarge::Nodes));
    }

    /// Nodes of functions count too, also behind a function that cannot be read.
    #[test]
    fn functions_are_counted() {
        let of_nodes = |nodes: usize| [0x3a, 0].repeat(nodes);
        let with = |functions: Vec<Vec<u8>>| {
            let model = ModelProto {
                graph: Some(GraphProto::default()),
                functions,
                ..ModelProto::default()
            };
            check(&model.encode_to_vec())
        };
        let broken = vec![0x3a, 0x7f];
        assert_eq!(with(vec![broken.clone(), of_nodes(MAX_NODES)]), Ok(()));
        assert_eq!(with(vec![broken, of_nodes(MAX_NODES + 1)]), Err(TooLarge::Nodes));
    }

    #[test]
    fn small_parts_that_become_large_are_refused() {
        // A graph of empty inputs: two bytes each in the file.
        let inputs = [0x5a, 0].repeat(MAX_OVERHEAD / 200 + 1);
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(inputs.len() as u64, &mut file);
        file.extend(inputs);
        assert_eq!(check(&file), Err(TooLarge::Memory));
    }

    #[test]
    fn faults_are_left_to_the_reader() {
        let whole = model(3);
        for len in 0..whole.len() {
            assert_eq!(check(&whole[..len]), Ok(()));
        }
        assert_eq!(check(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), Ok(()));
        assert_eq!(
            check(&[0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]),
            Ok(())
        );
    }
}
