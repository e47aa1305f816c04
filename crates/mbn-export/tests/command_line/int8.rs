//! `--precision int8`: calibration folders, and the file from the export to its later check.

use std::path::{Path, PathBuf};

use candle_core::Device;
use mbn_onnx::Model;
use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Variant};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{change, export, names, small, weights};

/// The library, if it has been fetched.
fn library() -> Option<PathBuf> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    if !library.is_dir() {
        mbn_testing::skip(mbn_testing::Needs::Other, "`make onnxruntime` has not been run");
        return None;
    }
    Some(library)
}

/// Random weights for small pictures.
fn save(folder: &TempDir, name: &str, activation: Activation) {
    save_others(folder, name, activation, 5);
}

/// The same from another seed.
fn save_others(folder: &TempDir, name: &str, activation: Activation, seed: u64) {
    let variant = Variant {
        activation,
        ..Variant::default()
    };
    let architecture = Architecture {
        variant,
        ..Architecture::new(Alpha::Quarter, 4)
    };
    let metadata = Metadata {
        variant: Some(variant),
        preprocess: Some(Preprocess {
            size: 32,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let weights = mbn_model::random_weights(architecture, seed, &Device::Cpu).unwrap();
    let weights = weights.with_metadata(metadata).unwrap();
    weights.save(&folder.path().join(name)).unwrap();
}

/// `n` small pictures of blocks, all different.
fn pictures(folder: &Path, n: u32) {
    std::fs::create_dir_all(folder).unwrap();
    for i in 0..n {
        let level = |x: u32, y: u32, c: u32| {
            ((i * 37 + (x / 8) * 91 + (y / 8) * 53 + c * 101) % 223 + (x * y) % 29) as u8
        };
        let picture = image::RgbImage::from_fn(40, 32, |x, y| image::Rgb([0, 1, 2].map(|c| level(x, y, c))));
        picture.save(folder.join(format!("{i}.png"))).unwrap();
    }
}

/// The program fails with these messages, perhaps after others, and writes nothing.
fn refused(folder: &TempDir, args: &[&str], messages: &[&str]) {
    let before = names(folder.path());
    let mut assert = export(folder.path(), args).code(1).stdout("");
    for message in messages {
        assert = assert.stderr(contains(*message));
    }
    assert_eq!(names(folder.path()), before, "a file was left behind");
}

#[test]
fn folders_that_show_no_ranges_are_refused() {
    let folder = TempDir::new().unwrap();
    save(&folder, "w.safetensors", Activation::Relu);
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::create_dir(at("texts")).unwrap();
    std::fs::write(at("texts/notes.txt"), "no picture").unwrap();
    std::fs::create_dir(at("broken")).unwrap();
    std::fs::write(at("broken/a.png"), "no picture").unwrap();
    pictures(&at("few"), 99);
    let with = |name: &str, messages: &[&str]| {
        let calibration = format!("--calibration={name}");
        let args = [
            "--weights=w.safetensors",
            "--precision=int8",
            "--no-verify",
            &calibration,
            "out.onnx",
        ];
        refused(&folder, &args, messages);
    };
    with("empty", &["`--calibration empty`"]);
    with("texts", &["`--calibration texts`"]);
    with("missing", &["`--calibration missing`"]);
    with(
        "broken",
        &["none of the 1 picture in `--calibration broken` can be used"],
    );
    with(
        "few",
        &[
            "99 pictures are too few",
            "100 is the least",
            "hint: training photos",
        ],
    );
    // Equal pictures show no more than one of them.
    pictures(&at("equal"), 99);
    for i in 0..60 {
        std::fs::copy(at(&format!("equal/{i}.png")), at(&format!("equal/copy_{i}.png"))).unwrap();
    }
    with(
        "equal",
        &["without 60 copies, it has 99 pictures", "99 pictures are too few"],
    );
}

/// One that leads nowhere is left out, as a picture that cannot be decoded is.
#[cfg(unix)]
#[test]
fn links_to_nowhere_do_not_end_a_calibration() {
    let folder = TempDir::new().unwrap();
    save(&folder, "w.safetensors", Activation::Relu);
    pictures(&folder.path().join("p"), 100);
    std::os::unix::fs::symlink("gone.png", folder.path().join("p/link.png")).unwrap();
    let args = [
        "--weights=w.safetensors",
        "--precision=int8",
        "--no-verify",
        "--calibration=p",
        "out.onnx",
    ];
    export(folder.path(), &args)
        .success()
        .stderr(contains("link.png").and(contains("it is a link to `gone.png`, which is not there")));
    std::fs::create_dir(folder.path().join("links")).unwrap();
    std::os::unix::fs::symlink("gone.png", folder.path().join("links/link.png")).unwrap();
    let args = [
        "--weights=w.safetensors",
        "--precision=int8",
        "--no-verify",
        "--calibration=links",
        "no.onnx",
    ];
    refused(
        &folder,
        &args,
        &["`--calibration links` cannot be used", "a link to `gone.png`"],
    );
}

/// A file that names weights whose integers it does not have computes what its integers do, and nothing that they do.
#[test]
fn integers_of_other_weights_do_not_pass_a_check() {
    let Some(library) = library() else { return };
    let library = format!("--ort-lib={}", library.display());
    let folder = TempDir::new().unwrap();
    pictures(&folder.path().join("p"), 100);
    for (seed, name) in [(5, "one"), (6, "other")] {
        save_others(&folder, &format!("{name}.safetensors"), Activation::Relu, seed);
        let (weights, out) = (format!("--weights={name}.safetensors"), format!("{name}.onnx"));
        export(
            folder.path(),
            &[
                &weights,
                "--precision=int8",
                "--calibration=p",
                "--no-verify",
                &out,
            ],
        )
        .success();
    }
    let path = |name: &str| folder.path().join(name);
    let other = Model::load(&path("other.onnx")).unwrap();
    let sha256 = other.weights_sha256().unwrap().to_owned();
    change(&folder, "one.onnx", |proto| {
        let mut entries = proto.metadata_props.iter_mut();
        entries
            .find(|entry| entry.key() == "weights_sha256")
            .unwrap()
            .value = Some(sha256);
    });
    let check = |name: &str, more: &[&str]| {
        let args = [&["check", &library, "--weights=other.safetensors", name], more].concat();
        export(folder.path(), &args)
    };
    check("other.onnx", &[]).success();
    check("other.onnx", &["--check-images=p"]).success();
    let does_not_pass = "`one.onnx` does not pass";
    for (more, on) in [
        (&[][..], "on noise, "),
        (&["--check-images=p"], "on the pictures, "),
    ] {
        check("one.onnx", more).code(1).stderr(
            contains(does_not_pass)
                .and(contains("its integers do not come from these weights"))
                .and(contains(on)),
        );
    }
    // Without the weights, nothing is said of floats that nobody has.
    std::fs::create_dir(path("alone")).unwrap();
    std::fs::rename(path("one.onnx"), path("alone/one.onnx")).unwrap();
    let args = ["check", &library, "alone/one.onnx"];
    export(folder.path(), &args)
        .success()
        .stdout(contains("the file's own constants").and(contains("float32  largest").not()));
}

#[test]
fn weights_that_are_not_finite_are_named() {
    let folder = TempDir::new().unwrap();
    pictures(&folder.path().join("p"), 100);
    for value in [f32::NAN, f32::INFINITY] {
        let broken = weights(Alpha::Quarter, 3, |name, i| match (name, i) {
            ("model.4.3.weight", 11) => value,
            _ => small(name, i),
        });
        broken.save(&folder.path().join("w.safetensors")).unwrap();
        let args = [
            "--weights=w.safetensors",
            "--precision=int8",
            "--calibration=p",
            "--no-verify",
            "out.onnx",
        ];
        refused(&folder, &args, &["model.4.3.weight"]);
    }
}

#[test]
fn an_int8_file_is_written_proven_shown_and_proven_again() {
    let Some(library) = library() else { return };
    let library = format!("--ort-lib={}", library.display());
    let folder = TempDir::new().unwrap();
    pictures(&folder.path().join("p"), 120);
    for (activation, input) in [(Activation::Relu, "float"), (Activation::Relu6, "uint8")] {
        save(&folder, "w.safetensors", activation);
        let input = format!("--input={input}");
        let args = [
            "--weights=w.safetensors",
            "--precision=int8",
            "--calibration=p",
            "--check-images=p",
            "--softmax",
            "--features",
            &input,
            &library,
            "out.onnx",
        ];
        let assert = export(folder.path(), &args).success();
        let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        for expected in [
            "120 pictures in `--calibration p` are few",
            "Beside float32, the first class agrees on",
            "int8, opset 17",
            "; beside float32, largest difference",
        ] {
            assert!(stderr.contains(expected), "{expected}: {stderr}");
        }
        let model = Model::load(&folder.path().join("out.onnx")).unwrap();
        let how = model.quantization().unwrap();
        assert_eq!(
            (how.format.as_str(), how.calibration.as_str(), how.pictures),
            ("int8", "mse", 120)
        );
        export(folder.path(), &["show", "out.onnx"])
            .success()
            .stdout(contains(
                r#"quantization = {"format":"int8","weight_bits":7,"calibration":"mse","pictures":120"#,
            ));
        // The weights lie beside it by another name: they are named, or its own integers are the reference.
        export(
            folder.path(),
            &[
                "check",
                &library,
                "--weights=w.safetensors",
                "--report=r.json",
                "out.onnx",
            ],
        )
        .success()
        .stdout(
            contains("no sum of two products saturates; 120 pictures, mse")
                .and(contains("  float32  largest")),
        );
        let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
        assert!(
            report.contains(r#""calibration": "mse""#) && report.contains(r#""float32": {"#),
            "{report}"
        );
    }
}

#[test]
fn layers_stay_float_and_each_has_its_cost() {
    let Some(library) = library() else { return };
    let library = format!("--ort-lib={}", library.display());
    let folder = TempDir::new().unwrap();
    save(&folder, "w.safetensors", Activation::Relu);
    pictures(&folder.path().join("p"), 100);
    let common = ["--weights=w.safetensors", "--precision=int8", "--calibration=p"];
    let run = |more: &[&str]| export(folder.path(), &[&common[..], more].concat());
    run(&[
        "--keep-float=stem,blocks.3,fc",
        "--calibrate-by=entropy",
        &library,
        "some.onnx",
    ])
    .success();
    let model = Model::load(&folder.path().join("some.onnx")).unwrap();
    let how = model.quantization().unwrap();
    assert_eq!(
        how.keep_float,
        ["stem", "blocks.3.depthwise", "blocks.3.pointwise", "fc"]
    );
    assert_eq!(how.calibration, "entropy");
    // ONNX Runtime would quantise a single layer by itself.
    run(&["--keep-float=blocks.9.pointwise", &library, "pair.onnx"])
        .success()
        .stderr(contains("Kept in float32 too: `blocks.9.depthwise`"));
    run(&["--keep-float=auto", "--sensitivity", &library, "auto.onnx"])
        .success()
        .stdout(contains("| blocks.13.pointwise |"))
        .stderr(contains("Kept in float32: "));
    let table = run(&["--sensitivity"]).success();
    let table = String::from_utf8(table.get_output().stdout.clone()).unwrap();
    assert_eq!(
        table.lines().filter(|line| line.starts_with('|')).count(),
        2 + 28,
        "{table}"
    );
    // All but one of the layers make an int8 file yet, and all of them none.
    let blocks: Vec<_> = (1..=13).map(|block| format!("blocks.{block}")).collect();
    let most = format!("--keep-float=stem,{}", blocks.join(","));
    run(&[&most, &library, "most.onnx"]).success();
    run(&[&format!("{most},fc"), &library, "all.onnx"])
        .code(2)
        .stderr(contains("`--keep-float` names every layer").and(contains("hint: `--precision fp32`")));
    run(&["--keep-float=stem,blocks.14", "x.onnx"])
        .code(2)
        .stderr(contains("`blocks.14`"));
    // Other files of the same weights are compared by what comes out.
    export(
        folder.path(),
        &["--weights=w.safetensors", &library, "float.onnx"],
    )
    .success();
    export(folder.path(), &["diff", &library, "float.onnx", "some.onnx"]).stdout(contains("1 shared value"));
}

/// What eight bits explain beside float32 they do not explain beside eight bits.
#[test]
fn two_int8_files_are_compared_more_closely_than_one_with_float32() {
    let Some(library) = library() else { return };
    let library = format!("--ort-lib={}", library.display());
    let folder = TempDir::new().unwrap();
    pictures(&folder.path().join("p"), 100);
    save(&folder, "w.safetensors", Activation::Relu);
    let path = folder.path().join("less.safetensors");
    let mut tensors =
        mbn_testing::stored_tensors(&std::fs::read(folder.path().join("w.safetensors")).unwrap());
    for name in ["fc.weight", "fc.bias"] {
        let (_, _, bytes) = tensors.get_mut(name).unwrap();
        for value in bytes.as_chunks_mut::<4>().0 {
            *value = (0.8 * f32::from_le_bytes(*value)).to_le_bytes();
        }
    }
    mbn_testing::save_tensors(&path, &tensors);
    let write = |weights: &str, args: &[&str]| {
        let line = [&[weights, "--size=32", "--softmax", "--no-verify"], args].concat();
        export(folder.path(), &line).success();
    };
    let int8 = ["--precision=int8", "--calibration=p"];
    write("--weights=w.safetensors", &["float.onnx"]);
    write("--weights=w.safetensors", &[&int8[..], &["int8.onnx"]].concat());
    write(
        "--weights=less.safetensors",
        &[&int8[..], &["less.onnx"]].concat(),
    );
    let diff = |a: &str, b: &str, code: i32| export(folder.path(), &["diff", a, b, &library]).code(code);
    diff("float.onnx", "int8.onnx", 0);
    diff("int8.onnx", "int8.onnx", 0);
    diff("float.onnx", "less.onnx", 0);
    diff("int8.onnx", "less.onnx", 1).stdout(contains("they part at `logits`"));
}
