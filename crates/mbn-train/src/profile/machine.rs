//! What the device of a run can do at most, measured.

use std::time::Instant;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};

/// Rows and columns of the matrices, and values of the copied tensor: more than a GPU's cache holds.
const SIDE: usize = 4096;
const COPIED: usize = 1 << 27;
/// The fastest of so many tries counts, after one that does not.
const TRIES: usize = 5;

/// Rates per second.
pub(crate) struct Machine {
    /// Multiplications and additions of matrix products.
    pub flops: f64,
    /// Bytes read and written by copies.
    pub bandwidth: f64,
}

impl Machine {
    /// Measures `device`, whose products are of values in this format.
    pub fn measure(device: &Device, format: DType) -> Result<Self> {
        if !device.is_cuda() {
            return Ok(Self {
                flops: mbn_ops::peak::product_flops(format),
                bandwidth: mbn_ops::peak::copy_bandwidth(),
            });
        }
        Self::with_candle(device, format, SIDE, COPIED)
    }

    /// By candle's products and copies.
    fn with_candle(device: &Device, format: DType, side: usize, copied: usize) -> Result<Self> {
        // A product of zeros costs a GPU less power, and so runs at a higher clock.
        let matrix = Tensor::randn(0f32, 1f32, (side, side), device)?.to_dtype(format)?;
        let values = Tensor::zeros(copied, DType::F32, device)?;
        let flops = 2.0 * (side as f64).powi(3);
        let bytes = 2.0 * (copied * DType::F32.size_in_bytes()) as f64;
        Ok(Self {
            flops: flops / shortest(device, || matrix.matmul(&matrix))?,
            bandwidth: bytes / shortest(device, || values.copy())?,
        })
    }
}

/// Seconds that `work` takes at least.
fn shortest(device: &Device, work: impl Fn() -> candle_core::Result<Tensor>) -> Result<f64> {
    let mut shortest = f64::INFINITY;
    for attempt in 0..=TRIES {
        device.synchronize()?;
        let start = Instant::now();
        // Freed only when all is done.
        let result = work()?;
        device.synchronize()?;
        let seconds = start.elapsed().as_secs_f64();
        drop(result);
        if attempt > 0 {
            shortest = shortest.min(seconds);
        }
    }
    Ok(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rate that forgot a factor of the work, or a unit, would be elsewhere.
    #[test]
    fn candles_rates_are_finite_and_of_the_right_size() {
        let machine = Machine::with_candle(&Device::Cpu, DType::F32, 256, 1 << 20).unwrap();
        let plausible = 1e8..1e14;
        assert!(plausible.contains(&machine.flops), "{}", machine.flops);
        assert!(plausible.contains(&machine.bandwidth), "{}", machine.bandwidth);
    }
}
