//! Batch norm over parts of a batch, against the operations on the whole batch and against naive loops in float64.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{Device, Result, Tensor, bail};
use common::{EPSILON, Layer, doubles, noise, tensor};
use mbn_ops::{BatchNorm, BatchStatistics, Conv3x3, LazyActivation, Normalization, ParameterGradients};
use mbn_ops::{SumOverRanks, Upstream, depthwise, depthwise_backward, global_average_pool_backward};
use mbn_ops::{pointwise, pointwise_backward, summed_over_ranks};
use mbn_testing::float64::{self, widen};
use mbn_testing::{Tolerance, assert_close};

/// Adds up what every rank brings.
#[derive(Default)]
struct Collected(RefCell<Vec<f64>>);

impl SumOverRanks for Collected {
    fn sum(&self, values: &mut [f64]) -> Result<()> {
        let mut sums = self.0.borrow_mut();
        sums.resize(values.len(), 0.0);
        sums.iter_mut()
            .zip(values)
            .for_each(|(sum, value)| *sum += *value);
        Ok(())
    }
}

/// Gives every rank the sums.
struct Given(Vec<f64>);

impl SumOverRanks for Given {
    fn sum(&self, values: &mut [f64]) -> Result<()> {
        values.copy_from_slice(&self.0);
        Ok(())
    }
}

/// What each of the `ranks` makes with one sum over all of them.
fn together<R, T>(ranks: &[R], channels: usize, work: impl Fn(&R, &dyn SumOverRanks) -> T) -> Vec<T> {
    let collected = Collected::default();
    ranks.iter().for_each(|rank| drop(work(rank, &collected)));
    let sums = collected.0.into_inner();
    assert_eq!(sums.len(), summed_over_ranks(channels));
    let given = Given(sums);
    ranks.iter().map(|rank| work(rank, &given)).collect()
}

fn vector(values: &[f64]) -> Tensor {
    let values: Vec<_> = values.iter().map(|value| *value as f32).collect();
    Tensor::new(values, &Device::Cpu).unwrap()
}

fn statistics(rows: &[f32], c: usize) -> BatchStatistics {
    let found = float64::statistics(&widen(rows), c);
    BatchStatistics {
        mean: vector(&found.mean),
        variance: vector(&found.variance),
    }
}

/// Rows of the ranks' parts.
const ROWS: [usize; 4] = [1, 7, 250, 40];

/// Channels with a mean far from zero for their deviation, without any deviation, and parts that differ from each other.
#[test]
fn statistics_are_those_of_a_naive_loop_over_all_rows() {
    const MEANS: [f32; 4] = [0.0, 1e4, -300.0, 0.7];
    const DEVIATIONS: [f32; 4] = [1.0, 1.0, 1e-2, 0.0];
    let c = MEANS.len();
    let parts: Vec<Vec<f32>> = ROWS
        .into_iter()
        .enumerate()
        .map(|(rank, rows)| {
            let value = |(i, noise): (usize, f32)| MEANS[i % c] + DEVIATIONS[i % c] * (noise + rank as f32);
            noise(rank as u64, rows * c)
                .into_iter()
                .enumerate()
                .map(value)
                .collect()
        })
        .collect();
    let all = float64::statistics(&widen(&parts.concat()), c);
    let found = together(&parts, c, |part, ranks| {
        statistics(part, c).over_ranks(part.len() / c, ranks).unwrap()
    });
    for (found, rows) in found {
        assert_eq!(rows, ROWS.iter().sum::<usize>());
        for (i, (found, expected)) in doubles(&found.mean).into_iter().zip(&all.mean).enumerate() {
            assert!(
                (found - expected).abs() <= 1.2e-7 * expected.abs().max(1.0),
                "mean {i}: {found} {expected}"
            );
        }
        for (i, (found, expected)) in doubles(&found.variance)
            .into_iter()
            .zip(&all.variance)
            .enumerate()
        {
            // The means of the parts are rounded to float32, here by up to a five hundredth of a deviation. Squares in float32 would
            // lose the variance.
            assert!(
                (found - expected).abs() <= 1e-2 * expected + 1e-12,
                "variance {i}: {found} {expected}"
            );
        }
    }
}

/// Shares of the ranks' parts in the loss, which need not follow their sizes.
const WEIGHTS: [f64; 4] = [0.5, 7.0, 200.0, 90.0];

/// A gradient of the whole batch's loss as a gradient of the loss of a rank's part.
fn of_part(rank: usize) -> f64 {
    WEIGHTS.iter().sum::<f64>() / WEIGHTS[rank]
}

/// The gradient of batch norm's input, by the formula of Ioffe and Szegedy in float64.
#[test]
fn input_gradients_are_those_of_a_naive_loop_over_all_rows() {
    let c = 5;
    let random = |seed, len| widen(&noise(seed, len));
    let all = ROWS.iter().sum::<usize>() * c;
    let (x, mut dy) = (random(3, all), random(4, all));
    let of_all = float64::statistics(&x, c);
    let layer = float64::Layer::new(&of_all, &random(1, c), &random(2, c), EPSILON, 1.0);
    let (dgamma, dbeta) = layer.before_activation(&mut dy, &x);
    let expected = layer.input_gradient(&dy, &x, &dgamma, &dbeta);

    let mut start = 0;
    let parts: Vec<_> = ROWS
        .into_iter()
        .enumerate()
        .map(|(rank, rows)| {
            let range = start..start + rows * c;
            start = range.end;
            (rank, range)
        })
        .collect();
    let of = |rank: usize, range: &Range<usize>| -> (Vec<f64>, ParameterGradients) {
        let mut dy: Vec<_> = dy[range.clone()].iter().map(|dy| dy * of_part(rank)).collect();
        let (gamma, beta) = layer.before_activation(&mut dy, &x[range.clone()]);
        let (gamma, beta) = (vector(&gamma), vector(&beta));
        (dy, ParameterGradients { gamma, beta })
    };
    let found = together(&parts, c, |(rank, range), ranks| {
        let (dy, parameters) = of(*rank, range);
        let shared = parameters.over_ranks(ROWS[*rank], WEIGHTS[*rank], ranks).unwrap();
        let (gamma, beta) = (doubles(&shared.gamma), doubles(&shared.beta));
        let found = layer.input_gradient(&dy, &x[range.clone()], &gamma, &beta);
        found
            .into_iter()
            .map(|found| found / of_part(*rank))
            .collect::<Vec<_>>()
    });
    assert_close("input", &found.concat(), &expected, Tolerance::CLOSE);
}

/// A layer that reads an activation, in training, with the pooling after it: all that passes between ranks.
struct Block {
    weight: Tensor,
    conv: Option<Conv3x3>,
    gamma: Tensor,
    beta: Tensor,
}

/// A rank's way through a [`Block`].
struct Passed {
    raw: Tensor,
    normalization: Normalization,
    running: BatchStatistics,
}

impl Block {
    fn convolve(&self, input: LazyActivation) -> (Tensor, BatchStatistics) {
        let (n, h, w, c) = input.raw.dims4().unwrap();
        let out = |h, w| Tensor::full(7f32, (n, h, w, c), &Device::Cpu).unwrap();
        match self.conv {
            Some(conv) => {
                let out = out(conv.out_size(h).unwrap(), conv.out_size(w).unwrap());
                let statistics = depthwise(input, &self.weight, conv, &out).unwrap();
                (out, statistics)
            }
            None => {
                let out = out(h, w);
                let statistics = pointwise(input, &self.weight, &out).unwrap();
                (out, statistics)
            }
        }
    }

    fn forward(&self, input: LazyActivation, ranks: Option<&dyn SumOverRanks>) -> Passed {
        let (raw, mut batch) = self.convolve(input);
        let c = self.gamma.elem_count();
        let mut rows = raw.elem_count() / c;
        if let Some(ranks) = ranks {
            (batch, rows) = batch.over_ranks(rows, ranks).unwrap();
        }
        let norm = BatchNorm {
            gamma: &self.gamma,
            beta: &self.beta,
            epsilon: EPSILON,
            max: 1.0,
            momentum: 0.1,
        };
        let mut running = BatchStatistics {
            mean: tensor(8, &[c]),
            variance: tensor(9, &[c]),
        };
        let normalization = norm.apply(&batch, rows, &mut running).unwrap();
        Passed {
            raw,
            normalization,
            running,
        }
    }

    /// The gradients of the weight and of the parameters of both batch norms, and that of the input.
    fn backward(
        &self,
        input: LazyActivation,
        passed: &Passed,
        gradient: &Tensor,
        share: impl Fn(&ParameterGradients, usize) -> ParameterGradients,
    ) -> (Vec<Vec<f64>>, Vec<f64>) {
        let activation = LazyActivation {
            raw: &passed.raw,
            normalization: &passed.normalization,
        };
        let before = passed.raw.zeros_like().unwrap();
        let own = global_average_pool_backward(gradient, activation, &before).unwrap();
        let upstream = Upstream {
            activation,
            gradient: &before,
            parameters: &share(&own, passed.raw.elem_count() / self.gamma.elem_count()),
        };
        let out = input.raw.zeros_like().unwrap();
        let (dw, below) = match self.conv {
            Some(conv) => depthwise_backward(upstream, input, &self.weight, conv, &out).unwrap(),
            None => pointwise_backward(upstream, input, &self.weight, &out).unwrap(),
        };
        let sums = [&dw, &own.gamma, &own.beta, &below.gamma, &below.beta];
        (sums.map(doubles).to_vec(), doubles(&out))
    }
}

#[test]
fn operations_on_parts_are_those_on_the_whole_batch() {
    const IMAGES: [usize; 4] = [1, 4, 2, 6];
    let (c, images) = (6, IMAGES.iter().sum());
    for (seed, conv) in [
        (1, None),
        (2, Some(Conv3x3::symmetric(1))),
        (3, Some(Conv3x3::symmetric(2))),
    ] {
        let input = Layer::new(seed, &[images, 5, 4, c]);
        let block = Block {
            weight: match conv {
                Some(_) => tensor(seed ^ 31, &[c, 1, 3, 3]),
                None => tensor(seed ^ 31, &[c, c, 1, 1]),
            },
            conv,
            gamma: tensor(seed ^ 32, &[c]),
            beta: tensor(seed ^ 33, &[c]),
        };
        let gradient = tensor(seed ^ 34, &[images, c]);
        let whole = block.forward(input.activation(), None);
        let (sums, out) = block.backward(input.activation(), &whole, &gradient, |own, _| own.clone());

        let mut start = 0;
        let parts = IMAGES.map(|images| {
            let of = |tensor: &Tensor| {
                tensor
                    .narrow(0, start, images)
                    .unwrap()
                    .force_contiguous()
                    .unwrap()
            };
            let part = (of(&input.raw), of(&gradient));
            start += images;
            part
        });
        let activation = |rank: usize| LazyActivation {
            raw: &parts[rank].0,
            normalization: &input.normalization,
        };
        let ranks = [0, 1, 2, 3];
        let passed = together(&ranks, c, |rank, ranks| {
            block.forward(activation(*rank), Some(ranks))
        });
        for passed in &passed {
            let (found, expected) = (&passed.running, &whole.running);
            assert_close(
                "mean",
                &doubles(&found.mean),
                &doubles(&expected.mean),
                Tolerance::CLOSE,
            );
            assert_close(
                "variance",
                &doubles(&found.variance),
                &doubles(&expected.variance),
                Tolerance::CLOSE,
            );
        }
        let gradients = together(&ranks, c, |rank, ranks| {
            let gradient = (&parts[*rank].1 * of_part(*rank)).unwrap();
            block.backward(activation(*rank), &passed[*rank], &gradient, |own, rows| {
                own.over_ranks(rows, WEIGHTS[*rank], ranks).unwrap()
            })
        });
        let mut found_out = Vec::new();
        let mut found_sums: Vec<_> = sums.iter().map(|values| vec![0.0; values.len()]).collect();
        for (rank, (sums, out)) in gradients.into_iter().enumerate() {
            found_out.extend(out.into_iter().map(|value| value / of_part(rank)));
            for (found, own) in found_sums.iter_mut().flatten().zip(sums.concat()) {
                *found += own / of_part(rank);
            }
        }
        assert_close("input", &found_out, &out, Tolerance::CLOSE);
        let names = ["weight", "gamma", "beta", "gamma below", "beta below"];
        for ((name, found), expected) in names.into_iter().zip(&found_sums).zip(&sums) {
            assert_close(name, found, expected, Tolerance::CLOSE);
        }
    }
}

#[test]
fn sums_that_fail_are_errors() {
    struct Apart;
    impl SumOverRanks for Apart {
        fn sum(&self, _: &mut [f64]) -> Result<()> {
            bail!("nobody answers")
        }
    }
    let own = statistics(&[1.0, 2.0], 1);
    assert!(own.over_ranks(2, &Apart).is_err());
    let gradients = ParameterGradients {
        gamma: own.mean,
        beta: own.variance,
    };
    assert!(gradients.over_ranks(2, 1.0, &Apart).is_err());
}
