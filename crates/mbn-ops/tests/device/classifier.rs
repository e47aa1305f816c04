//! What comes after the convolutions: the classifier and its loss.

#[cfg(feature = "cuda")]
use candle_core::Tensor;
use candle_core::{DType, Device};
use mbn_testing::Tolerance;

use super::comparison::Found;
use super::noise;
use crate::common;

/// [`mbn_ops::linear`] both ways.
pub fn classifier([n, c, k]: [usize; 3], seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let of = |seed, shape: &[usize]| noise(seed, shape, DType::F32, device);
        let (features, weight, bias) = (of(seed, &[n, c]), of(seed ^ 1, &[k, c]), of(seed ^ 2, &[k]));
        let logits = mbn_ops::linear(&features, &weight, &bias).unwrap();
        let gradient = of(seed ^ 3, &[n, k]);
        let before = mbn_ops::linear_backward(&gradient, &features, &weight).unwrap();
        vec![
            Found::sum("logits", &logits, DType::F32, c),
            Found::sum("features' gradient", &before.features, DType::F32, k),
            Found::sum("weight's gradient", &before.weight, DType::F32, n),
            Found::sum("bias's gradient", &before.bias, DType::F32, n),
        ]
    }
}

/// Softmax cross entropy against labels, and against weights of all classes, with what the logits predict: on the CPU by
/// definition in float64.
pub fn cross_entropy([n, k]: [usize; 2], smoothing: f32, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let logits: Vec<f32> = common::noise(seed, n * k).iter().map(|x| 8.0 * x).collect();
        let labels: Vec<u32> = (0..n).map(|i| (i * 7 % k) as u32).collect();
        // Mixed pictures with class weights: rows that do not sum to one.
        let weights: Vec<f32> = common::noise(seed ^ 7, n * k).iter().map(|x| x.abs()).collect();
        let Losses { hard, soft, scores } = match device {
            Device::Cpu => Losses::naive(&logits, &labels, &weights, smoothing),
            #[cfg(feature = "cuda")]
            device => Losses::on_cuda(device, &logits, &labels, &weights, smoothing).unwrap(),
            #[cfg(not(feature = "cuda"))]
            _ => panic!("no such device in this build"),
        };
        let close = |name, values| Found::within(name, values, Tolerance::CLOSE);
        let exact = |name, classes: Vec<u32>| {
            let classes = classes.into_iter().map(|class| class as f32).collect();
            Found::within(name, classes, Tolerance::EXACT)
        };
        vec![
            close("loss", vec![hard.loss]),
            close("gradient", hard.more),
            exact("classes", hard.predicted),
            close("loss against weights", vec![soft.loss]),
            close("gradient against weights", soft.more),
            exact("classes beside weights", soft.predicted),
            close("loss of scores", vec![scores.loss]),
            close("probabilities", scores.more),
            exact("classes of scores", scores.predicted),
        ]
    }
}

/// A loss, predicted classes, and the gradient or the probabilities.
struct Loss {
    loss: f32,
    predicted: Vec<u32>,
    more: Vec<f32>,
}

/// Against labels, against weights, and of evaluation.
struct Losses {
    hard: Loss,
    soft: Loss,
    scores: Loss,
}

impl Losses {
    fn naive(logits: &[f32], labels: &[u32], weights: &[f32], smoothing: f32) -> Self {
        let k = logits.len() / labels.len();
        let targets = |smoothing: f32| -> Vec<f32> {
            let of = |i: usize| match labels[i / k] as usize == i % k {
                true => 1.0 - smoothing + smoothing / k as f32,
                false => smoothing / k as f32,
            };
            (0..logits.len()).map(of).collect()
        };
        let (predicted, probability) = naive_predictions(logits, k);
        let against = |targets: &[f32]| {
            let (loss, more) = naive_cross_entropy(logits, targets, k);
            Loss {
                loss,
                predicted: predicted.clone(),
                more,
            }
        };
        Self {
            hard: against(&targets(smoothing)),
            soft: against(weights),
            scores: Loss {
                more: probability,
                ..against(&targets(0.0))
            },
        }
    }

    #[cfg(feature = "cuda")]
    fn on_cuda(
        device: &Device,
        logits: &[f32],
        labels: &[u32],
        weights: &[f32],
        smoothing: f32,
    ) -> candle_core::Result<Self> {
        let shape = (labels.len(), logits.len() / labels.len());
        let logits = Tensor::from_slice(logits, shape, device)?;
        let labels = Tensor::new(labels, device)?;
        let read = |loss: &Tensor, predicted: &Tensor, more: &Tensor| {
            Ok::<_, candle_core::Error>(Loss {
                loss: loss.to_scalar()?,
                predicted: predicted.to_vec1()?,
                more: common::values(more),
            })
        };
        let hard = mbn_ops::cross_entropy(&logits, &labels, smoothing)?;
        let soft = mbn_ops::soft_cross_entropy(&logits, &Tensor::from_slice(weights, shape, device)?)?;
        let scores = mbn_ops::scores(&logits, &labels)?;
        Ok(Self {
            hard: read(&hard.mean, &hard.predicted, &hard.gradient)?,
            soft: read(&soft.mean, &soft.predicted, &soft.gradient)?,
            scores: read(&scores.loss, &scores.predicted, &scores.probability)?,
        })
    }
}

/// `-mean over rows of sum(target log softmax(logits))` and its gradient.
fn naive_cross_entropy(logits: &[f32], targets: &[f32], k: usize) -> (f32, Vec<f32>) {
    let scale = k as f64 / logits.len() as f64;
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for (logits, targets) in logits.chunks(k).zip(targets.chunks(k)) {
        let exps: Vec<f64> = logits.iter().map(|x| f64::from(*x).exp()).collect();
        let sum: f64 = exps.iter().sum();
        let weight: f64 = targets.iter().map(|t| f64::from(*t)).sum();
        for (exp, target) in exps.iter().zip(targets) {
            loss -= scale * f64::from(*target) * (exp / sum).ln();
            gradient.push((scale * (weight * exp / sum - f64::from(*target))) as f32);
        }
    }
    (loss as f32, gradient)
}

/// The first class with the largest logit of each row, and its probability.
fn naive_predictions(logits: &[f32], k: usize) -> (Vec<u32>, Vec<f32>) {
    let of_row = |logits: &[f32]| {
        let best = (1..k).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
        let exps = logits.iter().map(|x| f64::from(x - logits[best]).exp());
        (best as u32, (1.0 / exps.sum::<f64>()) as f32)
    };
    logits.chunks(k).map(of_row).unzip()
}

/// Losses and images classified correctly, summed over steps of the given numbers of images.
pub fn tally(steps: &'static [usize]) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let sums = candle_core::Tensor::zeros(2, DType::F32, device).unwrap();
        for (step, n) in steps.iter().enumerate() {
            let classes = |seed: u64| {
                let noise = common::noise(seed, *n);
                let classes: Vec<u32> = noise.iter().map(|x| (x.abs() * 3.0) as u32).collect();
                candle_core::Tensor::new(classes, device).unwrap()
            };
            let (predicted, labels) = (classes(step as u64), classes(100 + step as u64));
            let loss = noise(200 + step as u64, &[], DType::F32, device);
            mbn_ops::tally(&loss, &predicted, &labels, &sums).unwrap();
        }
        let sums = common::values(&sums);
        vec![
            Found::within("sum of losses", sums[..1].to_vec(), Tolerance::CLOSE),
            Found::within("images", sums[1..].to_vec(), Tolerance::EXACT),
        ]
    }
}
