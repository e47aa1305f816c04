//! Loss and accuracy of training steps, read from the device as seldom as possible.

use candle_core::{DType, Device, Result, Tensor};
use mbn_ops::{CrossEntropy, tally};

/// Steps between readings on a GPU: each reading waits for the work that is queued there.
const STEPS_BETWEEN_READINGS: usize = 16;

/// Sums over the steps since the last reading.
pub struct Meter {
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
pub struct Reading {
    /// Sum of the images' losses.
    pub loss: f64,
    /// Number of images that were classified correctly.
    pub right: usize,
    /// Number of images.
    pub images: usize,
    /// Number of steps.
    pub steps: usize,
}

impl Meter {
    /// A meter whose reading is due after every step on the CPU, and after sixteen on a GPU.
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

    /// Steps from one reading to the next.
    pub fn steps_between_readings(&self) -> usize {
        self.every
    }

    /// Adds a step: its loss, and the labels `[N]` (U32) that its predictions are compared with.
    ///
    /// # Errors
    /// If the shapes do not fit or the device fails.
    pub fn add(&mut self, loss: &CrossEntropy, labels: &Tensor) -> Result<()> {
        let sums = match &mut self.pending {
            Some(sums) => sums,
            None => self.pending.insert(Sums {
                values: Tensor::zeros(2, DType::F32, labels.device())?,
                images: 0,
                steps: 0,
            }),
        };
        tally(&loss.mean, &loss.predicted, labels, &sums.values)?;
        sums.images += labels.elem_count();
        sums.steps += 1;
        Ok(())
    }

    /// A reading of the steps since the last one, if there are enough.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read_if_due(&mut self) -> Result<Option<Reading>> {
        match &self.pending {
            Some(sums) if sums.steps >= self.every => self.read(),
            _ => Ok(None),
        }
    }

    /// A reading of the steps since the last one, if there are any. Waits for the device.
    ///
    /// # Errors
    /// If the device fails.
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
        let loss = CrossEntropy {
            mean: Tensor::new(loss, &device).unwrap(),
            gradient: Tensor::zeros((3, 2), DType::F32, &device).unwrap(),
            predicted: Tensor::new(&[1u32, 0, 1], &device).unwrap(),
        };
        meter.add(&loss, &Tensor::new(&labels, &device).unwrap()).unwrap();
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
