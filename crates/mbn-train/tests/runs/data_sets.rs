//! Data sets as people have them: other names, no test images, what systems leave behind, and changes before a run resumes.

use std::path::Path;

use crate::common::{data, history, pictures, read, refused, run, stop_after, two_colours};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 4 --epochs 1 --no-publish --threads 2";

fn summary(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&read(run.join("summary.json"))).unwrap()
}

/// Two classes without a split: `data/CLASS/*`.
fn without_split() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("data"), ".", "blue", [0, 30, 180], 10);
    pictures(&folder.path().join("data"), ".", "red", [180, 30, 0], 10);
    folder
}

#[test]
fn classes_are_listed_and_what_is_left_out_is_counted() {
    let folder = data();
    let path = folder.path();
    let image = read(path.join("data/train/red/0.png"));
    for name in [
        "data/train/@eaDir/cover.png",
        "data/train/blue/@eaDir/0.png/THUMB_M.png",
        "data/train/blue/._0.png",
        "data/val/lost+found/1.png",
        "data/train/red/a.heic",
        "data/val/red/b.HEIC",
        "data/train/red/c.avif",
        "data/train/red/notes",
        "data/train/red/plain",
    ] {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let is_image = name.ends_with("png") || name.ends_with("plain");
        std::fs::write(file, if is_image { &image } else { &b"text"[..] }).unwrap();
    }
    let listed = "2 classes, with their training and test images:\n  blue  8  3\n  red   9  3\n";
    let left_out = "warning: left out: 2 HEIC, 1 AVIF, 1 without an extension, 1 system file, \
                    3 system folders (`@eaDir`, `lost+found`)\nhint: HEIC and AVIF are not supported: convert";
    run(path, &format!("{SMALL} --out run")).success().stderr(
        contains(listed)
            .and(contains(left_out))
            .and(contains("17 training and 6 test images"))
            .and(contains("under a tenth").not()),
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_is_not_followed() {
    let folder = data();
    std::os::unix::fs::symlink("..", folder.path().join("data/train/blue/up")).unwrap();
    run(folder.path(), &format!("{SMALL} --out run"))
        .success()
        .stderr(contains("16 training and 6 test images").and(contains(
            "warning: left out: 1 link to a folder above it (`blue/up`)",
        )));
}

/// A link to a disk that is not mounted takes no class and no test images away.
#[cfg(unix)]
#[test]
fn a_broken_link_to_a_folder_is_refused() {
    use std::os::unix::fs::symlink;
    for name in ["train/green", "val"] {
        let folder = data();
        let link = folder.path().join("data").join(name);
        if name == "val" {
            std::fs::remove_dir_all(&link).unwrap();
        }
        symlink("/gone/away", &link).unwrap();
        let message = format!("`data/{name}` is a link to `/gone/away`, which cannot be read");
        for more in ["", " --bad-images skip"] {
            refused(folder.path(), &format!("{SMALL}{more}"), 1, &[&message]);
        }
    }
}

#[test]
fn other_tools_names_for_val_are_taken_and_two_refused() {
    let folder = data();
    let path = folder.path();
    let (mut before, expected) = ("val".to_owned(), {
        run(path, &format!("{SMALL} --out val")).success();
        read(path.join("val/last.safetensors"))
    });
    for name in ["valid", "validation", "Dev"] {
        std::fs::rename(path.join("data").join(&before), path.join("data").join(name)).unwrap();
        name.clone_into(&mut before);
        run(path, &format!("{SMALL} --out {name}")).success();
        assert!(
            read(path.join(name).join("last.safetensors")) == expected,
            "{name}"
        );
    }
    pictures(&path.join("data"), "val", "blue", [0, 30, 180], 1);
    refused(
        path,
        SMALL,
        1,
        &["`data` has both `Dev` and `val`, expected one of them"],
    );
}

/// The split follows from seed and names, so it is the same without `train`, and after a kill.
#[test]
fn a_part_is_held_out_where_there_are_no_test_images() {
    let folder = without_split();
    let path = folder.path();
    let said = "has no `val` or `test`: held out 4 of its 20 images to test on, class by class (`--val-fraction 0.2`, `--seed 0`)";
    let listed = "  blue  8  2\n  red   8  2\n";
    let two = SMALL.replace("--epochs 1", "--epochs 2 --save-every 0");
    run(path, &format!("{two} --out whole"))
        .success()
        .stderr(contains(said).and(contains(listed)));
    let settings = summary(&path.join("whole"))["settings"].clone();
    assert_eq!(settings["val-fraction"], 0.2);
    let weights = mbn_weights::Weights::load(&path.join("whole/best.safetensors")).unwrap();
    assert_eq!(
        weights.metadata().training.as_ref().unwrap().val_fraction,
        Some(0.2)
    );

    stop_after(path, &format!("{two} --out stopped"), "stopped", 2);
    // Another number of threads gives the same bits.
    run(path, "--resume stopped --threads 3").success();
    let last = |run: &str| read(path.join(run).join("last.safetensors"));
    assert!(last("stopped") == last("whole"));
    assert_eq!(history(&path.join("stopped")), history(&path.join("whole")));

    // The same images in `train`.
    std::fs::rename(path.join("data"), path.join("train")).unwrap();
    std::fs::create_dir(path.join("data")).unwrap();
    std::fs::rename(path.join("train"), path.join("data/train")).unwrap();
    run(path, &format!("{two} --out train"))
        .success()
        .stderr(contains(said));
    assert!(last("train") == last("whole"));
    run(path, &format!("{SMALL} --val-fraction 0.5 --out half"))
        .success()
        .stderr(contains("10 training and 10 test images"));
    // `settings.toml` gives the same split again.
    run(
        path,
        "--config whole/settings.toml --no-publish --threads 2 --out again",
    )
    .success();
    assert!(last("again") == last("whole"));
    // Test images that come later are not mixed with those held out.
    two_colours(&path.join("data"));
    let message = contains("has test images of its own in `data/val`")
        .and(contains("hint: the run was started without"));
    std::fs::rename(path.join("data/train"), path.join("gone")).unwrap();
    std::fs::create_dir(path.join("data/train")).unwrap();
    run(path, "--resume half").code(1).stderr(message);
}

/// Another seed holds out other images, so that weights of the first run know those that the second tests on.
#[test]
fn weights_that_may_know_the_test_images_are_a_warning() {
    let folder = without_split();
    let path = folder.path();
    run(path, &format!("{SMALL} --out first")).success();
    let known = contains("was trained on `data` with other test images");
    for option in ["--init", "--teacher"] {
        let from =
            format!("--config first/settings.toml {option} first/last.safetensors --no-publish --threads 2");
        let same = format!("{from} --out same{option}");
        run(path, &same).success().stderr(known.clone().not());
        let warning = format!("warning: `{option} first/last.safetensors` was trained on `data`");
        let hint =
            contains("hint: `--seed 0 --val-fraction 0.2` holds out the same images as its training did");
        for (name, other) in [("seed", "--seed 1"), ("part", "--val-fraction 0.4")] {
            let other = format!("{from} {other} --out {name}{option}");
            run(path, &other)
                .success()
                .stderr(contains(&warning).and(hint.clone()));
        }
    }
}

/// The division stays the same, and the images do not.
#[test]
fn weights_that_know_test_images_of_changed_data_are_a_warning() {
    let folder = data();
    let path = folder.path();
    let line = SMALL.replace("--data data ", "");
    run(path, &format!("--data data {line} --out first")).success();
    let from = format!("{line} --init first/best.safetensors");
    let known = contains("with other test images, so it may have learned some");
    run(path, &format!("{from} --data data --out same"))
        .success()
        .stderr(known.clone().not());
    // The folder has another name and the same images.
    std::fs::rename(path.join("data"), path.join("moved")).unwrap();
    run(path, &format!("{from} --data moved --out moved_run"))
        .success()
        .stderr(known.clone().not());
    // An image for another, between the folders.
    let at = |name: &str| path.join("moved").join(name);
    std::fs::rename(at("val/red/1.png"), at("train/red/tested.png")).unwrap();
    std::fs::rename(at("train/red/2.png"), at("val/red/2_trained.png")).unwrap();
    let warning = "warning: `--init first/best.safetensors` was trained on `data`, which has the classes of `moved`, with other";
    run(path, &format!("{from} --data moved --out divided"))
        .success()
        .stderr(contains(warning).and(contains("hint: the data set has changed since")));
    std::fs::rename(path.join("moved"), path.join("data")).unwrap();
    run(path, &format!("{from} --data data --out back"))
        .success()
        .stderr(
            contains("was trained on `data` with other")
                .and(contains("hint: the data set has changed since")),
        );
}

/// `CLASS/*` gets a folder `val`.
#[test]
fn a_data_set_of_another_layout_is_named_as_such() {
    let folder = without_split();
    let path = folder.path();
    let line = SMALL.replace("--epochs 1", "--epochs 2 --save-every 0");
    stop_after(path, &format!("{line} --out stopped"), "stopped", 1);
    pictures(&path.join("data"), "val", "red", [180, 30, 0], 3);
    run(path, "--resume stopped").code(1).stderr(
        contains("has no folder `train`")
            .and(contains("hint: its layout differs from when the run was started"))
            .and(contains("`data` now has `val`; move out what was added"))
            .and(contains("if it has moved").not()),
    );
    std::fs::rename(path.join("data"), path.join("gone")).unwrap();
    run(path, "--resume stopped")
        .code(1)
        .stderr(contains("if it has moved, give its folder with `--data DIR`"));
}

/// The name of its folder, the names of its classes and those of its files may be the same.
#[test]
fn weights_of_another_data_set_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    two_colours(&path.join("one/data"));
    for (split, count) in [("train", 8), ("val", 3)] {
        pictures(&path.join("other/data"), split, "blue", [90, 90, 90], count);
        pictures(&path.join("other/data"), split, "red", [200, 240, 0], count);
    }
    let line = |data: &str| {
        let line = SMALL.replace("--data data", &format!("--data {data}/data"));
        line.replace("--no-publish", "--lr 1e-30")
    };
    run(path, &line("one")).success().stderr(contains("Published as"));
    let published = path.join("models/mobilenet_v1_0.25.safetensors");
    let before = read(&published);
    let assert = run(path, &line("other")).success().stderr(contains(
        "stays as it is: its accuracy was measured on other images than this run's",
    ));
    assert!(read(&published) == before);
    // The last line exports this run, since `--alpha` would take the other, and the command before it publishes this run.
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let best = text
        .trim_end()
        .rsplit_once("\nExport this run with `mbn-export --weights ")
        .and_then(|(_, rest)| rest.strip_suffix(" model.onnx`"));
    let best = read(path.join(best.unwrap_or_else(|| panic!("{text}"))));
    assert!(best != before);
    let command = text
        .split('`')
        .find_map(|part| part.strip_prefix("mbn-train --resume "));
    let command = command.unwrap_or_else(|| panic!("{text}"));
    assert!(
        text.contains(&format!("--resume {command}` replaces it")),
        "{text}"
    );
    run(path, &format!("--resume {command}"))
        .success()
        .stderr(contains("Published as `models/mobilenet_v1_0.25.safetensors`"));
    assert!(read(&published) == best);
}

/// Nothing is published, so that nothing else says how to export the run.
#[test]
fn a_run_that_is_not_published_says_how_it_is_exported() {
    let folder = data();
    let line = SMALL.replace("--data data", "--data data --out run");
    let last = "Export this run with `mbn-export --weights run/best.safetensors model.onnx`\n";
    run(folder.path(), &line)
        .success()
        .stderr(contains(last).and(contains("Published as").not()));
    assert!(folder.path().join("run/best.safetensors").is_file());
}

#[test]
fn test_images_of_its_own_are_not_ignored() {
    let folder = data();
    let messages = [
        "has test images of its own in `data/val`",
        "hint: leave out `--val-fraction`",
    ];
    refused(
        folder.path(),
        &format!("{SMALL} --val-fraction 0.2"),
        1,
        &messages,
    );
    let path = folder.path();
    std::fs::remove_dir_all(path.join("data/val")).unwrap();
    run(path, &format!("{SMALL} --val-fraction 1"))
        .code(2)
        .stderr(contains("--val-fraction"));
    // A run that had test images does not go on without them.
    two_colours(&path.join("data"));
    run(path, &format!("{SMALL} --out run")).success();
    std::fs::remove_dir_all(path.join("data/val")).unwrap();
    run(path, "--resume run")
        .code(1)
        .stderr(contains("has no folder `val` or `test`"));
}

#[test]
fn rare_classes_and_those_without_test_images_are_a_warning() {
    let folder = data();
    let path = folder.path();
    pictures(&path.join("data"), "train", "blue", [0, 30, 180], 21);
    pictures(&path.join("data"), "train", "green", [0, 180, 0], 2);
    let assert = run(path, &format!("{SMALL} --out run")).success();
    assert.stderr(
        contains("  green   2  0\n")
            .and(contains(
                "warning: class `green` has 2 training images, under a tenth of the 21 of `blue`\nhint:",
            ))
            .and(contains("warning: class `green` has no test images")),
    );
    assert_eq!(summary(&path.join("run"))["classes"].as_array().unwrap().len(), 3);
    // A class with test images only can never be recognised.
    pictures(&path.join("data"), "val", "yellow", [180, 180, 0], 2);
    refused(path, SMALL, 1, &["only in the second: `yellow`"]);
}

/// One image takes another's name: as many as before, but others.
#[test]
fn other_images_are_refused_on_resume() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --out run")).success();
    let image = |name: &str| path.join("data").join(name);
    std::fs::rename(image("train/red/0.png"), image("train/red/new.png")).unwrap();
    run(path, "--resume run").code(1).stderr(
        contains("`data` has as many images as the run was started with, but not the same")
            .and(contains("hint: put back the images")),
    );
    std::fs::copy(image("train/red/new.png"), image("train/red/0.png")).unwrap();
    run(path, "--resume run").code(1).stderr(
        contains("`data` has 17 training images, the run was started with 16")
            .and(contains("--init run/best.safetensors")),
    );
    std::fs::remove_file(image("train/red/new.png")).unwrap();
    run(path, "--resume run").success();
}

/// A state that was saved before these settings and checks existed.
#[test]
fn the_state_of_an_earlier_version_resumes() {
    let folder = data();
    let path = folder.path();
    let two = SMALL.replace("--epochs 1", "--epochs 2");
    run(path, &format!("{two} --out whole")).success();
    stop_after(path, &format!("{two} --save-every 0 --out run"), "run", 2);
    let state = path.join("run/state.safetensors");
    let bytes = read(&state);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    let mut progress: serde_json::Value = serde_json::from_str(&metadata["progress"]).unwrap();
    for key in ["fingerprint", "left_out", "broken"] {
        assert!(progress.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    let settings = progress["settings"].as_object_mut().unwrap();
    assert!(settings.remove("bad-images").is_some());
    metadata.insert("progress".into(), progress.to_string());
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let older = safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap();
    std::fs::write(&state, older).unwrap();
    let settings = path.join("run/settings.toml");
    let text = String::from_utf8(read(&settings)).unwrap();
    std::fs::write(&settings, text.replace("bad-images = \"fail\"\n", "")).unwrap();
    run(path, "--resume run --threads 2")
        .success()
        .stderr(contains("Resuming").and(contains("warning").not()));
    let last = |run: &str| read(path.join(run).join("last.safetensors"));
    assert!(last("run") == last("whole"));
    assert_eq!(String::from_utf8(read(&settings)).unwrap(), text);
}
