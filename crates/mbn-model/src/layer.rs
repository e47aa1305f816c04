//! One convolution of the network that trains, with its batch norm.

use candle_core::{Result, Tensor};
use mbn_ops::{
    BatchNorm, BatchStatistics, Conv3x3, LazyActivation, Normalization, ParameterGradients, SumOverRanks,
    Upstream,
};
use mbn_ops::{depthwise, depthwise_backward, depthwise_normalized, pointwise, pointwise_backward};
use mbn_ops::{pointwise_normalized, stem, stem_backward, stem_normalized};
use mbn_spec::{ConvLayer, LayerKind, Variant};

use crate::parameters::{Parameter, conv3x3};
use crate::pass::{Gradients, Record};

/// Weight of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// A convolution and its batch norm.
pub(crate) struct Layer {
    pub spec: ConvLayer,
    pub variant: Variant,
    pub weight: Parameter,
    pub gamma: Parameter,
    pub beta: Parameter,
    pub running: BatchStatistics,
    pub batches: i64,
}

/// What a layer reads.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    /// `[N, 3, H, W]`, for the first layer.
    Image(&'a Tensor),
    /// The activation of the layer before.
    Activation(LazyActivation<'a>),
}

/// Where the statistics of a batch norm come from.
#[derive(Clone, Copy)]
pub(crate) enum Mode<'a> {
    /// From the batch, which enters the running ones; with ranks, from the batch of all of them.
    Train(Option<&'a dyn SumOverRanks>),
    /// The running ones.
    Evaluate,
    /// From the batch, which replaces the running ones.
    Measure,
}

impl Input<'_> {
    /// Number of images, and height and width.
    fn sizes(self) -> Result<(usize, [usize; 2])> {
        let (n, h, w) = match self {
            Self::Image(image) => {
                let (n, _, h, w) = image.dims4()?;
                (n, h, w)
            }
            Self::Activation(activation) => {
                let (n, h, w, _) = activation.raw.dims4()?;
                (n, h, w)
            }
        };
        Ok((n, [h, w]))
    }
}

impl Layer {
    /// Shape of the result for an input of shape `[N, C, H, W]` (images) or `[N, H, W, C]`.
    pub fn out_shape(&self, input: Input) -> Result<(usize, usize, usize, usize)> {
        let (n, [h, w]) = input.sizes()?;
        let c = self.spec.out_channels;
        if self.spec.kind == LayerKind::Pointwise {
            return Ok((n, h, w, c));
        }
        let conv = self.conv(input)?;
        Ok((n, conv.out_size(h)?, conv.out_size(w)?, c))
    }

    /// Stride and padding for this input.
    fn conv(&self, input: Input) -> Result<Conv3x3> {
        conv3x3(&self.spec, &self.variant, input.sizes()?.1)
    }

    /// Writes the convolution's result to `out`.
    pub fn forward(&mut self, input: Input, out: Tensor, mode: Mode) -> Result<Record> {
        let normalization = match mode {
            Mode::Train(ranks) => {
                self.batches += 1;
                self.forward_train(input, &out, ranks)?
            }
            Mode::Measure => {
                let batch = self.convolve(input, &out)?;
                self.running = batch.unbiased(self.rows(&out))?;
                self.batches = 1;
                self.normalization(&self.running)?
            }
            Mode::Evaluate => {
                self.convolve(input, &out)?;
                self.normalization(&self.running)?
            }
        };
        Ok(Record {
            normalization,
            raw: out,
        })
    }

    /// The convolution with the batch norm after it, whose statistics enter the running ones.
    fn forward_train(
        &mut self,
        input: Input,
        out: &Tensor,
        ranks: Option<&dyn SumOverRanks>,
    ) -> Result<Normalization> {
        let shared = match ranks {
            Some(ranks) => Some(self.convolve(input, out)?.over_ranks(self.rows(out), ranks)?),
            None => None,
        };
        let norm = BatchNorm {
            gamma: self.gamma.tensor(),
            beta: self.beta.tensor(),
            epsilon: self.variant.batch_norm_epsilon,
            max: self.variant.activation.max(),
            momentum: MOMENTUM,
        };
        if let Some((batch, rows)) = shared {
            return norm.apply(&batch, rows, &mut self.running);
        }
        let conv = self.conv(input)?;
        let (weight, running) = (self.weight.tensor(), &mut self.running);
        match (input, self.spec.kind) {
            (Input::Image(image), _) => stem_normalized(image, weight, conv, &norm, running, out),
            (Input::Activation(x), LayerKind::Pointwise) => {
                pointwise_normalized(x, weight, &norm, running, out)
            }
            (Input::Activation(x), _) => depthwise_normalized(x, weight, conv, &norm, running, out),
        }
    }

    /// Number of values in each channel of the convolution's result.
    pub fn rows(&self, out: &Tensor) -> usize {
        out.elem_count() / self.spec.out_channels
    }

    fn convolve(&self, input: Input, out: &Tensor) -> Result<BatchStatistics> {
        let weight = self.weight.tensor();
        let conv = self.conv(input)?;
        match (input, self.spec.kind) {
            (Input::Image(image), _) => stem(image, weight, conv, out),
            (Input::Activation(x), LayerKind::Pointwise) => pointwise(x, weight, out),
            (Input::Activation(x), _) => depthwise(x, weight, conv, out),
        }
    }

    /// Batch norm and activation with the given statistics.
    fn normalization(&self, statistics: &BatchStatistics) -> Result<Normalization> {
        let (epsilon, max) = (self.variant.batch_norm_epsilon, self.variant.activation.max());
        Normalization::new(statistics, self.gamma.tensor(), self.beta.tensor(), epsilon, max)
    }

    /// Inserts the gradients of batch norm's parameters.
    pub fn insert_normalization(&self, parameters: &ParameterGradients, gradients: &mut Gradients) {
        gradients.insert(&self.gamma, parameters.gamma.clone());
        gradients.insert(&self.beta, parameters.beta.clone());
    }

    /// Inserts the gradient of the convolution's weight. For all layers but the first writes to `out` the gradient
    /// of batch norm's result in the layer before, and returns the gradients of that batch norm's parameters.
    pub fn backward(
        &self,
        input: Input,
        upstream: Upstream,
        out: Option<&Tensor>,
        gradients: &mut Gradients,
    ) -> Result<Option<ParameterGradients>> {
        let weight = self.weight.tensor();
        let conv = self.conv(input)?;
        let (dw, before) = match (input, out, self.spec.kind) {
            (Input::Activation(x), Some(out), LayerKind::Pointwise) => {
                let (dw, before) = pointwise_backward(upstream, x, weight, out)?;
                (dw, Some(before))
            }
            (Input::Activation(x), Some(out), _) => {
                let (dw, before) = depthwise_backward(upstream, x, weight, conv, out)?;
                (dw, Some(before))
            }
            (Input::Image(image), ..) => (stem_backward(upstream, image, weight, conv)?, None),
            (Input::Activation(_), None, _) => {
                candle_core::bail!("only the first layer's input needs no gradient")
            }
        };
        gradients.insert(&self.weight, dw);
        Ok(before)
    }
}
