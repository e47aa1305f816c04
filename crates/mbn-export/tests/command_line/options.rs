//! Help, the table of layers, and mistakes that the command line alone shows.

use mbn_spec::Alpha;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, fails, folder_with_weights, names, small, weights};

#[test]
fn help_has_examples_and_version_is_one_line() {
    let folder = TempDir::new().unwrap();
    export(folder.path(), &["--help"])
        .success()
        .stdout(contains("Examples:\n  mbn-export --alpha 0.25 model.onnx"));
    let version = format!("mbn-export {}\n", env!("CARGO_PKG_VERSION"));
    export(folder.path(), &["--version"]).success().stdout(version);
}

#[test]
fn mistakes_on_the_command_line_are_code_2() {
    let folder = folder_with_weights();
    let folder = &folder;
    fails(
        folder,
        &["--alpha", "0.3", "out.onnx"],
        2,
        &["`0.3`", "0.25, 0.5, 0.75, 1.0"],
    );
    fails(folder, &["--alpha", "0.25"], 2, &["OUT.onnx"]);
    fails(folder, &["out.onnx"], 2, &["--alpha", "--weights"]);
    fails(folder, &["--random-weights", "1", "out.onnx"], 2, &["--alpha"]);
    fails(
        folder,
        &["--alpha=1", "--precision=int4", "out.onnx"],
        2,
        &["int4", "fp32, fp16"],
    );
    fails(
        folder,
        &["--alpha=1", "--opset=10", "out.onnx"],
        2,
        &["10", "11..=26"],
    );
    fails(
        folder,
        &["--weights=w.safetensors", "w.safetensors"],
        2,
        &["is the file that is read"],
    );
}

#[test]
fn preprocessing_that_nothing_can_follow_is_a_mistake() {
    let folder = folder_with_weights();
    let folder = &folder;
    for (options, message) in [
        (&["--std", "0"][..], "std positive"),
        (&["--mean", "nan"], "must be finite"),
        (
            &["--resize", "square", "--shorter", "300"],
            "`--shorter` has no effect",
        ),
        (
            &["--mean", "123.675,116.28,103.53", "--std", "58.4,57.1,57.4"],
            "divide those of channels from 0 to 255 by 255",
        ),
    ] {
        let arguments = [&["--weights", "w.safetensors", "out.onnx"], options].concat();
        fails(folder, &arguments, 2, &[message]);
    }
}

/// Its probability would be 1 whatever the picture.
#[test]
fn one_class_has_no_probabilities() {
    let folder = TempDir::new().unwrap();
    let weights = weights(Alpha::Quarter, 1, small);
    weights.save(&folder.path().join("w.safetensors")).unwrap();
    let args = ["--weights=w.safetensors", "--no-verify", "--softmax", "out.onnx"];
    let messages = [
        "the weights have one class, whose probability would always be 1",
        "hint: leave it out",
    ];
    fails(&folder, &args, 1, &messages);
    export(
        folder.path(),
        &["--weights=w.safetensors", "--no-verify", "out.onnx"],
    )
    .success();
}

#[test]
fn what_a_table_does_not_depend_on_is_a_mistake() {
    let folder = folder_with_weights();
    let folder = &folder;
    for option in [
        &["--softmax"][..],
        &["--report", "r.json"],
        &["--precision", "fp16"],
    ] {
        let arguments = [&["--alpha", "0.25", "--summary"], option].concat();
        let message = format!("`{}` has no effect on what `--summary` prints", option[0]);
        fails(folder, &arguments, 2, &[&message]);
    }
}

#[test]
fn options_of_all_commands_may_stand_before_a_subcommand() {
    let folder = TempDir::new().unwrap();
    let made = ["--alpha=0.25", "--random-weights=1", "--no-verify", "m.onnx"];
    export(folder.path(), &made).success();
    let shown = export(folder.path(), &["show", "m.onnx"]).success();
    let expected = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    for arguments in [
        &["-q", "show", "m.onnx"][..],
        &["--log-level", "error", "show", "m.onnx"],
    ] {
        export(folder.path(), arguments)
            .success()
            .stdout(expected.clone());
    }
    let arguments = ["--threads", "2", "show", "m.onnx"];
    let message = "`--threads` does not go with the subcommand `show`, whose own options follow its name";
    fails(&folder, &arguments, 2, &[message]);
}

#[test]
fn summary_alone_needs_no_weights_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let names: String = (0..1000).map(|i| format!("class {i}\n")).collect();
    std::fs::write(folder.path().join("names.txt"), names).unwrap();
    for (alpha, parameters, multiply_adds) in [
        ("0.25", "470,072", "41,030,272"),
        ("0.5", "1,331,592", "149,497,088"),
        ("0.75", "2,585,560", "325,400,448"),
        ("1.0", "4,231,976", "568,740,352"),
    ] {
        let args = ["--alpha", alpha, "--classes", "names.txt", "--summary"];
        let assert = export(folder.path(), &args).success().stderr("");
        let assert = assert.stdout(contains(format!("alpha {alpha}, 1000 classes, 224 x 224")));
        assert
            .stdout(contains(parameters))
            .stdout(contains(multiply_adds));
    }
    assert_eq!(self::names(folder.path()).len(), 1);
}
