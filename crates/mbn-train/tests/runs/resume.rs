//! What a resumed run keeps, and what may have changed around it.

use crate::common::{data, history, read, run, spoil, stop_after};
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1";

/// The state of an earlier version, which neither counts the test images nor knows their names, still resumes.
#[test]
fn missing_test_images_are_noticed() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --no-publish --out run")).success();
    // One image of each class is left, and the mistakes include one with a higher index.
    for name in ["blue/1", "blue/2", "red/1", "red/2"] {
        std::fs::remove_file(path.join(format!("data/val/{name}.png"))).unwrap();
    }
    run(path, "--resume run")
        .code(1)
        .stderr(contains("`data` has 2 test images, the run was started with 6"));
    let state = path.join("run/state.safetensors");
    let mut bytes = read(&state);
    for key in [&br#"\"test_images\""#[..], br#"\"fingerprint\""#] {
        let at = bytes.windows(key.len()).position(|part| part == key).unwrap();
        bytes[at + 2] = b'x';
    }
    std::fs::write(&state, bytes).unwrap();
    run(path, "--resume run").success();
}

/// Before the first epoch is finished there are no weights that another run could start from.
#[test]
fn hints_name_only_weights_that_are_there() {
    let folder = data();
    let path = folder.path();
    let line = format!("{SMALL} --no-publish --save-every 0 --out run")
        .replace("--epochs 1", "--epochs 50 --batch-size 4");
    let line = line.replace("--batch-size 8 ", "");
    stop_after(path, &line, "run", 1);
    if path.join("run/best.safetensors").exists() {
        // The first epoch was faster than the signal.
        std::fs::remove_file(path.join("run/best.safetensors")).unwrap();
    }
    let refused = run(
        path,
        "--resume run --epochs 1 --data data --trivial-augment --sync-batch-norm=false",
    );
    let refused = refused.code(2).stderr(contains("--init").not());
    let text = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    let command = text
        .split('`')
        .find(|part| part.starts_with("mbn-train --config"));
    let command = command.unwrap().trim_start_matches("mbn-train ");
    run(path, &format!("{command} --no-publish --out next")).success();
    std::fs::remove_file(path.join("data/train/red/0.png")).unwrap();
    run(path, "--resume run")
        .code(1)
        .stderr(contains("or start a new run\n").and(contains("--init").not()));
}

#[test]
fn publishing_is_remembered() {
    let folder = data();
    let path = folder.path();
    let there = |name: &str| {
        let path = path.join(name);
        path.exists() && std::fs::remove_file(path).is_ok()
    };
    run(path, &format!("{SMALL} --no-publish --out never")).success();
    run(path, "--resume never").success();
    assert!(!path.join("models").exists());

    run(path, &format!("{SMALL} --publish a/w.safetensors --out run"))
        .success()
        .stderr(contains("`mbn-export --weights a/w.safetensors model.onnx`"));
    assert!(there("a/w.safetensors"));
    run(path, "--resume run").success();
    assert!(there("a/w.safetensors"));
    run(path, "--resume run --no-publish").success();
    assert!(!there("a/w.safetensors"));
    run(path, "--resume run").success();
    assert!(
        !there("a/w.safetensors"),
        "`--no-publish` on resuming is remembered"
    );
    run(path, "--resume run --publish other.safetensors").success();
    assert!(!there("a/w.safetensors") && there("other.safetensors"));
    assert!(!path.join("models").exists());
}

#[test]
fn data_may_move() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --no-publish --out run")).success();
    std::fs::create_dir(path.join("elsewhere")).unwrap();
    std::fs::rename(path.join("data"), path.join("elsewhere/moved")).unwrap();
    run(path, "--resume run").code(1).stderr(
        contains("the data was in `data`, relative to the folder where the run was started")
            .and(contains("`--data DIR`")),
    );
    let rows = history(&path.join("run"));
    let last = read(path.join("run/last.safetensors"));
    run(&path.join("elsewhere"), "--resume ../run --data moved").success();
    assert_eq!(history(&path.join("run")), rows);
    run(&path.join("elsewhere"), "--resume ../run").success();
    // The weights keep the name of the data set from the start of the run.
    assert!(read(path.join("run/last.safetensors")) == last);
    let settings = String::from_utf8(read(path.join("run/settings.toml"))).unwrap();
    assert!(settings.contains("data = \"moved\""), "{settings}");
    // Other data is refused.
    let rename = |from: &str, to: &str| {
        for part in ["train", "val"] {
            let part = path.join("elsewhere/moved").join(part);
            std::fs::rename(part.join(from), part.join(to)).unwrap();
        }
    };
    rename("red", "re\u{301}d");
    run(path, "--resume run --data elsewhere/moved")
        .code(1)
        .stderr(contains("was `red` and is `re\\u{301}d`"));
    rename("re\u{301}d", "red");
    std::fs::remove_file(path.join("elsewhere/moved/train/red/0.png")).unwrap();
    run(path, "--resume run --data elsewhere/moved")
        .code(1)
        .stderr(contains("15 training images, the run was started with 16"));
}

#[test]
fn a_run_keeps_its_settings_and_its_results() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --no-publish --out run")).success();
    run(path, "--resume run")
        .success()
        .stderr(contains("warning").not());
    let settings = path.join("run/settings.toml");
    let text = String::from_utf8(read(&settings)).unwrap();
    std::fs::write(&settings, text.replace("epochs = 1", "epochs = 3")).unwrap();
    run(path, "--resume run").success().stderr(contains(
        "`run/settings.toml` differs from the settings that the run was started with",
    ));
    assert_eq!(String::from_utf8(read(&settings)).unwrap(), text);
    // Without the state nothing can be resumed, but the results are kept.
    std::fs::remove_file(path.join("run/state.safetensors")).unwrap();
    run(path, &format!("{SMALL} --no-publish --out run"))
        .code(1)
        .stderr(contains("`last.safetensors`, `best.safetensors`, ").and(contains("hint: choose another")));
}

/// Broken pixels, which no header shows, end the run. It resumes once the image is replaced, with the command in the hint.
#[test]
fn an_image_with_broken_pixels_can_be_replaced() {
    let folder = data();
    let path = folder.path();
    for name in ["data/val/red/1.png", "data/train/blue/5.png"] {
        let picture = path.join(name);
        let good = read(&picture);
        spoil(&picture);
        let out = format!("my {}", name.split('/').nth(1).unwrap());
        let mut command = crate::common::train();
        command
            .current_dir(path)
            .args(crate::common::words(SMALL))
            .arg("--no-publish");
        command.args(["--out", &out]).assert().code(1).stderr(
            contains(format!("image `{name}` cannot be used"))
                .and(contains("hint: put an image that can be read in its place"))
                .and(contains(format!("`mbn-train --resume '{out}'`"))),
        );
        std::fs::write(&picture, good).unwrap();
        let mut command = crate::common::train();
        command
            .current_dir(path)
            .args(["--resume", &out])
            .assert()
            .success();
        assert_eq!(history(&path.join(&out)).len(), 2);
    }
}

/// A copy of the run that was stopped half-way, and a run that ended before its first epoch did.
#[test]
fn a_state_that_is_cut_off_names_what_there_still_is() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --no-publish --out run")).success();
    let state = path.join("run/state.safetensors");
    let whole = read(&state);
    let cut = whole.len() / 2;
    std::fs::write(&state, &whole[..cut]).unwrap();
    let command = "mbn-train --config run/settings.toml --init run/best.safetensors";
    run(path, "--resume run").code(1).stderr(contains(format!(
        "cannot resume from `run/state.safetensors`: the file is cut off: it has {cut} bytes, expected {}\n\
         hint: put back the whole file if there is a copy of it, or start a new run from the best weights: `{command}`",
        whole.len()
    )));
    let command = command.replace("mbn-train ", "");
    run(path, &format!("{command} --no-publish --out next")).success();
    std::fs::write(&state, &whole).unwrap();
    run(path, "--resume run").success();
}
