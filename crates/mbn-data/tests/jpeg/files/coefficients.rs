//! A picture as quantised DCT coefficients.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// A component of a picture.
#[derive(Clone, Debug)]
pub struct Component {
    pub id: u8,
    /// Sampling factors.
    pub h: usize,
    pub v: usize,
    /// Blocks across and down, filled up to whole MCUs of an interleaved scan.
    pub blocks: [usize; 2],
    /// Quantised coefficients of each block in zigzag order, `[blocks[1] * blocks[0]]`.
    pub coefficients: Vec<[i32; 64]>,
}

/// A picture as quantised coefficients.
#[derive(Clone, Debug)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// Quantisation steps in zigzag order: of the first component, and of the others.
    pub steps: [[i32; 64]; 2],
}

/// Row-major index of each coefficient in zigzag order (T.81, figure 5).
pub const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

impl Picture {
    /// A picture whose components are smooth with edges and some noise, and differ from each other. `sampling` holds id and
    /// factors of each component.
    pub fn drawn(width: usize, height: usize, sampling: &[(u8, usize, usize)], seed: u64) -> Self {
        let step = |base: usize, growth: usize| -> [i32; 64] {
            std::array::from_fn(|k| (base + growth * (ZIGZAG[k] / 8 + ZIGZAG[k] % 8)) as i32)
        };
        let mut picture = Self {
            width,
            height,
            components: Vec::new(),
            steps: [step(2, 1), step(3, 2)],
        };
        let most = |factor: fn(&(u8, usize, usize)) -> usize| sampling.iter().map(factor).max().unwrap_or(1);
        let (most_h, most_v) = (most(|s| s.1), most(|s| s.2));
        for (index, &(id, h, v)) in sampling.iter().enumerate() {
            let mcus = [width.div_ceil(8 * most_h), height.div_ceil(8 * most_v)];
            let blocks = [mcus[0] * h, mcus[1] * v];
            let scale = [most_h as f64 / h as f64, most_v as f64 / v as f64];
            let sample = |x: usize, y: usize| {
                level(
                    index,
                    (x as f64 + 0.5) * scale[0],
                    (y as f64 + 0.5) * scale[1],
                    seed,
                )
            };
            let steps = &picture.steps[index.min(1)];
            let block = |i: usize| {
                let (left, top) = (8 * (i % blocks[0]), 8 * (i / blocks[0]));
                quantised(steps, |x, y| sample(left + x, top + y))
            };
            picture.components.push(Component {
                id,
                h,
                v,
                blocks,
                coefficients: (0..blocks[0] * blocks[1]).map(block).collect(),
            });
        }
        picture
    }

    pub fn most_h(&self) -> usize {
        self.components.iter().map(|c| c.h).max().unwrap_or(1)
    }

    pub fn most_v(&self) -> usize {
        self.components.iter().map(|c| c.v).max().unwrap_or(1)
    }

    /// Samples of a component across and down that belong to the picture.
    pub fn samples(&self, component: &Component) -> [usize; 2] {
        [
            (self.width * component.h).div_ceil(self.most_h()),
            (self.height * component.v).div_ceil(self.most_v()),
        ]
    }
}

/// A component's value at a place of the picture, less 128.
fn level(index: usize, x: f64, y: f64, seed: u64) -> f64 {
    let phase = index as f64 * 1.7 + (seed % 97) as f64;
    let smooth = 60.0 * (x / (17.0 + 4.0 * index as f64) + phase).sin() + 45.0 * (y / 13.0 - phase).cos();
    let edge = if (x + 2.0 * y + phase * 5.0) % 29.0 < 9.0 {
        28.0
    } else {
        -12.0
    };
    let mut bits = seed ^ (index as u64) << 40 ^ (x.to_bits() >> 20) << 3 ^ y.to_bits() >> 17;
    // The finaliser of SplitMix64.
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        bits = (bits ^ bits >> shift).wrapping_mul(factor);
    }
    let noise = (bits >> 40) as f64 / f64::from(1 << 24) - 0.5;
    smooth + edge + 14.0 * noise
}

/// Quantised coefficients of a block in zigzag order (T.81, A.3.3 and A.3.4).
fn quantised(steps: &[i32; 64], sample: impl Fn(usize, usize) -> f64) -> [i32; 64] {
    let samples: [[f64; 8]; 8] =
        std::array::from_fn(|y| std::array::from_fn(|x| sample(x, y).clamp(-128.0, 127.0)));
    let columns: [[f64; 8]; 8] =
        std::array::from_fn(|v| std::array::from_fn(|x| (0..8).map(|y| basis(v, y) * samples[y][x]).sum()));
    std::array::from_fn(|k| {
        let (u, v) = (ZIGZAG[k] % 8, ZIGZAG[k] / 8);
        let coefficient: f64 = (0..8).map(|x| basis(u, x) * columns[v][x]).sum();
        (coefficient / f64::from(steps[k])).round() as i32
    })
}

/// Value of the orthonormal cosine of frequency `u` at sample `x`.
pub fn basis(u: usize, x: usize) -> f64 {
    static BASIS: LazyLock<[[f64; 8]; 8]> = LazyLock::new(|| {
        let value = |u: usize, x: usize| {
            let norm = if u == 0 { (0.125f64).sqrt() } else { 0.5 };
            norm * ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos()
        };
        std::array::from_fn(|u| std::array::from_fn(|x| value(u, x)))
    });
    BASIS[u][x]
}
