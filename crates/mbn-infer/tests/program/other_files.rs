//! Weights that others saved, and files that are no models.

use mbn_onnx::{ExportOptions, export};
use mbn_testing::{StoredTensors, save_tensors, stored_tensors};
use mbn_weights::Weights;
use safetensors::tensor::Dtype;

use crate::common::{bare, failure, folder, library, picture, program, success};

/// The upper half of each float32.
fn as_bfloat16(tensors: &StoredTensors) -> StoredTensors {
    let halve = |(dtype, shape, bytes): &(Dtype, Vec<usize>, Vec<u8>)| match dtype {
        Dtype::F32 => (
            Dtype::BF16,
            shape.clone(),
            bytes.chunks(4).flat_map(|b| [b[2], b[3]]).collect(),
        ),
        _ => (*dtype, shape.clone(), bytes.clone()),
    };
    tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), halve(tensor)))
        .collect()
}

/// A model that was exported from such a file is found to be made of it again, and agrees with it.
#[test]
fn weights_that_others_saved_classify_and_check() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for i in 0..3 {
        picture(&folder, &format!("{i}.png"));
    }
    let plain = stored_tensors(&mbn_infer::builtin::weights().unwrap().to_bytes().unwrap());
    let mut averaged: StoredTensors = plain
        .iter()
        .map(|(n, t)| (format!("module.{n}"), t.clone()))
        .collect();
    averaged.insert(
        "n_averaged".into(),
        (Dtype::I64, vec![], vec![3, 0, 0, 0, 0, 0, 0, 0]),
    );
    let mut uncounted = plain.clone();
    uncounted.retain(|name, _| !name.contains("num_batches"));
    let library = library();
    for (name, tensors, said) in [
        (
            "brain",
            as_bfloat16(&plain),
            "its BF16 tensors are converted to F32",
        ),
        ("averaged", averaged, "are taken without `module.`"),
        ("uncounted", uncounted, ""),
    ] {
        let file = format!("{name}.safetensors");
        save_tensors(&at(&file), &tensors);
        let run = success(program(&folder).args(["--model", &file, "0.png"]));
        assert!(run.stderr.contains(said), "{}", run.stderr);
        let model = export(&Weights::load(&at(&file)).unwrap(), &ExportOptions::default()).unwrap();
        std::fs::write(at("m.onnx"), model.to_bytes()).unwrap();
        success(program(&folder).args(["--model", "m.onnx", "--weights", &file, "0.png"]));
        if let Some(library) = &library {
            let mut checked = bare(&folder);
            checked.arg("--ort-lib").arg(library);
            let run =
                success(checked.args(["--model", "m.onnx", "--weights", &file, "--parity", "all", "."]));
            assert!(run.stderr.contains("agrees on 3 of 3 images"), "{}", run.stderr);
            // Beside the model, it is found by itself.
            std::fs::copy(at(&file), at("m.safetensors")).unwrap();
            let mut checked = bare(&folder);
            checked.arg("--ort-lib").arg(library);
            let run = success(checked.args(["--model", "m.onnx", "--parity", "all", "."]));
            assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
        }
    }
}

/// Archives of which the first file does not tell that they hold weights, and folders that do.
#[test]
fn programs_and_saved_models_are_named_with_the_command_that_converts_them() {
    let folder = folder();
    let files = ["m/code/__torch__.py", "m/data.pkl", "m/constants.pkl"];
    std::fs::write(folder.path().join("m.pt"), zip(&files)).unwrap();
    std::fs::write(
        folder.path().join("m.keras"),
        zip(&["metadata.json", "config.json"]),
    )
    .unwrap();
    std::fs::write(folder.path().join("m.zip"), zip(&["a.txt"])).unwrap();
    std::fs::create_dir(folder.path().join("saved")).unwrap();
    std::fs::write(folder.path().join("saved/saved_model.pb"), "").unwrap();
    for (name, parts) in [
        ("m.pt", &["TorchScript", "torch.jit.load"][..]),
        ("m.keras", &["zip archive", "keras.models.load_model"]),
        ("m.zip", &["zip archive", "unpack it first"]),
        ("saved", &["is a folder", "tf.saved_model.load"]),
    ] {
        let run = failure(program(&folder).args(["--model", name, "a.png"]), 1);
        for part in parts {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
        assert!(
            name == "m.zip" || !run.stderr.contains("unpack"),
            "{}",
            run.stderr
        );
    }
}

/// A zip of empty files.
fn zip(names: &[&str]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let offset = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        // Version, flags, method, time and date; checksum and two sizes of nothing.
        let common = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..],
            &[0; 12],
            &length,
            &[0; 2],
        ]
        .concat();
        bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes()].concat());
        directory.extend(
            [
                b"PK\x01\x02\x14\0",
                &common[..],
                &[0; 10],
                &offset,
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let count = u16::try_from(names.len()).unwrap().to_le_bytes();
    let [size, start] = [directory.len(), bytes.len()].map(|n| u32::try_from(n).unwrap().to_le_bytes());
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06", &[0; 4][..], &count, &count, &size, &start, &[0; 2]].concat());
    bytes
}

#[test]
fn files_that_are_no_models_are_named_with_advice() {
    let folder = folder();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 8\n";
    for (name, content, message, hint) in [
        (
            "m.onnx",
            pointer.as_bytes(),
            "it is a Git LFS pointer",
            "lfs pull --include m.onnx",
        ),
        (
            "m.safetensors",
            pointer.as_bytes(),
            "it is a Git LFS pointer",
            "lfs pull --include m.safetensors",
        ),
        (
            "m.onnx",
            b"<!DOCTYPE html><html>",
            "it is a web page",
            "download the file itself",
        ),
        (
            "m.onnx",
            b"\x93NUMPY\x01\0",
            "it is a NumPy array",
            "`mbn-export --weights FILE OUT.onnx`",
        ),
        (
            "m.safetensors",
            b"\x08\x08\x12\x07pytorch",
            "it is an ONNX model",
            "`mbn-infer --model`",
        ),
        ("m.onnx", b"", "the file is empty", "hint: "),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
        let run = failure(program(&folder).args(["--model", name, "a.png"]), 1);
        for part in [name, message, hint] {
            assert!(run.stderr.contains(part), "{}", run.stderr);
        }
    }
}
