use super::*;
use crate::sample::sample;

/// The stem and the classifier identify the network. Without them, all other problems are still listed.
#[test]
fn a_missing_stem_or_classifier_hides_no_other_problem() {
    type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;
    let weights = sample(10);
    let message = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = weights.tensor_bytes();
        change(&mut tensors);
        let views = tensors
            .iter()
            .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
        let file = safetensors::serialize(views, None).unwrap();
        Weights::from_bytes(&file).unwrap_err().to_string()
    };
    let found = message(&|tensors| {
        for name in ["model.0.0.weight", "model.3.0.weight", "fc.weight", "fc.bias"] {
            tensors.remove(name);
        }
    });
    let missing = "`model.0.0.weight`, `model.3.0.weight`, `fc.weight` and `fc.bias` are missing";
    assert!(found.contains(missing), "{found}");
    assert!(!found.contains("expected"), "{found}");
    let found = message(&|tensors| {
        let stem = (Dtype::F32, vec![7, 3, 3, 3], vec![0; 7 * 27 * 4]);
        tensors.insert("model.0.0.weight".into(), stem);
        tensors.insert("extra".into(), (Dtype::F32, vec![1], vec![0; 4]));
    });
    for part in [
        "MobileNetV1 alpha 0.25 with 10 classes",
        "`model.0.0.weight` is F32 [7, 3, 3, 3], expected F32 [8, 3, 3, 3]",
        "`extra` is not part of the network",
    ] {
        assert!(found.contains(part), "{found}");
    }
}
