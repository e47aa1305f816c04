//! Outputs that are dictionaries from names to values, as Custom Vision and converters of scikit-learn write them.

use crate::Model;

/// An output that is a dictionary, and the values that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// The output.
    pub output: String,
    /// The operator that makes it.
    pub operator: String,
    /// The value that it takes, which has the classes in their order.
    pub from: String,
}

impl Dictionary {
    /// The first output of a model that is one.
    pub fn of_model(model: &Model) -> Option<Self> {
        let graph = model.graph()?;
        let made = |output: &str| {
            let node = graph
                .node
                .iter()
                .find(|node| node.output.iter().any(|made| made == output))?;
            (node.op_type() == "ZipMap").then_some(())?;
            Some(Self {
                output: output.to_owned(),
                operator: node.op_type().to_owned(),
                from: node.input.first()?.clone(),
            })
        };
        graph.output.iter().find_map(|output| made(output.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::GraphBuilder;
    use crate::proto::{DataType, ModelProto};
    use crate::{Dim, TensorType};

    #[test]
    fn what_a_dictionary_is_made_of_is_found() {
        let of = |operator: &str| {
            let mut graph = GraphBuilder::new("test");
            graph.node("Softmax", "p", ["x"], "p", []);
            graph.node("ArgMax", "label", ["p"], "label", []);
            graph.node(operator, "loss", ["p"], "loss", []);
            for output in ["label", "loss"] {
                graph.output(output, &TensorType::new(DataType::Float, [Dim::Fixed(1)]));
            }
            Dictionary::of_model(&Model::from(ModelProto {
                graph: Some(graph.finish()),
                ..ModelProto::default()
            }))
        };
        let found = of("ZipMap").unwrap();
        assert_eq!((found.output.as_str(), found.from.as_str()), ("loss", "p"));
        assert_eq!(of("Identity"), None);
    }
}
