//! How initial weights are distributed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use mbn_model::fresh_weights;
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};

/// Fewest values of which one is likely to be near the bound: with 256, none above 0.95 of it has a probability of 2e-6.
const MANY: usize = 256;
/// Standard deviations that a mean may be off.
const DEVIATIONS: f64 = 5.0;

/// Uniform within `1 / sqrt(fan_in)`, on both sides of zero.
fn check_uniform(name: &str, values: &[f32], fan_in: usize) {
    let bound = 1.0 / (fan_in as f64).sqrt();
    let scaled: Vec<f64> = values.iter().map(|value| f64::from(*value) / bound).collect();
    let largest = scaled.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    assert!(largest <= 1.0 + 1e-6, "{name}: {largest} of the bound");
    if scaled.len() >= MANY {
        assert!(largest > 0.95, "{name}: {largest} of the bound");
    }
    // Means with the expectation and standard deviation that they have where values are uniform in -1..1.
    let check = |what: &str, of: fn(f64) -> f64, expected: f64, deviation: f64| {
        let count = scaled.len() as f64;
        let mean = scaled.iter().map(|value| of(*value)).sum::<f64>() / count;
        let limit = DEVIATIONS * deviation / count.sqrt();
        assert!(
            (mean - expected).abs() < limit,
            "{name}: {what} {mean}, expected {expected} within {limit}"
        );
    };
    check(
        "share of positive values",
        |x| f64::from(u8::from(x > 0.0)),
        0.5,
        0.5,
    );
    check("mean", |x| x, 0.0, (1.0 / 3.0_f64).sqrt());
    check("mean square", |x| x * x, 1.0 / 3.0, (4.0 / 45.0_f64).sqrt());
}

#[test]
fn weights_are_uniform_within_their_bound_and_batch_norm_is_the_identity() {
    let architecture = Architecture::new(Alpha::Quarter, 100);
    let features = architecture.features();
    let weights = fresh_weights(architecture, 6, Metadata::default()).unwrap();
    let mut checked = 0;
    for spec in architecture.tensors() {
        let name = spec.name.as_str();
        if spec.kind == TensorKind::Counter {
            assert_eq!(weights.counter(name), 0, "{name}");
            continue;
        }
        let values = weights.values(name);
        assert_eq!(values.len(), spec.shape.iter().product::<usize>(), "{name}");
        match (spec.kind, spec.shape.as_slice()) {
            (_, [_, inputs, height, width]) => check_uniform(name, values, inputs * height * width),
            (_, [_, inputs]) => {
                assert_eq!(*inputs, features);
                check_uniform(name, values, *inputs);
            }
            _ if name == "fc.bias" => check_uniform(name, values, features),
            _ => {
                let is_one = name.ends_with(".weight") || name.ends_with(".running_var");
                let expected = if is_one { 1.0 } else { 0.0 };
                assert!(values.iter().all(|value| *value == expected), "{name}");
                continue;
            }
        }
        checked += 1;
    }
    // 27 convolutions, and the classifier's weight and bias.
    assert_eq!(checked, 29);
}

#[test]
fn a_seed_gives_the_same_weights_and_another_others() {
    let architecture = Architecture::new(Alpha::Quarter, 10);
    let of = |seed| fresh_weights(architecture, seed, Metadata::default()).unwrap();
    assert!(of(1) == of(1));
    let (one, other) = (of(1), of(2));
    for name in ["model.0.0.weight", "model.7.3.weight", "fc.weight", "fc.bias"] {
        let (one, other) = (one.values(name), other.values(name));
        assert!(one.iter().zip(other).all(|(a, b)| a != b), "{name}");
    }
}
