use std::collections::BTreeMap;

use mbn_spec::{Activation, Alpha, Architecture, Interpolation, Stride2Padding, TensorKind};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;
use crate::contents::{Head, Source, Taken};
use crate::family::Stored;
use crate::sample::sample_of;
use crate::{Adaptation, Weights};

pub(crate) type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// A file of a family with the values of `weights`.
pub(crate) fn written(family: &Family, weights: &Weights) -> Tensors {
    let mut tensors = Tensors::new();
    for spec in weights.architecture().tensors() {
        let Some(stored) = (family.stored)(&spec) else {
            continue;
        };
        if spec.kind == TensorKind::Counter {
            let bytes = weights.counter(&spec.name).to_le_bytes().to_vec();
            tensors.insert(stored.name, (Dtype::I64, vec![], bytes));
            continue;
        }
        let values = weights.values(&spec.name);
        let Stored { name, shape, order } = stored;
        let mut placed = vec![0.0f32; values.len()];
        let stride = |dim: usize| shape[dim + 1..].iter().product::<usize>();
        for (i, value) in values.iter().enumerate() {
            // The index in the state dict, innermost dimension first, moved to the file's place.
            let (mut rest, mut at) = (i, 0);
            for &dim in order.iter().rev() {
                at += (rest % shape[dim]) * stride(dim);
                rest /= shape[dim];
            }
            placed[at] = *value;
        }
        let bytes = placed.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.insert(name, (Dtype::F32, shape, bytes));
    }
    tensors
}

fn read_with(tensors: &Tensors, head: Head) -> Result<WeightFile, WeightsErrorKind> {
    let view = |(dtype, shape, bytes): &'static (Dtype, Vec<usize>, Vec<u8>)| {
        TensorView::new(*dtype, shape.clone(), bytes).unwrap()
    };
    let tensors: &'static Tensors = Box::leak(Box::new(tensors.clone()));
    let views = tensors.iter().map(|(name, tensor)| (name.clone(), view(tensor)));
    let context = Context {
        head,
        ..Context::default()
    };
    read(&views.collect(), Metadata::default(), &context)
}

fn read_whole(tensors: &Tensors) -> Result<WeightFile, WeightsErrorKind> {
    read_with(tensors, Head::Required)
}

/// The alpha of a family's published weights that is quickest to test.
fn alpha(family: &Family) -> Alpha {
    match family.name {
        "bubbliiiing" => Alpha::One,
        _ => Alpha::Quarter,
    }
}

/// Layers that were compiled or sharded one by one.
#[test]
fn wrappers_within_names_are_left_out() {
    for family in FAMILIES {
        let weights = sample_of(alpha(family), 3);
        let plain = written(family, &weights);
        let wrap = |i: usize, name: &str| match name.split_once('.') {
            Some((first, rest)) if !i.is_multiple_of(3) => format!("{first}._orig_mod.{rest}"),
            Some((first, rest)) => format!("{first}._fsdp_wrapped_module._orig_mod.{rest}"),
            None => name.to_owned(),
        };
        let tensors = plain.iter().enumerate();
        let wrapped: Tensors = tensors
            .map(|(i, (name, tensor))| (wrap(i, name), tensor.clone()))
            .collect();
        let (file, expected) = (
            read_with(&wrapped, Head::Optional),
            read_with(&plain, Head::Optional),
        );
        assert_eq!(
            file.unwrap().weights,
            expected.unwrap().weights,
            "{}",
            family.name
        );
    }
}

#[test]
fn every_family_is_recognised_under_any_prefix() {
    for family in FAMILIES {
        let weights = sample_of(alpha(family), 3);
        let plain = written(family, &weights);
        for prefix in ["", "module.", "timm_model.", "model.module._orig_mod."] {
            let named = plain
                .iter()
                .map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone()));
            let file = read_with(&named.collect(), Head::Optional).unwrap();
            assert_eq!(file.family, family.name);
            let architecture = file.weights.architecture();
            assert_eq!(architecture.variant, family.variant, "{}", family.name);
            assert_eq!(
                file.has_classifier,
                plain.len() > 162 || family.name.is_empty() || plain.len() == 137
            );
            for spec in weights.architecture().tensors() {
                if spec.name.starts_with("fc.") && !file.has_classifier {
                    continue;
                }
                assert_eq!(
                    file.weights.values(&spec.name),
                    weights.values(&spec.name),
                    "{}: {}",
                    family.name,
                    spec.name
                );
            }
            let prefixes = file
                .adaptations
                .iter()
                .any(|one| matches!(one, Adaptation::Prefix(_)));
            assert_eq!(prefixes, !prefix.is_empty());
        }
    }
}

#[test]
fn what_is_published_is_assumed() {
    let read_family = |family: &Family, alpha| read_whole(&written(family, &sample_of(alpha, 3))).unwrap();
    let file = read_family(&timm::FAMILY, Alpha::Quarter);
    let preprocess = file.weights.metadata().preprocess.unwrap();
    assert_eq!(preprocess.interpolation, Interpolation::Bicubic);
    assert_eq!((preprocess.size, preprocess.shorter_side()), (224, 256));
    assert_eq!((preprocess.mean, preprocess.std), ([0.5; 3], [0.5; 3]));
    assert_eq!(
        file.taken,
        [Taken::Preprocess(Source::Family), Taken::Variant(Source::Family)]
    );
    let file = read_family(&transformers::FAMILY, Alpha::ThreeQuarters);
    let preprocess = file.weights.metadata().preprocess.unwrap();
    assert_eq!((preprocess.size, preprocess.shorter_side()), (192, 224));
    let variant = file.weights.architecture().variant;
    assert_eq!(variant.activation, Activation::Relu6);
    assert_eq!(variant.stride2_padding, Stride2Padding::Same);
    assert_eq!(variant.batch_norm_epsilon, 1e-3);
    let file = read_family(&pytorchcv::FAMILY, Alpha::Quarter);
    assert_eq!(file.weights.metadata().preprocess.unwrap().mean, IMAGENET_MEAN);
    assert_eq!(file.weights.architecture().variant, mbn_spec::Variant::PYTORCH);
}

#[test]
fn names_are_the_libraries() {
    let names = |family: &Family| {
        let specs = Architecture::new(Alpha::Quarter, 3).tensors();
        let stored = specs.iter().filter_map(|spec| (family.stored)(spec));
        stored.map(|stored| stored.name).collect::<Vec<_>>()
    };
    for (family, expected) in [
        (
            &timm::FAMILY,
            &[
                "conv_stem.weight",
                "bn1.running_var",
                "blocks.0.0.conv_dw.weight",
                "blocks.3.5.bn1.bias",
                "blocks.4.1.conv_pw.weight",
                "blocks.4.1.bn2.num_batches_tracked",
                "classifier.bias",
            ][..],
        ),
        (
            &transformers::FAMILY,
            &[
                "mobilenet_v1.conv_stem.normalization.weight",
                "mobilenet_v1.layer.0.convolution.weight",
                "mobilenet_v1.layer.25.normalization.running_mean",
                "classifier.weight",
            ],
        ),
        (
            &pytorchcv::FAMILY,
            &[
                "features.init_block.bn.weight",
                "features.stage1.unit1.dw_conv.conv.weight",
                "features.stage5.unit2.pw_conv.bn.bias",
                "output.weight",
            ],
        ),
        (
            &slim::FAMILY,
            &[
                "MobilenetV1/Conv2d_0/weights",
                "MobilenetV1/Conv2d_1_depthwise/depthwise_weights",
                "MobilenetV1/Conv2d_13_pointwise/BatchNorm/moving_variance",
                "MobilenetV1/Logits/Conv2d_1c_1x1/biases",
            ],
        ),
        (
            &amc::FAMILY,
            &[
                "conv1.0.weight",
                "conv1.1.bias",
                "features.0.0.weight",
                "features.12.4.running_mean",
                "classifier.1.weight",
            ],
        ),
        (
            &bubbliiiing::FAMILY,
            &[
                "stage1.0.0.weight",
                "stage1.5.3.weight",
                "stage2.0.0.weight",
                "stage2.5.4.bias",
                "stage3.1.3.weight",
                "fc.weight",
            ],
        ),
    ] {
        let names = names(family);
        for name in expected {
            assert!(names.iter().any(|found| found == name), "{}: {name}", family.name);
        }
    }
}

#[test]
fn a_classifier_may_be_a_1x1_convolution() {
    for family in [&timm::FAMILY, &pytorch::FAMILY, &transformers::FAMILY] {
        let weights = sample_of(Alpha::Quarter, 3);
        let mut tensors = written(family, &weights);
        let (_, shape, _) = tensors
            .iter_mut()
            .find(|(_, (_, shape, _))| *shape == [3, 256])
            .unwrap()
            .1;
        shape.extend([1, 1]);
        let file = read_whole(&tensors).unwrap();
        assert_eq!(file.weights.values("fc.weight"), weights.values("fc.weight"));
    }
}

#[test]
fn a_file_without_a_classifier_serves_as_a_start() {
    for family in FAMILIES {
        let mut tensors = written(family, &sample_of(alpha(family), 3));
        tensors.retain(|name, _| {
            !["fc.", "classifier.", "output.", "conv_preds", "Logits"]
                .iter()
                .any(|head| name.contains(head))
        });
        let error = read_whole(&tensors).unwrap_err();
        assert!(
            matches!(error, WeightsErrorKind::NoClassifier),
            "{}: {error}",
            family.name
        );
        let file = read_with(&tensors, Head::Optional).unwrap();
        assert!(!file.has_classifier);
        assert_eq!(file.weights.architecture().classes, 1);
        assert!(file.weights.values("fc.weight").iter().all(|value| *value == 0.0));
    }
}

#[test]
fn what_is_no_weight_is_left_out() {
    let mut tensors = written(&slim::FAMILY, &sample_of(Alpha::Quarter, 3));
    let one = (Dtype::F32, vec![1], vec![0; 4]);
    for name in [
        "MobilenetV1/Conv2d_0/weights/RMSProp",
        "MobilenetV1/Conv2d_0/weights/RMSProp_1",
        "MobilenetV1/Conv2d_0/BatchNorm/moving_mean/ExponentialMovingAverage",
        "global_step",
    ] {
        tensors.insert(name.to_owned(), one.clone());
    }
    let left_out = |tensors| {
        let file = read_whole(&tensors).unwrap();
        let left_out = file.adaptations.into_iter().find_map(|one| match one {
            Adaptation::LeftOut(names) => Some(names.len()),
            _ => None,
        });
        left_out.unwrap_or(0)
    };
    assert_eq!(left_out(tensors), 4);
    // What optimisers keep for each weight: as many values as the weight has.
    for family in [&slim::FAMILY, &keras::FAMILY] {
        for (before, slots) in [
            ("", &["Momentum"][..]),
            ("", &["Adam", "Adam_1"]),
            ("", &["Ftrl", "Ftrl_1"]),
            ("Adam/", &["m", "v"]),
        ] {
            let plain = written(family, &sample_of(Alpha::Quarter, 3));
            let mut tensors = plain.clone();
            for (name, tensor) in plain.iter().filter(|(name, _)| !name.contains("moving_")) {
                let slot = |slot: &&str| (format!("{before}{name}/{slot}"), tensor.clone());
                tensors.extend(slots.iter().map(slot));
            }
            let kept = tensors.len() - plain.len();
            for power in ["beta1_power", "beta2_power"] {
                tensors.insert(power.to_owned(), (Dtype::F32, vec![], vec![0; 4]));
            }
            assert_eq!(left_out(tensors), kept + 2, "{} {slots:?}", family.name);
        }
        let mut tensors = written(family, &sample_of(Alpha::Quarter, 3));
        let (name, tensor) = tensors.first_key_value().unwrap();
        let (unknown, tensor) = (format!("{}_gate/Momentum", name), tensor.clone());
        tensors.insert(unknown, tensor);
        assert!(matches!(read_whole(&tensors), Err(WeightsErrorKind::Mismatch(_))));
    }
    let mut tensors = written(&timm::FAMILY, &sample_of(Alpha::Quarter, 3));
    for name in ["n_averaged", "total_ops", "blocks.0.0.conv_dw.total_params"] {
        tensors.insert(name.to_owned(), one.clone());
    }
    assert_eq!(left_out(tensors), 3);
}

/// The names of another network's classes say nothing of these.
#[test]
fn other_class_names_beside_weights_are_named_and_not_used() {
    let weights = sample_of(Alpha::Quarter, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensors = written(&transformers::FAMILY, &weights);
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    for (names, expected, adaptations) in [
        (
            r#"{"0": "a", "1": "b"}"#,
            ["class_0", "class_1", "class_2"],
            vec![Adaptation::OtherClasses {
                field: "id2label",
                names: 2,
                classes: 3,
            }],
        ),
        (r#"{"0": "a", "1": "b", "2": "c"}"#, ["a", "b", "c"], vec![]),
    ] {
        let config = format!(r#"{{"model_type": "mobilenet_v1", "id2label": {names}}}"#);
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let file = WeightFile::load(&path).unwrap();
        assert_eq!(file.weights.class_names(), expected);
        assert_eq!(file.adaptations, adaptations);
    }
}

/// Values of a regression have no probabilities; its layers serve as a start.
#[test]
fn measures_beside_which_regression_stands_are_no_classes() {
    let weights = sample_of(Alpha::Quarter, 1);
    for family in [&transformers::FAMILY, &timm::FAMILY] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensors = written(family, &weights);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let config = folder.path().join("config.json");
        std::fs::write(&config, r#"{"problem_type": "regression"}"#).unwrap();
        let error = WeightFile::load(&path).unwrap_err().kind;
        assert!(matches!(error, WeightsErrorKind::Beside(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("`config.json` beside it has `problem_type` `regression`"),
            "{text}"
        );
        let start = WeightFile::load_with(&path, Head::Optional).unwrap();
        assert_eq!(start.weights.values("fc.weight"), weights.values("fc.weight"));
        std::fs::write(&config, r#"{"problem_type": "single_label_classification"}"#).unwrap();
        assert!(!WeightFile::load(&path).unwrap().weights.metadata().multi_label);
        std::fs::write(&config, r#"{"problem_type": "multi_label_classification"}"#).unwrap();
        assert!(WeightFile::load(&path).unwrap().weights.metadata().multi_label);
    }
}
