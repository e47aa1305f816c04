//! The loss against PyTorch, a plain loop and finite differences.

use candle_core::Device;

use super::*;
use crate::loss::cross_entropy;

const STUDENT: [[f32; 3]; 2] = [[1.0, 2.0, 3.0], [1.0, -1.0, 0.5]];
const TEACHER: [[f32; 3]; 2] = [[0.0, 3.0, 1.0], [2.0, -2.0, 1.0]];

fn tensor<const K: usize>(rows: &[[f32; K]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened(), (rows.len(), K), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// In float64, with `s` and `t` a student's and a teacher's logits and `r` the weights of the images:
///
/// ```python
/// kl = F.kl_div(F.log_softmax(s / T, 1), F.log_softmax(t / T, 1), log_target=True, reduction="none").sum(1)
/// ce = F.cross_entropy(s, torch.tensor([2, 1]), label_smoothing=smoothing, reduction="none")
/// loss = (1 - W) * (r * ce).mean() + W * T * T * (r * kl).mean()
/// loss.backward()
/// ```
#[test]
fn agrees_with_pytorch() {
    let unweighted = [1f32, 1.0];
    for (weight, temperature, smoothing, weights, mean, gradient) in [
        (
            0.9,
            4.0,
            0.0,
            unweighted,
            0.666_588_52,
            [
                0.053_201_32,
                -0.265_914_75,
                0.212_713_43,
                -0.086_625_18,
                0.084_043_59,
                0.002_581_59,
            ],
        ),
        (
            0.5,
            1.0,
            0.1,
            unweighted,
            0.956_581_24,
            [
                0.026_179_44,
                -0.096_917_78,
                0.070_738_34,
                0.098_365_37,
                -0.197_788_77,
                0.099_423_4,
            ],
        ),
        (
            1.0,
            2.0,
            0.0,
            unweighted,
            0.546_077_7,
            [
                0.046_079_34,
                -0.321_335_83,
                0.275_256_49,
                -0.108_261_43,
                0.093_675_75,
                0.014_585_68,
            ],
        ),
        (
            0.7,
            3.0,
            0.0,
            [0.5, 1.5],
            0.887_800_1,
            [
                0.024_965_34,
                -0.092_014_22,
                0.067_048_88,
                0.001_170_37,
                -0.074_529_09,
                0.073_358_72,
            ],
        ),
    ] {
        let (student, teacher) = (tensor(&STUDENT), tensor(&TEACHER));
        let weights = Tensor::new(&weights, &Device::Cpu).unwrap();
        let labels = Tensor::new(&[2u32, 1], &Device::Cpu).unwrap();
        let hard = match smoothing > 0.0 {
            true => cross_entropy(&student, &labels, smoothing).unwrap(),
            false => {
                let one_hot = tensor(&[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]);
                let rows = weights.unsqueeze(1).unwrap();
                soft_cross_entropy(&student, &one_hot.broadcast_mul(&rows).unwrap()).unwrap()
            }
        };
        let distillation = Distillation { weight, temperature };
        let loss = distillation
            .blend(hard, &student, &teacher, Some(&weights))
            .unwrap();
        let found = loss.mean.to_scalar::<f32>().unwrap();
        assert!((found - mean).abs() < 2e-6, "{distillation:?}: {found} {mean}");
        for (found, expected) in values(&loss.gradient).iter().zip(gradient) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{distillation:?}: {found} {expected}"
            );
        }
        assert_eq!(loss.predicted.to_vec1::<u32>().unwrap(), [2, 0]);
    }
}

/// The distillation alone, as a plain loop in float64.
fn divergence(student: &[f64], teacher: &[f64], classes: usize, temperature: f64) -> f64 {
    let softmax = |logits: &[f64]| {
        let powers: Vec<f64> = logits.iter().map(|logit| (logit / temperature).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect::<Vec<_>>()
    };
    let mut sum = 0.0;
    for (student, teacher) in student.chunks(classes).zip(teacher.chunks(classes)) {
        for (own, target) in softmax(student).into_iter().zip(softmax(teacher)) {
            sum += target * (target / own).ln();
        }
    }
    temperature * temperature * sum / (student.len() / classes) as f64
}

/// Many classes, a batch of one image and of several, soft and sharp temperatures.
#[test]
fn is_a_plain_loop_and_its_gradient_is_its_slope() {
    // Of the largest gradient: rounding of float32, with a thousand exponentials added.
    const TOLERANCE: f64 = 1e-5;
    for (images, classes, temperature) in [(1, 2, 1.0), (3, 1000, 4.0), (5, 10, 0.5), (2, 7, 20.0)] {
        let logits = |factor: usize| -> Vec<f32> {
            let logit = |at: usize| ((at * factor) % 101) as f32 / 20.0 - 2.5;
            (1..=images * classes).map(logit).collect()
        };
        let (student, teacher) = (logits(37), logits(53));
        let shape = (images, classes);
        let on_cpu = |values: &[f32]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
        let labels = Tensor::zeros(images, candle_core::DType::U32, &Device::Cpu).unwrap();
        let hard = cross_entropy(&on_cpu(&student), &labels, 0.0).unwrap();
        let only = Distillation {
            weight: 1.0,
            temperature,
        };
        let loss = only
            .blend(hard, &on_cpu(&student), &on_cpu(&teacher), None)
            .unwrap();
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let (student, teacher) = (wide(&student), wide(&teacher));
        let expected = divergence(&student, &teacher, classes, temperature);
        let found = f64::from(loss.mean.to_scalar::<f32>().unwrap());
        // Rounded to float32 once.
        assert!((found - expected).abs() < 1e-6 * expected, "{found} {expected}");
        let largest = values(&loss.gradient)
            .into_iter()
            .fold(0f32, |most, value| most.max(value.abs()));
        for (at, found) in values(&loss.gradient).into_iter().enumerate() {
            const STEP: f64 = 1e-4;
            let at_distance = |step: f64| {
                let mut moved = student.clone();
                moved[at] += step;
                divergence(&moved, &teacher, classes, temperature)
            };
            let slope = (at_distance(STEP) - at_distance(-STEP)) / (2.0 * STEP);
            assert!(
                (f64::from(found) - slope).abs() < TOLERANCE * f64::from(largest),
                "{classes} classes, logit {at}: {found} {slope}"
            );
        }
    }
}

/// The loss is no difference of large sums, which would be rounding alone at high temperatures.
#[test]
fn high_temperatures_lose_no_digits() {
    const CLASSES: usize = 10;
    let logits = |factor: usize, scale: f32| -> Vec<f32> {
        let logit = |at: usize| scale * (((at * factor) % 101) as f32 / 20.0 - 2.5);
        (1..=4 * CLASSES).map(logit).collect()
    };
    let on_cpu = |values: &[f32]| Tensor::from_slice(values, (4, CLASSES), &Device::Cpu).unwrap();
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
    let labels = Tensor::zeros(4, DType::U32, &Device::Cpu).unwrap();
    for temperature in [1.0, 10.0, 100.0, 1000.0] {
        let only = Distillation {
            weight: 1.0,
            temperature,
        };
        let found = |student: &[f32], teacher: &[f32], weights: Option<&Tensor>| {
            let student = on_cpu(student);
            let hard = cross_entropy(&student, &labels, 0.0).unwrap();
            let loss = only.blend(hard, &student, &on_cpu(teacher), weights).unwrap();
            assert_eq!(loss.mean.dtype(), DType::F32);
            f64::from(loss.mean.to_scalar::<f32>().unwrap())
        };
        let (student, teacher) = (logits(37, 1.0), logits(53, 2.0));
        for logits in [&student, &teacher] {
            let same = found(logits, logits, None);
            assert!((0.0..1e-6).contains(&same), "{temperature}: {same}");
        }
        let expected = divergence(&wide(&student), &wide(&teacher), CLASSES, temperature);
        let all = found(&student, &teacher, None);
        assert!(
            (all - expected).abs() < 1e-6 * expected,
            "{temperature}: {all} {expected}"
        );
        // The first image alone.
        let first = Tensor::new(&[4f32, 0.0, 0.0, 0.0], &Device::Cpu).unwrap();
        let (own, other) = (wide(&student[..CLASSES]), wide(&teacher[..CLASSES]));
        let expected = divergence(&own, &other, CLASSES, temperature);
        let one = found(&student, &teacher, Some(&first));
        assert!(
            (one - expected).abs() < 1e-6 * expected,
            "{temperature}: {one} {expected}"
        );
    }
    let broken = vec![f32::NAN; 4 * CLASSES];
    let only = Distillation {
        weight: 1.0,
        temperature: 1000.0,
    };
    let student = on_cpu(&logits(37, 1.0));
    let hard = cross_entropy(&student, &labels, 0.0).unwrap();
    let loss = only.blend(hard, &student, &on_cpu(&broken), None).unwrap();
    assert!(loss.mean.to_scalar::<f32>().unwrap().is_nan());
}

/// A student that agrees with its teacher has nothing to learn from it, and a share of 0 leaves the loss as it is.
#[test]
fn agreement_costs_nothing_and_no_share_changes_nothing() {
    let logits = tensor(&STUDENT);
    // The same probabilities.
    let shifted = (&logits + 5.0).unwrap();
    let labels = Tensor::new(&[2u32, 1], &Device::Cpu).unwrap();
    let hard = || cross_entropy(&logits, &labels, 0.1).unwrap();
    let blend = |weight: f64, teacher: &Tensor| {
        let distillation = Distillation {
            weight,
            temperature: 4.0,
        };
        distillation.blend(hard(), &logits, teacher, None).unwrap()
    };
    let agreed = blend(1.0, &shifted);
    assert!(agreed.mean.to_scalar::<f32>().unwrap().abs() < 1e-5);
    assert!(values(&agreed.gradient).iter().all(|value| value.abs() < 1e-6));
    let alone = blend(0.0, &tensor(&TEACHER));
    assert_eq!(values(&alone.gradient), values(&hard().gradient));
    assert_eq!(values(&alone.mean), values(&hard().mean));
    // Certain teachers do not make the loss NaN.
    let certain = blend(1.0, &tensor(&[[0.0, 0.0, 1e4], [1e4, -1e4, 0.0]]));
    assert!(certain.mean.to_scalar::<f32>().unwrap().is_finite());
    let other = tensor(&[[0.0, 1.0]; 2]);
    let distillation = Distillation {
        weight: 0.5,
        temperature: 1.0,
    };
    assert!(distillation.blend(hard(), &logits, &other, None).is_err());
}
