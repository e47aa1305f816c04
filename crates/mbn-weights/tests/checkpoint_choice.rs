//! Which of the dictionaries of a PyTorch checkpoint is the network.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use common::{
    Call, Dict, Float, Global, Int, List, New, Object, StateDict, Text, Tuple, View, first, float_view,
    pickled, read_object, saved, state_dict, text, weights, with, with_contents,
};
use mbn_weights::pickle::PickleError;
use mbn_weights::{Adaptation, WeightFile};

#[test]
fn the_state_dict_is_found_and_a_moving_average_preferred() {
    for (entries, key, first_value, others) in [
        (vec![("state_dict", 3)], "state_dict", 3.0, vec![]),
        (vec![("model", 4)], "model", 4.0, vec![]),
        (
            vec![("model", 1), ("model_state_dict", 2)],
            "model_state_dict",
            2.0,
            vec!["model"],
        ),
        (
            vec![("state_dict", 1), ("state_dict_ema", 2)],
            "state_dict_ema",
            2.0,
            vec!["state_dict"],
        ),
        (vec![("model", 5), ("ema", 6)], "ema", 6.0, vec!["model"]),
        (
            vec![("state_dict", 1), ("ema_state_dict", 2)],
            "ema_state_dict",
            2.0,
            vec!["state_dict"],
        ),
        (
            vec![("params", 1), ("params_ema", 2)],
            "params_ema",
            2.0,
            vec!["params"],
        ),
        (vec![("a", 1), ("params", 2)], "params", 2.0, vec!["a"]),
        (vec![("net", 7)], "net", 7.0, vec![]),
    ] {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, first)| (key, state_dict(first)))
            .collect();
        let found = read_object(&with(entries)).unwrap();
        assert_eq!(found.key.as_deref(), Some(key));
        assert_eq!(
            (first(&found), found.others),
            (first_value, others.iter().map(ToString::to_string).collect())
        );
    }
    let bare = read_object(&state_dict(9)).unwrap();
    assert_eq!((bare.key.as_deref(), first(&bare)), (Option::None, 9.0));
}

/// A moving average whose weights are further inside, beside its decay.
#[test]
fn an_average_is_found_in_a_dictionary_of_its_own() {
    let decay = || float_view(&[1]).object();
    for (entries, key, first_value, others) in [
        (
            vec![
                ("model", state_dict(1)),
                ("ema", with(vec![("module", state_dict(2)), ("updates", Int(3))])),
            ],
            "ema.module",
            2.0,
            vec!["model"],
        ),
        (
            vec![
                ("state_dict", state_dict(1)),
                (
                    "model_ema",
                    with(vec![("decay", Float(0.9)), ("shadow", state_dict(2))]),
                ),
            ],
            "model_ema.shadow",
            2.0,
            vec!["state_dict"],
        ),
        (
            vec![
                ("ema", with(vec![("module", state_dict(2))])),
                ("model", with(vec![("module", state_dict(1))])),
            ],
            "ema.module",
            2.0,
            vec!["model.module"],
        ),
        (
            vec![("model", with(vec![("state_dict", state_dict(4))]))],
            "model.state_dict",
            4.0,
            vec![],
        ),
    ] {
        let found = read_object(&with(entries)).unwrap();
        assert_eq!(found.key.as_deref(), Some(key));
        assert_eq!(
            (first(&found), &found.others[..]),
            (
                first_value,
                &others.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
            )
        );
        assert!(found.unread.is_empty());
    }
    // One tensor beside it.
    let three = || {
        let names = ["a", "b", "w"].map(|name| (text(name), float_view(&[3]).object()));
        StateDict(names.to_vec())
    };
    let average = with(vec![("decay", decay()), ("shadow", three())]);
    let found = read_object(&with(vec![("ema", average), ("model", three())])).unwrap();
    assert_eq!(
        (found.key.as_deref(), found.tensors.len()),
        (Some("ema.shadow"), 3)
    );
    // A module of a network is no dictionary in it.
    let network = StateDict(vec![
        (text("module"), decay()),
        (text("w"), float_view(&[3]).object()),
    ]);
    assert_eq!(
        read_object(&with(vec![("ema", network)])).unwrap().key.as_deref(),
        Some("ema")
    );
    // Under other keys nothing is looked for inside.
    let inside = with(vec![("net", with(vec![("module", state_dict(1))]))]);
    assert!(matches!(
        read_object(&inside).unwrap_err(),
        PickleError::NoStateDict(_)
    ));
}

/// Neither an object is read nor what is further inside; numbers are no weights.
#[test]
fn an_average_that_is_not_read_is_told() {
    let net = || New(Global("nets", "Ema").into(), Dict(vec![]).into());
    let scalar = || {
        Call(
            Global("numpy._core.multiarray", "scalar").into(),
            Tuple(vec![text("f8"), text("bytes")]).into(),
        )
    };
    let deep = || {
        with(vec![(
            "state",
            with(vec![("averages", List(vec![float_view(&[3]).object()]))]),
        )])
    };
    let object = Some("an object made by `nets.Ema`".to_owned());
    for (ema, expected) in [
        (net(), Some(object.clone())),
        (with(vec![("module", net())]), Some(Option::None)),
        (deep(), Some(Option::None)),
        (List(vec![float_view(&[3]).object()]), Some(Option::None)),
        (scalar(), Option::None),
        (Float(0.9), Option::None),
        (Object::None, Option::None),
        (float_view(&[1]).object(), Option::None),
        (
            with(vec![("decay", Float(0.9)), ("value", scalar())]),
            Option::None,
        ),
    ] {
        for other in ["model", "net"] {
            let found = read_object(&with(vec![("ema", ema.clone()), (other, state_dict(1))])).unwrap();
            assert_eq!(found.key.as_deref(), Some(other));
            let unread: Vec<_> = found
                .unread
                .into_iter()
                .map(|unread| (unread.key, unread.object))
                .collect();
            assert_eq!(
                unread,
                expected
                    .clone()
                    .map(|object| ("ema", object))
                    .into_iter()
                    .collect::<Vec<_>>()
            );
        }
    }
    // Behind the key that is taken.
    let found = read_object(&with(vec![("ema", state_dict(1)), ("model", net())])).unwrap();
    assert!(found.unread.is_empty());
    let (entries, contents) = saved(&weights(), str::to_owned);
    let object = with(vec![("ema", net()), ("model", StateDict(entries))]);
    let file = WeightFile::from_bytes(&with_contents(&pickled(&object, 2), &contents)).unwrap();
    let told: Vec<_> = file.adaptations.iter().map(Adaptation::to_string).collect();
    assert_eq!(
        told,
        [
            "the weights are its `model`",
            "its `ema` is an object made by `nets.Ema`, and is not read"
        ]
    );
}

/// The entries of a state dict, without batch norm's statistics, as `named_parameters()` gives them.
fn parameters(entries: &[(Object, Object)], rename: impl Fn(&str) -> String) -> Vec<(Object, Object)> {
    let is_statistic = |name: &str| {
        let mut ends = ["running_mean", "running_var", "num_batches_tracked"].iter();
        ends.any(|end| name.ends_with(end))
    };
    let parameters = entries.iter().filter_map(|(key, value)| match key {
        Text(name) if !is_statistic(name) => Some((text(&rename(name)), value.clone())),
        _ => Option::None,
    });
    parameters.collect()
}

/// Many scripts average `named_parameters()`, which have no statistics of batch norm.
#[test]
fn an_average_of_parameters_alone_is_passed_over_with_a_warning() {
    let weights = weights();
    let (entries, contents) = saved(&weights, str::to_owned);
    let mut average = parameters(&entries, str::to_owned);
    let network = || StateDict(entries.clone());
    let read = |object: &Object| WeightFile::from_bytes(&with_contents(&pickled(object, 2), &contents));
    let passed = |passed: &[&str], key: &str| Adaptation::PassedOver {
        passed: passed.iter().map(ToString::to_string).collect(),
        key: Some(key.to_owned()),
    };
    let file = read(&with(vec![("model", network()), ("ema", Dict(average.clone()))])).unwrap();
    assert_eq!(file.weights.sha256(), weights.sha256());
    assert_eq!(file.adaptations, [passed(&["ema"], "model")]);
    assert_eq!(
        file.adaptations[0].to_string(),
        "its `ema` lacks the running means and variances of batch norm, as an average of parameters alone does; the weights are \
         its `model`"
    );
    // A decay as a tensor, and an average under another key too.
    average.push((
        text("decay"),
        View {
            shape: vec![],
            strides: vec![],
            ..float_view(&[1])
        }
        .object(),
    ));
    let file = read(&with(vec![
        ("model_ema", Dict(average.clone())),
        ("net", network()),
        ("ema", Dict(average.clone())),
    ]));
    assert_eq!(file.unwrap().adaptations, [passed(&["model_ema", "ema"], "net")]);
    let nested = with(vec![("shadow", Dict(average.clone())), ("num_updates", Int(3))]);
    let file = read(&with(vec![("ema", nested), ("model", network())])).unwrap();
    assert_eq!(file.adaptations, [passed(&["ema"], "model")]);
    // A key with a dot in it is no way through two dictionaries.
    let error = read(&with(vec![("ema.module", Dict(average.clone()))]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("they are those of its `ema.module`"), "{error}");
    // Without a whole network the error is about the average.
    let error = read(&with(vec![
        ("model", Dict(average.clone())),
        ("ema", Dict(average.clone())),
    ]));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains(
            "they are those of its `ema` and not those of `model`, which are read of a copy without `ema`; "
        ),
        "{error}"
    );
    assert!(
        error.contains("running_mean") && error.contains("missing"),
        "{error}"
    );
    // More than statistics is missing: it is no average of this network.
    let mut broken = average.clone();
    broken.retain(|(key, _)| !matches!(key, Text(name) if name == "fc.bias"));
    let error = read(&with(vec![("model", network()), ("ema", Dict(broken))]));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("those of its `ema` and not those of `model`"),
        "{error}"
    );
    // Names without dots, as latent diffusion's averages have.
    let dotless = parameters(&entries, |name| name.replace('.', ""));
    let error = read(&with(vec![("state_dict", network()), ("ema", Dict(dotless))]));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("those of its `ema` and not those of `state_dict`"),
        "{error}"
    );
}
