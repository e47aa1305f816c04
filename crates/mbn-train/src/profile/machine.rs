//! The peak rates of a device, measured.

use std::time::Instant;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};

/// Rows and columns of the matrices, and values of the copied tensor; more than the cache of a GPU holds.
const SIDE: usize = 4096;
const COPIED: usize = 1 << 27;
/// The fastest of these tries counts, after one to warm up.
const TRIES: usize = 5;

/// Rates per second.
pub(crate) struct Machine {
    /// Multiplications and additions of matrix products.
    pub flops: f64,
    /// Bytes read and written by copies.
    pub bandwidth: f64,
}

impl Machine {
    /// Measures `device` with products of values in this format.
    pub fn measure(device: &Device, format: DType) -> Result<Self> {
        if !device.is_cuda() {
            return Ok(Self {
                flops: mbn_ops::peak::product_flops(format),
                bandwidth: mbn_ops::peak::copy_bandwidth(),
            });
        }
        Self::with_candle(device, format, SIDE, COPIED)
    }

    /// Measures with candle's products and copies.
    fn with_candle(device: &Device, format: DType, side: usize, copied: usize) -> Result<Self> {
        // Products of zeros cost a GPU less power, so that it would run at a higher clock.
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

/// The shortest time of `work`, in seconds.
fn shortest(device: &Device, work: impl Fn() -> candle_core::Result<Tensor>) -> Result<f64> {
    let mut shortest = f64::INFINITY;
    for attempt in 0..=TRIES {
        device.synchronize()?;
        let start = Instant::now();
        // Freed after the measurement.
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

    /// A rate that lacks a factor of the work, or has another unit, is outside this range.
    #[test]
    fn candles_rates_are_finite_and_of_the_right_size() {
        let machine = Machine::with_candle(&Device::Cpu, DType::F32, 256, 1 << 20).unwrap();
        let plausible = 1e8..1e14;
        assert!(plausible.contains(&machine.flops), "{}", machine.flops);
        assert!(plausible.contains(&machine.bandwidth), "{}", machine.bandwidth);
    }
}
