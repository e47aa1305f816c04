use super::*;
use crate::sample::sample;

#[test]
fn hash_depends_on_weights_alone() {
    let weights = sample(10);
    let mut other_metadata = weights.clone();
    other_metadata.metadata.classes = None;
    assert_eq!(other_metadata.sha256(), weights.sha256());
    let mut other_value = weights.clone();
    other_value.floats.get_mut("fc.bias").unwrap()[0] += 1.0;
    assert_ne!(other_value.sha256(), weights.sha256());
}

#[test]
fn all_differences_are_listed() {
    let weights = sample(10);
    let mut floats = weights.floats.clone();
    floats.remove("model.5.0.weight");
    floats.insert("extra".into(), vec![1.0]);
    floats.get_mut("fc.weight").unwrap().pop();
    let error = Weights::new(
        weights.architecture,
        Metadata::default(),
        floats,
        weights.counters.clone(),
    );
    let message = error.unwrap_err().to_string();
    for part in [
        "`model.5.0.weight` is missing",
        "`extra` is not part",
        "`fc.weight` has 2559 values",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn values_that_are_not_finite_are_found() {
    let mut weights = sample(2);
    assert_eq!(weights.not_finite(), None);
    weights.floats.get_mut("model.3.0.weight").unwrap()[5] = f32::NAN;
    assert_eq!(weights.not_finite(), Some("model.3.0.weight"));
}

#[test]
fn values_that_no_network_computes_with_are_named() {
    let with = |name: &str, value: f32| {
        let mut weights = sample(2);
        weights.floats.get_mut(name).unwrap()[5] = value;
        weights.require_computable().map_err(|error| error.to_string())
    };
    let error = |name: &str, value| with(name, value).unwrap_err();
    assert_eq!(sample(2).require_computable(), Ok(()));
    assert_eq!(
        error("model.3.0.weight", f32::NAN),
        "`model.3.0.weight` holds NaN, expected finite numbers"
    );
    assert!(error("fc.weight", f32::NEG_INFINITY).contains("holds -inf"));
    assert_eq!(
        error("model.3.1.running_var", -0.5),
        "`model.3.1.running_var` holds the negative variance -0.5"
    );
    // Less than the epsilon of 1e-5 below 0, and values that may be negative.
    assert_eq!(with("model.3.1.running_var", -1e-6), Ok(()));
    assert_eq!(with("model.3.1.running_mean", -0.5), Ok(()));
}

#[test]
fn a_classifier_without_classes_is_refused() {
    let mut weights = sample(1);
    weights.architecture.classes = 0;
    weights.metadata.classes = None;
    for name in ["fc.weight", "fc.bias"] {
        weights.floats.insert(name.into(), Vec::new());
    }
    let error = Weights::from_bytes(&weights.to_bytes().unwrap()).unwrap_err();
    assert!(error.to_string().contains("has no class"), "{error}");
}
