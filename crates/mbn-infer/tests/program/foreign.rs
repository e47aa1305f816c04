//! Models of other tools. The tests build them so that their outputs are known in closed form: the mean of each channel, as
//! the model gets it, times a matrix.

mod alone;
mod beside;
mod grey;
mod heads;
mod inputs;
pub mod model;
mod normalised;
mod numbered;
mod outputs;
mod probabilities;
mod tasks;

use image::Rgb;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Run, bare, folder, library};
use model::Build;

/// A colour of which every picture is made, unless a test says otherwise. One colour stays the same at any size.
pub const COLOUR: [u8; 3] = [200, 100, 50];
/// float32 sums of up to 224 x 224 values near 1. Resizing leaves the pixels of a single colour as they are.
const CLOSE: f64 = 1e-4;

pub fn picture(folder: &TempDir, name: &str, colour: [u8; 3]) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(60, 40, Rgb(colour))
        .save(path)
        .unwrap();
}

/// A folder with the model of the channels' means, and a picture.
fn start() -> TempDir {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::of_size(32).save(&folder);
    folder
}

fn write(folder: &TempDir, name: &str, content: &str) {
    std::fs::write(folder.path().join(name), content).unwrap();
}

fn says(run: &Run, part: &str) {
    assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
}

/// The program with ONNX Runtime and `model.onnx`. Skips the calling test and returns `None` where there is no ONNX Runtime.
pub fn program(folder: &TempDir) -> Option<assert_cmd::Command> {
    let library = library()?;
    let mut command = bare(folder);
    command.arg("--ort-lib").arg(library);
    command.args(["--device", "cpu"]);
    Some(command)
}

/// Runs the program on `options`, whose results must be JSON.
pub fn run(folder: &TempDir, options: &str) -> Option<Run> {
    let mut command = program(folder)?;
    command.args(["--format", "json", "--top-k", "1000"]);
    command.args(options.split_whitespace());
    Some(Run::of(command.output().unwrap()))
}

/// For each picture, names and probabilities in the order of the classes.
pub fn predictions(run: &Run) -> Vec<Vec<(String, f64)>> {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let mut classes = line["predictions"].as_array().unwrap().clone();
        classes.sort_by_key(|class| class["index"].as_u64());
        let label = |class: &Value| class["label"].as_str().unwrap().to_owned();
        let pair = |class: &Value| (label(class), class["probability"].as_f64().unwrap());
        classes.iter().map(pair).collect()
    };
    run.stdout.lines().map(line).collect()
}

/// The probabilities of the only picture.
pub fn probabilities(run: &Run) -> Vec<f64> {
    let mut found = predictions(run);
    assert_eq!(found.len(), 1, "{}", run.stdout);
    found
        .remove(0)
        .into_iter()
        .map(|(_, probability)| probability)
        .collect()
}

/// The names of the classes of the only picture.
pub fn labels(run: &Run) -> Vec<String> {
    predictions(run)
        .remove(0)
        .into_iter()
        .map(|(label, _)| label)
        .collect()
}

pub fn assert_close(found: &[f64], expected: &[f64], run: &Run) {
    assert_eq!(found.len(), expected.len(), "{}", run.stderr);
    for (f, e) in found.iter().zip(expected) {
        assert!(
            (f - e).abs() < CLOSE,
            "{found:?}, expected {expected:?}\n{}",
            run.stderr
        );
    }
}

/// The channels of a colour as the model gets them.
pub fn normalised(colour: [u8; 3], mean: [f64; 3], std: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|c| (f64::from(colour[c]) / 255.0 - mean[c]) / std[c])
}

/// The same with ImageNet's mean and standard deviation.
pub fn imagenet(colour: [u8; 3]) -> [f64; 3] {
    normalised(colour, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
}

pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|x| x.exp()).sum();
    logits.iter().map(|x| x.exp() / sum).collect()
}

pub fn sigmoid(logits: &[f64]) -> Vec<f64> {
    logits.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect()
}
