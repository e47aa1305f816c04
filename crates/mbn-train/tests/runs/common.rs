//! Small data sets and the program, for all tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use image::RgbImage;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

/// A run with everything that has a state: momentum, moving average, mixing, erasing, a schedule, growing sizes, patience.
pub const LONG: &str = "--data data --alpha 0.25 --size 64 --progressive 32 --epochs 4 --batch-size 4 --lr 0.02 --seed 7 \
     --mixup 0.2 --cutmix 1 --erasing 0.5 --trivial-augment --color-jitter 0.2 --ema 0.9 --clip-norm 1 --patience 9 \
     --threads 2 --no-publish";
/// Files that do not depend on the clock.
const FILES: [&str; 6] = [
    "last.safetensors",
    "best.safetensors",
    "curves.png",
    "confusion.png",
    "mistakes.png",
    "augmented.png",
];

/// The program.
pub fn train() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"));
    command.env("NO_COLOR", "1");
    command
}

/// Writes images of one colour with some texture: `FOLDER/SPLIT/CLASS/*.png`.
pub fn pictures(folder: &Path, split: &str, class: &str, colour: [u8; 3], count: u32) {
    let folder = folder.join(split).join(class);
    std::fs::create_dir_all(&folder).unwrap();
    // No test image is a training image too.
    let step = if split == "val" { 9 } else { 7 };
    for i in 0..count {
        let image = RgbImage::from_fn(40, 40, |x, y| {
            let shade = ((x * step + y * 13 + i * 29) % 50) as u8;
            image::Rgb(colour.map(|channel| channel.saturating_add(shade)))
        });
        image.save(folder.join(format!("{i}.png"))).unwrap();
    }
}

/// Writes two classes: `train` with 16 images, `val` with 6.
pub fn two_colours(folder: &Path) {
    for (split, count) in [("train", 8), ("val", 3)] {
        pictures(folder, split, "blue", [0, 30, 180], count);
        pictures(folder, split, "red", [180, 30, 0], count);
    }
}

pub fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Words of a line.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// `history.csv` without its last column, which depends on the clock.
pub fn history(run: &Path) -> Vec<String> {
    let text = String::from_utf8(read(run.join("history.csv"))).unwrap();
    text.lines()
        .map(|line| line.rsplit_once(',').unwrap().0.to_owned())
        .collect()
}

/// A folder with [`two_colours`] in `data`.
pub fn data() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    two_colours(&folder.path().join("data"));
    folder
}

/// Runs the program in `folder` with the words of a line.
pub fn run(folder: &Path, arguments: &str) -> Assert {
    train().current_dir(folder).args(words(arguments)).assert()
}

/// Expects an error before the first step, and no run folder.
pub fn refused(folder: &Path, arguments: &str, code: i32, messages: &[&str]) {
    let mut assert = run(folder, &format!("{arguments} --out refused"))
        .code(code)
        .stdout("");
    for message in messages {
        assert = assert.stderr(contains(*message));
    }
    assert.stderr(contains("train loss").not());
    assert!(!folder.join("refused").exists(), "{arguments}");
}

/// Waits for at most half a minute.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not come in 30 s");
}

/// The folder of a [`LONG`] run that was not interrupted.
pub fn uninterrupted(folder: &Path, more: &str) -> PathBuf {
    run(folder, &format!("{LONG} --out whole {more}")).success();
    folder.join("whole")
}

/// Compares two runs, apart from times.
pub fn assert_same(whole: &Path, other: &Path) {
    for name in FILES {
        assert!(
            read(whole.join(name)) == read(other.join(name)),
            "`{name}` differs"
        );
    }
    assert_eq!(history(whole), history(other));
    let published = whole.with_file_name("models");
    assert!(!published.exists(), "`--no-publish` was forgotten");
    let left: Vec<_> = std::fs::read_dir(other)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Breaks the pixels of a PNG file, but not its structure.
pub fn spoil(path: &Path) {
    let mut bytes = read(path);
    let at = bytes.windows(4).position(|part| part == b"IDAT").unwrap();
    let middle = (at + bytes.len()) / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(path, bytes).unwrap();
}

/// Waits until the state of a run says that at least `steps` steps are done.
pub fn wait_for_steps(run: &Path, steps: u64) {
    wait_for(&format!("step {steps}"), || {
        let Ok(bytes) = std::fs::read(run.join("state.safetensors")) else {
            return false;
        };
        let Ok((_, header)) = safetensors::SafeTensors::read_metadata(&bytes) else {
            return false;
        };
        let progress = &header.metadata().as_ref().unwrap()["progress"];
        let progress: serde_json::Value = serde_json::from_str(progress).unwrap();
        progress["steps"].as_u64().unwrap() >= steps
    });
}

/// Starts the program in `folder`, and kills it when its run `out` has saved that many steps. It may be faster.
pub fn stop_after(folder: &Path, arguments: &str, out: &str, steps: u64) {
    let program = assert_cmd::cargo::cargo_bin!("mbn-train");
    let mut child = std::process::Command::new(program)
        .current_dir(folder)
        .args(words(arguments))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for_steps(&folder.join(out), steps);
    child.kill().unwrap();
    child.wait().unwrap();
}
