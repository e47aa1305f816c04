//! Shapes that operations are tried on.

use mbn_ops::Conv3x3;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::common::geometry;

/// The Keras variant's padding of stride 2.
pub const AT_THE_END: Conv3x3 = Conv3x3 {
    stride: 2,
    pad_begin: 0,
    pad_end: 1,
};

/// A depthwise convolution with the pointwise one after it.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// `[N, H, W, C]`
    pub input: [usize; 4],
    pub conv: Conv3x3,
    /// Channels after the pointwise convolution.
    pub cout: usize,
}

impl Block {
    /// Height and width of the result.
    pub fn out_size(&self) -> (usize, usize) {
        let [_, h, w, _] = self.input;
        (self.conv.out_size(h).unwrap(), self.conv.out_size(w).unwrap())
    }

    pub fn describe(&self) -> String {
        let Self { input, conv, cout } = self;
        format!(
            "{input:?} to {cout}, stride {}, padding {} and {}",
            conv.stride, conv.pad_begin, conv.pad_end
        )
    }
}

/// `count` small blocks, the same on every machine: odd sizes, height or width 1, odd channels and such as the network
/// has, which are loaded 16 bytes at once.
pub fn random(count: usize) -> Vec<Block> {
    let channels = || prop_oneof![1usize..40, (1usize..10).prop_map(|c| 8 * c)];
    let block = (geometry(), channels(), channels()).prop_map(|((n, h, w, conv), c, cout)| Block {
        input: [n, h, w, c],
        conv,
        cout,
    });
    let mut runner = TestRunner::deterministic();
    let mut draw = || block.new_tree(&mut runner).unwrap().current();
    (0..count).map(|_| draw()).collect()
}

/// The network's blocks at alpha 1 on 224 x 224, each shape once, `batch` images where there are 112 x 112 pixels, more
/// where there are fewer, at most 8.
pub fn of_the_network(batch: usize) -> Vec<Block> {
    let block = |(size, c, stride, cout): (usize, usize, usize, usize)| {
        let n = (batch * 112 / size).min(8);
        let input = [n, size, size, c];
        let padding = if stride == 2 {
            vec![Conv3x3::symmetric(2), AT_THE_END]
        } else {
            vec![Conv3x3::symmetric(1)]
        };
        padding.into_iter().map(move |conv| Block { input, conv, cout })
    };
    let blocks = [
        (112, 32, 1, 64),
        (112, 64, 2, 128),
        (56, 128, 1, 128),
        (56, 128, 2, 256),
        (28, 256, 1, 256),
        (28, 256, 2, 512),
        (14, 512, 1, 512),
        (14, 512, 2, 1024),
        (7, 1024, 1, 1024),
    ];
    blocks.into_iter().flat_map(block).collect()
}
