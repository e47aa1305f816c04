//! Weight files that others wrote, files that are no weights, and the advice for them.

use std::process::Command;

use mbn_spec::Alpha;
use mbn_testing::{Needs, StoredTensors, save_tensors, skip, stored_tensors};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;
use safetensors::tensor::Dtype;
use tempfile::TempDir;

use crate::common::{export, fails, small, weights};

fn converted(tensors: &StoredTensors, dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>) -> StoredTensors {
    let convert = |(name, (old, shape, data)): (&String, &(Dtype, Vec<usize>, Vec<u8>))| {
        if *old != Dtype::F32 {
            return (name.clone(), (*old, shape.clone(), data.clone()));
        }
        let values = data.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value));
        (
            name.clone(),
            (dtype, shape.clone(), values.flat_map(&bytes).collect()),
        )
    };
    tensors.iter().map(convert).collect()
}

fn prefixed(tensors: &StoredTensors, prefix: &str) -> StoredTensors {
    let tensors = tensors.iter();
    tensors
        .map(|(name, content)| (format!("{prefix}{name}"), content.clone()))
        .collect()
}

/// bfloat16 is the upper half of float32; the values of [`small`] lose digits in it.
fn brain(value: f32) -> Vec<u8> {
    value.to_le_bytes()[2..].to_vec()
}

#[test]
fn weights_that_others_saved_are_taken_and_the_difference_is_said() {
    let folder = TempDir::new().unwrap();
    let plain = stored_tensors(&weights(Alpha::Quarter, 3, small).to_bytes().unwrap());
    let mut averaged = prefixed(&plain, "module.");
    averaged.insert(
        "n_averaged".into(),
        (Dtype::I64, vec![], 3i64.to_le_bytes().to_vec()),
    );
    let mut uncounted = plain.clone();
    uncounted.retain(|name, _| !name.contains("num_batches_tracked"));
    for (name, tensors, said) in [
        (
            "double",
            converted(&plain, Dtype::F64, |v| f64::from(v).to_le_bytes().to_vec()),
            "its F64 tensors",
        ),
        (
            "brain",
            converted(&plain, Dtype::BF16, brain),
            "its BF16 tensors are converted to F32",
        ),
        (
            "parallel",
            prefixed(&plain, "module."),
            "are taken without `module.`",
        ),
        (
            "odd",
            prefixed(&plain, "net.student_model."),
            "are taken without `net.student_model.`",
        ),
        ("averaged", averaged, "`n_averaged` is left out"),
        ("uncounted", uncounted, ""),
    ] {
        let file = format!("{name}.safetensors");
        save_tensors(&folder.path().join(&file), &tensors);
        let out = format!("{name}.onnx");
        export(folder.path(), &["--weights", &file, "--no-verify", &out])
            .success()
            .stderr(contains(said));
        // The hash in the model is what its weight file gives again.
        let model = mbn_onnx::Model::load(&folder.path().join(&out)).unwrap();
        let read = Weights::load(&folder.path().join(&file)).unwrap();
        assert_eq!(model.weights_sha256(), Some(read.sha256().as_str()));
        assert_eq!(model.to_folded().unwrap(), read.fold(), "{name}");
    }
    let bytes = |name: &str| std::fs::read(folder.path().join(format!("{name}.onnx"))).unwrap();
    assert_eq!(bytes("parallel"), bytes("odd"));
    assert_eq!(bytes("parallel"), bytes("double"));
    assert_ne!(bytes("parallel"), bytes("brain"));
}

#[test]
fn weights_of_another_network_are_refused_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let mut headless = stored_tensors(&weights(Alpha::Quarter, 3, small).to_bytes().unwrap());
    headless.retain(|name, _| !name.starts_with("fc."));
    save_tensors(&folder.path().join("w.safetensors"), &headless);
    let args = ["--weights=w.safetensors", "out.onnx"];
    let messages = [
        "it has no classifier",
        "hint: `mbn-train --data DIR --init w.safetensors`",
    ];
    fails(&folder, &args, 1, &messages);
    let other: StoredTensors = prefixed(&headless, "x").into_iter().take(40).collect();
    save_tensors(&folder.path().join("w.safetensors"), &other);
    let assert = export(folder.path(), &args).code(1);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let (message, hint) = message.split_once('\n').unwrap();
    assert!(
        message.contains("only 40 of the 40 have a name from the network"),
        "{message}"
    );
    assert!(
        hint.starts_with("hint: ") && hint.contains("any image classifier as an ONNX model"),
        "{hint}"
    );
}

#[test]
fn files_of_other_kinds_are_named_with_advice() {
    let folder = TempDir::new().unwrap();
    let zip = b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl";
    let paddle = b"\x80\x02}q\x00(X\x04\0\0\0convq\x01cnumpy.core.multiarray\n_reconstruct\n.";
    for (content, message, hint) in [
        (
            &b"version https://git-lfs.github.com/spec/v1\n"[..],
            "a Git LFS pointer",
            "lfs pull --include ",
        ),
        (
            zip,
            "its zip archive cannot be read, as if it were incomplete",
            "hint: the file was perhaps not copied or downloaded whole",
        ),
        (
            paddle,
            "a pickle of NumPy arrays",
            "only on a file that you trust",
        ),
        (
            b"\0\0\x06\x08\x01\x1a\x02\x08\x01\0\0",
            "a TensorFlow checkpoint",
            "hint: `python3 -c ",
        ),
        (
            b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
            "as PyTorch wrote before",
            "hint: `python3 -c ",
        ),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file", "h5py"),
        (b"<!doctype html><html>", "a web page", "download the file itself"),
        (
            b"\x08\x08\x12\x07pytorch\x3a\0",
            "an ONNX model",
            "mbn-infer --model",
        ),
        (
            b"\x1f\x8b\x08\0\0\0\0\0\0\0",
            "compressed by gzip",
            "unpack it first",
        ),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture", ""),
    ] {
        std::fs::write(folder.path().join("w.pth"), content).unwrap();
        fails(
            &folder,
            &["--weights=w.pth", "out.onnx"],
            1,
            &["`w.pth`", message, hint],
        );
    }
    std::fs::create_dir(folder.path().join("run")).unwrap();
    fails(&folder, &["--weights=run", "out.onnx"], 1, &["`run` is a folder"]);
    std::fs::write(folder.path().join("run/best.safetensors"), "").unwrap();
    let hint = "hint: the best weights of that run are in `run/best.safetensors`";
    fails(&folder, &["--weights=run", "out.onnx"], 1, &[hint]);
}

/// Names in another order would give every class another's name.
#[test]
fn the_weights_own_names_in_another_order_are_refused() {
    let folder = TempDir::new().unwrap();
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let own = names(&["French_horn", "cassette_player", "church"]);
    let weights = weights(Alpha::Quarter, 3, small).with_class_names(own).unwrap();
    weights.save(&folder.path().join("w.safetensors")).unwrap();
    let args = [
        "--weights=w.safetensors",
        "--classes=names.txt",
        "--no-verify",
        "out.onnx",
    ];
    let write = |text: &str| std::fs::write(folder.path().join("names.txt"), text).unwrap();
    for text in [
        "cassette_player\nchurch\nFrench_horn\n",
        "\u{feff}Cassette Player\r\nchurch\r\nfrench horn\r\n",
    ] {
        write(text);
        let messages = [
            "`--classes names.txt` has the class names of `w.safetensors` in another order: line 1 is ",
            "where the weights have `French_horn`",
            "hint: leave out `--classes`",
        ];
        fails(&folder, &args, 1, &messages);
    }
    write("French horn\ncassete_player\nchurch\n");
    export(folder.path(), &args).success().stderr(contains(
        "2 names are spelled differently: `French horn` for `French_horn`, `cassete_player` for `cassette_player`",
    ));
    write("Waldhorn\nKassettenspieler\nKirche\n");
    export(folder.path(), &args)
        .success()
        .stderr(contains("spelled").not());
    let utf16: Vec<u8> = "\u{feff}a\nb\nc\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.path().join("names.txt"), utf16).unwrap();
    fails(
        &folder,
        &args,
        1,
        &[
            "names.txt",
            "it is text in UTF-16, expected UTF-8",
            "hint: `iconv ",
        ],
    );
}

/// The command in the hint makes the weights that it promises.
#[test]
fn files_of_pytorch_that_are_not_read_can_be_converted_as_the_hint_says() {
    let python = std::env::var("MBN_PYTHON").unwrap_or("python3".to_owned());
    let has_torch = Command::new(&python)
        .args(["-c", "import torch, safetensors.torch"])
        .output();
    if !has_torch.is_ok_and(|output| output.status.success()) {
        skip(Needs::Download, "PyTorch is not installed");
        return;
    }
    let folder = TempDir::new().unwrap();
    let plain = weights(Alpha::Quarter, 3, small);
    plain.save(&folder.path().join("w.safetensors")).unwrap();
    // The old pickle, a whole model, and a TorchScript program.
    let prepare = "import torch; from safetensors.torch import load_file
def put(module, path, value):
    if len(path) == 1:
        return module.register_buffer(path[0], value)
    if path[0] not in module._modules:
        module.add_module(path[0], torch.nn.Flatten(0))
    put(module._modules[path[0]], path[1:], value)
sd = load_file('w.safetensors'); net = torch.nn.Flatten(0)
for name, value in sd.items():
    put(net, name.split('.'), value)
other = {k: v + 1 for k, v in sd.items()}
old = lambda c: torch.save(c, 'my w.pth', _use_new_zipfile_serialization=False)
";
    for save in [
        "old({'state_dict': sd, 'epoch': 3})",
        "old(sd)",
        "old({'state_dict': other, 'state_dict_ema': sd, 'epoch': 3})",
        "old({'model_state_dict': sd, 'loss': torch.tensor(0.3)})",
        "old({'net': sd})",
        "torch.save({'model': net, 'epoch': 3}, 'my w.pth')",
        "torch.jit.save(torch.jit.trace(net, torch.ones(1)), 'my w.pth')",
    ] {
        let (_, command) = hint(&python, &folder, &format!("{prepare}{save}"));
        let words = shlex::split(&command).unwrap();
        let run = Command::new(&python)
            .args(&words[1..])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let converted = Weights::load(&folder.path().join("my w.safetensors")).unwrap();
        assert_eq!(converted.sha256(), plain.sha256());
        std::fs::remove_file(folder.path().join("my w.safetensors")).unwrap();
    }
    // What has no weights, or several, or objects, is not converted; objects are with what the hint says beside it.
    for save in [
        "old({'epoch': 3})",
        "old({'a': sd, 'b': other})",
        "import argparse; old({'state_dict': sd, 'args': argparse.Namespace(lr=0.1)})",
    ] {
        let (message, command) = hint(&python, &folder, &format!("{prepare}{save}"));
        let run = |script: &str| {
            let mut words = shlex::split(&command).unwrap();
            words[2] = script.to_owned();
            let run = Command::new(&python)
                .args(&words[1..])
                .current_dir(folder.path())
                .output();
            run.unwrap().status.success()
        };
        let script = shlex::split(&command).unwrap()[2].clone();
        assert!(!run(&script), "{save}");
        assert!(!folder.path().join("my w.safetensors").exists(), "{save}");
        if save.contains("Namespace") {
            let more = "map_location=\"cpu\", weights_only=False";
            assert!(message.contains(more) && message.contains("a file that you trust"));
            assert!(run(&script.replace("map_location=\"cpu\"", more)));
            let converted = Weights::load(&folder.path().join("my w.safetensors")).unwrap();
            assert_eq!(converted.sha256(), plain.sha256());
        }
    }
}

/// What the program says of `my w.pth`, which the script makes, and the command in it.
fn hint(python: &str, folder: &TempDir, script: &str) -> (String, String) {
    let saved = Command::new(python)
        .args(["-c", script])
        .current_dir(folder.path())
        .status();
    assert!(saved.unwrap().success());
    let assert = export(folder.path(), &["--weights=my w.pth", "out.onnx"]).code(1);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let mut parts = message.split('`');
    let command = parts
        .find(|part| part.starts_with("python3 "))
        .unwrap()
        .to_owned();
    (message, command)
}
