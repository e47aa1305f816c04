//! The output type of each operator, from the types of its inputs. All arithmetic is checked.

mod bytes;
mod shapes;
mod windows;

use std::collections::BTreeMap;

use super::NodeError;
use super::attributes::{Attributes, error};
use crate::proto::{DataType, NodeProto};
use crate::{Dim, TensorType};

type Inferred = Result<TensorType, NodeError>;

/// Values of small constants of int64, by name: shapes, axes and sizes.
pub(super) type Ints = BTreeMap<String, Vec<i64>>;

/// Type of the node's output. `inputs` are those that are not left out.
pub(super) fn infer(node: &NodeProto, inputs: &[&TensorType], ints: &Ints) -> Inferred {
    let op = Op { node, inputs, ints };
    match node.op_type() {
        "Add" | "Div" | "Mod" | "Mul" | "Sub" => op.broadcast(),
        "BatchNormalization" => op.batch_norm(),
        "Cast" => op.cast(),
        "Clip" => op.clip(),
        "Conv" => op.conv(),
        "DequantizeLinear" => op.dequantize(),
        "Flatten" => op.flatten(),
        "Gemm" => op.gemm(),
        "GlobalAveragePool" => op.global_average_pool(),
        "QuantizeLinear" => op.quantize(),
        "ReduceMin" => op.reduce_all(),
        "Relu" => op.unary(),
        "Reshape" => op.reshape(),
        "Resize" => op.resize(),
        "Shape" => op.shape(),
        "Slice" => op.slice(),
        "Softmax" => op.softmax(),
        "Transpose" => op.transpose(),
        _ => Err(NodeError::UnknownOp),
    }
}

struct Op<'a> {
    node: &'a NodeProto,
    inputs: &'a [&'a TensorType],
    ints: &'a Ints,
}

impl Op<'_> {
    fn attributes(&self, known: &[&str]) -> Result<Attributes<'_>, NodeError> {
        Attributes::new(self.node, known)
    }

    fn types(&self, reason: &'static str) -> NodeError {
        NodeError::Types {
            reason,
            found: self.inputs.iter().map(|&ty| ty.clone()).collect(),
        }
    }

    /// Not `expected` inputs.
    fn count(&self, expected: usize) -> NodeError {
        NodeError::Inputs {
            found: self.inputs.len(),
            least: expected,
            most: expected,
        }
    }

    /// The first input, having checked the number of inputs and that all have the same elements.
    fn first(&self, least: usize, most: usize) -> Result<&TensorType, NodeError> {
        let found = self.inputs.len();
        if !(least..=most).contains(&found) {
            return Err(NodeError::Inputs { found, least, most });
        }
        let first = self.inputs[0];
        if self.inputs.iter().any(|ty| ty.elem != first.elem) {
            return Err(self.types("the inputs differ in their elements"));
        }
        Ok(first)
    }

    /// As [`Op::first`], for operators on floats.
    fn first_float(&self, least: usize, most: usize) -> Result<&TensorType, NodeError> {
        let first = self.first(least, most)?;
        if is_float(first) {
            Ok(first)
        } else {
            Err(self.types("the inputs are not floats"))
        }
    }

    fn unary(&self) -> Inferred {
        self.attributes(&[])?;
        Ok(self.first_float(1, 1)?.clone())
    }

    fn clip(&self) -> Inferred {
        self.attributes(&[])?;
        let x = self.first_float(1, 3)?;
        if self.inputs[1..].iter().any(|ty| !ty.shape.is_empty()) {
            return Err(self.types("the limits are not scalars"));
        }
        Ok(x.clone())
    }

    fn cast(&self) -> Inferred {
        let to = self.attributes(&["to"])?.int("to")?;
        let x = self.first(1, 1)?;
        let elem = to.and_then(|to| i32::try_from(to).ok());
        let elem = DataType::read(elem).map_err(|_| error("to", "is not a supported element type"))?;
        Ok(TensorType::new(elem, x.shape.clone()))
    }

    fn softmax(&self) -> Inferred {
        let attributes = self.attributes(&["axis"])?;
        let x = self.first_float(1, 1)?;
        let Some(last) = x.shape.len().checked_sub(1) else {
            return Err(self.types("the input is a scalar"));
        };
        attributes.axis(-1, x.shape.len(), last)?;
        Ok(x.clone())
    }

    fn transpose(&self) -> Inferred {
        let perm = self.attributes(&["perm"])?.sizes::<4>("perm")?;
        let x = self.first(1, 1)?;
        let [_, _, _, _] = x.shape.as_slice() else {
            return Err(self.types("the input is not four-dimensional"));
        };
        let perm = perm.unwrap_or([3, 2, 1, 0]);
        if (0..4).any(|axis| !perm.contains(&axis)) {
            return Err(error("perm", "is not a permutation"));
        }
        Ok(TensorType::new(x.elem, perm.map(|axis| x.shape[axis].clone())))
    }

    fn broadcast(&self) -> Inferred {
        self.attributes(&[])?;
        let a = self.first(2, 2)?;
        let b = self.inputs[1];
        let rank = a.shape.len().max(b.shape.len());
        let one = Dim::Fixed(1);
        let dim = |ty: &TensorType, i: usize| {
            let i = (i + ty.shape.len()).checked_sub(rank);
            i.map_or(one.clone(), |i| ty.shape[i].clone())
        };
        let merge = |i| match (dim(a, i), dim(b, i)) {
            (a, b) if a == b || b == one => Ok(a),
            (a, b) if a == one => Ok(b),
            (Dim::Unknown, known) | (known, Dim::Unknown) => Ok(known),
            _ => Err(self.types("the shapes do not broadcast")),
        };
        let shape = (0..rank).map(merge).collect::<Result<Vec<_>, _>>()?;
        Ok(TensorType::new(a.elem, shape))
    }

    fn batch_norm(&self) -> Inferred {
        let attributes = self.attributes(&["epsilon", "momentum", "training_mode"])?;
        attributes.check_float("epsilon")?;
        attributes.check_float("momentum")?;
        if attributes.flag("training_mode")? {
            return Err(error("training_mode", "must be 0"));
        }
        let found = self.inputs.len();
        let &[x, scale, shift, mean, var] = self.inputs else {
            return Err(NodeError::Inputs {
                found,
                least: 5,
                most: 5,
            });
        };
        if scale.elem != shift.elem || mean.elem != var.elem {
            return Err(self.types("scale and shift, or mean and variance, differ in their elements"));
        }
        if ![x, scale, mean].iter().all(|ty| is_float(ty)) {
            return Err(self.types("the inputs are not floats"));
        }
        let channels = x.shape.get(1);
        let per_channel = |ty: &&TensorType| ty.shape.len() == 1 && ty.shape.first() == channels;
        if !self.inputs[1..].iter().all(per_channel) {
            return Err(self.types("the statistics do not match the channels"));
        }
        Ok(x.clone())
    }

    fn global_average_pool(&self) -> Inferred {
        self.attributes(&[])?;
        let x = self.first_float(1, 1)?;
        let [batch, channels, _, _] = x.shape.as_slice() else {
            return Err(self.types("the input is not four-dimensional"));
        };
        let shape = [batch.clone(), channels.clone(), 1.into(), 1.into()];
        Ok(TensorType::new(x.elem, shape))
    }

    fn flatten(&self) -> Inferred {
        let attributes = self.attributes(&["axis"])?;
        let x = self.first(1, 1)?;
        let axis = attributes.axis(1, x.shape.len(), x.shape.len())?;
        let (rows, columns) = x.shape.split_at(axis);
        match (product(rows), product(columns)) {
            (Some(rows), Some(columns)) => Ok(TensorType::new(x.elem, [rows, columns])),
            _ => Err(self.types("the flattened size is not known")),
        }
    }

    fn gemm(&self) -> Inferred {
        let attributes = self.attributes(&["alpha", "beta", "transA", "transB"])?;
        attributes.check_float("alpha")?;
        attributes.check_float("beta")?;
        let (trans_a, trans_b) = (attributes.flag("transA")?, attributes.flag("transB")?);
        let a = self.first_float(2, 3)?;
        let matrix = |ty: &TensorType, transposed| match ty.shape.as_slice() {
            [rows, columns] if transposed => Ok((columns.clone(), rows.clone())),
            [rows, columns] => Ok((rows.clone(), columns.clone())),
            _ => Err(self.types("the factors are not matrices")),
        };
        let ((m, k), (k2, n)) = (matrix(a, trans_a)?, matrix(self.inputs[1], trans_b)?);
        if k != k2 {
            return Err(self.types("the factors' inner dimensions differ"));
        }
        if let Some(c) = self.inputs.get(2) {
            let mut pairs = c.shape.iter().rev().zip([&n, &m]);
            if c.shape.len() > 2 || !pairs.all(|(c, dim)| c == dim || *c == Dim::Fixed(1)) {
                return Err(self.types("the summand does not broadcast to the product"));
            }
        }
        Ok(TensorType::new(a.elem, [m, n]))
    }
}

fn is_float(ty: &TensorType) -> bool {
    matches!(ty.elem, DataType::Float | DataType::Float16 | DataType::Double)
}

/// Product of the dimensions; `None` if it overflows, or a symbol would be multiplied.
fn product(dims: &[Dim]) -> Option<Dim> {
    dims.iter()
        .try_fold(Dim::Fixed(1), |product, dim| match (product, dim) {
            (Dim::Fixed(a), Dim::Fixed(b)) => a.checked_mul(*b).map(Dim::Fixed),
            (Dim::Fixed(1), symbol) => Some(symbol.clone()),
            (symbol, Dim::Fixed(1)) => Some(symbol),
            _ => None,
        })
}
