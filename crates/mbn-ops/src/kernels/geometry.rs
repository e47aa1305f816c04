//! How work is divided among blocks.

use candle_core::{Result, bail};

use super::stream::{ElementType, MAX_GRID_Y, Pointer, Stream};
use crate::operands::conv3x3::Conv3x3;

/// Threads of a block.
pub(super) const THREADS: usize = 256;
/// Blocks for each multiprocessor where blocks loop over rows: enough to hide latencies, few enough that adding their
/// partial sums is quick.
const BLOCKS_EACH: usize = 8;
/// Blocks of a 3x3 convolution that a multiprocessor runs at once; it has no registers for a third.
const RESIDENT_TILES: usize = 2;
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

/// As [`loops`], but so many that all run at once, and no more than it takes to keep the largest part small.
fn resident(multiprocessors: usize, columns: usize, units: usize) -> usize {
    let units = units.max(1);
    let blocks = (multiprocessors * RESIDENT_TILES / columns).clamp(1, units.min(MAX_GRID_Y));
    units.div_ceil(units.div_ceil(blocks))
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
    /// Whether there is a variant of the kernel for tiles of this size.
    pub known: bool,
    /// Channels of a block.
    pub channels: usize,
    /// Channels of a thread.
    pub each: usize,
}

/// Sizes of tiles, in rows and columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct TileSizes {
    /// Most that shared memory allows.
    pub most: [usize; 2],
    /// Those that a kernel has a variant for, the preferred one first.
    pub known: &'static [[usize; 2]],
}

impl TileSizes {
    /// Sizes whose variants are for [`CONV_CHANNELS`] channels, loaded 16 bytes at once.
    pub fn of_channels(most: [usize; 2], known: &'static [[usize; 2]], c: usize, is_wide: bool) -> Self {
        let known = if is_wide && 2 * c > CONV_CHANNELS {
            known
        } else {
            &[]
        };
        Self { most, known }
    }

    /// The size for `[height, width]`, and whether it is a known one. Tiles as equal in size as possible cover the fewest
    /// pixels. A known size may cover half as many again: its variant needs two thirds of the instructions.
    fn choose(&self, extent: [usize; 2]) -> ([usize; 2], bool) {
        let covered = |tile: [usize; 2]| -> usize {
            extent
                .iter()
                .zip(tile)
                .map(|(size, tile)| size.div_ceil(tile) * tile)
                .product()
        };
        let equal = [0, 1].map(|i| extent[i].div_ceil(extent[i].div_ceil(self.most[i])));
        match self.known.iter().copied().min_by_key(|tile| covered(*tile)) {
            Some(known) if 2 * covered(known) <= 3 * covered(equal) => (known, true),
            _ => (equal, false),
        }
    }
}

impl Tiles {
    /// Tiles over `[height, width]` and `c` channels; a thread computes `each` channels.
    pub fn new(
        stream: &impl Stream,
        [n, height, width]: [usize; 3],
        c: usize,
        each: usize,
        sizes: TileSizes,
    ) -> Self {
        let channels = c.next_power_of_two().clamp(each, CONV_CHANNELS);
        let (tile, known) = sizes.choose([height, width]);
        let units = n * height.div_ceil(tile[0]) * width.div_ceil(tile[1]);
        let columns = c.div_ceil(channels);
        Self {
            grid: [columns, resident(stream.multiprocessors(), columns, units)],
            block: [channels / each, THREADS * each / channels],
            tile,
            known,
            channels,
            each,
        }
    }

    /// Bytes of shared memory in which a block adds its threads' sums.
    pub fn shared(&self) -> usize {
        THREADS * self.each * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: TileSizes = TileSizes {
        most: [14, 14],
        known: &[[14, 14], [7, 7]],
    };

    #[test]
    fn the_networks_sizes_have_variants_of_their_own() {
        for size in [112, 56, 28, 14] {
            assert_eq!(SIZES.choose([size, size]), ([14, 14], true));
        }
        assert_eq!(SIZES.choose([7, 7]), ([7, 7], true));
        // Images of 160 x 160.
        let chosen = [80, 40, 20, 10].map(|size| SIZES.choose([size, size]));
        let whole = ([14, 14], true);
        assert_eq!(chosen, [whole, whole, ([7, 7], true), ([10, 10], false)]);
    }

    #[test]
    fn a_known_tile_covers_at_most_half_as_many_pixels_again() {
        assert_eq!(SIZES.choose([14, 11]), ([14, 14], true));
        assert_eq!(SIZES.choose([14, 9]), ([14, 9], false));
        let none = TileSizes { known: &[], ..SIZES };
        assert_eq!(none.choose([28, 30]), ([14, 10], false));
        assert!(
            TileSizes::of_channels([14, 14], SIZES.known, 16, true)
                .known
                .is_empty()
        );
        assert!(
            TileSizes::of_channels([14, 14], SIZES.known, 24, false)
                .known
                .is_empty()
        );
        assert_eq!(
            TileSizes::of_channels([14, 14], SIZES.known, 17, true).known,
            SIZES.known
        );
    }

    #[test]
    fn no_block_waits_for_another() {
        // An H100 has 132 multiprocessors: 264 blocks run at once.
        for (columns, units, expected) in [
            (1, 4096, 256),
            (2, 1024, 128),
            (16, 64, 16),
            (32, 64, 8),
            (32, 3, 3),
        ] {
            assert_eq!(
                resident(132, columns, units),
                expected,
                "{columns} ranges of {units} tiles"
            );
        }
        assert_eq!(resident(1, 5, 9), 1);
    }
}
