//! Repositories for Triton Inference Server.

use std::fs;
use std::path::{Path, PathBuf};

use mbn_onnx::proto::DataType;
use mbn_onnx::{Dim, Model, TensorType, checker};
use mbn_spec::Alpha;
use mbn_testing::{Python, pairwise};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{export, fails, folder_with_weights, names, small, weights};

const WEIGHTS: &str = "--weights=w.safetensors";

/// All files below a folder, by their paths in it.
fn tree(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in names(&next) {
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    files.sort();
    files
}

fn save(folder: &TempDir, weights: Weights) {
    weights.save(&folder.path().join("w.safetensors")).unwrap();
}

fn serve(folder: &TempDir, args: &[&str]) -> assert_cmd::assert::Assert {
    let mut line = vec![WEIGHTS, "--no-verify", "--triton=r"];
    line.extend(args);
    export(folder.path(), &line)
}

/// Tensors as the schema describes them: without the batch if the server adds it, and -1 for what the client chooses.
fn described(tensors: &[(String, TensorType)], joined: bool) -> Value {
    let entry = |(name, ty): &(String, TensorType)| {
        let dims = ty.shape.iter().skip(usize::from(joined)).map(|dim| match dim {
            Dim::Fixed(n) => json!(n),
            _ => json!(-1),
        });
        let elem = match ty.elem {
            DataType::Uint8 => "TYPE_UINT8",
            _ => "TYPE_FP32",
        };
        (name.clone(), [json!(elem)].into_iter().chain(dims).collect())
    };
    tensors
        .iter()
        .map(entry)
        .collect::<serde_json::Map<_, Value>>()
        .into()
}

#[test]
fn a_repository_is_made_with_all_that_a_server_reads() {
    let folder = folder_with_weights();
    let classes = ["crane", "mother \"of\" pearl", "Müsli 鳥"].map(str::to_owned);
    let named = weights(Alpha::Quarter, 3, small).with_class_names(classes.to_vec());
    save(&folder, named.unwrap());
    let line = [WEIGHTS, "--no-verify", "--triton", "a/my models"];
    export(folder.path(), &line)
        .success()
        .stdout("")
        .stderr(contains(
            "Wrote `a/my models/mobilenet_v1_0.25/1/model.onnx`: MobileNetV1",
        ))
        .stderr(contains("`tritonserver --model-repository 'a/my models'`"))
        .stderr(contains("mbn-infer").not());
    let repository = folder.path().join("a/my models");
    let model = "mobilenet_v1_0.25";
    let files = ["1/model.onnx", "config.pbtxt", "labels.txt"].map(|file| format!("{model}/{file}"));
    assert_eq!(tree(&repository), files);
    let labels = fs::read_to_string(repository.join(model).join("labels.txt")).unwrap();
    assert_eq!(labels, "crane\nmother \"of\" pearl\nMüsli 鳥\n");
    // The server runs as another user.
    #[cfg(unix)]
    for path in [
        repository.join(model),
        repository.join(model).join("1/model.onnx"),
    ] {
        use std::os::unix::fs::PermissionsExt;
        let usual = fs::metadata(folder.path().join("a"))
            .unwrap()
            .permissions()
            .mode();
        let read = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(read & 0o044, usual & 0o044);
    }
}

#[test]
fn the_next_version_joins_the_ones_that_are_there() {
    let folder = folder_with_weights();
    serve(&folder, &[]).success();
    let path = |name: &str| folder.path().join("r/mobilenet_v1_0.25").join(name);
    let first = fs::read(path("1/model.onnx")).unwrap();
    // What the user changed stays.
    let config = fs::read_to_string(path("config.pbtxt")).unwrap();
    let config = config.replace("count: 1", "count: 2");
    fs::write(path("config.pbtxt"), &config).unwrap();
    save(
        &folder,
        weights(Alpha::Quarter, 3, |name, i| 0.9 * small(name, i)),
    );
    serve(&folder, &["--opset=20"])
        .success()
        .stderr(contains("Wrote `r/mobilenet_v1_0.25/2/model.onnx`"));
    assert_eq!(fs::read(path("1/model.onnx")).unwrap(), first);
    assert_ne!(fs::read(path("2/model.onnx")).unwrap(), first);
    assert_eq!(fs::read_to_string(path("config.pbtxt")).unwrap(), config);
    // Numbers need not follow each other, and what was deleted comes back.
    fs::rename(path("2"), path("10")).unwrap();
    fs::create_dir(path("old")).unwrap();
    fs::remove_file(path("labels.txt")).unwrap();
    serve(&folder, &[]).success().stderr(contains("/11/model.onnx`"));
    assert!(path("labels.txt").is_file() && path("10/model.onnx").is_file());

    // What clients of the newest version could not use is refused, and nothing changes.
    let before = tree(&folder.path().join("r"));
    for (args, expected) in [
        (
            &["--input=float"][..],
            "it takes `input` TYPE_UINT8 [-1, 224, 224, 3], this one `input` TYPE_FP32 [-1, 3, 224, 224]",
        ),
        (
            &["--softmax"],
            "it gives `logits` TYPE_FP32 [-1, 3], this one `logits` TYPE_FP32 [-1, 3], `probabilities`",
        ),
        (&["--size=64"], "[-1, 64, 64, 3]"),
        (&["--batch=2"], "[2, 224, 224, 3]"),
        (&["--std=0.5,0.5,0.5"], "its preprocessing is"),
    ] {
        serve(&folder, args)
            .code(1)
            .stderr(contains("`r/mobilenet_v1_0.25` holds another model").and(contains(expected)))
            .stderr(contains("hint: `--triton-name NAME` writes beside it"));
    }
    fs::write(folder.path().join("names.txt"), "a\nb\nc\n").unwrap();
    serve(&folder, &["--classes=names.txt"])
        .code(1)
        .stderr(contains("`r/mobilenet_v1_0.25/labels.txt` has another content"));
    assert_eq!(tree(&folder.path().join("r")), before);
    serve(&folder, &["--softmax", "--triton-name=birds"])
        .success()
        .stderr(contains("Wrote `r/birds/1/model.onnx`"));
}

/// The graphs are alike, and what makes probabilities of their logits is not.
#[test]
fn a_version_of_several_classes_at_once_does_not_follow_one_of_exclusive_classes() {
    let folder = folder_with_weights();
    serve(&folder, &[]).success();
    let path = |name: &str| folder.path().join("r/mobilenet_v1_0.25").join(name);
    let config = || fs::read_to_string(path("config.pbtxt")).unwrap();
    assert!(!config().contains("problem_type"));
    let exclusive = weights(Alpha::Quarter, 3, small);
    let metadata = mbn_spec::Metadata {
        multi_label: true,
        ..exclusive.metadata().clone()
    };
    save(&folder, exclusive.with_metadata(metadata).unwrap());
    serve(&folder, &[]).code(1).stderr(contains(
        "its classes exclude each other, of this one's several may be right at once",
    ));
    assert!(!path("2").exists());
    fs::remove_dir_all(path("")).unwrap();
    serve(&folder, &[]).success();
    let said = "key: \"problem_type\"\n  value {\n    string_value: \"multi_label_classification\"";
    assert!(config().contains(said), "{}", config());
}

/// It would replace the labels, or another file that a server reads.
#[test]
fn a_report_does_not_go_into_a_models_folder() {
    let folder = folder_with_weights();
    serve(&folder, &[]).success();
    let before = tree(folder.path());
    let labels = folder.path().join("r/mobilenet_v1_0.25/labels.txt");
    let text = fs::read(&labels).unwrap();
    for report in [
        "r/mobilenet_v1_0.25/labels.txt",
        "./r/../r/mobilenet_v1_0.25/report.json",
        "r/mobilenet_v1_0.25/1/report.json",
    ] {
        let line = [WEIGHTS, "--triton=r", "--report", report];
        export(folder.path(), &line).code(2).stderr(
            contains(format!(
                "`--report {report}` lies in a model's folder of `--triton r`"
            ))
            .and(contains("hint: write the report beside the repository")),
        );
    }
    assert_eq!((tree(folder.path()), fs::read(&labels).unwrap()), (before, text));
}

/// Shapes and preprocessing are the same; the sides of the pictures that are meant are not.
#[test]
fn a_version_that_resizes_does_not_follow_one_that_does_not() {
    let folder = folder_with_weights();
    let (resizes, any) = (["--size=64", "--resize-inside"], ["--size=64", "--dynamic-size"]);
    let (name, other) = ("--triton-name=resizes", "--triton-name=any");
    serve(&folder, &[&resizes[..], &[name]].concat()).success();
    serve(&folder, &[&any[..], &[other]].concat()).success();
    for args in [
        [&any[..], &["--opset=18", name]].concat(),
        [&resizes[..], &[other]].concat(),
    ] {
        serve(&folder, &args)
            .code(1)
            .stderr(contains("holds another model").and(contains("resizes")));
    }
    serve(&folder, &[&resizes[..], &[name]].concat()).success();
}

#[test]
fn folders_of_other_models_are_refused() {
    let folder = folder_with_weights();
    let path = |name: &str| folder.path().join("r").join(name);
    fs::create_dir_all(path("python/3")).unwrap();
    fs::write(path("python/3/model.py"), "").unwrap();
    serve(&folder, &["--triton-name=python"]).code(1).stderr(
        contains("`r/python/3/model.onnx` cannot be compared with the new version").and(contains("hint: ")),
    );
    fs::create_dir(path("configured")).unwrap();
    fs::write(path("configured/config.pbtxt"), "backend: \"tensorrt\"\n").unwrap();
    serve(&folder, &["--triton-name=configured"])
        .code(1)
        .stderr(contains("`r/configured/config.pbtxt` has another content"));
    fs::write(path("file"), "").unwrap();
    serve(&folder, &["--triton-name=file"])
        .code(1)
        .stderr(contains("`r/file`"));
    // An empty folder is no model.
    fs::create_dir(path("empty")).unwrap();
    serve(&folder, &["--triton-name=empty"]).success();
    assert_eq!(
        tree(&path("empty")),
        ["1/model.onnx", "config.pbtxt", "labels.txt"]
    );
    assert_eq!(tree(&path("python")), ["3/model.py"]);
}

#[test]
fn mistakes_are_named_before_anything_is_written() {
    let folder = folder_with_weights();
    let both = ["--triton=r", "out.onnx", WEIGHTS];
    fails(
        &folder,
        &both,
        2,
        &["`out.onnx` another place", "hint: leave one of them out"],
    );
    let rejected = ["--triton=r", "--keep-rejected", WEIGHTS];
    fails(&folder, &rejected, 2, &["`--keep-rejected`"]);
    for (name, expected) in [
        ("a/b", "'/'"),
        ("..", "starts with `.`"),
        ("vögel", "'ö'"),
        ("", "empty"),
    ] {
        let name = format!("--triton-name={name}");
        fails(&folder, &["--triton=r", &name, WEIGHTS], 2, &[expected]);
    }
    fails(
        &folder,
        &["--triton-name=n", WEIGHTS, "out.onnx"],
        2,
        &["--triton <DIR>"],
    );
    fails(
        &folder,
        &["--triton=w.safetensors", WEIGHTS],
        1,
        &["`w.safetensors` is a file, expected a folder"],
    );
    fails(
        &folder,
        &["--triton=/proc/r", WEIGHTS],
        1,
        &["cannot write `/proc/r"],
    );
    let names = ["one", "two\nlines", "three"].map(str::to_owned);
    let broken = weights(Alpha::Quarter, 3, small).with_class_names(names.to_vec());
    save(&folder, broken.unwrap());
    let line = ["--triton=r", "--no-verify", WEIGHTS];
    fails(
        &folder,
        &line,
        1,
        &["class 1, \"two\\nlines\"", "hint: `--classes NAMES.txt`"],
    );
}

#[test]
fn a_model_that_does_not_pass_leaves_no_repository() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    if !library.is_dir() {
        mbn_testing::skip(mbn_testing::Needs::Other, "`make onnxruntime` has not been run");
        return;
    }
    let library = format!("--ort-lib={}", library.display());
    let folder = folder_with_weights();
    let good = [
        WEIGHTS,
        "--size=64",
        "--triton=good",
        "--report=proof.json",
        &library,
    ];
    export(folder.path(), &good)
        .success()
        .stderr(contains("agree with candle's"));
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("proof.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["passed"], &report["file"]),
        (&json!(true), &json!("good/mobilenet_v1_0.25/1/model.onnx"))
    );
    let exploding = |name: &str, i| match name.ends_with(".weight") {
        true => 5000.0,
        false => small(name, i),
    };
    save(&folder, weights(Alpha::Quarter, 3, exploding));
    let line = [WEIGHTS, "--size=64", "--triton=bad", &library];
    fails(
        &folder,
        &line,
        1,
        &["`bad/mobilenet_v1_0.25/1/model.onnx` was not written"],
    );
    // Nor is there a second version.
    let line = [WEIGHTS, "--size=64", "--triton=good", &library];
    fails(
        &folder,
        &line,
        1,
        &["`good/mobilenet_v1_0.25/2/model.onnx` was not written"],
    );
    assert_eq!(tree(&folder.path().join("good")).len(), 3);
}

/// Every two options together: the configuration is the graph's, by this project's checker and by NVIDIA's schema.
#[test]
fn the_configuration_says_what_the_graph_takes_and_gives() {
    let levels = [3, 3, 3, 2, 2, 2, 2];
    let args = |row: &[usize]| -> Vec<&str> {
        let choice = [
            ["", "--input=float", "--input=uint8"][row[0]],
            ["", "--resize-inside", "--dynamic-size"][row[1]],
            ["", "--batch=1", "--batch=3"][row[2]],
            ["", "--softmax"][row[3]],
            ["", "--features"][row[4]],
            ["", "--opset=19"][row[5]],
            ["", "--no-fold"][row[6]],
        ];
        choice.into_iter().filter(|arg| !arg.is_empty()).collect()
    };
    let rows = pairwise(&levels, |row| !(row[0] == 1 && row[1] == 1));
    let folder = folder_with_weights();
    let mut configs: Vec<PathBuf> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let name = format!("--triton-name=m{i}");
        let mut line = vec!["--size=32", &name];
        line.extend(args(row));
        serve(&folder, &line).success();
        configs.push(folder.path().join(format!("r/m{i}/config.pbtxt")));
    }
    let Some(python) = Python::find(&["tritonclient.grpc", "google.protobuf"]) else {
        return;
    };
    let printed = python.run("triton_config.py", &configs);
    assert_eq!(printed.lines().count(), rows.len());
    for ((line, row), config) in printed.lines().zip(&rows).zip(&configs) {
        let found: Value = serde_json::from_str(line).unwrap();
        let model = Model::load(&config.with_file_name("1").join("model.onnx")).unwrap();
        let report = checker::check(&model).unwrap();
        let joined = row[2] == 0;
        assert_eq!(found["inputs"], described(&report.inputs, joined), "{line}");
        assert_eq!(found["outputs"], described(&report.outputs, joined), "{line}");
        let labelled = match (row[2], row[3]) {
            (2, _) => json!([]),
            (_, 0) => json!(["logits"]),
            _ => json!(["logits", "probabilities"]),
        };
        assert_eq!(found["labelled"], labelled, "{line}");
        assert_eq!(
            found["max_batch_size"],
            json!(if joined { 64 } else { 0 }),
            "{line}"
        );
        assert_eq!(found["joined"], json!(joined), "{line}");
        let delay = if joined && row[1] == 0 { 1000 } else { 0 };
        assert_eq!(found["delay"], json!(delay), "{line}");
        assert_eq!(found["backend"], "onnxruntime");
        assert_eq!(found["preprocess"].as_str(), model.property("preprocess"));
    }
}
