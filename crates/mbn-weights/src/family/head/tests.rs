use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::families::keras;
use crate::families::tests::{Tensors, written};
use crate::family::Context;
use crate::opened::Opened;
use crate::sample::sample;
use crate::{Adaptation, Head, Problem, WeightFile, Weights, WeightsErrorKind};

type Tensor = (Dtype, Vec<usize>, Vec<u8>);

const CLASSES: usize = 3;
/// Of alpha 0.25.
const WIDTH: usize = 256;

fn read(tensors: &Tensors, head: Head) -> Result<WeightFile, WeightsErrorKind> {
    let views = tensors
        .iter()
        .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
    let bytes = safetensors::serialize(views, None).unwrap();
    let context = Context {
        head,
        ..Context::default()
    };
    Opened::new(&bytes).unwrap().read(&context)
}

/// The sample's tensors, without its classifier.
fn backbone(weights: &Weights, prefix: &str) -> Tensors {
    let tensors = weights.tensor_bytes().into_iter();
    let kept = tensors.filter(|(name, _)| !name.starts_with("fc."));
    kept.map(|(name, content)| (format!("{prefix}{name}"), content))
        .collect()
}

fn floats(shape: &[usize], value: impl Fn(usize) -> f32) -> Tensor {
    let values = (0..shape.iter().product()).map(value);
    (
        Dtype::F32,
        shape.to_vec(),
        values.flat_map(f32::to_le_bytes).collect(),
    )
}

/// The sample's classifier, as a matrix and a bias.
fn classifier(weights: &Weights) -> [Tensor; 2] {
    ["fc.weight", "fc.bias"].map(|name| weights.tensor_bytes()[name].clone())
}

fn with<const N: usize>(mut tensors: Tensors, more: [(&str, Tensor); N]) -> Tensors {
    tensors.extend(more.map(|(name, content)| (name.to_owned(), content)));
    tensors
}

fn texts(file: &WeightFile) -> Vec<String> {
    file.adaptations.iter().map(ToString::to_string).collect()
}

#[test]
fn one_matrix_of_another_name_is_the_classifier() {
    let weights = sample(CLASSES);
    let [weight, bias] = classifier(&weights);
    let conv = (weight.0, vec![CLASSES, WIDTH, 1, 1], weight.2.clone());
    for (prefix, names, weight) in [
        ("", ["fc.1.weight", "fc.1.bias"], &weight),
        ("", ["head.weight", "head.bias"], &weight),
        ("module.", ["module.fc.1.weight", "module.fc.1.bias"], &conv),
        ("backbone.", ["head.3.weight", "head.3.bias"], &weight),
    ] {
        let tensors = with(
            backbone(&weights, prefix),
            [(names[0], weight.clone()), (names[1], bias.clone())],
        );
        for head in [Head::Required, Head::Optional] {
            let file = read(&tensors, head).unwrap();
            assert_eq!(file.weights.sha256(), weights.sha256(), "{names:?}");
            assert!(file.has_classifier);
            let text = format!("`{}` and `{}` are taken as the classifier", names[0], names[1]);
            assert_eq!(texts(&file).last(), Some(&text));
            assert!(
                !file
                    .adaptations
                    .iter()
                    .any(|found| matches!(found, Adaptation::Outside(_)))
            );
        }
    }
}

/// Keras's kernels are `[width, classes]`.
#[test]
fn a_kernel_of_keras_is_turned() {
    let weights = sample(CLASSES);
    let dense = floats(&[WIDTH, CLASSES], |at| {
        weights.values("fc.weight")[at % CLASSES * WIDTH + at / CLASSES]
    });
    let [_, bias] = classifier(&weights);
    let keras: Tensors = written(&keras::FAMILY, &weights)
        .into_iter()
        .filter(|(name, _)| !name.starts_with("conv_preds"))
        .collect();
    for [kernel_name, bias_name] in [
        ["dense/kernel", "dense/bias"],
        [
            "predictions/predictions/kernel:0",
            "predictions/predictions/bias:0",
        ],
    ] {
        let tensors = with(
            keras.clone(),
            [(kernel_name, dense.clone()), (bias_name, bias.clone())],
        );
        let file = read(&tensors, Head::Required).unwrap();
        for name in ["fc.weight", "fc.bias", "model.13.3.weight"] {
            assert_eq!(file.weights.values(name), weights.values(name), "{name}");
        }
        assert_eq!(file.weights.architecture().classes, CLASSES);
    }
    // Without a bias it may be anything.
    assert!(read(&with(keras, [("dense/kernel", dense)]), Head::Required).is_err());
}

#[test]
fn a_bias_that_is_missing_is_zeros() {
    let weights = sample(CLASSES);
    let [weight, _] = classifier(&weights);
    for name in ["fc.weight", "fc.1.weight"] {
        let file = read(
            &with(backbone(&weights, ""), [(name, weight.clone())]),
            Head::Required,
        )
        .unwrap();
        assert_eq!(file.weights.values("fc.weight"), weights.values("fc.weight"));
        assert_eq!(file.weights.values("fc.bias"), [0.0; CLASSES]);
        let text =
            format!("`{name}` is taken as the classifier, with zeros for the bias, which the file lacks");
        assert_eq!(texts(&file), [text]);
    }
    // A loss that normalises the features has such a matrix too.
    assert!(
        read(
            &with(backbone(&weights, ""), [("margin.weight", weight)]),
            Head::Required
        )
        .is_err()
    );
}

/// What computes something else than one matrix.
#[test]
fn no_part_of_another_head_is_taken_as_the_classifier() {
    let weights = sample(CLASSES);
    let [weight, bias] = classifier(&weights);
    let matrix = |out: usize, width: usize| floats(&[out, width], |at| at as f32);
    let vector = |len: usize| floats(&[len], |at| at as f32);
    let bytes = (Dtype::I8, vec![CLASSES, WIDTH], vec![1; CLASSES * WIDTH]);
    let cases: Vec<(&str, Tensors)> = vec![
        (
            "MLP",
            with(
                Tensors::new(),
                [
                    ("fc.0.weight", matrix(WIDTH, WIDTH)),
                    ("fc.0.bias", vector(WIDTH)),
                    ("fc.2.weight", weight.clone()),
                    ("fc.2.bias", bias.clone()),
                ],
            ),
        ),
        (
            "MLP, narrow",
            with(
                Tensors::new(),
                [
                    ("fc.0.weight", matrix(8, WIDTH)),
                    ("fc.0.bias", vector(8)),
                    ("fc.2.weight", matrix(CLASSES, 8)),
                    ("fc.2.bias", bias.clone()),
                ],
            ),
        ),
        (
            "norm before it",
            with(
                Tensors::new(),
                [
                    ("head.0.weight", vector(WIDTH)),
                    ("head.0.bias", vector(WIDTH)),
                    ("head.1.weight", weight.clone()),
                    ("head.1.bias", bias.clone()),
                ],
            ),
        ),
        (
            "two heads",
            with(
                Tensors::new(),
                [
                    ("fc.1.weight", weight.clone()),
                    ("fc.1.bias", bias.clone()),
                    ("aux.weight", weight.clone()),
                    ("aux.bias", bias.clone()),
                ],
            ),
        ),
        (
            "activation",
            with(
                Tensors::new(),
                [
                    ("fc.1.weight", weight.clone()),
                    ("fc.1.bias", bias.clone()),
                    ("fc.0.slope", floats(&[], |_| 0.25)),
                ],
            ),
        ),
        (
            "bytes",
            with(
                Tensors::new(),
                [
                    ("fc.1.weight", weight.clone()),
                    ("fc.1.bias", bias.clone()),
                    ("fc.2.weight", bytes),
                ],
            ),
        ),
        (
            "bias of another",
            with(
                Tensors::new(),
                [("fc.1.weight", weight.clone()), ("fc.2.bias", bias.clone())],
            ),
        ),
        (
            "bias of another length",
            with(
                Tensors::new(),
                [("fc.1.weight", weight.clone()), ("fc.1.bias", vector(4))],
            ),
        ),
        (
            "other width",
            with(
                Tensors::new(),
                [("fc.1.weight", matrix(CLASSES, 8)), ("fc.1.bias", bias.clone())],
            ),
        ),
        (
            "other name",
            with(
                Tensors::new(),
                [("fc.1.weight_v", weight.clone()), ("fc.1.bias", bias.clone())],
            ),
        ),
    ];
    for (case, head) in &cases {
        for prefix in ["", "net."] {
            let mut tensors = backbone(&weights, prefix);
            let inside = |name: &String| match name.starts_with("head.") {
                true => name.clone(),
                false => format!("{prefix}{name}"),
            };
            tensors.extend(head.iter().map(|(name, content)| (inside(name), content.clone())));
            let Err(WeightsErrorKind::Mismatch(error)) = read(&tensors, Head::Required) else {
                panic!("{case}, {prefix}");
            };
            assert!(
                error
                    .to_string()
                    .contains("the layers before the classifier are whole"),
                "{case}: {error}"
            );
            let backbone = error.problems.iter().find_map(|problem| match problem {
                Problem::Backbone(backbone) => Some(backbone),
                _ => None,
            });
            let backbone = backbone.unwrap();
            assert_eq!(
                (
                    backbone.features,
                    backbone.weight.as_str(),
                    backbone.has_classifier
                ),
                (WIDTH, "fc.weight", false)
            );
            assert!(backbone.can_start, "{case}");
            let file = read(&tensors, Head::Optional).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(!file.has_classifier);
            assert_eq!(
                file.weights.values("model.13.3.weight"),
                weights.values("model.13.3.weight")
            );
            assert!(
                texts(&file)
                    .iter()
                    .any(|text| text.ends_with("left out, being part of another head")),
                "{case}"
            );
        }
    }
}

#[test]
fn what_is_beside_a_classifier_is_left_out_for_a_new_one_alone() {
    let weights = sample(CLASSES);
    let [weight, _] = classifier(&weights);
    let teacher = with(
        weights.tensor_bytes().into_iter().collect(),
        [("teacher.fc.weight", weight.clone())],
    );
    assert!(read(&teacher, Head::Required).is_err());
    let file = read(&teacher, Head::Optional).unwrap();
    assert_eq!(
        (file.has_classifier, file.weights.sha256()),
        (true, weights.sha256())
    );
    assert_eq!(
        texts(&file),
        ["`teacher.fc.weight` is left out, being part of another head"]
    );
    // It may change what the classifier computes.
    let adapted = with(
        weights.tensor_bytes().into_iter().collect(),
        [("fc.lora.weight", weight.clone())],
    );
    assert!(!read(&adapted, Head::Optional).unwrap().has_classifier);
    // A part of the layers before the classifier, or a layer with places.
    for name in ["model.3.attention.weight", "input.weight"] {
        let kernel = floats(&[CLASSES, 3, 3, 3], |at| at as f32);
        let content = if name.starts_with("model") {
            weight.clone()
        } else {
            kernel
        };
        let tensors = with(weights.tensor_bytes().into_iter().collect(), [(name, content)]);
        assert!(read(&tensors, Head::Optional).is_err(), "{name}");
    }
    // The layers before the classifier are not whole.
    let mut broken = with(backbone(&weights, ""), [("fc.1.weight", weight)]);
    broken.remove("model.5.0.weight");
    for head in [Head::Required, Head::Optional] {
        let error = read(&broken, head).unwrap_err().to_string();
        assert!(
            !error.contains("are whole") && error.contains("`model.5.0.weight`"),
            "{error}"
        );
    }
}
