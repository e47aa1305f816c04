use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;
use crate::sample::sample;
use crate::{WeightFile, Weights, WeightsErrorKind};

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Reads a file of these tensors without metadata.
fn read(tensors: &Tensors) -> Result<WeightFile, WeightsErrorKind> {
    let views = tensors
        .iter()
        .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
    WeightFile::from_bytes(&safetensors::serialize(views, None).unwrap())
}

fn renamed(weights: &Weights, rename: impl Fn(&str) -> String) -> Tensors {
    let tensors = weights.tensor_bytes().into_iter();
    tensors.map(|(name, content)| (rename(&name), content)).collect()
}

fn message(tensors: &Tensors) -> String {
    read(tensors).unwrap_err().to_string()
}

#[test]
fn any_prefix_is_taken_off_and_named() {
    let weights = sample(3);
    for prefix in [
        "module.",
        "_orig_mod.",
        "model.",
        "model.model.",
        "état/",
        "x",
        "net_g.module.",
    ] {
        let file = read(&renamed(&weights, |name| format!("{prefix}{name}"))).unwrap();
        assert_eq!(file.weights.sha256(), weights.sha256(), "{prefix}");
        assert_eq!(file.adaptations, [Adaptation::Prefix(prefix.to_owned())]);
    }
    let file = read(&renamed(&weights, str::to_owned)).unwrap();
    assert_eq!(file.adaptations, []);
}

#[test]
fn numbers_of_what_saved_the_file_are_left_out() {
    let weights = sample(3);
    let mut tensors = renamed(&weights, |name| format!("module.{name}"));
    tensors.insert(
        "n_averaged".into(),
        (Dtype::I64, vec![], vec![3, 0, 0, 0, 0, 0, 0, 0]),
    );
    let file = read(&tensors).unwrap();
    assert_eq!(file.weights.sha256(), weights.sha256());
    let texts: Vec<_> = file.adaptations.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "the names of its tensors are taken without `module.`",
            "`n_averaged` is left out, not being weights"
        ]
    );
}

/// A single float may be learned, as the bound of PACT's activations is, without which the network computes something else.
#[test]
fn a_single_float_is_no_counter() {
    let weights = sample(3);
    let float = (Dtype::F32, vec![], 1f32.to_le_bytes().to_vec());
    let with = |prefix: &str, name: &str, value: &(Dtype, Vec<usize>, Vec<u8>)| {
        let mut tensors = renamed(&weights, |name| format!("{prefix}{name}"));
        tensors.insert(name.to_owned(), value.clone());
        tensors
    };
    let half = (Dtype::BF16, vec![], vec![0, 0]);
    for (prefix, name, value) in [
        ("", "model.0.2.alpha", &float),
        ("", "fc.scale", &float),
        ("", "model.5.2.alpha", &half),
        ("module.", "module.model.13.5.alpha", &float),
        ("net.", "net.model.0.2.alpha", &float),
    ] {
        let expected = format!("`{name}` is not part of the network");
        let found = message(&with(prefix, name, value));
        assert!(found.ends_with(&expected), "{found}");
    }
    // Beside the network's modules, and beside the network.
    for (prefix, name) in [
        ("", "temperature"),
        ("", "loss.scale"),
        ("net.", "net.temperature"),
        ("net.", "loss.scale"),
    ] {
        let file = read(&with(prefix, name, &float)).unwrap();
        let outside = Adaptation::Outside(vec![name.to_owned()]);
        assert!(file.adaptations.contains(&outside), "{:?}", file.adaptations);
    }
    // Whole numbers and known counters, wherever they are.
    let whole = (Dtype::I64, vec![], vec![0; 8]);
    let flag = (Dtype::BOOL, vec![], vec![1]);
    for (name, value) in [
        ("model.0.2.num_batches_tracked", &whole),
        ("model.0.2.enabled", &flag),
        ("model.0.0.total_ops", &float),
    ] {
        let file = read(&with("", name, value)).unwrap();
        assert_eq!(file.adaptations, [Adaptation::LeftOut(vec![name.to_owned()])]);
    }
}

/// A loss's weights of classes and a metric's counts, as Lightning keeps them in a checkpoint.
#[test]
fn what_stands_beside_a_prefixed_network_is_left_out() {
    let weights = sample(3);
    let mut tensors = renamed(&weights, |name| format!("model.{name}"));
    tensors.insert("criterion.weight".into(), (Dtype::F32, vec![3], vec![0; 12]));
    tensors.insert("val_acc.confmat".into(), (Dtype::I64, vec![3, 3], vec![0; 72]));
    let file = read(&tensors).unwrap();
    assert_eq!(file.weights.sha256(), weights.sha256());
    assert!(
        file.adaptations.contains(&Adaptation::Outside(vec![
            "criterion.weight".into(),
            "val_acc.confmat".into()
        ])),
        "{:?}",
        file.adaptations
    );
    // Under the prefix it would be a part of the network.
    let mut inside = renamed(&weights, |name| format!("model.{name}"));
    inside.insert("model.scale".into(), (Dtype::F32, vec![3], vec![0; 12]));
    assert!(message(&inside).contains("`model.scale` is not part of the network"));
    // It may be what is missing.
    let mut broken = tensors.clone();
    broken.remove("model.fc.bias");
    let found = message(&broken);
    for part in [
        "`fc.bias` is missing",
        "`criterion.weight` and `val_acc.confmat` are not",
    ] {
        assert!(found.contains(part), "{found}");
    }
    // A matrix could be the classifier that is used.
    tensors.insert("head.weight".into(), (Dtype::F32, vec![2, 3], vec![0; 24]));
    let message = message(&tensors);
    assert!(
        message.contains("`head.weight`") && message.ends_with("not part of the network"),
        "{message}"
    );
}

#[test]
fn counters_may_be_missing_or_of_another_type() {
    let weights = sample(3);
    let mut tensors = weights.tensor_bytes();
    tensors.retain(|name, _| !name.ends_with("num_batches_tracked"));
    let file = read(&tensors).unwrap();
    assert_eq!(file.weights.counter("model.4.1.num_batches_tracked"), 0);
    assert_eq!(file.weights.values("fc.bias"), weights.values("fc.bias"));
    let seven = (Dtype::F32, vec![1], 7f32.to_le_bytes().to_vec());
    tensors.insert("model.4.1.num_batches_tracked".into(), seven);
    assert_eq!(
        read(&tensors)
            .unwrap()
            .weights
            .counter("model.4.1.num_batches_tracked"),
        7
    );
    let two = (Dtype::F32, vec![2], vec![0; 8]);
    tensors.insert("model.4.1.num_batches_tracked".into(), two);
    let message = message(&tensors);
    assert!(
        message.contains("`model.4.1.num_batches_tracked` is F32 [2], expected I64 []"),
        "{message}"
    );
}

#[test]
fn several_networks_and_other_networks_are_refused() {
    let weights = sample(3);
    let mut two = renamed(&weights, |name| format!("model.{name}"));
    two.extend(renamed(&weights, |name| format!("ema.{name}")));
    assert!(
        message(&two).contains("one under `ema.` and one under `model.`"),
        "{}",
        message(&two)
    );
    let bias = weights.tensor_bytes()["fc.bias"].clone();
    let resnet: Tensors = (0..50)
        .map(|i| (format!("layer{i}.conv.weight"), bias.clone()))
        .chain([("fc.bias".into(), bias.clone())])
        .collect();
    let found = message(&resnet);
    assert!(
        found.contains("only 1 of the 51 have a name from the network"),
        "{found}"
    );
    assert!(found.contains("its first is `fc.bias`"), "{found}");
    let foreign = message(&[("x".into(), bias)].into());
    assert!(
        foreign.contains("none of the 1 has a name from the network, such as `model.0.0.weight`"),
        "{foreign}"
    );
    assert!(message(&Tensors::new()).contains("it has none"));
}

#[test]
fn every_float_type_is_converted_and_named() {
    let weights = sample(3);
    let half = |name: &str, (dtype, shape, bytes): (Dtype, Vec<usize>, Vec<u8>)| {
        if dtype != Dtype::F32 {
            return (name.to_owned(), (dtype, shape, bytes));
        }
        let values = bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| half::bf16::from_f32(f32::from_le_bytes(*b)));
        let bytes = values.flat_map(half::bf16::to_le_bytes).collect();
        (name.to_owned(), (Dtype::BF16, shape, bytes))
    };
    let tensors: Tensors = weights
        .tensor_bytes()
        .into_iter()
        .map(|(n, t)| half(&n, t))
        .collect();
    let file = read(&tensors).unwrap();
    assert_eq!(file.adaptations, [Adaptation::Converted(vec!["BF16".into()])]);
    let close = |(found, expected): (&f32, &f32)| (found - expected).abs() <= expected.abs() / 256.0;
    let name = "model.13.3.weight";
    let mut pairs = file.weights.values(name).iter().zip(weights.values(name));
    assert!(pairs.all(close));
}

/// A name of the file is whatever its author wants.
#[test]
fn names_do_not_forge_lines_of_messages() {
    const FORGED: &str = "x\u{1b}[31m\nerror: forged";
    let weights = sample(3);
    let counter = (Dtype::I64, vec![], vec![0; 8]);
    let row = (Dtype::F32, vec![3], vec![0; 12]);
    let other: Tensors = [(FORGED.to_owned(), row.clone())].into();
    let mut unexpected = renamed(&weights, str::to_owned);
    unexpected.insert(FORGED.to_owned(), row.clone());
    let mut two = renamed(&weights, |name| format!("{FORGED}{name}"));
    two.extend(renamed(&weights, str::to_owned));
    let mut kept = renamed(&weights, |name| format!("{FORGED}.{name}"));
    kept.insert(format!("{FORGED}.n"), counter);
    kept.insert(FORGED.replace('x', "y"), row);
    let adaptations = read(&kept).unwrap().adaptations;
    assert_eq!(adaptations.len(), 3, "{adaptations:?}");
    let texts = adaptations.iter().map(ToString::to_string);
    for text in texts.chain([message(&other), message(&unexpected), message(&two)]) {
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains("\\u{1b}[31m\\nerror: forged"), "{text}");
    }
}

/// The time to find the network grows with the length of a name, not with its square.
#[test]
fn only_ends_of_a_name_that_may_be_known_are_tried() {
    let weights = sample(3);
    let long = "a.".repeat(100_000);
    let tensors = renamed(&weights, |name| format!("{long}{name}"));
    let views: Views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            (name.clone(), view)
        })
        .collect();
    // With all ends of all names, this takes an hour.
    let located = locate(&views, &[&crate::families::pytorch::FAMILY]).unwrap();
    assert_eq!(located.adaptations, [Adaptation::Prefix(long)]);
}

/// Such as the layers of a detector, which a network is the backbone of.
#[test]
fn a_network_is_found_among_thousands_of_other_tensors() {
    let weights = sample(3);
    let mut tensors = renamed(&weights, |name| format!("backbone.{name}"));
    for other in 0..5000 {
        tensors.insert(format!("other.{other}"), (Dtype::F32, vec![1], vec![0; 4]));
    }
    let file = read(&tensors).unwrap();
    assert_eq!(file.weights.sha256(), weights.sha256());
}
