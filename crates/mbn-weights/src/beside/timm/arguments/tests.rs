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
            "`args` in it has `interpolation` \"random\", expected `bilinear` or `bicubic`",
        ),
        (json!({"input_size": [3, 224, 192]}), "`input_size` [3,224,192]"),
        (json!({"img_size": "a string"}), "`img_size`"),
        (json!({"img_size": 7}), "cannot be followed: preprocessing size 7"),
        (json!({"crop_pct": 1.5}), "`crop_pct` 1.5"),
        (json!({"crop_mode": "border"}), "`crop_mode` \"border\""),
        (json!({"mean": [0.5, 0.5]}), "expected one number or three"),
        (json!({"std": [0]}), "cannot be followed"),
        (json!({"bn_eps": -1}), "`bn_eps` -1"),
        (
            json!({"model": "resnet18\n", "bn_eps": 0.5}),
            "is about `resnet18\\n`",
        ),
    ] {
        let said = read_arguments(&arguments).unwrap();
        assert_eq!(said.described, Described::default(), "{arguments}");
        assert!(
            said.unused.len() == 1 && said.unused[0].contains(part),
            "{:?}",
            said.unused
        );
    }
    // The others are used.
    let said = read_arguments(&json!({"interpolation": "random", "img_size": 128})).unwrap();
    assert_eq!(said.described.preprocess.unwrap().size, 128);
    assert_eq!(said.preprocess_fields, ["img_size"]);
}

#[test]
fn another_network_of_the_same_tensors_is_refused() {
    for (arguments, part) in [
        (json!({"gp": "max"}), "`gp` \"max\", expected `avg`"),
        (
            json!({"model_kwargs": {"aa_layer": "blurpool"}}),
            "`model_kwargs.aa_layer` \"blurpool\"",
        ),
        (json!({"model_kwargs": 3}), "`model_kwargs` 3, expected an object"),
    ] {
        let error = read_arguments(&arguments).unwrap_err().to_string();
        assert!(
            error.starts_with("`args` in it has") && error.contains(part),
            "{error}"
        );
    }
}
