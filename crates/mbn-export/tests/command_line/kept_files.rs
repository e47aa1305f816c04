//! Files that are read stay as they are, whatever output is named like one.

use std::fs;

use mbn_spec::Alpha;

use crate::common::{export, fails, folder_with_weights, small, weights};

#[test]
fn no_output_replaces_a_file_that_is_read() {
    let folder = folder_with_weights();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("photos")).unwrap();
    for name in ["w.pth", "names.txt", "m.onnx", "photos/a.png", "m.rejected.onnx"] {
        fs::write(at(name), name).unwrap();
    }
    let whole = fs::read(at("w.safetensors")).unwrap();
    for arguments in [
        "--weights w.pth w.pth",
        "--weights w.pth ./w.pth",
        "--weights w.safetensors photos/../w.safetensors",
        "--weights w.safetensors --report w.safetensors out.onnx",
        "--weights w.safetensors --classes names.txt names.txt",
        "--weights w.safetensors --ort-lib m.onnx m.onnx",
        "--weights w.safetensors --check-images photos --report photos/a.png out.onnx",
        "--weights m.rejected.onnx --keep-rejected m.onnx",
        "check m.onnx --report m.onnx",
        "check m.onnx --weights w.safetensors --report ./w.safetensors",
        "check m.onnx --check-images photos --report photos/a.png",
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let messages = ["is the file that is read", "would be replaced"];
        fails(&folder, &arguments, 2, &messages);
        assert_eq!(fs::read(at("w.safetensors")).unwrap(), whole);
        for name in ["w.pth", "names.txt", "m.onnx", "photos/a.png"] {
            assert_eq!(fs::read(at(name)).unwrap(), name.as_bytes(), "{arguments:?}");
        }
    }
}

/// Weights take long to train, a model a second to write.
#[test]
fn no_model_replaces_weights_of_another_name() {
    let folder = folder_with_weights();
    let at = |name: &str| folder.path().join(name);
    let whole = fs::read(at("w.safetensors")).unwrap();
    fs::write(
        at("b.pth"),
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl",
    )
    .unwrap();
    for name in ["best", "best.onnx"] {
        fs::write(at(name), &whole).unwrap();
    }
    for (out, kind) in [
        ("b.pth", "a PyTorch checkpoint"),
        ("best", "a safetensors file"),
        ("best.onnx", "a safetensors file"),
    ] {
        let before = fs::read(at(out)).unwrap();
        let message = format!("`{out}` is {kind}");
        let arguments = ["--weights=w.safetensors", "--no-verify", out];
        fails(
            &folder,
            &arguments,
            1,
            &[&message, "hint: give what is written another name"],
        );
        assert_eq!(fs::read(at(out)).unwrap(), before);
    }
    // The extension says what is written, in large letters too.
    export(folder.path(), &["--weights=w.safetensors", "NEW.SAFETENSORS"]).success();
    mbn_weights::Weights::load(&at("NEW.SAFETENSORS")).unwrap();
    // A model is replaced as before.
    for _ in 0..2 {
        let arguments = ["--weights=w.safetensors", "--no-verify", "out.onnx"];
        export(folder.path(), &arguments).success();
    }
}

/// What a shell's pattern or a misunderstanding puts in the place of OUT.
#[test]
fn no_output_replaces_a_picture_or_the_weights_of_a_run() {
    let folder = folder_with_weights();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.jpg"), b"\xff\xd8\xff\xe0\0\x10JFIF\0").unwrap();
    fs::create_dir(at("run")).unwrap();
    fs::write(at("run/settings.toml"), "").unwrap();
    fs::copy(at("w.safetensors"), at("run/best.safetensors")).unwrap();
    for (options, messages) in [
        ("a.jpg", ["`a.jpg` is a JPEG picture", "a model would replace"]),
        (
            "--report a.jpg out.onnx",
            ["`--report a.jpg` is a JPEG picture", "text would replace"],
        ),
        (
            "run/best.safetensors",
            [
                "is a file of the training run in `run`",
                "hint: `--weights run/best.safetensors` exports what it holds",
            ],
        ),
    ] {
        let files = ["a.jpg", "run/best.safetensors"].map(|name| fs::read(at(name)).unwrap());
        let weights = std::iter::once("--weights=w.safetensors");
        let arguments: Vec<_> = weights.chain(options.split(' ')).collect();
        fails(&folder, &arguments, 1, &messages);
        assert!(files == ["a.jpg", "run/best.safetensors"].map(|name| fs::read(at(name)).unwrap()));
    }
}

/// Those that were trained are worth more than those that another file holds as well.
#[test]
fn no_weights_replace_others() {
    let folder = folder_with_weights();
    let at = |name: &str| folder.path().join(name);
    for _ in 0..2 {
        export(folder.path(), &["--weights=w.safetensors", "new.safetensors"]).success();
    }
    let others = weights(Alpha::Quarter, 3, |name, i| 0.5 * small(name, i));
    others.save(&at("others.safetensors")).unwrap();
    let before = fs::read(at("others.safetensors")).unwrap();
    fails(
        &folder,
        &["--weights=w.safetensors", "others.safetensors"],
        1,
        &[
            "`others.safetensors` holds other weights, which would be replaced",
            "remove that file first",
        ],
    );
    assert_eq!(fs::read(at("others.safetensors")).unwrap(), before);
}

#[test]
fn two_outputs_are_two_files() {
    let folder = folder_with_weights();
    for report in ["out.onnx", "./out.onnx"] {
        let arguments = ["--weights=w.safetensors", "--report", report, "out.onnx"];
        let message = format!("`out.onnx` and `--report {report}` are the same file, expected two");
        fails(&folder, &arguments, 2, &[&message]);
    }
}

#[cfg(unix)]
#[test]
fn links_are_the_file_that_they_lead_to() {
    let folder = folder_with_weights();
    let at = |name: &str| folder.path().join(name);
    fs::rename(at("w.safetensors"), at("w.pth")).unwrap();
    std::os::unix::fs::symlink("w.pth", at("soft.onnx")).unwrap();
    fs::hard_link(at("w.pth"), at("hard.onnx")).unwrap();
    for (out, message) in [
        (
            "soft.onnx",
            "is the file that is read as `w.pth`, and would be replaced",
        ),
        ("hard.onnx", "is the same file as `w.pth`, which is read"),
    ] {
        let message = format!("`{out}` {message}");
        fails(&folder, &["--weights=w.pth", out], 2, &[&message]);
    }
}
