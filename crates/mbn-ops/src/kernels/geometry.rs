//! How work is divided among blocks.

use candle_core::{Result, bail};

use super::stream::{ElementType, MAX_GRID_Y, Pointer, Stream};
use crate::operands::conv3x3::Conv3x3;

/// Threads of a block.
pub(super) const THREADS: usize = 256;
/// Blocks for each multiprocessor where blocks loop over their work: enough to hide latencies, few enough that adding
/// their partial sums is quick.
const BLOCKS_EACH: usize = 8;
/// Most channels of a block of a 3x3 convolution: 64 bytes of bfloat16, two sectors of memory.
const CONV_CHANNELS: usize = 32;

/// Input `[n, h, w, c]` and result of a 3x3 convolution; for the first layer `c` counts the result's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub n: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Stride and padding.
    pub conv: Conv3x3,
    pub(super) oh: usize,
    pub(super) ow: usize,
}

impl ConvShape {
    /// # Errors
    /// If the padded input is smaller than the kernel, or an extent is zero.
    pub fn new([n, h, w, c]: [usize; 4], conv: Conv3x3) -> Result<Self> {
        if n == 0 || c == 0 {
            bail!("a convolution of {n} images with {c} channels, expected at least one of each");
        }
        let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
        Ok(Self {
            n,
            h,
            w,
            c,
            conv,
            oh,
            ow,
        })
    }

    /// Height and width of the result.
    pub fn out_size(&self) -> (usize, usize) {
        (self.oh, self.ow)
    }

    /// Rows of the input: the pixels of all images.
    pub fn rows(&self) -> usize {
        self.n * self.h * self.w
    }

    /// Rows of the result.
    pub fn out_rows(&self) -> usize {
        self.n * self.oh * self.ow
    }

    /// In the kernels' order: `n, h, w, c, oh, ow, pad`.
    pub(super) fn ints(&self) -> [usize; 7] {
        [
            self.n,
            self.h,
            self.w,
            self.c,
            self.oh,
            self.ow,
            self.conv.pad_begin,
        ]
    }
}

/// Whether kernels can load 16 bytes at once.
pub(super) fn is_wide(element: ElementType, c: usize, pointers: &[Pointer]) -> bool {
    c.is_multiple_of(element.per_vector()) && pointers.iter().all(|pointer| pointer.is_multiple_of(16))
}

/// Number of blocks that share `units` of work, each looping over its part, for each of `columns` ranges of
/// channels.
pub(super) fn loops(stream: &impl Stream, columns: usize, units: usize) -> usize {
    let blocks = (stream.multiprocessors() * BLOCKS_EACH).div_ceil(columns);
    blocks.clamp(1, units.clamp(1, MAX_GRID_Y))
}

/// Blocks over `[rows, c]`: a thread keeps its channels and walks along rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Ranges of channels, and blocks that share the rows of each.
    pub grid: [usize; 2],
    /// Threads along channels and along rows.
    pub block: [usize; 2],
    /// Channels of a thread.
    pub each: usize,
}

impl Columns {
    /// Fewest rows of a thread, so that loading its constants pays.
    const ROWS_EACH: usize = 4;

    pub fn new(stream: &impl Stream, rows: usize, c: usize, each: usize) -> Self {
        let groups = c.div_ceil(each);
        let across = groups.next_power_of_two().min(32);
        let block = [across, THREADS / across];
        let columns = groups.div_ceil(across);
        let units = rows.div_ceil(block[1] * Self::ROWS_EACH);
        Self {
            grid: [columns, loops(stream, columns, units)],
            block,
            each,
        }
    }

    /// Bytes of shared memory in which a block adds its threads' sums.
    pub fn shared(&self) -> usize {
        THREADS * self.each * size_of::<f64>()
    }
}

/// Tiles of a 3x3 convolution: a block takes a range of channels of a tile at a time, and loops over tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiles {
    /// Ranges of channels, and blocks that share the tiles of each.
    pub grid: [usize; 2],
    /// Threads along channels and along pixels.
    pub block: [usize; 2],
    /// Height and width of a tile.
    pub tile: [usize; 2],
    /// Channels of a block.
    pub channels: usize,
    /// Channels of a thread.
    pub each: usize,
}

impl Tiles {
    /// Tiles of at most `most` rows and columns over `[height, width]` and `c` channels; a thread computes `each` channels.
    pub fn new(
        stream: &impl Stream,
        [n, height, width]: [usize; 3],
        c: usize,
        each: usize,
        most: [usize; 2],
    ) -> Self {
        let channels = c.next_power_of_two().clamp(each, CONV_CHANNELS);
        // As equal in size as possible.
        let tile =
            [(height, most[0]), (width, most[1])].map(|(size, most)| size.div_ceil(size.div_ceil(most)));
        let units = n * height.div_ceil(tile[0]) * width.div_ceil(tile[1]);
        let columns = c.div_ceil(channels);
        Self {
            grid: [columns, loops(stream, columns, units)],
            block: [channels / each, THREADS * each / channels],
            tile,
            channels,
            each,
        }
    }

    /// Bytes of shared memory in which a block adds its threads' sums.
    pub fn shared(&self) -> usize {
        THREADS * self.each * size_of::<f64>()
    }
}
