//! All operations with the shapes and types of their operands.

mod convolutions;

use candle_core::{DType, Device, Result, Tensor};
use mbn_ops::optim::{AdamW, AveragedTensors, Sgd, StepTensors};
use mbn_ops::{BatchNorm, BatchStatistics, Conv3x3, FusedConv, LazyActivation};
use mbn_ops::{Normalization, ParameterGradients, Upstream};

pub const C: usize = 4;
/// A tensor that an operation takes: its name in messages, its shape, and the types that fit.
pub type Operand = (&'static str, &'static [usize], &'static [DType]);

/// An operation: its name, its operands, and a call with tensors for them. What it writes comes last.
pub struct Operation {
    pub name: &'static str,
    pub operands: Vec<Operand>,
    pub call: fn(&[Tensor]) -> Result<()>,
    /// How many of the last operands it writes.
    pub written: usize,
}

const FLOAT: &[DType] = &[DType::F32];
const CLASS: &[DType] = &[DType::U32];
/// The types of activations differ from what they are beside, so that the message may name either.
pub const ACTIVATION: &[DType] = &[DType::F32, DType::BF16];
const IMAGE: Operand = ("the image", &[2, 3, 8, 8], FLOAT);
const BIG: &[usize] = &[2, 8, 8, C];
const SMALL: &[usize] = &[2, 4, 4, C];
const STEM: Operand = ("weight", &[C, 3, 3, 3], FLOAT);
const DEPTHWISE: Operand = ("weight", &[C, 1, 3, 3], FLOAT);
const POINTWISE: Operand = ("weight", &[C, C, 1, 1], FLOAT);

fn conv() -> Conv3x3 {
    Conv3x3::symmetric(2)
}

/// A normalization, whose constants no caller can replace by another type.
fn normalization() -> Normalization {
    let one = |value: f32| Tensor::full(value, C, &Device::Cpu).unwrap();
    let statistics = BatchStatistics {
        mean: one(0.0),
        variance: one(1.0),
    };
    Normalization::new(&statistics, &one(1.0), &one(0.0), 1e-5, 6.0).unwrap()
}

fn lazy<'a>(raw: &'a Tensor, normalization: &'a Normalization) -> LazyActivation<'a> {
    LazyActivation { raw, normalization }
}

/// Calls `work` with an upstream of `[raw, gradient, gamma, beta]`.
fn with_upstream(t: &[Tensor], work: impl FnOnce(Upstream) -> Result<()>) -> Result<()> {
    let normalization = normalization();
    let parameters = ParameterGradients {
        gamma: t[2].clone(),
        beta: t[3].clone(),
    };
    work(Upstream {
        activation: lazy(&t[0], &normalization),
        gradient: &t[1],
        parameters: &parameters,
    })
}

/// Calls `work` with a batch norm of `[gamma, beta, mean, variance]`.
fn with_norm(
    t: &[Tensor],
    work: impl FnOnce(&BatchNorm, &mut BatchStatistics) -> Result<Normalization>,
) -> Result<()> {
    let norm = BatchNorm {
        gamma: &t[0],
        beta: &t[1],
        epsilon: 1e-5,
        max: 6.0,
        momentum: 0.1,
    };
    let mut running = BatchStatistics {
        mean: t[2].clone(),
        variance: t[3].clone(),
    };
    work(&norm, &mut running).map(drop)
}

fn fused(weight: &Tensor, bias: &Tensor) -> FusedConv {
    FusedConv {
        weight: weight.clone(),
        bias: bias.clone(),
        max: 6.0,
    }
}

const SGD: Sgd = Sgd {
    learning_rate: 0.1,
    momentum: 0.9,
    weight_decay: 0.0,
    nesterov: false,
};

pub const ADAMW: AdamW = AdamW {
    learning_rate: 0.1,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weight_decay: 0.0,
    step: 1,
};

pub fn entry(t: &[Tensor]) -> [StepTensors<'_>; 1] {
    [StepTensors {
        gradient: &t[0],
        parameter: &t[1],
        state: &t[2],
        decays: true,
    }]
}

fn upstream() -> Vec<Operand> {
    vec![
        ("the activation", SMALL, ACTIVATION),
        ("gradient", SMALL, ACTIVATION),
        ("gradient of gamma", &[C], FLOAT),
        ("gradient of beta", &[C], FLOAT),
    ]
}

fn norm() -> Vec<Operand> {
    vec![
        ("gamma", &[C], FLOAT),
        ("beta", &[C], FLOAT),
        ("the running mean", &[C], FLOAT),
        ("the running variance", &[C], FLOAT),
    ]
}

fn others() -> Vec<Operation> {
    let operation = |name, operands: &[Operand], written, call| Operation {
        name,
        operands: operands.to_vec(),
        call,
        written,
    };
    let step: [Operand; 3] = [
        ("the gradient", &[5, C], FLOAT),
        ("the parameter", &[5, C], FLOAT),
        ("the state", &[5, C], FLOAT),
    ];
    let adamw: [Operand; 3] = [step[0], step[1], ("the state", &[2, 5, C], FLOAT)];
    vec![
        operation(
            "global_average_pool",
            &[("the activation", SMALL, ACTIVATION)],
            0,
            |t| mbn_ops::global_average_pool(lazy(&t[0], &normalization())).map(drop),
        ),
        operation(
            "global_average_pool_stored",
            &[("the input", SMALL, FLOAT)],
            0,
            |t| mbn_ops::global_average_pool_stored(&t[0]).map(drop),
        ),
        operation(
            "global_average_pool_backward",
            &[
                ("the means' gradient", &[2, C], FLOAT),
                ("the activation", SMALL, ACTIVATION),
                ("the input's gradient", SMALL, ACTIVATION),
            ],
            1,
            |t| mbn_ops::global_average_pool_backward(&t[0], lazy(&t[1], &normalization()), &t[2]).map(drop),
        ),
        operation(
            "Normalization::new",
            &[
                ("mean", &[C], FLOAT),
                ("variance", &[C], FLOAT),
                ("gamma", &[C], FLOAT),
                ("beta", &[C], FLOAT),
            ],
            0,
            |t| {
                let statistics = BatchStatistics {
                    mean: t[0].clone(),
                    variance: t[1].clone(),
                };
                Normalization::new(&statistics, &t[2], &t[3], 1e-5, 6.0).map(drop)
            },
        ),
        operation(
            "BatchNorm::apply",
            &[norm(), vec![("mean", &[C], FLOAT), ("variance", &[C], FLOAT)]].concat(),
            0,
            |t| {
                let batch = BatchStatistics {
                    mean: t[4].clone(),
                    variance: t[5].clone(),
                };
                with_norm(t, |norm, running| norm.apply(&batch, 10, running))
            },
        ),
        operation(
            "stem_fused",
            &[IMAGE, STEM, ("bias", &[C], FLOAT), ("the result", SMALL, FLOAT)],
            1,
            |t| mbn_ops::stem_fused(&t[0], &fused(&t[1], &t[2]), conv(), &t[3]),
        ),
        operation(
            "separable_fused",
            &[
                ("the input", BIG, FLOAT),
                ("depthwise weight", &[C, 1, 3, 3], FLOAT),
                ("depthwise bias", &[C], FLOAT),
                ("pointwise weight", &[C, C, 1, 1], FLOAT),
                ("pointwise bias", &[C], FLOAT),
                ("the result", SMALL, FLOAT),
            ],
            1,
            |t| {
                let (first, second) = (fused(&t[1], &t[2]), fused(&t[3], &t[4]));
                mbn_ops::separable_fused(&t[0], &first, conv(), &second.into(), &t[5])
            },
        ),
        operation(
            "linear",
            &[
                ("the features", &[5, C], FLOAT),
                ("weight", &[3, C], FLOAT),
                ("bias", &[3], FLOAT),
            ],
            0,
            |t| mbn_ops::linear(&t[0], &t[1], &t[2]).map(drop),
        ),
        operation(
            "linear_backward",
            &[
                ("the result's gradient", &[5, 3], FLOAT),
                ("the features", &[5, C], FLOAT),
                ("weight", &[3, C], FLOAT),
            ],
            0,
            |t| mbn_ops::linear_backward(&t[0], &t[1], &t[2]).map(drop),
        ),
        operation(
            "tally",
            &[
                ("the loss", &[], FLOAT),
                ("the prediction", &[5], CLASS),
                ("the labels", &[5], CLASS),
                ("the sums", &[2], FLOAT),
            ],
            1,
            |t| mbn_ops::tally(&t[0], &t[1], &t[2], &t[3]),
        ),
        operation("Sgd::step", &step, 2, |t| SGD.step(&t[1], &t[2], &t[0])),
        operation("Sgd::step_all", &step, 2, |t| SGD.step_all(&entry(t))),
        operation("AdamW::step", &adamw, 2, |t| ADAMW.step(&t[1], &t[2], &t[0])),
        operation("AdamW::step_all", &adamw, 2, |t| ADAMW.step_all(&entry(t))),
        operation(
            "average_all",
            &[("the value", &[5, C], FLOAT), ("the average", &[5, C], FLOAT)],
            1,
            |t| {
                let pair = AveragedTensors {
                    value: &t[0],
                    average: &t[1],
                };
                mbn_ops::average_all(&[pair], 0.5)
            },
        ),
    ]
}

pub fn all() -> Vec<Operation> {
    convolutions::all().into_iter().chain(others()).collect()
}
