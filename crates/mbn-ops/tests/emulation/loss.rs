//! The classifier, its loss and predictions, and the sums over steps.

use mbn_testing::{Tolerance, assert_close};

use super::stream::Emulation;
use super::support::vector;
use crate::common::{noise, tensor, values};
use mbn_ops::kernels::{self, LossTarget};

/// `-scale sum(target log softmax(logits))` and its gradient by definition, in float64.
fn naive(logits: &[f32], targets: &[f32], k: usize, scale: f64) -> (f32, Vec<f32>) {
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for (logits, targets) in logits.chunks(k).zip(targets.chunks(k)) {
        let exps: Vec<f64> = logits.iter().map(|x| f64::from(*x).exp()).collect();
        let (sum, weight) = (
            exps.iter().sum::<f64>(),
            targets.iter().map(|t| f64::from(*t)).sum::<f64>(),
        );
        for (exp, target) in exps.iter().zip(targets) {
            loss -= scale * f64::from(*target) * (exp / sum).ln();
            gradient.push((scale * (weight * exp / sum - f64::from(*target))) as f32);
        }
    }
    (loss as f32, gradient)
}

fn check(
    device: &Emulation,
    [n, k]: [usize; 2],
    logits: &[f32],
    target: LossTarget,
    targets: &[f32],
    scale: f32,
) {
    let tensor = candle_core::Tensor::new(logits, &candle_core::Device::Cpu).unwrap();
    let on_device = device.upload(&tensor);
    let (loss, gradient) = naive(logits, targets, k, f64::from(scale));
    let (predicted, probability) = naive_predictions(logits, k);
    // As training, evaluation and neither want it.
    for [has_gradient, has_probability] in [[true, false], [false, true], [false, false], [true, true]] {
        let out = kernels::Loss {
            predicted: vector(device, n),
            gradient: has_gradient.then(|| vector(device, n * k)),
            probability: has_probability.then(|| vector(device, n)),
            ..losses(device)
        };
        kernels::cross_entropy(device, [n, k], on_device, target, scale, out).unwrap();
        assert_close("loss", &device.floats(out.loss), &[loss], Tolerance::CLOSE);
        assert_eq!(device.integers(out.predicted), predicted);
        for (name, found, expected) in [
            ("gradient", out.gradient, &gradient),
            ("probability", out.probability, &probability),
        ] {
            if let Some(found) = found {
                assert_close(name, &device.floats(found), expected, Tolerance::CLOSE);
            }
        }
    }
}

/// The first class with the largest logit of each row, and its probability.
fn naive_predictions(logits: &[f32], k: usize) -> (Vec<u32>, Vec<f32>) {
    let of_row = |logits: &[f32]| {
        let mut best = 0;
        for (i, logit) in logits.iter().enumerate() {
            if *logit > logits[best] {
                best = i;
            }
        }
        let exps = logits.iter().map(|x| f64::from(x - logits[best]).exp());
        (best as u32, (1.0 / exps.sum::<f64>()) as f32)
    };
    logits.chunks(k).map(of_row).unzip()
}

/// Room for the loss of one image of one class.
fn losses(device: &Emulation) -> kernels::Loss {
    kernels::Loss {
        loss: vector(device, 1),
        predicted: vector(device, 1),
        gradient: None,
        probability: None,
    }
}

#[test]
fn cross_entropy_is_its_definition() {
    let Some(device) = Emulation::new() else { return };
    for (n, k) in [(1, 1), (3, 10), (5, 257), (2, 1000)] {
        let logits: Vec<f32> = noise(n as u64, n * k).iter().map(|x| 8.0 * x).collect();
        let scale = 1.0 / n as f32;
        // Weights that do not sum to one.
        let targets: Vec<f32> = noise(7, n * k).iter().map(|x| x.abs()).collect();
        let bytes: Vec<u8> = targets.iter().flat_map(|x| x.to_le_bytes()).collect();
        let target = LossTarget::Probabilities(device.upload_bytes(&bytes));
        check(&device, [n, k], &logits, target, &targets, scale);

        let labels: Vec<u32> = (0..n).map(|i| (i * 7 % k) as u32).collect();
        let bytes: Vec<u8> = labels.iter().flat_map(|x| x.to_le_bytes()).collect();
        let pointer = device.upload_bytes(&bytes);
        for smoothing in [0.0, 0.1] {
            let value = |i: usize| if labels[i / k] as usize == i % k { 1.0 - smoothing } else { 0.0 } + smoothing / k as f32;
            let targets: Vec<f32> = (0..n * k).map(value).collect();
            check(
                &device,
                [n, k],
                &logits,
                LossTarget::Labels {
                    labels: pointer,
                    smoothing,
                },
                &targets,
                scale,
            );
        }
    }
}

/// More rows than the block that adds their losses has threads, 256.
#[test]
fn losses_of_many_rows_are_added() {
    let Some(device) = Emulation::new() else { return };
    let (n, k) = (600, 3);
    let (logits, targets) = (noise(8, n * k), noise(9, n * k));
    let (loss, _) = naive(&logits, &targets, k, 1.0 / n as f64);
    let [logits, targets] = [&logits, &targets].map(|values| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        device.upload_bytes(&bytes)
    });
    let out = kernels::Loss {
        predicted: vector(&device, n),
        ..losses(&device)
    };
    let target = LossTarget::Probabilities(targets);
    kernels::cross_entropy(&device, [n, k], logits, target, 1.0 / n as f32, out).unwrap();
    assert_close("loss", &device.floats(out.loss), &[loss], Tolerance::CLOSE);
}

/// The value of `torch.nn.functional.cross_entropy(torch.tensor([[1., 2., 3.], [1., -1., 0.5]]), torch.tensor([2, 1]),
/// label_smoothing=0.1)`.
#[test]
fn cross_entropy_agrees_with_pytorch() {
    let Some(device) = Emulation::new() else { return };
    let bytes = |values: &[u32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let logits = [1f32, 2.0, 3.0, 1.0, -1.0, 0.5].map(f32::to_bits);
    let (logits, labels) = (
        device.upload_bytes(&bytes(&logits)),
        device.upload_bytes(&bytes(&[2, 1])),
    );
    let out = kernels::Loss {
        predicted: vector(&device, 2),
        ..losses(&device)
    };
    let target = LossTarget::Labels {
        labels,
        smoothing: 0.1,
    };
    kernels::cross_entropy(&device, [2, 3], logits, target, 0.5, out).unwrap();
    assert_close("loss", &device.floats(out.loss), &[1.472_948_1], Tolerance::CLOSE);
    // A label that is no class.
    let target = LossTarget::Labels {
        labels: device.upload_bytes(&bytes(&[2, 3])),
        smoothing: 0.0,
    };
    kernels::cross_entropy(&device, [2, 3], logits, target, 0.5, out).unwrap();
    assert!(device.floats(out.loss)[0].is_nan());
}

/// Ties go to the first class, wherever the others are; a row without a number still predicts a class.
#[test]
fn predictions_are_the_first_of_the_largest() {
    let Some(device) = Emulation::new() else { return };
    let k = 700;
    for (ties, expected) in [
        (&[0, 699][..], 0),
        (&[255, 256, 257], 255),
        (&[300, 44, 556], 44),
        (&[699], 699),
    ] {
        let mut logits = vec![-1f32; k];
        ties.iter().for_each(|i| logits[*i] = 2.0);
        assert_eq!(predicted(&device, &logits), [expected]);
    }
    assert!(predicted(&device, &[f32::NAN; 300])[0] < 300);
    assert_eq!(predicted(&device, &[f32::NEG_INFINITY; 3]), [0]);
}

fn predicted(device: &Emulation, logits: &[f32]) -> Vec<u32> {
    let on_device = candle_core::Tensor::new(logits, &candle_core::Device::Cpu).unwrap();
    let target = LossTarget::Labels {
        labels: device.upload_bytes(&0u32.to_le_bytes()),
        smoothing: 0.0,
    };
    let (shape, out) = ([1, logits.len()], losses(device));
    kernels::cross_entropy(device, shape, device.upload(&on_device), target, 1.0, out).unwrap();
    device.integers(out.predicted)
}

#[test]
fn sums_over_steps_are_a_plain_loops() {
    let Some(device) = Emulation::new() else { return };
    let sums = device
        .upload(&candle_core::Tensor::zeros(2, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap());
    let (mut loss_sum, mut right) = (0.0, 0.0);
    for (step, n) in [1, 3, 64, 255, 256, 257, 1000].into_iter().enumerate() {
        let classes = |seed: u64| -> Vec<u32> {
            let noise = noise(seed, n);
            noise.iter().map(|x| (x.abs() * 3.0) as u32).collect()
        };
        let (predicted, labels) = (classes(step as u64), classes(100 + step as u64));
        let loss = noise(200 + step as u64, 1)[0];
        let bytes = |words: &[u32]| words.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let on_device = [&predicted, &labels].map(|words| device.upload_bytes(&bytes(words)));
        let loss_on_device = device.upload_bytes(&loss.to_le_bytes());
        kernels::tally(&device, n, loss_on_device, on_device, sums).unwrap();
        loss_sum += f64::from(loss) * n as f64;
        right += predicted.iter().zip(&labels).filter(|(p, l)| p == l).count() as f64;
        let found = device.floats(sums);
        assert_close("losses", &found[..1], &[loss_sum], Tolerance::CLOSE);
        assert_close("right", &found[1..], &[right], Tolerance::EXACT);
    }
}

#[test]
fn linear_is_its_definition() {
    let Some(device) = Emulation::new() else { return };
    // Fewer rows than a block that sums them has threads along y, 32, and more.
    for n in [5, 70] {
        check_linear(&device, [n, 16, 7]);
    }
}

fn check_linear(device: &Emulation, [n, c, k]: [usize; 3]) {
    let (features, weight, bias, gradient) = (
        tensor(1, &[n, c]),
        tensor(2, &[k, c]),
        tensor(3, &[k]),
        tensor(4, &[n, k]),
    );
    let on = [&features, &weight, &bias, &gradient].map(|tensor| device.upload(tensor));
    let logits = vector(device, n * k);
    kernels::linear(device, [n, c, k], on[0], [on[1], on[2]], logits).unwrap();
    let expected = features
        .matmul(&weight.t().unwrap())
        .unwrap()
        .broadcast_add(&bias)
        .unwrap();
    assert_close(
        "logits",
        &device.floats(logits),
        &values(&expected),
        Tolerance::CLOSE.for_sum(c),
    );
    let out = [n * c, k * c, k].map(|len| vector(device, len));
    kernels::linear_backward(device, [n, c, k], on[3], on[0], on[1], out).unwrap();
    let expected = [
        gradient.matmul(&weight).unwrap(),
        gradient.t().unwrap().matmul(&features).unwrap(),
        gradient.sum(0).unwrap(),
    ];
    for (i, (found, expected)) in out.iter().zip(&expected).enumerate() {
        assert_close(
            &format!("gradient {i} of {n} rows"),
            &device.floats(*found),
            &values(expected),
            Tolerance::CLOSE.for_sum(n.max(c)),
        );
    }
}
