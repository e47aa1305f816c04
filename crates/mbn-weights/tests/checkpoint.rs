//! PyTorch's checkpoints: which of their parts are taken, and that tensors are those that were saved.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use common::{
    Bool, Call, Dict, Float, Global, Int, List, New, Object, StateDict, Tuple, View, checkpoint, first,
    float_view, floats, ints, pickled, read_object, row_major, saved, state_dict, text, values, weights,
    with, with_contents, zipped,
};
use mbn_weights::pickle::{PickleError, read};
use mbn_weights::{Adaptation, Problem, WeightFile, Weights, WeightsErrorKind};
use proptest::prelude::*;

/// What training scripts save beside the weights is never looked at, whatever it is.
#[test]
fn what_stands_beside_the_weights_does_not_matter() {
    let namespace = New(
        Global("argparse", "Namespace").into(),
        with(vec![("lr", Float(0.1))]).into(),
    );
    let scalar = Call(
        Global("numpy._core.multiarray", "scalar").into(),
        Tuple(vec![text("f8"), text("bytes")]).into(),
    );
    let system = Call(
        Global("os", "system").into(),
        Tuple(vec![text("touch pwned")]).into(),
    );
    let momentum = with(vec![("momentum_buffer", float_view(&[3]).object())]);
    let optimizer = with(vec![
        ("state", Dict(vec![(Int(0), momentum)])),
        ("param_groups", List(vec![with(vec![("lr", Float(0.1))])])),
    ]);
    let found = read_object(&with(vec![
        ("epoch", Int(90)),
        ("args", namespace),
        ("best_acc1", float_view(&[1]).object()),
        ("metric", scalar),
        ("big", Int(i64::MIN)),
        ("hook", system),
        ("optimizer", optimizer),
        ("ema", Float(0.999)),
        ("state_dict", state_dict(5)),
        ("scheduler", StateDict(vec![])),
    ]))
    .unwrap();
    assert_eq!((found.key.as_deref(), first(&found)), (Some("state_dict"), 5.0));
    assert!(found.others.is_empty() && !std::path::Path::new("pwned").exists());
}

#[test]
fn an_entry_that_is_no_tensor_is_named_if_it_could_be_one() {
    let with_entry = |entry| {
        let mut entries = vec![(text("w"), float_view(&[3]).object())];
        entries.push((text("odd"), entry));
        read_object(&with(vec![("state_dict", StateDict(entries))]))
    };
    // Plain data cannot be a weight.
    let found = with_entry(Int(3)).unwrap();
    assert_eq!(found.left_out, ["odd"]);
    assert_eq!(found.tensors.len(), 1);
    let other = Call(
        Global("torch._utils", "_rebuild_tensor_v3").into(),
        Tuple(vec![]).into(),
    );
    for (entry, part) in [
        (other, "an object made by `torch._utils._rebuild_tensor_v3`"),
        (Global("os", "system"), "the name `os.system`"),
    ] {
        let message = with_entry(entry).unwrap_err().to_string();
        assert!(message.contains("`odd`") && message.contains(part), "{message}");
    }
    let storage = with_entry(
        View {
            class: "ComplexFloatStorage",
            ..float_view(&[3])
        }
        .object(),
    );
    let message = storage.unwrap_err().to_string();
    assert!(message.contains("`torch.ComplexFloatStorage`"), "{message}");
}

#[test]
fn checkpoints_without_a_state_dict_say_what_they_hold() {
    let net = || New(Global("nets", "MobileNet").into(), Dict(vec![]).into());
    for (object, expected) in [
        (
            net(),
            "it holds an object made by `nets.MobileNet`, expected a state dict",
        ),
        (List(vec![]), "it holds a list, expected a state dict"),
        (
            with(vec![("epoch", Int(1)), ("model", net())]),
            "it holds no state dict (its keys: `epoch`, `model` (an object made by `nets.MobileNet`))",
        ),
        (
            with(vec![("a", state_dict(1)), ("b", state_dict(2))]),
            "it holds several state dicts (its keys: `a`, `b`); expected one, or one called `state_dict`",
        ),
        (Dict(vec![]), "it holds no state dict"),
    ] {
        assert_eq!(read_object(&object).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_parameter_is_its_tensor() {
    let parameter = Call(
        Global("torch._utils", "_rebuild_parameter").into(),
        Tuple(vec![float_view(&[2]).object(), Bool(true), StateDict(vec![])]).into(),
    );
    let found = read_object(&with(vec![("w", parameter)])).unwrap();
    assert_eq!(values(&found.tensors["w"]), [0.0, 1.0]);
}

/// PyTorch saves a negated view with the storage that it is a view of.
#[test]
fn a_tensor_with_flags_is_refused_by_name() {
    let with_metadata = |metadata: Object| {
        let Call(rebuild, args) = float_view(&[3]).object() else {
            panic!("no call");
        };
        let Tuple(mut args) = *args else {
            panic!("no arguments");
        };
        args.push(metadata);
        read_object(&StateDict(vec![(text("w"), Call(rebuild, Tuple(args).into()))]))
    };
    for plain in [Dict(vec![]), Object::None] {
        assert_eq!(first(&with_metadata(plain).unwrap()), 0.0);
    }
    for (metadata, expected) in [
        (with(vec![("neg", Bool(true))]), &["neg"][..]),
        (
            with(vec![("conj", Bool(true)), ("neg", Bool(true))]),
            &["conj", "neg"],
        ),
        (Int(1), &["an integer"]),
    ] {
        let error = with_metadata(metadata).unwrap_err();
        let flags = expected.iter().map(ToString::to_string).collect();
        assert_eq!(
            error,
            PickleError::Flagged {
                name: "w".to_owned(),
                flags
            }
        );
        assert!(error.to_string().contains("the tensor `w`"), "{error}");
    }
}

#[test]
fn archives_that_are_no_checkpoints_are_told_apart() {
    let pickle = pickled(&state_dict(0), 2);
    let (data, bytes) = (&pickle[..], &floats(24)[..]);
    // Other archives compress what they like: here the last file, by its method in the zip's directory.
    let compressed = |files: &[(&str, &[u8])]| {
        let mut file = zipped(files);
        let entry = memchr::memmem::rfind(&file, b"PK\x01\x02").unwrap();
        file[entry + 10] = 8;
        file
    };
    let script = compressed(&[
        ("net/data.pkl", data),
        ("net/constants.pkl", data),
        ("net/code/net.py", b"pass"),
    ]);
    assert_eq!(read(&script).unwrap_err(), PickleError::TorchScript);
    let photos = compressed(&[("photos/1.jpg", b"a"), ("photos/2.jpg", b"b")]);
    assert_eq!(read(&photos).unwrap_err(), PickleError::NotCheckpoint);
    let big = zipped(&[("a/data.pkl", data), ("a/byteorder", b"big"), ("a/data/0", bytes)]);
    assert!(matches!(read(&big).unwrap_err(), PickleError::ByteOrder(order) if order == "big"));
    let other = zipped(&[("model.json", b"{}")]);
    assert_eq!(read(&other).unwrap_err(), PickleError::NotCheckpoint);
    assert!(matches!(
        Weights::from_bytes(&other).unwrap_err(),
        WeightsErrorKind::OtherKind(mbn_files::FileKind::Zip)
    ));
    let missing = zipped(&[("a/data.pkl", data)]);
    let message = read(&missing).unwrap_err().to_string();
    assert!(message.contains("a storage that is not in the file"), "{message}");
}

/// Every broken copy of a file is an error.
#[test]
fn damage_is_found() {
    let file = checkpoint(&pickled(&state_dict(0), 2), &[("0", &floats(24))]);
    read(&file).unwrap();
    for len in 0..file.len() {
        assert!(read(&file[..len]).is_err(), "{len} bytes of {}", file.len());
    }
    let data = memchr::memmem::find(&file, &floats(24)).unwrap();
    let mut flipped = file.clone();
    flipped[data + 5] ^= 1;
    let message = read(&flipped).unwrap_err().to_string();
    assert!(
        message.contains("`archive/data/0`") && message.contains("damaged"),
        "{message}"
    );
}

/// A checkpoint gives the weights that the same tensors give as safetensors, whatever is around their names.
#[test]
fn a_network_is_the_same_from_either_format() {
    let weights = weights();
    let (mut entries, contents) = saved(&weights, |name| format!("module.{name}"));
    entries.push((text("step"), Int(7)));
    let object = with(vec![
        ("epoch", Int(3)),
        ("state_dict", StateDict(entries)),
        ("arch", text("mobilenet")),
    ]);
    for protocol in [2, 4] {
        let file = with_contents(&pickled(&object, protocol), &contents);
        let read = WeightFile::from_bytes(&file).unwrap();
        assert_eq!(read.weights, weights);
        assert_eq!(read.weights.sha256(), weights.sha256());
        let told: Vec<_> = read.adaptations.iter().map(Adaptation::to_string).collect();
        assert_eq!(
            told,
            [
                "the weights are its `state_dict`",
                "the names of its tensors are taken without `module.`",
                "`step` is left out, not being weights"
            ]
        );
    }
}

/// The key is needed to take one of them out.
#[test]
fn several_networks_are_named_with_the_key_that_they_are_under() {
    let (mut entries, mut contents) = saved(&weights(), |name| format!("model.{name}"));
    entries.extend(saved(&weights(), |name| format!("ema.{name}")).0);
    // Both have the same storages, but no file has more bytes in tensors than of its own.
    let all = contents.iter().map(|(_, bytes)| bytes.len()).sum();
    contents.push(("unused", vec![0; all]));
    let networks = StateDict(entries);
    for (object, expected) in [
        (
            with(vec![("net", networks.clone()), ("ema", Object::None)]),
            Some("net"),
        ),
        (networks, None),
    ] {
        let file = with_contents(&pickled(&object, 2), &contents);
        let Err(WeightsErrorKind::Mismatch(error)) = WeightFile::from_bytes(&file) else {
            panic!("it is read");
        };
        let found = error.problems.iter().find_map(|problem| match problem {
            Problem::Several { key, .. } => Some(key.as_deref()),
            _ => None,
        });
        assert_eq!(found, Some(expected));
    }
}

/// Classes of storage with the bytes of an element.
const CLASSES: [(&str, usize); 10] = [
    ("DoubleStorage", 8),
    ("FloatStorage", 4),
    ("HalfStorage", 2),
    ("BFloat16Storage", 2),
    ("LongStorage", 8),
    ("IntStorage", 4),
    ("ShortStorage", 2),
    ("CharStorage", 1),
    ("ByteStorage", 1),
    ("BoolStorage", 1),
];

/// A view of up to four dimensions in any order, with an offset, and the size of its storage.
fn any_view() -> impl Strategy<Value = View> {
    let shape = proptest::collection::vec(0usize..4, 0..=4);
    (shape, any::<u64>(), 0usize..5, 0usize..3, 0..CLASSES.len()).prop_map(
        |(shape, seed, offset, spare, class)| {
            // Strides of the same tensor with its dimensions in another order.
            let mut order: Vec<usize> = (0..shape.len()).collect();
            order.sort_by_key(|dim| (seed >> (8 * dim)) & 0xff);
            let permuted: Vec<usize> = order.iter().map(|dim| shape[*dim]).collect();
            let mut strides = vec![0; shape.len()];
            for (place, stride) in order.iter().zip(row_major(&permuted)) {
                strides[*place] = stride;
            }
            // One dimension may repeat the same elements, as `expand` makes it.
            if seed >> 60 == 0 && !strides.is_empty() {
                strides[0] = 0;
            }
            View {
                class: CLASSES[class].0,
                key: "0",
                count: offset + shape.iter().product::<usize>() + spare,
                offset,
                shape,
                strides,
            }
        },
    )
}

/// The elements of a view, one index at a time.
fn elements(view: &View, storage: &[u8], width: usize) -> Vec<u8> {
    let count: usize = view.shape.iter().product();
    let mut found = Vec::new();
    for number in 0..count {
        let (mut rest, mut place) = (number, view.offset);
        for (dim, stride) in view.shape.iter().zip(&view.strides).rev() {
            place += rest % dim * stride;
            rest /= dim;
        }
        found.extend(&storage[place * width..(place + 1) * width]);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: Option::None, ..ProptestConfig::default() })]

    #[test]
    fn views_keep_their_elements(views in proptest::collection::vec(any_view(), 1..6), protocol in prop_oneof![Just(2u8), Just(4)]) {
        let mut entries = Vec::new();
        let mut storages = Vec::new();
        for (number, view) in views.iter().enumerate() {
            let width = CLASSES.iter().find(|(class, _)| *class == view.class).unwrap().1;
            let key: &'static str = number.to_string().leak();
            let bytes: Vec<u8> = (0..view.count * width).map(|i| (i * 7 + number) as u8).collect();
            entries.push((text(&format!("t{number}")), View { key, ..view.clone() }.object()));
            storages.push((key, bytes, width));
        }
        let stored: Vec<_> = storages.iter().map(|(key, bytes, _)| (*key, &bytes[..])).collect();
        let file = checkpoint(&pickled(&StateDict(entries), protocol), &stored);
        let found = read(&file).unwrap();
        prop_assert_eq!(found.tensors.len(), views.len());
        for (number, (view, (_, bytes, width))) in views.iter().zip(&storages).enumerate() {
            let tensor = &found.tensors[&format!("t{number}")];
            prop_assert_eq!(&tensor.shape, &view.shape);
            prop_assert_eq!(&tensor.bytes, &elements(view, bytes, *width));
        }
    }

    /// Neither changed bytes nor arbitrary ones make the reader panic.
    #[test]
    fn any_pickle_gives_a_checkpoint_or_an_error(
        place in 0usize..400, byte in any::<u8>(), noise in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        let object = with(vec![("args", ints(&[1, 2, 3, 4])), ("state_dict", state_dict(2))]);
        let mut pickle = pickled(&object, 2);
        let place = place % pickle.len();
        pickle[place] = byte;
        let _ = read(&checkpoint(&pickle, &[("0", &floats(24))]));
        let _ = read(&checkpoint(&[&[0x80, 2], &noise[..]].concat(), &[("0", &floats(24))]));
        let _ = read(&noise);
    }
}

/// What PyTorch itself wrote: `tests/reference/make_checkpoint.py`.
#[test]
fn pytorchs_own_files_hold_the_tensors_that_were_saved() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/checkpoint");
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let expected = file("tensors.safetensors");
    let expected = safetensors::SafeTensors::deserialize(&expected).unwrap();
    for (name, key) in [
        ("training.pth", Some("state_dict_ema")),
        ("protocol_4.pth", Option::None),
        ("no_checksums.pth", Option::None),
    ] {
        let found = read(&file(name)).unwrap();
        assert_eq!(found.key.as_deref(), key, "{name}");
        assert_eq!(found.others.is_empty(), key.is_none());
        assert_eq!(found.tensors.len(), expected.len());
        for (tensor_name, view) in expected.iter() {
            let tensor = &found.tensors[tensor_name];
            assert_eq!((tensor.dtype, &tensor.shape[..]), (view.dtype(), view.shape()));
            assert_eq!(tensor.bytes, view.data(), "{tensor_name} of {name}");
        }
    }
    let message = read(&file("whole_model.pth")).unwrap_err().to_string();
    assert!(
        message.contains("made by `torch.nn.modules.container.Sequential`"),
        "{message}"
    );
}
