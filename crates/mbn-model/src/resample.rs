//! Resizing of square images that are tensors already.

use candle_core::{Device, Result, Tensor};

/// Resizes square images by a triangle filter whose width grows with the reduction, as Pillow's bilinear filter does, without
/// rounding to bytes.
pub(crate) struct Resample {
    from: usize,
    to: usize,
    /// What each pixel of an axis contributes to each of the result, `[from, to]`.
    weights: Tensor,
}

impl Resample {
    pub fn new(from: usize, to: usize, device: &Device) -> Result<Self> {
        Ok(Self {
            from,
            to,
            weights: Tensor::from_vec(weights(from, to), (from, to), device)?,
        })
    }

    /// Whether it resizes images of this size.
    pub fn takes(&self, size: usize) -> bool {
        self.from == size
    }

    /// Images `[N, C, from, from]` to `[N, C, to, to]`.
    pub fn apply(&self, images: &Tensor) -> Result<Tensor> {
        let Self { from, to, weights } = self;
        let (n, c, h, w) = images.dims4()?;
        if (h, w) != (*from, *from) {
            candle_core::bail!("images of {h} x {w} pixels, expected {from} x {from}");
        }
        // Two products: the columns shrink or grow, then the rows, which are columns of the transposed image.
        let columns = images
            .contiguous()?
            .reshape((n * c * from, *from))?
            .matmul(weights)?;
        let transposed = columns
            .reshape((n * c, *from, *to))?
            .transpose(1, 2)?
            .contiguous()?;
        let rows = transposed.reshape((n * c * to, *from))?.matmul(weights)?;
        let images = rows.reshape((n * c, *to, *to))?.transpose(1, 2)?.contiguous()?;
        images.reshape((n, c, *to, *to))
    }
}

/// `[from, to]`; the weights of a pixel of the result sum to 1.
fn weights(from: usize, to: usize) -> Vec<f32> {
    let scale = from as f64 / to as f64;
    let radius = scale.max(1.0);
    let mut weights = vec![0.0; from * to];
    for column in 0..to {
        let centre = (column as f64 + 0.5) * scale;
        let weight = |pixel: usize| (1.0 - ((pixel as f64 + 0.5 - centre) / radius).abs()).max(0.0);
        let sum: f64 = (0..from).map(weight).sum();
        for pixel in 0..from {
            weights[pixel * to + column] = (weight(pixel) / sum) as f32;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 3 x 3, 8 x 8 and 2 x 2 pixels that Pillow makes of [`picture`]:
    /// `Image.fromarray(a).resize((n, n), Image.Resampling.BILINEAR)` of the array in float32.
    const SHRUNK: [[f32; 3]; 3] = [
        [-0.408_163, -0.190_476, 0.377_551],
        [0.25, -0.456_79, -0.452_381],
        [-0.479_592, -0.198_413, -0.270_408],
    ];
    const GROWN: [[f32; 8]; 2] = [
        [
            -2.0, -1.234_375, -0.187_5, 0.437_5, 0.828_125, 0.984_375, 0.718_75, 0.5,
        ],
        [
            -0.578_125, -0.386_719, -0.160_156, -0.355_469, -0.204_102, 0.293_945, 0.370_117, 0.390_625,
        ],
    ];
    const HALVED: [[f32; 2]; 2] = [[-0.193_698, -0.193_182], [-0.132_748, -0.304_236]];

    /// 5 x 5 pixels, differently for every channel.
    fn picture(channel: usize) -> Vec<f32> {
        let pixel = |x: usize, y: usize| ((7 * x * x + 13 * y + 5 * x * y) % 17) as f32 / 4.0 - 2.0;
        let pixels = (0..25).map(|at| pixel(at % 5, at / 5));
        pixels.map(|pixel| pixel + channel as f32).collect()
    }

    #[test]
    fn agrees_with_pillow_on_every_channel() {
        let images =
            Tensor::from_vec((0..6).flat_map(picture).collect(), (2, 3, 5, 5), &Device::Cpu).unwrap();
        for (size, expected) in [
            (3, SHRUNK.as_flattened()),
            (8, GROWN.as_flattened()),
            (2, HALVED.as_flattened()),
        ] {
            let resized = Resample::new(5, size, &Device::Cpu)
                .unwrap()
                .apply(&images)
                .unwrap();
            assert_eq!(resized.dims(), [2, 3, size, size]);
            let values = resized.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (channel, values) in values.chunks_exact(size * size).enumerate() {
                for (found, expected) in values.iter().zip(expected) {
                    let expected = expected + channel as f32;
                    assert!(
                        (found - expected).abs() < 1e-5,
                        "{size}, channel {channel}: {found} {expected}"
                    );
                }
            }
        }
        assert!(Resample::new(4, 8, &Device::Cpu).unwrap().apply(&images).is_err());
    }
}
