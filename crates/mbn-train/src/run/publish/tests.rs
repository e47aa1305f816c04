//! What is published, where, and in place of what.

use super::*;
use mbn_model::fresh_weights;
use mbn_spec::{Architecture, Metadata};

fn trained(data_set: &str, accuracy: f64) -> Weights {
    let training = Training {
        data_set: data_set.into(),
        accuracy,
        ..Training::default()
    };
    let metadata = Metadata {
        training: Some(training),
        ..Metadata::default()
    };
    fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
}

#[test]
fn a_place_that_cannot_be_written_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), "").unwrap();
    for (name, part) in [
        ("", "it is a folder"),
        ("file/w", "is a file"),
        ("file/a/b/w", "is a file"),
    ] {
        let error = Publish::To(path(name)).require_writable(Alpha::One).unwrap_err();
        let message = format!("{error:#}");
        assert!(
            message.contains("`--publish ") && message.contains(part),
            "{message}"
        );
    }
    for name in ["w", "file", "a/b/w"] {
        Publish::To(path(name)).require_writable(Alpha::One).unwrap();
    }
    Publish::Never.require_writable(Alpha::One).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn only_weights_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let publish = Publish::To(path.clone());
    for content in [
        &b"notes"[..],
        b"PK\x03\x04 an archive",
        b"\x89PNG\r\n\x1a\n",
        b"{}",
    ] {
        std::fs::write(&path, content).unwrap();
        let message = mbn_cli::message(&publish.require_replaceable().unwrap_err());
        assert!(
            message.contains("w.safetensors` cannot be written: there is a file already")
                && message.contains("hint:"),
            "{message}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    trained("a", 50.0).save(&path).unwrap();
    publish.require_replaceable().unwrap();
    // Weights that were cut off are of no use to anybody.
    let bytes = std::fs::read(&path).unwrap();
    for length in [bytes.len() / 2, 0] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        publish.require_replaceable().unwrap();
    }
    for free in [folder.path().join("new"), folder.path().join("a/b/new")] {
        Publish::To(free).require_replaceable().unwrap();
    }
}

/// Why weights in a file are kept.
fn kept(weights: &Weights, path: &Path) -> Option<String> {
    Kept::of(weights, path).map(|kept| kept.reason)
}

#[test]
fn only_better_weights_on_the_same_data_replace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("models/w.safetensors");
    assert_eq!(kept(&trained("a", 50.0), &path), None);
    write(&trained("a", 50.0), &path).unwrap();
    assert_eq!(kept(&trained("a", 50.1), &path), None);
    assert!(kept(&trained("a", 50.0), &path).unwrap().contains("50.00 %"));
    assert!(kept(&trained("b", 90.0), &path).unwrap().contains("`a`"));
    // Other held-out images.
    let held_out = |part, seed| {
        let mut metadata = trained("a", 90.0).metadata().clone();
        let training = metadata.training.as_mut().unwrap();
        (training.val_fraction, training.seed) = (part, seed);
        fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
    };
    assert_eq!(kept(&held_out(None, 1), &path), None);
    write(&held_out(Some(0.2), 1), &path).unwrap();
    for other in [held_out(None, 1), held_out(Some(0.1), 1), held_out(Some(0.2), 2)] {
        let reason = kept(&other, &path).unwrap();
        assert!(reason.contains("measured on other images"), "{reason}");
    }
    // Another data set of that name. Files of earlier versions do not say which.
    let tested_on = |tests: Option<&str>| {
        let mut metadata = trained("a", 95.0).metadata().clone();
        metadata.training.as_mut().unwrap().test_fingerprint = tests.map(str::to_owned);
        fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
    };
    for (published, own, is_kept) in [
        (Some("f"), Some("g"), true),
        (Some("f"), None, false),
        (None, Some("g"), false),
    ] {
        let mut metadata = tested_on(published).metadata().clone();
        metadata.training.as_mut().unwrap().accuracy = 50.0;
        let old = tested_on(published).with_metadata(metadata).unwrap();
        write(&old, &path).unwrap();
        let reason = kept(&tested_on(own), &path);
        assert_eq!(reason.is_some(), is_kept, "{reason:?}");
        if let Some(reason) = reason {
            assert!(reason.contains("measured on other images"), "{reason}");
        }
    }
    std::fs::write(&path, "broken").unwrap();
    assert!(
        kept(&trained("a", 90.0), &path)
            .unwrap()
            .contains("cannot be read")
    );
}

/// Whoever follows the message gets this run's weights, and not those that were kept.
#[test]
fn a_message_says_how_this_run_replaces_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, run) = (folder.path().join("w.safetensors"), Path::new("runs/my photos"));
    let message = |weights: &Weights| Kept::of(weights, &path).unwrap().message(&path, run);
    let replace = format!(
        "`mbn-train --resume 'runs/my photos' --publish {}`",
        path.display()
    );
    let named = |names: [&str; 2]| {
        let names = names.map(str::to_owned).to_vec();
        let mut metadata = trained("a", 90.0).metadata().clone();
        metadata.classes = Some(names);
        fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
    };
    let untold = fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, Metadata::default()).unwrap();
    for (published, own, reason) in [
        (trained("a", 50.0), trained("b", 90.0), "it was trained on `a`; "),
        (trained("a", 90.0), trained("a", 50.0), "is at least the 50.00 %"),
        (untold, trained("a", 90.0), "no record of its training"),
        // The folder has the same name, so that its name would tell nothing.
        (
            named(["cat", "dog"]),
            named(["cat", "owl"]),
            "its classes are others than this run's",
        ),
    ] {
        write(&published, &path).unwrap();
        let message = message(&own);
        assert!(message.contains(reason), "{message}");
        assert!(
            message.ends_with(&format!("; {replace} replaces it")),
            "{message}"
        );
        // As the message promises.
        Publish::To(path.clone()).require_replaceable().unwrap();
    }
    std::fs::write(&path, "broken").unwrap();
    let message = message(&trained("a", 90.0));
    let expected = format!("; move it away, and {replace} publishes this run");
    assert!(
        message.contains("it cannot be read (") && message.ends_with(&expected),
        "{message}"
    );
    assert!(Publish::To(path.clone()).require_replaceable().is_err());
}
