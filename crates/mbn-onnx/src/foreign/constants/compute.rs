//! What a node computes of constants.

use std::rc::Rc;

use super::read::is_whole;
use super::tensor::{MAX_RANK, count, normal};
use super::{Constants, Tensor, sliced};
use crate::foreign::attributes::{int, ints};
use crate::foreign::functions::is_onnx;
use crate::proto::{DataType, NodeProto};

/// A node whose inputs are constants.
pub(super) struct Node<'c, 'a> {
    constants: &'c Constants<'a>,
    node: &'a NodeProto,
    depth: usize,
}

impl<'a> Constants<'a> {
    /// Output `index` of a node, if all that it takes are constants.
    pub(super) fn compute(&self, node: &'a NodeProto, index: usize, depth: usize) -> Option<Tensor> {
        let is_quantisation = ["QuantizeLinear", "DequantizeLinear"].contains(&node.op_type());
        let is_known = is_onnx(node.domain()) || (is_quantisation && node.domain() == "com.microsoft");
        if !is_known || (index > 0 && node.op_type() != "Split") {
            return None;
        }
        let node = Node {
            constants: self,
            node,
            depth,
        };
        node.compute(index)
    }

    pub(super) fn paired(
        &self,
        one: &Tensor,
        other: &Tensor,
        operator: impl Fn(f64, f64) -> f64,
    ) -> Option<Tensor> {
        let dims = one.common_dims(other)?;
        self.affords(count(&dims)?)?;
        Some(one.paired(other, dims, operator))
    }
}

impl Node<'_, '_> {
    fn compute(&self, index: usize) -> Option<Tensor> {
        let op = self.node.op_type();
        match op {
            "Constant" => return self.constants.held(self.node),
            "Concat" => return self.concat(),
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Sum" => return self.arithmetic(),
            _ => {}
        }
        let first = self.input(0)?;
        self.constants.affords(first.values.len())?;
        Some(match op {
            "Identity" | "Dropout" => (*first).clone(),
            "Cast" => {
                let to = DataType::try_from(i32::try_from(int(self.node, "to")?).ok()?).ok()?;
                cast(&first, is_whole(to))
            }
            // What it is to be like may be the picture, which has no whole numbers where it is normalised.
            "CastLike" => cast(&first, self.input(1).is_some_and(|like| like.is_whole)),
            // What takes it repeats it as well.
            "Expand" => (*first).clone(),
            "Neg" => first.map(|value| -value),
            "Abs" => first.map(f64::abs),
            "Reciprocal" => first.map(f64::recip),
            "Sqrt" => first.map(f64::sqrt),
            "Exp" => first.map(f64::exp),
            "Log" => first.map(f64::ln),
            "Floor" => first.map(f64::floor),
            "Ceil" => first.map(f64::ceil),
            "Round" => first.map(f64::round_ties_even),
            "Reshape" => self.reshaped(&first),
            "Unsqueeze" => first.shaped(self.with_ones(&first)?)?,
            "Squeeze" => first.shaped(self.without_ones(&first)?)?,
            "Flatten" => first.shaped(vec![first.values.len()])?,
            "Transpose" => {
                let rank = first.dims.len();
                let perm = match ints(self.node, "perm") {
                    Some(perm) => {
                        let from = |from: &i64| usize::try_from(*from).ok();
                        perm.iter().map(from).collect::<Option<Vec<_>>>()?
                    }
                    None => (0..rank).rev().collect(),
                };
                first.transposed(&perm)?
            }
            "Slice" => self.slice(&first)?,
            "Gather" => self.gather(&first)?,
            "Split" => self.split(&first, index)?,
            "QuantizeLinear" => self.quantised(&first)?,
            "DequantizeLinear" => {
                let (scale, zero) = (self.input(1)?, self.optional(2)?);
                let axis = int(self.node, "axis").unwrap_or(1);
                self.constants
                    .dequantised(&first, &scale, zero.as_deref(), axis)?
            }
            _ => return None,
        })
    }

    pub(super) fn input(&self, index: usize) -> Option<Rc<Tensor>> {
        self.constants.at_depth(self.node.input.get(index)?, self.depth)
    }

    /// An input that may be left out; `None` if it is there, but no constant.
    pub(super) fn optional(&self, index: usize) -> Option<Option<Rc<Tensor>>> {
        match self.node.input.get(index).filter(|name| !name.is_empty()) {
            Some(_) => self.input(index).map(Some),
            None => Some(None),
        }
    }

    /// Whole numbers that are an input, or a parameter in older models.
    fn ints(&self, index: usize, name: &str) -> Option<Vec<i64>> {
        match self.node.input.get(index).filter(|name| !name.is_empty()) {
            Some(_) => self.input(index)?.ints(),
            None => ints(self.node, name).map(<[i64]>::to_vec),
        }
    }

    fn arithmetic(&self) -> Option<Tensor> {
        let mut found = (*self.input(0)?).clone();
        for index in 1..self.node.input.len() {
            let other = self.input(index)?;
            let are_whole = found.is_whole && other.is_whole;
            let operator = |a: f64, b: f64| match self.node.op_type() {
                "Sub" => a - b,
                "Mul" => a * b,
                "Div" if are_whole => (a / b).trunc(),
                "Div" => a / b,
                "Pow" => a.powf(b),
                "Max" => a.max(b),
                "Min" => a.min(b),
                _ => a + b,
            };
            found = self.constants.paired(&found, &other, operator)?;
        }
        Some(found)
    }

    /// The same values in the shape that is stated; in one dimension if it is stated by what is no constant.
    fn reshaped(&self, first: &Tensor) -> Tensor {
        let length = first.values.len();
        let stated = || {
            let shape = self.ints(1, "shape")?;
            let of = |(i, stated): (usize, &i64)| match stated {
                0 => first.dims.get(i).copied(),
                -1 => Some(1),
                stated => usize::try_from(*stated).ok(),
            };
            let mut dims: Vec<usize> = shape.iter().enumerate().map(of).collect::<Option<_>>()?;
            if let Some(rest) = shape.iter().position(|length| *length == -1) {
                let mut others = dims.iter();
                dims[rest] = length.checked_div(others.try_fold(1usize, |n, dim| n.checked_mul(*dim))?)?;
            }
            first.shaped(dims)
        };
        let flat = || Tensor {
            dims: vec![length],
            ..first.clone()
        };
        stated().unwrap_or_else(flat)
    }

    fn with_ones(&self, first: &Tensor) -> Option<Vec<usize>> {
        let axes = self.ints(1, "axes")?;
        let rank = first.dims.len() + axes.len();
        if rank > MAX_RANK {
            return None;
        }
        let axes: Vec<_> = axes
            .iter()
            .map(|axis| normal(*axis, rank))
            .collect::<Option<_>>()?;
        let mut own = first.dims.iter();
        (0..rank)
            .map(|i| match axes.contains(&i) {
                true => Some(1),
                false => own.next().copied(),
            })
            .collect()
    }

    fn without_ones(&self, first: &Tensor) -> Option<Vec<usize>> {
        let all = || (0..first.dims.len()).filter(|i| first.dims[*i] == 1).collect();
        let axes: Vec<_> = match self.ints(1, "axes") {
            Some(axes) => axes.iter().map(|axis| first.axis(*axis)).collect::<Option<_>>()?,
            None => all(),
        };
        let kept = first.dims.iter().enumerate().filter(|(i, _)| !axes.contains(i));
        Some(kept.map(|(_, length)| *length).collect())
    }

    fn slice(&self, first: &Tensor) -> Option<Tensor> {
        let (starts, ends) = (self.ints(1, "starts")?, self.ints(2, "ends")?);
        let axes = self
            .ints(3, "axes")
            .unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.ints(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
        if axes.len() > MAX_RANK {
            return None;
        }
        let mut kept = first.clone();
        for (i, axis) in axes.iter().enumerate() {
            let axis = kept.axis(*axis)?;
            let indexes = sliced(kept.dims[axis], *starts.get(i)?, *ends.get(i)?, *steps.get(i)?)?;
            kept = kept.select(axis, &indexes)?;
        }
        Some(kept)
    }

    fn gather(&self, first: &Tensor) -> Option<Tensor> {
        let axis = first.axis(int(self.node, "axis").unwrap_or(0))?;
        let places = self.input(1).filter(|places| places.dims.len() <= 1)?;
        let indexes = places.ints()?.into_iter().map(|i| normal(i, first.dims[axis]));
        let indexes = indexes.collect::<Option<Vec<_>>>()?;
        let part = first.values.len().checked_div(first.dims[axis])?;
        self.constants.affords(part.checked_mul(indexes.len())?)?;
        let mut found = first.select(axis, &indexes)?;
        if places.dims.is_empty() {
            found.dims.remove(axis);
        }
        Some(found)
    }

    fn split(&self, first: &Tensor, index: usize) -> Option<Tensor> {
        let axis = first.axis(int(self.node, "axis").unwrap_or(0))?;
        let parts = self.node.output.len();
        let (from, length) = match self.ints(1, "split") {
            Some(lengths) => {
                let lengths = lengths.iter().map(|length| usize::try_from(*length).ok());
                let lengths = lengths.collect::<Option<Vec<_>>>()?;
                let mut before = lengths.iter().take(index);
                let from = before.try_fold(0usize, |sum, length| sum.checked_add(*length))?;
                (from, *lengths.get(index)?)
            }
            None => {
                let length = first.dims[axis].checked_div(parts)?;
                (index.checked_mul(length)?, length)
            }
        };
        let end = from.checked_add(length).filter(|end| *end <= first.dims[axis])?;
        first.select(axis, &(from..end).collect::<Vec<_>>())
    }

    fn concat(&self) -> Option<Tensor> {
        let inputs = 0..self.node.input.len();
        let parts: Vec<_> = inputs.map(|i| self.input(i)).collect::<Option<_>>()?;
        self.constants
            .affords(parts.iter().map(|part| part.values.len()).sum())?;
        let parts: Vec<_> = parts.iter().map(Rc::as_ref).collect();
        Tensor::joined(&parts, int(self.node, "axis")?)
    }
}

fn cast(tensor: &Tensor, is_whole: bool) -> Tensor {
    match is_whole {
        true => Tensor {
            is_whole,
            ..tensor.map(f64::trunc)
        },
        false => Tensor {
            is_whole,
            ..tensor.clone()
        },
    }
}
