//! Time of each operation, forward and backward, float32 and bfloat16, at sizes from the network's beginning, middle
//! and end (alpha 1, images of 224 x 224), and of the first convolution at alpha 0.25 too.

use candle_core::{DType, Device, Result, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbn_ops::{BatchStatistics, Conv3x3, LazyActivation, Normalization, ParameterGradients, Upstream};
use mbn_ops::{depthwise, depthwise_backward, pointwise, pointwise_backward, stem, stem_backward};

const BATCH: usize = 8;
const EPSILON: f64 = 1e-5;
/// Height and width, input and output channels of pointwise convolutions.
const POINTWISE: [(usize, usize, usize); 3] = [(112, 32, 64), (14, 512, 512), (7, 1024, 1024)];
/// Output channels of the convolution on the image, at alpha 1 and 0.25.
const STEM: [usize; 2] = [32, 8];
/// Height and width, channels and stride of depthwise convolutions.
const DEPTHWISE: [(usize, usize, usize); 3] = [(112, 64, 2), (14, 512, 1), (7, 1024, 1)];

/// A layer's result of noise, with batch norm and activation.
struct Layer {
    raw: Tensor,
    gradient: Tensor,
    normalization: Normalization,
    parameters: ParameterGradients,
}

impl Layer {
    fn new(size: usize, channels: usize, dtype: DType) -> Result<Self> {
        let device = Device::Cpu;
        let noise = || Tensor::randn(0f32, 1f32, (BATCH, size, size, channels), &device)?.to_dtype(dtype);
        let constant = |value: f32| Tensor::full(value, channels, &device);
        let statistics = BatchStatistics {
            mean: constant(0.0)?,
            variance: constant(1.0)?,
        };
        Ok(Self {
            raw: noise()?,
            gradient: noise()?,
            normalization: Normalization::new(
                &statistics,
                &constant(1.0)?,
                &constant(0.1)?,
                EPSILON,
                f32::INFINITY,
            )?,
            parameters: ParameterGradients {
                gamma: constant(0.1)?,
                beta: constant(0.1)?,
            },
        })
    }

    fn activation(&self) -> LazyActivation<'_> {
        LazyActivation {
            raw: &self.raw,
            normalization: &self.normalization,
        }
    }

    fn upstream(&self) -> Upstream<'_> {
        Upstream {
            activation: self.activation(),
            gradient: &self.gradient,
            parameters: &self.parameters,
        }
    }
}

fn noise(shape: &[usize]) -> Result<Tensor> {
    Tensor::randn(0f32, 0.1f32, shape, &Device::Cpu)
}

/// `run` in a group of its own; the throughput is that of multiply-adds.
fn bench(c: &mut Criterion, name: &str, multiply_adds: usize, mut run: impl FnMut() -> Result<()>) {
    let mut group = c.benchmark_group("operations");
    group.sample_size(10);
    group.throughput(Throughput::Elements(multiply_adds as u64));
    group.bench_function(name, |b| b.iter(|| run().expect("an operation")));
    group.finish();
}

fn operations(c: &mut Criterion) {
    for dtype in [DType::F32, DType::BF16] {
        operations_in(c, dtype).expect("shapes that fit");
    }
}

fn operations_in(c: &mut Criterion, dtype: DType) -> Result<()> {
    let format = dtype.as_str();
    for (size, cin, cout) in POINTWISE {
        let (input, above) = (Layer::new(size, cin, dtype)?, Layer::new(size, cout, dtype)?);
        let (weight, din) = (noise(&[cout, cin, 1, 1])?, input.raw.zeros_like()?);
        let products = BATCH * size * size * cin * cout;
        let title = format!("pointwise {size}x{size} {cin} to {cout} {format}");
        let out = above.raw.zeros_like()?;
        bench(c, &format!("{title} forward"), products, || {
            pointwise(input.activation(), &weight, &out).map(drop)
        });
        bench(c, &format!("{title} backward"), 2 * products, || {
            pointwise_backward(above.upstream(), input.activation(), &weight, &din).map(drop)
        });
    }
    for (size, channels, stride) in DEPTHWISE {
        let conv = Conv3x3::symmetric(stride);
        let out_size = conv.out_size(size)?;
        let (input, above) = (
            Layer::new(size, channels, dtype)?,
            Layer::new(out_size, channels, dtype)?,
        );
        let (weight, din) = (noise(&[channels, 1, 3, 3])?, input.raw.zeros_like()?);
        let products = BATCH * out_size * out_size * channels * 9;
        let title = format!("depthwise {size}x{size} {channels} stride {stride} {format}");
        let out = above.raw.zeros_like()?;
        bench(c, &format!("{title} forward"), products, || {
            depthwise(input.activation(), &weight, conv, &out).map(drop)
        });
        bench(c, &format!("{title} backward"), 2 * products, || {
            depthwise_backward(above.upstream(), input.activation(), &weight, conv, &din).map(drop)
        });
    }
    let conv = Conv3x3::symmetric(2);
    let image = noise(&[BATCH, 3, 224, 224])?;
    for channels in STEM {
        let (weight, above) = (noise(&[channels, 3, 3, 3])?, Layer::new(112, channels, dtype)?);
        let products = BATCH * 112 * 112 * channels * 27;
        let title = format!("stem {channels} {format}");
        let out = above.raw.zeros_like()?;
        bench(c, &format!("{title} forward"), products, || {
            stem(&image, &weight, conv, &out).map(drop)
        });
        bench(c, &format!("{title} backward"), products, || {
            stem_backward(above.upstream(), &image, &weight, conv).map(drop)
        });
    }
    Ok(())
}

criterion_group!(benches, operations);
criterion_main!(benches);
