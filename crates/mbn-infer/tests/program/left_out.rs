//! What folders hold besides pictures: counted on stderr, in walks, patterns and folders of classes.

use crate::common::{self, failure, folder, picture, program, success};

const LEFT_OUT: &str = "warning: left out: 2 HEIC, 1 AVIF, 1 without an extension, 1 text, 1 system file, \
                        1 system folder (`@eaDir`)\nhint: HEIC and AVIF are not supported: convert";

/// Adds to a folder what phones, cameras and systems leave there, and a picture without an extension.
fn litter(folder: &tempfile::TempDir, name: &str) {
    let path = |file: &str| folder.path().join(name).join(file);
    std::fs::create_dir_all(path("@eaDir")).unwrap();
    picture(folder, &format!("{name}/plain.png"));
    std::fs::copy(path("plain.png"), path("@eaDir/THUMB.png")).unwrap();
    std::fs::rename(path("plain.png"), path("plain")).unwrap();
    for file in ["1.heic", "2.HEIC", "3.avif", "notes", "labels.txt", "._1.png"] {
        std::fs::write(path(file), "text").unwrap();
    }
}

#[test]
fn a_folder_says_what_it_leaves_out() {
    let folder = folder();
    litter(&folder, "photos");
    let run = success(program(&folder).arg("photos"));
    assert!(
        run.stdout.starts_with("photos/plain: ") && run.stdout.lines().count() == 1,
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains(LEFT_OUT), "{}", run.stderr);
    assert_eq!(success(program(&folder).args(["--quiet", "photos"])).stderr, "");
    // Nothing that can be classified.
    std::fs::remove_file(folder.path().join("photos/plain")).unwrap();
    let run = failure(program(&folder).arg("photos"), 3);
    let message = "error: `photos`: the folder has no images (PNG, JPEG, WebP, BMP, GIF, TIFF or PNM), only 2 HEIC, 1 AVIF,";
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

#[test]
fn evaluate_says_so_too_and_names_classes() {
    let folder = folder();
    let names = common::class_names();
    for name in &names[..2] {
        litter(&folder, &format!("val/{name}"));
    }
    std::fs::create_dir_all(folder.path().join("val/@eaDir")).unwrap();
    let run = success(program(&folder).args(["--evaluate", "val"]));
    assert!(run.stderr.contains("of 2 images"), "{}", run.stderr);
    let left_out = "left out: 4 HEIC, 2 AVIF, 2 without an extension, 2 text, 2 system files, 3 system folders (`@eaDir`)";
    assert!(run.stderr.contains(left_out), "{}", run.stderr);
    let without = "`val` has no folder for 8 of the model's 10 classes: ";
    assert!(run.stderr.contains(without), "{}", run.stderr);
    for (i, name) in ["unicorn", "dragon"].into_iter().enumerate() {
        let path = |name: &str| folder.path().join("val").join(name);
        std::fs::rename(path(&names[i]), path(name)).unwrap();
    }
    let run = failure(program(&folder).args(["--evaluate", "val"]), 1);
    assert!(run.stderr.contains("`dragon`, `unicorn`"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_is_not_followed() {
    let folder = folder();
    picture(&folder, "above.png");
    let names = common::class_names();
    for name in &names[..2] {
        std::fs::create_dir_all(folder.path().join("val").join(name)).unwrap();
        picture(&folder, &format!("val/{name}/1.png"));
    }
    let link = folder.path().join("val").join(&names[0]).join("up");
    std::os::unix::fs::symlink("..", &link).unwrap();
    let expected = format!(
        "warning: left out: 1 link to a folder above it (`{}/up`)",
        names[0]
    );
    for arguments in [&["--evaluate", "val"][..], &["val"], &["val/**/*.png"]] {
        let run = success(program(&folder).args(arguments));
        assert_eq!(run.stdout.lines().count(), 2, "{arguments:?}: {}", run.stdout);
        assert!(run.stderr.contains(&expected), "{arguments:?}: {}", run.stderr);
    }
}
