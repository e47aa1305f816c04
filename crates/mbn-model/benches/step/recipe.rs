//! The whole step of `mbn-train`'s default recipe.

use candle_core::{Device, Result, Tensor};
use mbn_model::{Decayed, Meter, Network, Optimizer, OptimizerKind, WeightAverage, cross_entropy};
use mbn_weights::Weights;

use crate::options::Options;

const RATE: f64 = 0.05;
const SMOOTHING: f64 = 0.1;
const DECAY: f64 = 0.999;

/// A run that repeats its batch.
pub struct Recipe {
    network: Network,
    optimizer: Optimizer,
    average: WeightAverage,
    pub meter: Meter,
    feed: Feed,
}

/// Where batches come from.
enum Feed {
    /// From the computer's memory, where the CPU uses them as they are.
    Ready(Tensor, Tensor),
    /// From decoded pictures, which the device resizes.
    #[cfg(feature = "cuda")]
    Upload(uploads::Uploads),
}

impl Recipe {
    /// A run with a batch of `images` and `labels`; a GPU gets pictures of noise instead.
    pub fn new(weights: &Weights, options: &Options, images: &Tensor, labels: &[u32]) -> Result<Self> {
        let device = images.device();
        let mut network = Network::from_weights(weights, device)?;
        network.set_activation_type(options.precision.activation_type());
        let sgd = OptimizerKind::Sgd {
            momentum: 0.9,
            nesterov: true,
        };
        Ok(Self {
            optimizer: Optimizer::new(sgd, 1e-4, Decayed::Weights),
            average: WeightAverage::new(&network, DECAY)?,
            meter: Meter::new(device),
            network,
            feed: Feed::new(device, options.size, images, labels)?,
        })
    }

    /// A step from the upload to the meter.
    pub fn step(&mut self) -> Result<()> {
        let (images, labels) = self.feed.batch()?;
        let pass = self.network.forward_train(&images)?;
        let loss = cross_entropy(pass.logits(), &labels, SMOOTHING)?;
        self.meter.add(&loss, &labels)?;
        self.meter.read_if_due()?;
        let gradients = self.network.backward(pass, &loss)?;
        self.optimizer
            .step(self.network.trainable_parameters(), &gradients, RATE)?;
        self.average.update(&self.network, self.optimizer.state().steps)
    }
}

impl Feed {
    fn new(device: &Device, size: usize, images: &Tensor, labels: &[u32]) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if device.is_cuda() {
            return Ok(Self::Upload(uploads::Uploads::new(device, size, labels)?));
        }
        let _ = size;
        Ok(Self::Ready(images.clone(), Tensor::new(labels, device)?))
    }

    fn batch(&mut self) -> Result<(Tensor, Tensor)> {
        match self {
            Self::Ready(images, labels) => Ok((images.clone(), labels.clone())),
            #[cfg(feature = "cuda")]
            Self::Upload(uploads) => uploads.batch(),
        }
    }
}

#[cfg(feature = "cuda")]
mod uploads {
    use candle_core::{Device, Result, Tensor};
    use mbn_ops::{Filter, Picture, Uploader};
    use mbn_spec::Preprocess;

    /// Height and width of decoded pictures, as a multiple of those of the network's input: crops are of that order.
    const LARGER: usize = 2;
    const TAPS: usize = 2;
    const SHIFT: u32 = 14;

    /// Decoded pictures on their way to the device.
    pub struct Uploads {
        uploader: Uploader,
        size: usize,
        labels: Vec<u32>,
        /// `[N, side, side, 3]`
        pixels: Vec<u8>,
        /// The filter of both axes: the mean of two pixels.
        starts: Vec<u32>,
        weights: Vec<i16>,
    }

    impl Uploads {
        pub fn new(device: &Device, size: usize, labels: &[u32]) -> Result<Self> {
            let len = labels.len() * (LARGER * size).pow(2) * 3;
            let noise = |i: usize| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8;
            Ok(Self {
                uploader: Uploader::new(device)?,
                size,
                labels: labels.to_vec(),
                pixels: (0..len).map(noise).collect(),
                starts: (0..size).map(|i| (LARGER * i) as u32).collect(),
                weights: vec![1 << (SHIFT - 1); TAPS * size],
            })
        }

        pub fn batch(&mut self) -> Result<(Tensor, Tensor)> {
            let side = LARGER * self.size;
            let filter = Filter {
                taps: TAPS,
                shift: SHIFT,
                starts: &self.starts,
                weights: &self.weights,
            };
            let picture = |pixels| Picture {
                pixels,
                height: side,
                width: side,
                rows: filter,
                columns: filter,
                is_mirrored: false,
            };
            let pictures: Vec<_> = self.pixels.chunks_exact(side * side * 3).map(picture).collect();
            let Preprocess { mean, std, .. } = Preprocess::default();
            self.uploader
                .upload(&pictures, &self.labels, self.size, mean, std)
        }
    }
}
