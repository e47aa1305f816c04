//! Extents of the convolutions, once their operands are checked.

/// Shape of the input, `[n, h, w, c]`, and of the output, `[n, oh, ow, c]`.
#[derive(Clone, Copy)]
pub(crate) struct DepthwiseShape {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub oh: usize,
    pub ow: usize,
}

/// Shape of the image, `[n, 3, h, w]`, and of the output, `[n, oh, ow, cout]`.
#[derive(Clone, Copy)]
pub(crate) struct StemShape {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub cout: usize,
    pub oh: usize,
    pub ow: usize,
}
