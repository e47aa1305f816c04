//! PyTorch's checkpoints: the commands in the advice make the weights that they promise.

use std::process::Command;

use mbn_spec::Alpha;
use mbn_testing::{Needs, skip};
use mbn_weights::Weights;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, small, weights};

/// A Python with PyTorch and safetensors; `None` if there is none.
fn python() -> Option<String> {
    let python = std::env::var("MBN_PYTHON").unwrap_or("python3".to_owned());
    let imports = Command::new(&python)
        .args(["-c", "import torch, safetensors.torch"])
        .output();
    match imports.is_ok_and(|output| output.status.success()) {
        true => Some(python),
        false => {
            skip(Needs::Download, "PyTorch is not installed");
            None
        }
    }
}

fn runs(python: &str, folder: &TempDir, arguments: &[String]) -> bool {
    let mut command = Command::new(python);
    let output = command.args(arguments).current_dir(folder.path()).output();
    output.unwrap().status.success()
}

/// What follows `python3` in the command that the program advises about `my w.ckpt`.
fn advised(folder: &TempDir) -> Vec<String> {
    let assert = export(folder.path(), &["--weights=my w.ckpt", "out.onnx"]).code(1);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let command = message.split('`').find(|part| part.starts_with("python3 "));
    let words = shlex::split(command.unwrap_or_else(|| panic!("{message}"))).unwrap();
    words[1..].to_vec()
}

/// Saves `my w.ckpt` of the weights `sd`, others `ema` and a function that puts a prefix before names.
fn save(python: &str, folder: &TempDir, object: &str) {
    let script = format!(
        "import torch, argparse; from safetensors.torch import load_file; sd = load_file('w.safetensors'); \
         ema = {{k: v + 1 for k, v in sd.items()}}; p = lambda n, d: {{n + k: v for k, v in d.items()}}; \
         torch.save({object}, 'my w.ckpt')"
    );
    assert!(runs(python, folder, &["-c".to_owned(), script]), "{object}");
}

#[test]
fn one_of_several_networks_is_taken_out_as_the_hint_says() {
    let Some(python) = python() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let plain = weights(Alpha::Quarter, 3, small);
    plain.save(&folder.path().join("w.safetensors")).unwrap();
    let out = folder.path().join("my w.one.safetensors");
    let both = "{**p('model.', sd), **p('ema_model.', ema)}";
    for (object, prefix) in [
        (
            format!("{{'model_ema': {both}, 'args': argparse.Namespace(lr=0.1)}}"),
            "model.",
        ),
        (
            format!("{{'state_dict': {both}, 'ema': None, 'model': 'mobilenetv1_100'}}"),
            "model.",
        ),
        ("{'my net': {**ema, **p('best.', sd)}}".to_owned(), "best."),
        (both.to_owned(), "model."),
    ] {
        save(&python, &folder, &object);
        let mut words = advised(&folder);
        *words.last_mut().unwrap() = prefix.to_owned();
        assert!(runs(&python, &folder, &words), "{object}: {words:?}");
        assert_eq!(Weights::load(&out).unwrap().sha256(), plain.sha256(), "{object}");
        std::fs::remove_file(&out).unwrap();
        *words.last_mut().unwrap() = "none.".to_owned();
        assert!(!runs(&python, &folder, &words) && !out.exists(), "{object}");
    }
}

/// Arguments of which the same tensors make another network.
#[test]
fn weights_are_taken_without_their_arguments_as_the_hint_says() {
    let Some(python) = python() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let plain = weights(Alpha::Quarter, 3, small);
    plain.save(&folder.path().join("w.safetensors")).unwrap();
    // timm's names: `model.0.0` is the stem, and then there are blocks in stages.
    let names = "(lambda units: {(f'classifier.{k[3:]}' if k[:3] == 'fc.' else f'conv_stem.{k[10:]}' if k[:9] == 'model.0.0' \
         else f'bn1.{k[10:]}' if k[:7] == 'model.0' else f'blocks.{units[int(k.split(\".\")[1]) - 1]}.' \
         + ['conv_dw', 'bn1', '', 'conv_pw', 'bn2'][int(k.split('.')[2])] + '.' + k.split('.')[3]): v for k, v in sd.items()})\
         ([f'{s}.{u}' for s, n in enumerate([1, 2, 2, 6, 2]) for u in range(n)])";
    save(
        &python,
        &folder,
        &format!("{{'state_dict': {names}, 'args': argparse.Namespace(gp='max')}}"),
    );
    let args = ["--weights=my w.ckpt", "out.onnx"];
    export(folder.path(), &args)
        .code(1)
        .stderr(contains("`args` in it has `gp` \"max\", expected `avg`"))
        .stderr(contains(
            "hint: this program has no network as these arguments make it",
        ));
    assert!(runs(&python, &folder, &advised(&folder)));
    let converted = Weights::load(&folder.path().join("my w.safetensors")).unwrap();
    assert_eq!(converted.values("fc.weight"), plain.values("fc.weight"));
}
