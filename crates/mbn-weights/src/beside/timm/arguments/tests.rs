use mbn_spec::{Activation, Interpolation, Resize};
use serde_json::json;

use super::*;
use crate::beside::Described;

/// As timm publishes `mobilenetv1_100`.
fn usual() -> Preprocess {
    Preprocess {
        resize: Resize::Crop,
        interpolation: Interpolation::Bicubic,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..Preprocess::default()
    }
}

fn read_arguments(arguments: &Value) -> Result<FromArguments, BesideError> {
    read(arguments.as_object().unwrap(), usual())
}

#[test]
fn arguments_describe_network_and_preprocessing() {
    let said = read_arguments(&json!({
        "model": "timm/mobilenetv1_100.ra4_e3600_r224_in1k", "img_size": 160, "input_size": null, "mean": [0.1, 0.2, 0.3],
        "std": [0.25], "crop_pct": 1.0, "crop_mode": "", "interpolation": "bilinear", "bn_eps": 0.001, "gp": "fast",
        "model_kwargs": {"act_layer": "relu"}, "lr": 0.1, "drop": "an object",
    }))
    .unwrap();
    let preprocess = said.described.preprocess.unwrap();
    assert_eq!(
        (preprocess.size, preprocess.shorter_side(), preprocess.resize),
        (160, 160, Resize::Crop)
    );
    assert_eq!((preprocess.mean, preprocess.std), ([0.1, 0.2, 0.3], [0.25; 3]));
    assert_eq!(preprocess.interpolation, Interpolation::Bilinear);
    assert_eq!(said.described.epsilon, Some(1e-3));
    assert_eq!(said.described.activation, Some(Activation::Relu));
    assert_eq!(said.variant_fields, ["model_kwargs", "bn_eps"]);
    assert_eq!(
        said.preprocess_fields,
        ["img_size", "crop_pct", "interpolation", "mean", "std"]
    );
    assert_eq!(said.unused, Vec::<String>::new());
}

/// A size alone keeps the published part of the crop, and a part alone the published size, rounded as timm does it.
#[test]
fn what_is_not_given_is_as_it_is_published() {
    for (arguments, size, shorter) in [
        (json!({"img_size": 160}), 160, 182),
        (json!({"input_size": [3, 192, 192], "img_size": 160}), 192, 219),
        (json!({"crop_pct": 0.95}), 224, 235),
        (json!({"mean": [0.0, 0.0, 0.0]}), 224, 256),
    ] {
        let preprocess = read_arguments(&arguments).unwrap().described.preprocess.unwrap();
        assert_eq!(
            (preprocess.size, preprocess.shorter_side()),
            (size, shorter),
            "{arguments}"
        );
        assert_eq!(preprocess.std, [0.5; 3]);
        assert_eq!(preprocess.interpolation, Interpolation::Bicubic);
    }
    let nothing =
        json!({"model": "mobilenetv1_100", "img_size": null, "interpolation": "", "model_kwargs": {}});
    assert_eq!(read_arguments(&nothing).unwrap(), FromArguments::default());
}

#[test]
fn what_cannot_be_followed_is_named_and_not_used() {
    for (arguments, part) in [
        (
            json!({"interpolation": "random"}),
            "`args` in it has `interpolation` \"random\", expected the name of one of Pillow's filters",
        ),
        (json!({"input_size": [3, 224, 192]}), "`input_size` [3,224,192]"),
        (json!({"img_size": "a string"}), "`img_size`"),
        (
            json!({"img_size": 7}),
            "has values of `img_size` that cannot be followed: preprocessing size 7",
        ),
        (json!({"crop_pct": 1.5}), "`crop_pct` 1.5"),
        (json!({"crop_pct": 0.001}), "values of `crop_pct` that cannot"),
        (json!({"crop_mode": "border"}), "`crop_mode` \"border\""),
        (json!({"mean": [0.5, 0.5]}), "expected one number or three"),
        (json!({"std": [0]}), "values of `std` that cannot be followed"),
        (
            json!({"mean": [127.5, 127.5, 127.5], "std": [127.5]}),
            "values of `mean` and `std` that cannot be followed: mean [127.5, 127.5, 127.5]",
        ),
        (json!({"bn_eps": -1}), "`bn_eps` -1"),
        (
            json!({"model": "resnet18\n", "bn_eps": 0.5}),
            "is about `resnet18\\n`",
        ),
        // Another script's.
        (json!({"gp": 10.0}), "`gp` 10.0, expected a string"),
        (json!({"gp": "wgan"}), "`gp` \"wgan\", expected `avg`"),
        (
            json!({"model_kwargs": "a=1"}),
            "`model_kwargs` \"a=1\", expected an object",
        ),
        (
            json!({"model_kwargs": []}),
            "`model_kwargs` [], expected an object",
        ),
        (json!({"model_kwargs": {"depth": 3}}), "`model_kwargs.depth` 3"),
        (
            json!({"model_kwargs": {"pad_type": "x"}}),
            "`model_kwargs.pad_type`",
        ),
        (
            json!({"model_kwargs": {"act_layer": "the name `mine.Act`"}}),
            "`model_kwargs.act_layer`",
        ),
        (
            json!({"model_kwargs": {"output_stride": "x"}}),
            "`model_kwargs.output_stride`",
        ),
        (json!({"model_kwargs": {"bn_eps": "x"}}), "`model_kwargs.bn_eps`"),
    ] {
        let said = read_arguments(&arguments).unwrap();
        assert_eq!(said.described, Described::default(), "{arguments}");
        assert!(
            said.unused.len() == 1 && said.unused[0].contains(part),
            "{:?}",
            said.unused
        );
        assert!(said.preprocess_fields.is_empty() && said.variant_fields.is_empty());
    }
    let class = |name: &str| format!("the name `torch.nn.modules.activation.{name}`");
    let said = read_arguments(&json!({"model_kwargs": {"act_layer": class("ReLU")}})).unwrap();
    assert_eq!(
        (said.described.activation, said.unused.len()),
        (Some(Activation::Relu), 0)
    );
    assert!(read_arguments(&json!({"model_kwargs": {"act_layer": class("SiLU")}})).is_err());
    // An argument that says nothing more.
    for options in [
        json!({"scriptable": true, "exportable": false, "pretrained_cfg_overlay": {"a": "b"}, "aa_layer": "", "se_layer": false}),
        json!({"drop_path_rate": 0.1, "output_stride": 32, "global_pool": "avg"}),
    ] {
        let said = read_arguments(&json!({"model_kwargs": options})).unwrap();
        assert_eq!(said, FromArguments::default(), "{options}");
    }
}

/// One argument that cannot be followed takes none with it that says something else.
#[test]
fn the_other_arguments_are_used() {
    let ruled_out = json!([127.5, 127.5, 127.5]);
    for (arguments, size, shorter, std, fields, unused) in [
        (
            json!({"interpolation": "random", "img_size": 128}),
            128,
            146,
            0.5,
            &["img_size"][..],
            1,
        ),
        (
            json!({"img_size": 160, "mean": ruled_out, "std": ruled_out}),
            160,
            182,
            0.5,
            &["img_size"],
            1,
        ),
        (
            json!({"img_size": 7, "mean": 0.5, "std": 0.25}),
            224,
            256,
            0.25,
            &["mean", "std"],
            1,
        ),
        (
            json!({"img_size": 160, "crop_pct": 0.001}),
            160,
            182,
            0.5,
            &["img_size"],
            1,
        ),
        (
            json!({"img_size": 7, "crop_pct": 1.0}),
            224,
            224,
            0.5,
            &["crop_pct"],
            1,
        ),
        // A standard deviation is that of values around its mean.
        (
            json!({"img_size": 160, "mean": "x", "std": 0.25}),
            160,
            182,
            0.5,
            &["img_size"],
            2,
        ),
        (json!({"std": 0.25}), 224, 256, 0.25, &["std"], 0),
        (
            json!({"std": [0.25], "mean": 0.5, "gp": 10.0}),
            224,
            256,
            0.25,
            &["mean", "std"],
            1,
        ),
    ] {
        let said = read_arguments(&arguments).unwrap();
        let preprocess = said.described.preprocess.unwrap();
        assert_eq!(
            (preprocess.size, preprocess.shorter_side(), preprocess.std),
            (size, shorter, [std; 3]),
            "{arguments}"
        );
        assert_eq!(said.preprocess_fields, fields, "{arguments}");
        assert_eq!(said.unused.len(), unused, "{:?}", said.unused);
    }
}

/// The name of a model that is described elsewhere does not tell its architecture.
#[test]
fn arguments_of_a_model_on_the_hub_are_used() {
    for model in [
        "hf-hub:me/birds",
        "hf_hub:me/birds",
        "HF-Hub:me/birds",
        "local-dir:x",
        "MobileNetV1_100",
    ] {
        let said = read_arguments(&json!({"model": model, "img_size": 160})).unwrap();
        assert_eq!(said.described.preprocess.unwrap().size, 160, "{model}");
        assert!(said.unused.is_empty());
    }
}

#[test]
fn another_network_of_the_same_tensors_is_refused() {
    for (arguments, part) in [
        (json!({"gp": "max"}), "`gp` \"max\", expected `avg`"),
        (json!({"gp": "CatAvgMax"}), "`gp` \"CatAvgMax\", expected `avg`"),
        (
            json!({"model_kwargs": {"aa_layer": "blurpool"}}),
            "`model_kwargs.aa_layer` \"blurpool\"",
        ),
        (
            json!({"model_kwargs": {"act_layer": "silu"}}),
            "`model_kwargs.act_layer` \"silu\"",
        ),
        (
            json!({"model_kwargs": {"output_stride": 16}}),
            "`model_kwargs.output_stride` 16",
        ),
        (
            json!({"model_kwargs": {"global_pool": "max"}}),
            "`model_kwargs.global_pool` \"max\"",
        ),
        (
            json!({"model_kwargs": {"pad_type": "valid"}}),
            "`model_kwargs.pad_type` \"valid\"",
        ),
    ] {
        let error = read_arguments(&arguments).unwrap_err();
        assert_eq!(error.file(), None);
        let error = error.to_string();
        assert!(
            error.starts_with("`args` in it has") && error.contains(part),
            "{error}"
        );
    }
}
