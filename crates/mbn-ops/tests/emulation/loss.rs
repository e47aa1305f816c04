//! The classifier and its loss.

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
    let out = kernels::Loss {
        loss: vector(device, 1),
        gradient: vector(device, n * k),
    };
    let tensor = candle_core::Tensor::new(logits, &candle_core::Device::Cpu).unwrap();
    kernels::cross_entropy(device, [n, k], device.upload(&tensor), target, scale, out).unwrap();
    let (loss, gradient) = naive(logits, targets, k, f64::from(scale));
    assert_close("loss", &device.floats(out.loss), &[loss], Tolerance::CLOSE);
    assert_close(
        "gradient",
        &device.floats(out.gradient),
        &gradient,
        Tolerance::CLOSE,
    );
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
        loss: vector(&device, 1),
        gradient: vector(&device, 6),
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

#[test]
fn linear_is_its_definition() {
    let Some(device) = Emulation::new() else { return };
    let (n, c, k) = (5, 16, 7);
    let (features, weight, bias, gradient) = (
        tensor(1, &[n, c]),
        tensor(2, &[k, c]),
        tensor(3, &[k]),
        tensor(4, &[n, k]),
    );
    let on = [&features, &weight, &bias, &gradient].map(|tensor| device.upload(tensor));
    let logits = vector(&device, n * k);
    kernels::linear(&device, [n, c, k], on[0], [on[1], on[2]], logits).unwrap();
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
    let out = [n * c, k * c, k].map(|len| vector(&device, len));
    kernels::linear_backward(&device, [n, c, k], on[3], on[0], on[1], out).unwrap();
    let expected = [
        gradient.matmul(&weight).unwrap(),
        gradient.t().unwrap().matmul(&features).unwrap(),
        gradient.sum(0).unwrap(),
    ];
    for (i, (found, expected)) in out.iter().zip(&expected).enumerate() {
        assert_close(
            &format!("gradient {i}"),
            &device.floats(*found),
            &values(expected),
            Tolerance::CLOSE.for_sum(c),
        );
    }
}
