//! The comparisons that `cuda.rs` runs on a GPU, run on the CPU: a change as small as rounding stays within their
//! tolerances, and a wrong value does not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod device;

use std::collections::BTreeMap;

use candle_core::Device;
use device::{LOOSE, SGD, SMALL, Setting, Steps, check_single_steps, differences};
use mbn_model::ActivationType;
use mbn_spec::{Metadata, TensorKind};
use mbn_testing::{Tolerance, mismatch};
use mbn_weights::Weights;

const CPU: Device = Device::Cpu;

/// The weights, every other value enlarged by `part` of itself and the others reduced.
fn moved(weights: &Weights, part: f32) -> Weights {
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for spec in weights.architecture().tensors() {
        if spec.kind == TensorKind::Counter {
            counters.insert(spec.name.clone(), weights.counter(&spec.name));
            continue;
        }
        let values = weights.values(&spec.name).iter().enumerate();
        let signed = |i: usize| if i.is_multiple_of(2) { part } else { -part };
        let values = values.map(|(i, value)| value * (1.0 + signed(i))).collect();
        floats.insert(spec.name, values);
    }
    Weights::new(*weights.architecture(), Metadata::default(), floats, counters).unwrap()
}

/// Steps of the setting's weights, and of those moved by a part of themselves.
fn run(setting: Setting, part: f32) -> [Steps; 2] {
    let weights = setting.weights();
    [moved(&weights, part), weights].map(|weights| device::steps(&CPU, setting, &weights, SGD, 1))
}

#[test]
fn rounding_is_within_the_tolerances() {
    for frozen in [0, 5] {
        check_single_steps(frozen, |setting| run(setting, f32::EPSILON));
    }
}

#[test]
fn a_wrong_weight_is_noticed() {
    let [found, expected] = run(SMALL, 0.01);
    let problems = differences(&found, &expected, LOOSE).problems;
    let notices = |what: &str| problems.iter().any(|problem| problem.starts_with(what));
    assert!(
        notices("losses") && notices("gradient of model.0.0.weight") && notices("model.0.0.weight after"),
        "{}",
        problems.join("\n")
    );
}

#[test]
fn bfloat16_learns_as_float32_does() {
    let types = [ActivationType::F32, ActivationType::Bf16];
    let [float, half] = types.map(|of| device::losses(&CPU, SMALL, of, 30));
    device::check_losses(&float, &half);
}

#[test]
fn logits_of_both_networks_agree() {
    let [folded, trained] = device::logits(&CPU, SMALL);
    assert_eq!(mismatch("logits", &folded, &trained, Tolerance::LOGITS), None);
}

#[test]
fn saved_weights_are_those_of_the_network() {
    device::check_saving(&CPU, SMALL);
}
