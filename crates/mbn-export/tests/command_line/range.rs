//! `--precision fp16`: values that float16 cannot hold are refused, with the layer that computes them.

use std::path::Path;

use candle_core::Device;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, fails, small, weights};

/// Activations of a few units become larger than 65504, weights stay smaller.
const FACTOR: f32 = 2e4;

/// Random weights, whose batch norms give values of a few units.
fn ordinary() -> Weights {
    mbn_model::random_weights(Architecture::new(Alpha::Quarter, 3), 5, &Device::Cpu).unwrap()
}

/// The same function in float32, with the values that a layer hands on larger by `FACTOR`: the batch norm of block `block`'s
/// pointwise convolution scales up, and that of the next depthwise convolution scales down.
fn scaled(block: usize) -> Weights {
    let (up, down) = (format!("model.{block}.4."), format!("model.{}.1.", block + 1));
    let factor = |name: &str| match name {
        _ if [format!("{up}weight"), format!("{up}bias")].contains(&name.to_owned()) => FACTOR,
        _ if name == format!("{down}running_mean") => FACTOR,
        _ if name == format!("{down}running_var") => FACTOR * FACTOR,
        _ => 1.0,
    };
    let plain = ordinary();
    weights(Alpha::Quarter, 3, |name, i| plain.values(name)[i] * factor(name))
}

/// Saves the weights for small pictures, which take little time.
fn save(folder: &TempDir, name: &str, weights: &Weights) {
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size: 64,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let weights = weights.clone().with_metadata(metadata).unwrap();
    weights.save(&folder.path().join(name)).unwrap();
}

fn pictures(folder: &Path, names: &[&str]) {
    std::fs::create_dir_all(folder).unwrap();
    for name in names {
        let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([(6 * x) as u8, (8 * y) as u8, 90]));
        picture.save(folder.join(name)).unwrap();
    }
}

#[test]
fn the_layer_that_overflows_is_named_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    for block in [1, 5, 12] {
        save(&folder, "big.safetensors", &scaled(block));
        let args = [
            "--weights=big.safetensors",
            "--precision=fp16",
            "--no-verify",
            "out.onnx",
        ];
        let messages = [
            &format!("`model.{block}.3` (pointwise convolution) reaches "),
            "float16 holds values up to 65504, with a factor of two to spare up to 32752: on 3 noise pictures",
            "hint: `--precision fp32`",
            "--allow-overflow",
        ];
        fails(&folder, &args, 1, &messages);
        // The layers around it compute what they always did.
        let assert = export(folder.path(), &args);
        let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert_eq!(message.matches("reaches").count(), 1, "{message}");
        // float32 holds them.
        export(
            folder.path(),
            &["--weights=big.safetensors", "--no-verify", "fp32.onnx"],
        )
        .success();
        std::fs::remove_file(folder.path().join("fp32.onnx")).unwrap();
    }
}

#[test]
fn unfolded_graphs_hold_more_values() {
    let folder = TempDir::new().unwrap();
    save(&folder, "big.safetensors", &scaled(5));
    let args = [
        "--weights=big.safetensors",
        "--precision=fp16",
        "--no-fold",
        "--no-verify",
        "out.onnx",
    ];
    // The next convolution's result is as large, before its own batch norm scales it down.
    let messages = [
        "`model.5.4` (batch norm) reaches ",
        "`model.6.0` (depthwise convolution) reaches ",
    ];
    fails(&folder, &args, 1, &messages);
}

#[test]
fn ordinary_weights_pass_and_so_does_what_the_user_allows() {
    let folder = TempDir::new().unwrap();
    save(&folder, "w.safetensors", &ordinary());
    let fp16 = ["--precision=fp16", "--no-verify"];
    let run = |more: &[&str]| export(folder.path(), &[&fp16[..], more].concat());
    run(&["--weights=w.safetensors", "a.onnx"])
        .success()
        .stderr(contains("float16").not());
    run(&["--alpha=0.25", "--random-weights=3", "a.onnx"]).success();
    save(&folder, "big.safetensors", &scaled(3));
    run(&["--weights=big.safetensors", "--allow-overflow", "big.onnx"])
        .success()
        .stderr(contains("warning: float16 holds values up to 65504").and(contains("`model.3.3`")));
    assert!(folder.path().join("big.onnx").exists());
}

#[test]
fn a_weight_beyond_the_range_is_named() {
    let folder = TempDir::new().unwrap();
    let large = |name: &str, i| {
        if name == "model.2.1.weight" {
            1e7
        } else {
            small(name, i)
        }
    };
    save(&folder, "big.safetensors", &weights(Alpha::Quarter, 3, large));
    let args = [
        "--weights=big.safetensors",
        "--precision=fp16",
        "--allow-overflow",
        "out.onnx",
    ];
    // Folded into the convolution.
    fails(
        &folder,
        &args,
        1,
        &[
            "`big.safetensors` cannot be exported: `model.2.0.weight` has the value ",
            " after its batch norm was folded in (-1.5e-1 before), which fp16 cannot hold",
            "hint: `--precision fp32` holds them",
        ],
    );
    // float32's end is reached by what is folded, not by what the file holds.
    let huge = |name: &str, i| match name {
        "model.2.0.weight" => 3e38,
        "model.2.1.weight" => 4.0,
        _ => small(name, i),
    };
    save(&folder, "huge.safetensors", &weights(Alpha::Quarter, 3, huge));
    fails(
        &folder,
        &["--weights=huge.safetensors", "out.onnx", "--no-verify"],
        1,
        &[
            "`model.2.0.weight` has the value inf after its batch norm was folded in (3e38 before), which fp32 cannot hold",
            "`--no-fold`",
        ],
    );
    fails(
        &folder,
        &[
            "--weights=huge.safetensors",
            "out.onnx",
            "--no-verify",
            "--precision=fp16",
        ],
        1,
        &["which fp16 cannot hold", "`--no-fold`"],
    );
}

/// A classifier of nothing but zeros gives logits as near to tiny ones as any tolerance asks.
#[test]
fn weights_that_vanish_in_float16_are_named() {
    let folder = TempDir::new().unwrap();
    let tiny = |name: &str, i| match name {
        "fc.weight" => 1e-7 * small(name, i),
        "fc.bias" => 0.0,
        _ => small(name, i),
    };
    save(&folder, "tiny.safetensors", &weights(Alpha::Quarter, 3, tiny));
    let args = [
        "--weights=tiny.safetensors",
        "--precision=fp16",
        "out.onnx",
        "--no-verify",
    ];
    let messages = [
        "`tiny.safetensors` cannot be exported: `fc.weight` has 709 values that are not zero; in fp16 709 of them become zero",
        "hint: `--precision fp32` holds them",
    ];
    fails(&folder, &args, 1, &messages);
    export(
        folder.path(),
        &["--weights=tiny.safetensors", "out.onnx", "--no-verify"],
    )
    .success();
}

#[test]
fn pictures_are_checked_too() {
    let folder = TempDir::new().unwrap();
    save(&folder, "w.safetensors", &ordinary());
    save(&folder, "big.safetensors", &scaled(4));
    pictures(&folder.path().join("some pictures"), &["a.png", "b.png"]);
    let with = |weights: &'static str, folder: &'static str| {
        [
            "--precision=fp16",
            "--no-verify",
            weights,
            "--check-images",
            folder,
            "out.onnx",
        ]
    };
    let args = with("--weights=big.safetensors", "some pictures");
    fails(
        &folder,
        &args,
        1,
        &[
            "on 3 noise pictures and 2 pictures in `some pictures`",
            "`model.4.3`",
        ],
    );
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (name, message) in [("empty", "no images"), ("gone", "no such file or folder")] {
        let message = &["`--check-images ", message];
        fails(&folder, &with("--weights=w.safetensors", name), 1, message);
    }
    std::fs::create_dir(folder.path().join("broken")).unwrap();
    std::fs::write(folder.path().join("broken/a.png"), "text").unwrap();
    fails_after_warning(&folder, &with("--weights=w.safetensors", "broken"));
    export(folder.path(), &with("--weights=w.safetensors", "some pictures")).success();
    let without_fp16 = [
        "--weights=w.safetensors",
        "--no-verify",
        "--check-images=some pictures",
        "b.onnx",
    ];
    fails(
        &folder,
        &without_fp16,
        2,
        &["`--check-images` has no effect with `--no-verify`"],
    );
}

fn fails_after_warning(folder: &TempDir, args: &[&str]) {
    export(folder.path(), args)
        .code(1)
        .stderr(contains("a.png").and(contains(
            "none of the 1 picture in `--check-images broken` can be used",
        )));
}
