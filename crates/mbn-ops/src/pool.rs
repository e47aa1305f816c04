//! Global average pooling.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{DType, Result, Tensor};
use half::bf16;

use crate::cpu::normalization::AsStored;
use crate::cpu::pool as cpu;
use crate::double::{self, layer::Layer};
use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, expect_type, float_result, launch, parameter_type};
use crate::normalization::{Activation, ParameterGradients};
use crate::readers::ActivationReader;

/// Mean over height and width of the activation `input`: `[N, H, W, C]` to `[N, C]`, float32, or float64 where the
/// activation is.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn global_average_pool(input: Activation) -> Result<Tensor> {
    let (n, h, w, c) = input.check(Forward::NAME)?;
    let out = Tensor::zeros((n, c), parameter_type(input.raw.dtype()), input.raw.device())?;
    launch(
        &Forward {
            input,
            pixels: h * w,
            c,
        },
        &out,
    )?;
    Ok(out)
}

/// [`global_average_pool`] of stored values `x` `[N, H, W, C]`, float32 or float64, as in inference.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn global_average_pool_stored(x: &Tensor) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    let out = Tensor::zeros((n, c), parameter_type(x.dtype()), x.device())?;
    launch(&Stored { x, pixels: h * w, c }, &out)?;
    Ok(out)
}

/// The gradient of [`global_average_pool`]: given that of its result, `[N, C]`, writes to `out` the gradient of
/// batch norm's result in the layer before, in the shape and format of the input; returns those of that batch
/// norm's parameters.
///
/// # Errors
/// If shapes or formats do not fit, or a tensor is not contiguous.
pub fn global_average_pool_backward(
    gradient: &Tensor,
    input: Activation,
    out: &Tensor,
) -> Result<ParameterGradients> {
    let (n, h, w, c) = input.check(Backward::NAME)?;
    expect_shape(Backward::NAME, "the means' gradient", gradient, &[n, c])?;
    expect_shape(Backward::NAME, "the input's gradient", out, input.raw.dims())?;
    expect_type(Backward::NAME, out, input.raw.dtype())?;
    launch(
        &Backward {
            gradient,
            input,
            pixels: h * w,
        },
        out,
    )
}

struct Forward<'a> {
    input: Activation<'a>,
    pixels: usize,
    c: usize,
}

impl Forward<'_> {
    fn means<T: Element>(&self) -> Result<Vec<f32>> {
        let input = ActivationReader::new(Self::NAME, self.input)?;
        let raw = input.raw::<T>()?;
        let mut out = vec![0.0; raw.len() / self.pixels];
        cpu::forward(&mut out, raw, input.constants()?, self.pixels, self.c);
        Ok(out)
    }
}

impl Kernel for Forward<'_> {
    const NAME: &'static str = "global-average-pool";
    type Side = ();

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

    fn double(&self, out: &mut [f64]) -> Result<()> {
        let activated = Layer::new(Self::NAME, self.input)?.activated();
        double::layer::pool(out, &activated, self.pixels, self.c);
        Ok(())
    }
}

struct Stored<'a> {
    x: &'a Tensor,
    pixels: usize,
    c: usize,
}

impl Kernel for Stored<'_> {
    const NAME: &'static str = "global-average-pool-stored";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let x = Reader::new(Self::NAME, self.x)?;
        let out = float_result(Self::NAME, out)?;
        cpu::forward(out, x.values::<f32>()?, AsStored, self.pixels, self.c);
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        let x = double::values(Self::NAME, self.x)?;
        double::layer::pool(out, &x, self.pixels, self.c);
        Ok(())
    }
}

struct Backward<'a> {
    gradient: &'a Tensor,
    input: Activation<'a>,
    pixels: usize,
}

impl Kernel for Backward<'_> {
    const NAME: &'static str = "global-average-pool-backward";
    type Side = ParameterGradients;

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<ParameterGradients> {
        let input = ActivationReader::new(Self::NAME, self.input)?;
        let gradient = Reader::new(Self::NAME, self.gradient)?;
        let (constants, gradient) = (input.constants()?, gradient.values()?);
        let sums = cpu::backward(out, input.raw()?, constants, gradient, self.pixels);
        input.parameter_gradients(&sums)
    }

    fn double(&self, out: &mut [f64]) -> Result<ParameterGradients> {
        let gradient = double::values(Self::NAME, self.gradient)?;
        double::layer::pool_gradient(out, &gradient, self.pixels, self.input.raw.dims4()?.3);
        Layer::new(Self::NAME, self.input)?.before_activation(out)
    }
}
