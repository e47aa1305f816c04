//! Operators that read or change shapes.

use super::{Inferred, Op, error};
use crate::proto::DataType;
use crate::{Dim, TensorType};

/// Attributes of `Resize` whose values do not change the result's type.
const RESIZE: [&str; 9] = [
    "antialias",
    "axes",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
    "keep_aspect_ratio_policy",
    "mode",
    "nearest_mode",
];

impl Op<'_> {
    /// The values of an input, if it is a small constant.
    fn constant(&self, input: usize) -> Option<&[i64]> {
        let name = self.node.input.get(input)?;
        self.ints.get(name).map(Vec::as_slice)
    }

    pub(super) fn shape(&self) -> Inferred {
        let attributes = self.attributes(&["start", "end"])?;
        let rank = self.first(1, 1)?.shape.len() as i64;
        let bound = |name, usual| -> Result<i64, _> {
            let bound = attributes.int(name)?.unwrap_or(usual);
            let from_end = if bound < 0 {
                bound.saturating_add(rank)
            } else {
                bound
            };
            Ok(from_end.clamp(0, rank))
        };
        let (start, end) = (bound("start", 0)?, bound("end", rank)?);
        let len = usize::try_from(end - start).unwrap_or(0);
        Ok(TensorType::new(DataType::Int64, [len.into()]))
    }

    /// A reduction over all axes that keeps them with one element each.
    pub(super) fn reduce_all(&self) -> Inferred {
        self.attributes(&[])?;
        let x = self.first(1, 1)?;
        Ok(TensorType::new(x.elem, vec![Dim::Fixed(1); x.shape.len()]))
    }

    pub(super) fn reshape(&self) -> Inferred {
        self.attributes(&[])?;
        let &[x, shape] = self.inputs else {
            return Err(self.count(2));
        };
        let Some(target) = self.constant(1).filter(|_| is_ints(shape)) else {
            return Err(self.types("the shape is not a constant of int64"));
        };
        let dim = |(i, &size): (usize, &i64)| match size {
            0 => x
                .shape
                .get(i)
                .cloned()
                .ok_or_else(|| self.types("the shape copies a dimension that the input lacks")),
            -1 => Ok(Dim::Unknown),
            size => usize::try_from(size)
                .map(Dim::Fixed)
                .map_err(|_| self.types("the shape has a negative dimension")),
        };
        let shape = target
            .iter()
            .enumerate()
            .map(dim)
            .collect::<Result<Vec<_>, _>>()?;
        let fixed = |shape: &[Dim]| {
            let sizes = shape.iter().map(|dim| match dim {
                Dim::Fixed(size) => Some(*size),
                _ => None,
            });
            sizes.collect::<Option<Vec<_>>>()
        };
        if let (Some(from), Some(to)) = (fixed(&x.shape), fixed(&shape)) {
            let elements = |sizes: Vec<usize>| sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
            if elements(from) != elements(to) {
                return Err(self.types("the shape has another number of elements"));
            }
        }
        Ok(TensorType::new(x.elem, shape))
    }

    /// `Resize` of some axes to sizes: the inputs are the values and the sizes, without region and factors.
    pub(super) fn resize(&self) -> Inferred {
        let attributes = self.attributes(&RESIZE)?;
        let names = &self.node.input;
        let (&[x, sizes], true) = (self.inputs, names.len() == 4 && !names[3].is_empty()) else {
            return Err(self.types("the inputs are not values and sizes"));
        };
        let axes = attributes.list("axes")?;
        let every: Vec<i64> = (0..x.shape.len() as i64).collect();
        let axes = axes.unwrap_or(&every);
        if !is_ints(sizes) || sizes.shape != [Dim::Fixed(axes.len())] {
            return Err(self.types("there is not one size of int64 for each axis"));
        }
        let mut shape = x.shape.clone();
        for (i, &axis) in axes.iter().enumerate() {
            let index = usize::try_from(axis).ok().filter(|index| *index < shape.len());
            let index = index.ok_or_else(|| error("axes", "names a dimension that the input lacks"))?;
            shape[index] = match self.constant(3).and_then(|sizes| sizes.get(i)) {
                Some(&size) => match usize::try_from(size) {
                    Ok(size) if size > 0 => Dim::Fixed(size),
                    _ => return Err(self.types("a size is not positive")),
                },
                None => Dim::Unknown,
            };
        }
        Ok(TensorType::new(x.elem, shape))
    }

    /// `Slice` between computed bounds: the axes must be constant.
    pub(super) fn slice(&self) -> Inferred {
        self.attributes(&[])?;
        let &[x, starts, ends, axes] = self.inputs else {
            return Err(self.count(4));
        };
        if ![starts, ends, axes].into_iter().all(is_ints)
            || starts.shape != axes.shape
            || ends.shape != axes.shape
        {
            return Err(self.types("starts, ends and axes are not lists of int64 of one length"));
        }
        let Some(axes) = self.constant(3) else {
            return Err(self.types("the axes are not constant"));
        };
        let mut shape = x.shape.clone();
        for &axis in axes {
            let index = usize::try_from(axis).ok().filter(|index| *index < shape.len());
            let index = index.ok_or_else(|| self.types("an axis is not one of the input"))?;
            shape[index] = Dim::Unknown;
        }
        Ok(TensorType::new(x.elem, shape))
    }
}

fn is_ints(ty: &TensorType) -> bool {
    ty.elem == DataType::Int64 && ty.shape.len() == 1
}
