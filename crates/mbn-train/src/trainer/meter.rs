//! Loss and accuracy of training steps, read from the device as seldom as possible.

use anyhow::Result;
use candle_core::{D, DType, Device, Tensor};

/// Steps between readings on a GPU: each reading waits for the work that is queued there.
const STEPS_BETWEEN_READINGS: usize = 16;

/// Sums over the steps since the last reading.
pub(crate) struct Meter {
    every: usize,
    pending: Option<Sums>,
}

struct Sums {
    /// Sum of the losses, and number of images classified correctly, `[2]`.
    values: Tensor,
    images: usize,
    steps: usize,
}

/// Sums over some steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Sum of the images' losses.
    pub loss: f64,
    /// Number of images that were classified correctly.
    pub right: usize,
    pub images: usize,
    /// Number of steps.
    pub steps: usize,
}

impl Meter {
    pub fn new(device: &Device) -> Self {
        Self::every(if device.is_cuda() {
            STEPS_BETWEEN_READINGS
        } else {
            1
        })
    }

    /// A meter with a reading due every `steps` steps.
    pub fn every(steps: usize) -> Self {
        Self {
            every: steps,
            pending: None,
        }
    }

    /// Adds a step: its mean loss, logits `[N, K]` and labels `[N]`.
    pub fn add(&mut self, loss: &Tensor, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let n = labels.elem_count();
        let right = logits.argmax(D::Minus1)?.eq(labels)?.to_dtype(DType::F32)?;
        let loss = (loss.detach() * n as f64)?;
        let values = Tensor::stack(&[loss, right.sum_all()?], 0)?;
        self.pending = Some(match self.pending.take() {
            None => Sums {
                values,
                images: n,
                steps: 1,
            },
            Some(sums) => Sums {
                values: (sums.values + values)?,
                images: sums.images + n,
                steps: sums.steps + 1,
            },
        });
        Ok(())
    }

    /// A reading of the steps since the last one, if there are enough.
    pub fn read_if_due(&mut self) -> Result<Option<Reading>> {
        match &self.pending {
            Some(sums) if sums.steps >= self.every => self.read(),
            _ => Ok(None),
        }
    }

    /// A reading of the steps since the last one, if there are any. Waits for the device.
    pub fn read(&mut self) -> Result<Option<Reading>> {
        let Some(sums) = self.pending.take() else {
            return Ok(None);
        };
        let values = sums.values.to_vec1::<f32>()?;
        Ok(Some(Reading {
            loss: values[0].into(),
            right: values[1] as usize,
            images: sums.images,
            steps: sums.steps,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(meter: &mut Meter, loss: f32, labels: [u32; 3]) {
        let device = Device::Cpu;
        let logits = Tensor::new(&[[0f32, 1.0], [2.0, 1.0], [0.0, 0.5]], &device).unwrap();
        let labels = Tensor::new(&labels, &device).unwrap();
        let loss = Tensor::new(loss, &device).unwrap();
        meter.add(&loss, &logits, &labels).unwrap();
    }

    #[test]
    fn readings_are_sums_since_the_last_one() {
        let mut meter = Meter::every(2);
        step(&mut meter, 0.5, [1, 0, 1]);
        assert_eq!(meter.read_if_due().unwrap(), None);
        step(&mut meter, 1.5, [1, 1, 0]);
        let expected = Reading {
            loss: 6.0,
            right: 4,
            images: 6,
            steps: 2,
        };
        assert_eq!(meter.read_if_due().unwrap(), Some(expected));
        assert_eq!(meter.read().unwrap(), None);
        step(&mut meter, 0.25, [0, 1, 0]);
        let rest = meter.read().unwrap().unwrap();
        assert_eq!((rest.loss, rest.right, rest.images), (0.75, 0, 3));
    }

    #[test]
    fn the_cpu_is_read_after_every_step_and_nan_stays_nan() {
        let mut meter = Meter::new(&Device::Cpu);
        step(&mut meter, f32::NAN, [1, 0, 1]);
        assert!(meter.read_if_due().unwrap().unwrap().loss.is_nan());
    }
}
