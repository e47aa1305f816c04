//! `--report`, and files that cannot be checked.

use std::path::Path;

use mbn_spec::Alpha;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{export, folder_with_weights, library, names, small, weights};

fn report(folder: &TempDir) -> Value {
    let text = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn picture(folder: &Path, name: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let picture = image::RgbImage::from_fn(40, 32, |x, y| image::Rgb([(6 * x) as u8, (7 * y) as u8, 90]));
    picture.save(folder.join(name)).unwrap();
}

/// The report of a run that succeeded must not speak of the file of one that failed.
#[test]
fn a_failure_at_any_step_replaces_an_older_report() {
    let Some(library) = library() else { return };
    let folder = folder_with_weights();
    let tiny = |name: &str, i| match name {
        "fc.weight" => 1e-7 * small(name, i),
        _ => small(name, i),
    };
    let tiny = weights(Alpha::Quarter, 3, tiny);
    tiny.save(&folder.path().join("tiny.safetensors")).unwrap();
    picture(&folder.path().join("few"), "a.png");
    let run = |args: &[&str]| {
        let common = ["--size=64", "--report=r.json", "out.onnx", &library];
        export(folder.path(), &[&common[..], args].concat())
    };
    for (args, message) in [
        (&["--weights=gone.safetensors"][..], "gone.safetensors"),
        (
            &["--weights=tiny.safetensors", "--precision=fp16"],
            "`fc.weight` has ",
        ),
        (
            &["--weights=w.safetensors", "--precision=int8", "--calibration=few"],
            "too few to measure",
        ),
        (
            &["--weights=w.safetensors", "--check-images=gone"],
            "`--check-images gone`",
        ),
    ] {
        run(&["--weights=w.safetensors"]).success();
        let passed = report(&folder);
        assert_eq!(
            (&passed["passed"], &passed["error"]),
            (&true.into(), &Value::Null)
        );
        run(args).code(1);
        let failed = report(&folder);
        assert_eq!(failed["passed"], false, "{args:?}");
        assert_eq!(failed["file"], "out.onnx");
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains(message), "{error}");
    }
    let check = ["check", "gone.onnx", "--report=r.json", &library];
    run(&["--weights=w.safetensors"]).success();
    export(folder.path(), &check).code(1);
    let failed = report(&folder);
    assert_eq!(
        (&failed["passed"], &failed["file"]),
        (&false.into(), &"gone.onnx".into())
    );
}

/// What it was to be checked with is at fault, not the file, and minutes of calibration are not spent in vain.
#[test]
fn a_file_that_cannot_be_checked_is_not_one_that_fails() {
    let folder = folder_with_weights();
    picture(&folder.path().join("photos"), "a.png");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let before = names(folder.path());
    let library = library();
    let library = library.as_deref();
    for more in [
        [Some("--check-images=gone"), library],
        [Some("--check-images=empty"), library],
        [Some("--ort-lib=w.safetensors"), Some("--check-images=photos")],
    ] {
        for precision in [&[][..], &["--precision=int8", "--calibration=photos"]] {
            let mut args = vec!["--weights=w.safetensors", "--keep-rejected", "out.onnx"];
            args.extend(more.iter().flatten());
            args.extend(precision);
            export(folder.path(), &args).code(1).stderr(
                contains("`out.onnx` was not written because it cannot be checked")
                    .and(contains("does not pass").not())
                    .and(contains("too few").not()),
            );
            assert_eq!(names(folder.path()), before, "a file was left behind");
        }
    }
    // Nor is one that exists.
    export(
        folder.path(),
        &["--weights=w.safetensors", "--no-verify", "m.onnx"],
    )
    .success();
    let line = ["check", "m.onnx", "--ort-lib=w.safetensors"];
    export(folder.path(), &line)
        .code(1)
        .stderr(contains("`m.onnx` cannot be checked"));
}
