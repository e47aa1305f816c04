use mbn_spec::{Alpha, Preprocess, Training};
use safetensors::tensor::TensorView;

use super::*;
use crate::{Weights, WeightsErrorKind};

fn sample(classes: usize) -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, classes);
    let mut floats = BTreeMap::new();
    let mut counters = BTreeMap::new();
    for (i, spec) in architecture.tensors().into_iter().enumerate() {
        let len = spec.shape.iter().product::<usize>();
        match spec.kind {
            TensorKind::Counter => drop(counters.insert(spec.name, i as i64)),
            _ => drop(floats.insert(spec.name, (0..len).map(|j| (i * 31 + j) as f32 * 0.01).collect())),
        }
    }
    let metadata = Metadata {
        classes: Some((0..classes).map(|i| format!("name {i}")).collect()),
        preprocess: Some(Preprocess::default()),
        training: Some(Training::default()),
        ..Metadata::default()
    };
    Weights::new(architecture, metadata, floats, counters).unwrap()
}

#[test]
fn round_trip_is_exact_and_repeatable() {
    let weights = sample(10);
    let bytes = weights.to_bytes().unwrap();
    let read = Weights::from_bytes(&bytes).unwrap();
    assert_eq!(read, weights);
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.sha256(), weights.sha256());
    assert_eq!(sample(10).to_bytes().unwrap(), bytes);
}

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
fn every_truncation_is_an_error() {
    let bytes = sample(2).to_bytes().unwrap();
    for len in (0..bytes.len())
        .step_by(9973)
        .chain([1, 7, 8, 9, bytes.len() - 1])
    {
        assert!(
            Weights::from_bytes(&bytes[..len]).is_err(),
            "{len} bytes were accepted"
        );
    }
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

/// Also where the tensors are missing, or of another shape, that say what the network is.
#[test]
fn what_is_wrong_with_the_stem_or_the_classifier_hides_nothing() {
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
    for name in ["model.0.0.weight", "model.3.0.weight", "fc.weight", "fc.bias"] {
        assert!(found.contains(&format!("`{name}` is missing")), "{found}");
    }
    assert!(!found.contains("expected"), "{found}");
    let found = message(&|tensors| {
        let stem = (Dtype::F32, vec![7, 3, 3, 3], vec![0; 7 * 27 * 4]);
        tensors.insert("model.0.0.weight".into(), stem);
        tensors.insert("extra".into(), (Dtype::F32, vec![1], vec![0; 4]));
    });
    let renamed = |prefix: &str| {
        message(&|tensors| {
            let old = std::mem::take(tensors).into_iter();
            *tensors = old
                .map(|(name, content)| (format!("{prefix}{name}"), content))
                .collect();
        })
    };
    let wrapped = renamed("module.");
    assert!(wrapped.contains("begin with `module.`"), "{wrapped}");
    assert_eq!(wrapped.lines().count(), 2, "{wrapped}");
    let foreign = message(&|tensors| *tensors = [("x".into(), tensors["fc.bias"].clone())].into());
    assert!(
        foreign.contains("none of the 1 has a name of MobileNetV1's"),
        "{foreign}"
    );
    for part in [
        "MobileNetV1 alpha 0.25 with 10 classes",
        "`model.0.0.weight` is F32 [7, 3, 3, 3], expected F32 [8, 3, 3, 3]",
        "`extra` is not part of the network",
    ] {
        assert!(found.contains(part), "{found}");
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

#[test]
fn a_file_without_metadata_loads() {
    let weights = sample(3);
    let views = weights.tensor_bytes();
    let views = views
        .iter()
        .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
    let read = Weights::from_bytes(&safetensors::serialize(views, None).unwrap()).unwrap();
    assert_eq!(read.architecture(), weights.architecture());
    assert_eq!(read.class_names(), ["class_0", "class_1", "class_2"]);
    assert_eq!(read.floats, weights.floats);
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let error = Weights::load(&path).unwrap_err();
    assert!(
        error.to_string().contains("weights.safetensors` cannot be used"),
        "{error}"
    );
    let error = sample(2).save(&path.join("below/a/file")).unwrap_err();
    assert!(error.to_string().contains("file` cannot be written"), "{error}");
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(
        Weights::load(&path).unwrap_err().kind,
        WeightsErrorKind::Empty
    ));
    std::fs::write(&path, b"this is no safetensors file at all").unwrap();
    assert!(matches!(
        Weights::load(&path).unwrap_err().kind,
        WeightsErrorKind::Format(_)
    ));
}
