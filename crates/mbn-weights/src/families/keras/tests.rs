use std::collections::BTreeMap;

use mbn_spec::{Alpha, Architecture, TensorKind};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;
use crate::Weights;

/// Keras's tensors of an alpha 0.25 network with three classes; each value is its index.
fn keras_tensors() -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let architecture = Architecture::new(Alpha::Quarter, 3);
    let specs = architecture.tensors().into_iter();
    specs
        .filter(|spec| spec.kind != TensorKind::Counter)
        .map(|spec| {
            let Stored { name, shape, .. } = stored(&spec).unwrap();
            let len = shape.iter().product::<usize>();
            let bytes = (0..len).flat_map(|i| (i as f32).to_le_bytes()).collect();
            (name, (shape, bytes))
        })
        .collect()
}

fn file(tensors: &BTreeMap<String, (Vec<usize>, Vec<u8>)>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn kernels_are_transposed_to_pytorchs_layout() {
    let weights = Weights::from_bytes(&file(&keras_tensors())).unwrap();
    assert_eq!(
        *weights.architecture(),
        Architecture {
            variant: VARIANT,
            ..Architecture::new(Alpha::Quarter, 3)
        }
    );
    assert_eq!(
        weights.metadata().preprocess,
        Some(half_and_cropped(Alpha::Quarter))
    );
    let at = |name: &str, i: usize| weights.values(name)[i] as usize;
    // (out, in, row, column) of the stem, 8 x 3 x 3 x 3.
    for (o, i, y, x) in [(0, 0, 0, 0), (5, 2, 1, 0), (7, 1, 2, 1)] {
        assert_eq!(
            at("model.0.0.weight", ((o * 3 + i) * 3 + y) * 3 + x),
            ((y * 3 + x) * 3 + i) * 8 + o
        );
    }
    // Depthwise, 16 channels; pointwise, 16 to 32; the classifier, 256 to 3.
    for (c, y, x) in [(0, 0, 1), (9, 2, 0), (15, 1, 2)] {
        assert_eq!(at("model.2.0.weight", (c * 3 + y) * 3 + x), (y * 3 + x) * 16 + c);
    }
    assert_eq!(at("model.2.3.weight", 31 * 16 + 2), 2 * 32 + 31);
    assert_eq!(at("fc.weight", 2 * 256 + 100), 100 * 3 + 2);
    assert_eq!(at("model.2.4.running_var", 31), 31);
}

#[test]
fn names_of_converted_files_are_understood() {
    let tensors = keras_tensors();
    let long = |name: &str| {
        let (layer, tensor) = name.split_once('/').unwrap();
        let tensor = tensor.trim_start_matches("depthwise_");
        format!("{layer}/{layer}/{tensor}:0")
    };
    // Keras 3 keeps a whole model's weights in a group, and those of a network inside another in one more.
    let grouped = |name: &str| format!("model_weights/{}", long(name).trim_end_matches(":0"));
    let nested = |name: &str| format!("model_weights/mobilenet_0.25_224/{}", long(name));
    for rename in [&long as &dyn Fn(&str) -> String, &grouped, &nested] {
        let renamed = tensors
            .iter()
            .map(|(name, content)| (rename(name), content.clone()));
        assert_eq!(
            Weights::from_bytes(&file(&renamed.collect())).unwrap(),
            Weights::from_bytes(&file(&tensors)).unwrap()
        );
    }
}

#[test]
fn every_difference_is_listed() {
    let mut tensors = keras_tensors();
    tensors.remove("conv_pw_3/kernel");
    tensors.insert("conv_dw_2_bn/gamma".into(), (vec![2], vec![0; 8]));
    tensors.insert("block_14/kernel".into(), (vec![1], vec![0; 4]));
    let message = Weights::from_bytes(&file(&tensors)).unwrap_err().to_string();
    for part in [
        "Keras's MobileNetV1 alpha 0.25 with 3 classes",
        "`conv_pw_3/kernel` is missing",
        "`conv_dw_2_bn/gamma` is F32 [2], expected F32 [16]",
        "`block_14/kernel` is not part of the network",
    ] {
        assert!(message.contains(part), "{message}");
    }
    for name in ["conv_preds/bias", "conv1/kernel"] {
        let mut tensors = keras_tensors();
        tensors.remove(name);
        tensors.remove("conv_dw_5_bn/beta");
        let message = Weights::from_bytes(&file(&tensors)).unwrap_err().to_string();
        assert!(message.contains(&format!("`{name}`")), "{message}");
        assert!(message.contains("`conv_dw_5_bn/beta`"), "{message}");
        assert!(message.contains(" are missing"), "{message}");
    }
}
