//! The arguments of a training script that stand beside the weights in a checkpoint.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use common::{
    Bool, Call, Dict, Float, Global, Int, List, New, Object, StateDict, Tuple, checkpoint, float_view,
    floats, ints, pickled, saved, text, weights, with, with_contents,
};
use mbn_spec::Interpolation;
use mbn_weights::pickle::read;
use mbn_weights::{Adaptation, Source, Taken, WeightFile};
use serde_json::{Map, Value, json};

fn namespace(state: Object) -> Object {
    New(Global("argparse", "Namespace").into(), state.into())
}

/// What is read of these arguments, beside a state dict.
fn arguments(arguments: Object, protocol: u8) -> Map<String, Value> {
    let weights = StateDict(vec![(text("w"), float_view(&[3]).object())]);
    let object = with(vec![("state_dict", weights), ("args", arguments)]);
    let file = checkpoint(&pickled(&object, protocol), &[("0", &floats(24))]);
    read(&file).unwrap().arguments
}

#[test]
fn plain_values_of_a_namespace_and_of_a_dictionary_are_read() {
    let given = with(vec![
        ("model", text("mobilenetv1_100")),
        ("img_size", Int(160)),
        ("crop_pct", Float(0.875)),
        ("mean", List(vec![Float(0.5), Int(1)])),
        ("input_size", ints(&[3, 160, 160])),
        ("bn_eps", Object::None),
        ("amp", Bool(true)),
        ("no_aug", Bool(false)),
        ("model_kwargs", with(vec![("act_layer", text("relu"))])),
    ]);
    let expected = json!({
        "model": "mobilenetv1_100", "img_size": 160, "crop_pct": 0.875, "mean": [0.5, 1], "input_size": [3, 160, 160],
        "bn_eps": null, "amp": true, "no_aug": false, "model_kwargs": {"act_layer": "relu"},
    });
    for protocol in [2, 4] {
        for given in [given.clone(), namespace(given.clone())] {
            assert_eq!(Value::Object(arguments(given, protocol)), expected);
        }
    }
}

/// Nothing is called, and nothing is read of what another name would make.
#[test]
fn what_is_no_plain_value_is_a_description() {
    let call = Call(
        Global("os", "system").into(),
        Tuple(vec![text("touch pwned")]).into(),
    );
    let given = with(vec![
        ("hook", call.clone()),
        ("nan", Float(f64::NAN)),
        ("deep", List(vec![List(vec![Int(1)])])),
        ("long", List(vec![Int(1); 65])),
        ("text", text(&"x".repeat(257))),
    ]);
    let found = arguments(namespace(given.clone()), 2);
    let expected = json!({
        "hook": "an object made by `os.system`", "nan": "a number", "deep": ["a list"], "long": "a list",
        "text": "a string",
    });
    assert_eq!(Value::Object(found), expected);
    let other = New(Global("omegaconf", "DictConfig").into(), given.into());
    for arguments_of_none in [other, call, Int(3), Object::None] {
        assert!(arguments(arguments_of_none, 2).is_empty());
    }
    assert!(!std::path::Path::new("pwned").exists());
}

/// A history of losses takes none of the room that the weights need.
#[test]
fn any_number_of_floats_may_stand_beside_the_weights() {
    let epoch = || List(vec![Float(0.5); 1000]);
    let history = List((0..600).map(|_| epoch()).collect());
    let weights = StateDict(vec![(text("w"), float_view(&[3]).object())]);
    let object = with(vec![("history", history), ("state_dict", weights)]);
    let found = read(&checkpoint(&pickled(&object, 2), &[("0", &floats(24))])).unwrap();
    assert_eq!(found.tensors.len(), 1);
}

/// The name that timm has for a tensor.
fn timm(name: &str) -> String {
    const UNITS: [usize; 5] = [1, 2, 2, 6, 2];
    match name.split('.').collect::<Vec<_>>().as_slice() {
        ["fc", end] => format!("classifier.{end}"),
        ["model", "0", "0", end] => format!("conv_stem.{end}"),
        ["model", "0", _, end] => format!("bn1.{end}"),
        ["model", block, part, end] => {
            let (mut unit, mut stage) = (block.parse::<usize>().unwrap() - 1, 0);
            while unit >= UNITS[stage] {
                unit -= UNITS[stage];
                stage += 1;
            }
            let layer = match *part {
                "0" => "conv_dw",
                "1" => "bn1",
                "3" => "conv_pw",
                _ => "bn2",
            };
            format!("blocks.{stage}.{unit}.{layer}.{end}")
        }
        _ => unreachable!("{name}"),
    }
}

/// A checkpoint of timm with these arguments.
fn of_timm(arguments: Object) -> Vec<u8> {
    let (entries, contents) = saved(&weights(), timm);
    let object = with(vec![("state_dict", StateDict(entries)), ("args", arguments)]);
    with_contents(&pickled(&object, 2), &contents)
}

fn given() -> Object {
    let thirds = |values: [f64; 3]| List(values.map(Float).to_vec());
    namespace(with(vec![
        ("model", text("mobilenetv1_100")),
        ("img_size", Int(160)),
        ("mean", thirds([0.485, 0.456, 0.406])),
        ("std", thirds([0.229, 0.224, 0.225])),
        ("crop_pct", Float(1.0)),
        ("interpolation", text("bilinear")),
        ("bn_eps", Float(1e-3)),
        ("gp", Object::None),
        ("model_kwargs", Dict(vec![])),
    ]))
}

#[test]
fn weights_of_timm_are_as_its_arguments_say() {
    let file = WeightFile::from_bytes(&of_timm(given())).unwrap();
    let preprocess = file.weights.metadata().preprocess.unwrap();
    assert_eq!((preprocess.size, preprocess.shorter_side()), (160, 160));
    assert_eq!(
        (preprocess.mean, preprocess.std),
        ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    );
    assert_eq!(preprocess.interpolation, Interpolation::Bilinear);
    assert_eq!(file.weights.architecture().variant.batch_norm_epsilon, 1e-3);
    let stated = |arguments: &[&'static str]| Source::Stated {
        files: vec![],
        arguments: arguments.to_vec(),
    };
    assert_eq!(
        file.taken,
        [
            Taken::Preprocess(stated(&["img_size", "crop_pct", "interpolation", "mean", "std"])),
            Taken::Variant(stated(&["bn_eps"]))
        ]
    );
    assert!(
        !file
            .adaptations
            .iter()
            .any(|one| matches!(one, Adaptation::UnusedArguments(_)))
    );
}

/// The files beside the weights go before, each value for itself.
#[test]
fn files_beside_the_weights_go_before_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.pth.tar");
    std::fs::write(&path, of_timm(given())).unwrap();
    let config = |content: &str| {
        std::fs::write(folder.path().join("config.json"), content).unwrap();
        WeightFile::load(&path).unwrap()
    };
    let file = config(
        r#"{"architecture": "mobilenetv1_100", "pretrained_cfg": {"input_size": [3, 192, 192]}, "model_args": {"act_layer": "relu"}}"#,
    );
    assert_eq!(file.weights.metadata().preprocess.unwrap().size, 192);
    let both = Source::Stated {
        files: vec!["config.json"],
        arguments: vec!["bn_eps"],
    };
    assert_eq!(file.taken[1], Taken::Variant(both));
    assert_eq!(file.weights.architecture().variant.batch_norm_epsilon, 1e-3);
    let file = config(r#"{"architecture": "mobilenetv1_100", "model_args": {"bn_eps": 0.01}}"#);
    assert_eq!(file.weights.metadata().preprocess.unwrap().size, 160);
    assert_eq!(file.weights.architecture().variant.batch_norm_epsilon, 0.01);
}

#[test]
fn an_argument_that_cannot_be_followed_is_named() {
    let random = with(vec![("interpolation", text("random"))]);
    let file = WeightFile::from_bytes(&of_timm(random)).unwrap();
    assert_eq!(
        file.adaptations.last().unwrap().to_string(),
        "not all arguments of its training script are used: `args` in it has `interpolation` \"random\", expected the name of one \
         of Pillow's filters"
    );
    assert_eq!(
        file.taken,
        [Taken::Preprocess(Source::Family), Taken::Variant(Source::Family)]
    );
    let max = with(vec![("gp", text("max"))]);
    let error = WeightFile::from_bytes(&of_timm(max)).unwrap_err().to_string();
    assert!(error.starts_with("`args` in it has `gp` \"max\""), "{error}");
}
