//! Loss and accuracy of training steps, read from the device as seldom as it needs.

use anyhow::Result;
use candle_core::{D, DType, Device, Tensor};

/// Steps between readings on a device that works by itself: each waits for all that was asked of it.
const STEPS_BETWEEN_READINGS: usize = 16;

/// Sums over steps that have not been read yet.
pub(crate) struct Meter {
    every: usize,
    pending: Option<Sums>,
}

struct Sums {
    /// Losses times images, and images classified rightly, `[2]`.
    values: Tensor,
    images: usize,
    steps: usize,
}

/// What some steps came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Sum of the images' losses.
    pub loss: f64,
    /// Images that were classified rightly.
    pub right: usize,
    pub images: usize,
    /// How many steps it is of.
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

    /// A meter that is read after so many steps.
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

    /// The steps since the last reading, if there are enough of them.
    pub fn read_if_due(&mut self) -> Result<Option<Reading>> {
        match &self.pending {
            Some(sums) if sums.steps >= self.every => self.read(),
            _ => Ok(None),
        }
    }

    /// The steps since the last reading, if there are any. Waits for the device.
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
    fn the_cpu_is_read_at_every_step_and_a_loss_that_is_no_number_stays_one() {
        let mut meter = Meter::new(&Device::Cpu);
        step(&mut meter, f32::NAN, [1, 0, 1]);
        assert!(meter.read_if_due().unwrap().unwrap().loss.is_nan());
    }
}
