//! What the graph takes and gives, and choices that no graph can follow.

use mbn_onnx::{Model, checker};
use predicates::prelude::*;
use predicates::str::contains;

use crate::common::{export, fails, folder_with_weights};

/// Inputs and outputs of the file that these options write.
fn signature(args: &[&str]) -> (i64, String) {
    let folder = folder_with_weights();
    let mut line = vec!["--weights=w.safetensors", "--no-verify", "out.onnx"];
    line.extend(args);
    export(folder.path(), &line).success();
    let report = checker::check(&Model::load(&folder.path().join("out.onnx")).unwrap()).unwrap();
    let values = report.inputs.iter().chain(&report.outputs);
    let texts: Vec<_> = values.map(|(name, ty)| format!("{name} {ty}")).collect();
    (report.opset, texts.join(", "))
}

#[test]
fn each_option_changes_inputs_and_outputs() {
    let usual = "logits float32 [batch, 3]";
    for (args, opset, expected) in [
        (
            &[][..],
            17,
            format!("input float32 [batch, 3, 224, 224], {usual}"),
        ),
        (
            &["--opset=11", "--input=uint8", "--precision=fp16", "--softmax"],
            11,
            format!("input uint8 [batch, 224, 224, 3], {usual}, probabilities float32 [batch, 3]"),
        ),
        (
            &["--opset=26", "--size=96"],
            26,
            format!("input float32 [batch, 3, 96, 96], {usual}"),
        ),
        (
            &["--batch=4", "--softmax", "--features"],
            17,
            "input float32 [4, 3, 224, 224], logits float32 [4, 3], probabilities float32 [4, 3], \
             features float32 [4, 256]"
                .to_owned(),
        ),
        (
            &["--dynamic-size"],
            17,
            format!("input float32 [batch, 3, height, width], {usual}"),
        ),
        (
            &["--input=uint8", "--resize-inside"],
            18,
            format!("input uint8 [batch, height, width, 3], {usual}"),
        ),
        (
            &["--input=uint8", "--resize-inside", "--opset=21"],
            21,
            format!("input uint8 [batch, height, width, 3], {usual}"),
        ),
    ] {
        assert_eq!(signature(args), (opset, expected), "{args:?}");
    }
}

#[test]
fn choices_that_no_graph_can_follow_are_refused() {
    let folder = folder_with_weights();
    for (args, message) in [
        (
            &["--resize-inside"][..],
            "takes pictures of bytes, not normalised floats",
        ),
        (
            &["--resize-inside", "--input=uint8", "--opset=17"],
            "opset 17 has no antialiased `Resize`",
        ),
        (
            &["--resize-inside", "--input=uint8", "--dynamic-size"],
            "cannot be used with",
        ),
        (
            &["--precision=int8", "--calibration=.", "--opset=12"],
            "opset 12 has no scale for each channel, which int8 needs; opset 13 is the first that has\nhint: ",
        ),
        (&["--batch=0"], "0 is not in 1..=1024"),
        (&["--opset=27"], "27 is not in 11..=26"),
        (&["--report=r.json", "--no-verify"], "cannot be used with"),
    ] {
        let mut line = vec!["--weights=w.safetensors", "out.onnx"];
        line.extend(args);
        fails(&folder, &line, 2, &[message]);
    }
    let weights = ["--weights=w.safetensors", "--batch=2", "other.safetensors"];
    fails(&folder, &weights, 2, &["`--batch` has no effect on weights"]);
    let line = ["--weights=w.safetensors", "--resize-inside", "out.onnx"];
    export(folder.path(), &line)
        .code(2)
        .stderr(contains("hint: ").and(contains("`--input uint8`")));
}

#[test]
fn a_graph_resizes_only_with_the_filters_that_it_has() {
    let folder = folder_with_weights();
    let line = |filter: &'static str, input| {
        [
            "--weights=w.safetensors",
            "--interpolation",
            filter,
            "--input=uint8",
            input,
            "--no-verify",
            "out.onnx",
        ]
    };
    for filter in ["nearest", "box", "bilinear-no-antialias", "hamming", "lanczos"] {
        let refused = format!("not with the weights' `{filter}`");
        fails(
            &folder,
            &line(filter, "--resize-inside"),
            1,
            &[&refused, "hint: leave out `--resize-inside`"],
        );
        export(folder.path(), &line(filter, "--opset=18")).success();
        std::fs::remove_file(folder.path().join("out.onnx")).unwrap();
    }
    export(folder.path(), &line("bicubic", "--resize-inside")).success();
}
