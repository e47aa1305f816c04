//! Global average pooling.

use candle_core::{DType, Result, Tensor};
use half::bf16;

use super::kernel::{Kernel, Reader, float_result};
use super::readers::LazyActivationReader;
use crate::cpu::normalization::AsStored;
use crate::cpu::pool as cpu;
use crate::operands::checks::{expect_floats, expect_shape, expect_type};
use crate::operands::element::Element;
use crate::operands::layer::{LazyActivation, ParameterGradients};

/// Writes the means of an activation.
pub(crate) struct Forward<'a> {
    pub input: LazyActivation<'a>,
    pub pixels: usize,
    pub c: usize,
}

impl<'a> Forward<'a> {
    /// An error unless the activation fits; the images and channels of the result.
    pub fn new(input: LazyActivation<'a>) -> Result<(Self, [usize; 2])> {
        let (n, h, w, c) = input.check(Self::NAME)?;
        let pixels = h * w;
        Ok((Self { input, pixels, c }, [n, c]))
    }

    fn means<T: Element>(&self) -> Result<Vec<f32>> {
        let input = LazyActivationReader::new(Self::NAME, self.input)?;
        let raw = input.raw::<T>()?;
        let mut out = vec![0.0; raw.len() / self.pixels];
        cpu::forward(&mut out, raw, input.constants()?, self.pixels, self.c);
        Ok(out)
    }
}

impl Kernel for Forward<'_> {
    const NAME: &'static str = "global-average-pool";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        self.input.tensors().to_vec()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let means = match self.input.raw.dtype() {
            DType::BF16 => self.means::<bf16>()?,
            _ => self.means::<f32>()?,
        };
        out.iter_mut()
            .zip(means)
            .for_each(|(out, mean)| *out = T::from_f32(mean));
        Ok(())
    }
}

/// Writes the means of stored values.
pub(crate) struct Stored<'a> {
    pub x: &'a Tensor,
    pub pixels: usize,
    pub c: usize,
}

impl<'a> Stored<'a> {
    /// An error unless the values fit; the images and channels of the result.
    pub fn new(x: &'a Tensor) -> Result<(Self, [usize; 2])> {
        let (n, h, w, c) = x.dims4()?;
        expect_type(Self::NAME, "the input", x, DType::F32)?;
        Ok((Self { x, pixels: h * w, c }, [n, c]))
    }
}

impl Kernel for Stored<'_> {
    const NAME: &'static str = "global-average-pool-stored";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.x]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let x = Reader::new(Self::NAME, self.x)?;
        let out = float_result(Self::NAME, out)?;
        cpu::forward(out, x.values::<f32>()?, AsStored, self.pixels, self.c);
        Ok(())
    }
}

/// Writes the gradient of batch norm's result in the layer before.
pub(crate) struct Backward<'a> {
    pub gradient: &'a Tensor,
    pub input: LazyActivation<'a>,
    pub pixels: usize,
}

impl<'a> Backward<'a> {
    /// An error unless everything fits `out`.
    pub fn new(gradient: &'a Tensor, input: LazyActivation<'a>, out: &Tensor) -> Result<Self> {
        let (n, h, w, c) = input.check(Self::NAME)?;
        expect_floats(Self::NAME, &[("the means' gradient", gradient)], &[n, c])?;
        expect_shape(Self::NAME, "the input's gradient", out, input.raw.dims())?;
        expect_type(Self::NAME, "the input's gradient", out, input.raw.dtype())?;
        let pixels = h * w;
        Ok(Self {
            gradient,
            input,
            pixels,
        })
    }
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "global-average-pool-backward";
    type Side = ParameterGradients;

    fn inputs(&self) -> Vec<&Tensor> {
        let input = self.input.tensors();
        input.into_iter().chain([self.gradient]).collect()
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<ParameterGradients> {
        let input = LazyActivationReader::new(Self::NAME, self.input)?;
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let (constants, gradient) = (input.constants()?, gradient.values()?);
        let sums = cpu::backward(out, input.raw()?, constants, gradient, self.pixels);
        input.parameter_gradients(&sums)
    }
}
