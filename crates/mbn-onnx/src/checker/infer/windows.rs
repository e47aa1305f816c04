//! Convolution.

use super::{Inferred, Op, error};
use crate::{Dim, TensorType};

impl Op<'_> {
    pub(super) fn conv(&self) -> Inferred {
        let known = [
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ];
        let attributes = self.attributes(&known)?;
        let group = attributes.int("group")?.unwrap_or(1);
        let pads = attributes.sizes::<4>("pads")?;
        let strides = attributes.sizes::<2>("strides")?.unwrap_or([1; 2]);
        let dilations = attributes.sizes::<2>("dilations")?.unwrap_or([1; 2]);
        let pads = match (attributes.text("auto_pad")?, pads) {
            (None | Some("NOTSET"), pads) => Some(pads.unwrap_or([0; 4])),
            (Some("VALID"), None) => Some([0; 4]),
            (Some("SAME_UPPER" | "SAME_LOWER"), None) => None,
            _ => return Err(error("auto_pad", "is not supported, or contradicts `pads`")),
        };
        let x = self.first_float(2, 3)?;
        let [batch, Dim::Fixed(channels), height, width] = x.shape.as_slice() else {
            return Err(self.types("the input is not [batch, channels, height, width] of known channels"));
        };
        let [
            Dim::Fixed(filters),
            Dim::Fixed(depth),
            Dim::Fixed(k_h),
            Dim::Fixed(k_w),
        ] = self.inputs[1].shape.as_slice()
        else {
            return Err(self.types("the weight is not four-dimensional"));
        };
        let group = usize::try_from(group).ok().filter(|&group| group > 0);
        let group = group.ok_or_else(|| error("group", "is not positive"))?;
        if depth.checked_mul(group) != Some(*channels) || !filters.is_multiple_of(group) {
            return Err(self.types("the weight does not match channels and groups"));
        }
        if attributes
            .sizes::<2>("kernel_shape")?
            .is_some_and(|kernel| kernel != [*k_h, *k_w])
        {
            return Err(error("kernel_shape", "does not match the weight"));
        }
        if self
            .inputs
            .get(2)
            .is_some_and(|bias| bias.shape != [Dim::Fixed(*filters)])
        {
            return Err(self.types("the bias does not match the weight"));
        }
        let size = |input: &Dim, kernel, i: usize| {
            let window = Window {
                kernel,
                pads: pads.map(|pads| [pads[i], pads[i + 2]]),
                stride: strides[i],
                dilation: dilations[i],
            };
            window
                .positions(input)
                .ok_or_else(|| self.types("the kernel does not fit into the padded input"))
        };
        let shape = [
            batch.clone(),
            Dim::Fixed(*filters),
            size(height, *k_h, 0)?,
            size(width, *k_w, 1)?,
        ];
        Ok(TensorType::new(x.elem, shape))
    }
}

/// A kernel that moves along one axis.
struct Window {
    kernel: usize,
    /// Before and after; `None` for as many as make the output `ceil(input / stride)`.
    pads: Option<[usize; 2]>,
    stride: usize,
    dilation: usize,
}

impl Window {
    /// Number of positions in an input; `None` if the kernel does not fit.
    fn positions(&self, input: &Dim) -> Option<Dim> {
        if self.stride == 0 {
            return None;
        }
        let Some([begin, end]) = self.pads else {
            return match input {
                Dim::Fixed(size) => Some(Dim::Fixed(size.div_ceil(self.stride))),
                Dim::Symbol(name) => Some(divided(name, "ceil", self.stride)),
                Dim::Unknown => Some(Dim::Unknown),
            };
        };
        let extent = self
            .kernel
            .checked_sub(1)?
            .checked_mul(self.dilation)?
            .checked_add(1)?;
        let pads = begin.checked_add(end)?;
        match input {
            Dim::Fixed(size) => {
                let free = size.checked_add(pads)?.checked_sub(extent)?;
                Some(Dim::Fixed((free / self.stride).checked_add(1)?))
            }
            // floor((n + pads - extent) / stride) + 1 = floor((n + spare) / stride)
            Dim::Symbol(name) => match pads.checked_add(self.stride)?.checked_sub(extent) {
                Some(spare) if spare + 1 == self.stride => Some(divided(name, "ceil", self.stride)),
                Some(0) => Some(divided(name, "floor", self.stride)),
                _ => Some(Dim::Unknown),
            },
            Dim::Unknown => Some(Dim::Unknown),
        }
    }
}

/// A name for a size divided by `by` and rounded: `ceil_height_4` for `ceil_height_2` divided by 2. ONNX wants names of letters,
/// digits and underscores.
fn divided(name: &str, rounding: &str, by: usize) -> Dim {
    if by == 1 {
        return Dim::Symbol(name.to_owned());
    }
    let inner = name
        .strip_prefix(rounding)
        .and_then(|rest| rest.strip_prefix('_'))
        .and_then(|rest| rest.rsplit_once('_'))
        .and_then(|(base, by)| Some((base, by.parse::<usize>().ok()?)));
    match inner.and_then(|(base, already)| Some((base, already.checked_mul(by)?))) {
        Some((base, by)) => Dim::Symbol(format!("{rounding}_{base}_{by}")),
        None => Dim::Symbol(format!("{rounding}_{name}_{by}")),
    }
}
