//! Places to write to, and what is written there.

use mbn_spec::Alpha;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, fails, folder_with_weights, names, small, weights};

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let folder = folder_with_weights();
    let args = ["--weights=w.safetensors", "none/out.onnx"];
    fails(
        &folder,
        &args,
        1,
        &["`none/out.onnx`", "no folder `none`", "hint: "],
    );
    fails(&folder, &["--weights=w.safetensors", "."], 1, &["it is a folder"]);
    fails(
        &folder,
        &["--weights=w.safetensors", "/proc/out.onnx"],
        1,
        &["cannot write `/proc/out.onnx`"],
    );
}

/// `-` is stdin in other places, so that it may be meant as stdout.
#[test]
fn a_dash_is_no_file() {
    let folder = folder_with_weights();
    let stdout = ["`-` stands for stdout"];
    for arguments in [&["-"][..], &["--report", "-", "out.onnx"], &["--triton", "-"]] {
        fails(
            &folder,
            &[&["--weights=w.safetensors"], arguments].concat(),
            2,
            &stdout,
        );
    }
    fails(&folder, &["check", "--report", "-", "m.onnx"], 2, &stdout);
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_pipes_are_refused() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = folder_with_weights();
    let path = |name: &str| folder.path().join(name);
    let made = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    for (to, link) in [
        ("pipe", "p.onnx"),
        ("other.safetensors", "w.onnx"),
        ("real.onnx", "a.onnx"),
    ] {
        symlink(to, path(link)).unwrap();
    }
    std::fs::copy(path("w.safetensors"), path("other.safetensors")).unwrap();
    let weights = std::fs::read(path("other.safetensors")).unwrap();
    for out in ["pipe", "p.onnx"] {
        let message = format!("cannot write `{out}`: it is a device, a pipe");
        fails(
            &folder,
            &["--weights=w.safetensors", out],
            1,
            &[&message, "hint: "],
        );
    }
    let named = &["named like a weight file"];
    fails(&folder, &["--weights=w.safetensors", "w.onnx"], 1, named);
    export(
        folder.path(),
        &["--weights=w.safetensors", "--no-verify", "a.onnx"],
    )
    .success();
    assert!(path("a.onnx").is_symlink() && path("real.onnx").is_file());
    assert!(path("pipe").metadata().unwrap().file_type().is_fifo() && path("p.onnx").is_symlink());
    assert_eq!(std::fs::read(path("other.safetensors")).unwrap(), weights);
}

#[test]
fn published_weights_are_found_and_the_same_file_comes_out_twice() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("models")).unwrap();
    let path = folder.path().join("models/mobilenet_v1_0.25.safetensors");
    weights(Alpha::Quarter, 3, small).save(&path).unwrap();
    let next = "`mbn-infer --model a.onnx PATH...`";
    export(folder.path(), &["--alpha", "0.25", "--no-verify", "a.onnx"])
        .success()
        .stdout("")
        .stderr(contains(
            "Wrote `a.onnx`: MobileNetV1 alpha 0.25, 3 classes, 213,843 parameters, fp32, opset 17",
        ))
        .stderr(contains(next));
    export(folder.path(), &["--alpha", "0.25", "--no-verify", "my c.onnx"])
        .success()
        .stderr(contains("`mbn-infer --model 'my c.onnx' PATH...`"));
    export(
        folder.path(),
        &["--alpha", "0.25", "--no-verify", "b.onnx", "--quiet"],
    )
    .success()
    .stdout("")
    .stderr("");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.onnx"), read("b.onnx"));
    assert_eq!(names(folder.path()).len(), 4);
}

/// What Slurm and Kubernetes send ends the program as Ctrl-C does.
#[cfg(unix)]
#[test]
fn a_signal_ends_the_program_with_130() {
    use std::io::Write;
    use std::process::Command;
    let folder = folder_with_weights();
    let pipe = folder.path().join("names");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let before = names(folder.path());
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("mbn-export"))
        .current_dir(folder.path())
        .args([
            "--weights=w.safetensors",
            "--classes=names",
            "--no-verify",
            "out.onnx",
        ])
        .spawn()
        .unwrap();
    // Opens when the program reads it, which then waits for more names.
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    pipe.write_all(b"first\n").unwrap();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(names(folder.path()), before);
}
