//! HEIC pictures through libheif, which pillow-heif brings, beside the same pixels in PNG files.

use std::path::PathBuf;

use mbn_testing::Python;

use crate::common::{failure, folder, program, success};

/// A folder with `photos`, HEIC pictures beside PNG files of their pixels, and the library. Skips the test without Python's package.
fn photos() -> Option<(tempfile::TempDir, PathBuf)> {
    let python = Python::find(&["pillow_heif", "numpy", "PIL"])?;
    let folder = folder();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let library = python.run("heif_pictures.py", [&photos]);
    // The library does not decode it.
    for file in ["plain.avif", "plain.png"] {
        std::fs::remove_file(photos.join(file)).unwrap();
    }
    Some((folder, PathBuf::from(library.trim())))
}

/// The lines of JSON by path, without the path.
fn results(stdout: &str) -> Vec<(String, serde_json::Value)> {
    let result = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = value.as_object_mut().unwrap().remove("path").unwrap();
        (path.as_str().unwrap().to_owned(), value)
    };
    stdout.lines().map(result).collect()
}

#[test]
fn heic_pictures_get_the_results_of_their_pixels() {
    let Some((folder, library)) = photos() else { return };
    let json = ["--format", "json", "--logits"];
    let run = success(
        program(&folder)
            .args(json)
            .arg("--libheif")
            .arg(&library)
            .arg("photos"),
    );
    assert!(run.stderr.contains("HEIC and AVIF: libheif 1."), "{}", run.stderr);
    let results = results(&run.stdout);
    let (heic, png): (Vec<_>, Vec<_>) = results.iter().partition(|(path, _)| path.ends_with(".heic"));
    assert!(heic.len() >= 18 && heic.len() == png.len(), "{}", run.stdout);
    for ((path, found), (_, expected)) in heic.iter().zip(&png) {
        assert!(found["predictions"].is_array(), "{path}: {found}");
        assert_eq!(found, expected, "{path}");
    }
    // Without the option they are left out.
    let run = success(program(&folder).args(json).arg("photos"));
    assert_eq!(run.stdout.lines().count(), png.len());
    let left_out = format!("left out: {} HEIC", heic.len());
    assert!(run.stderr.contains(&left_out), "{}", run.stderr);
    assert!(run.stderr.contains("`--libheif system`"), "{}", run.stderr);
    let run = failure(program(&folder).arg("photos/deep.heic"), 3);
    let problem = "it is a picture in HEIC format, which is not supported: convert it to PNG or JPEG first, or read it \
                   with `--libheif system`";
    assert!(run.stderr.contains(problem), "{}", run.stderr);
}

#[test]
fn a_broken_heic_picture_is_an_error_in_its_place() {
    let Some((folder, library)) = photos() else { return };
    let path = folder.path().join("photos/size_97x65.heic");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let args = [
        "--format",
        "json",
        "photos/size_97x65.heic",
        "photos/size_64x64.heic",
    ];
    let run = failure(program(&folder).arg("--libheif").arg(library).args(args), 3);
    let results = results(&run.stdout);
    let error = results[0].1["error"].as_str().unwrap();
    assert!(error.starts_with("the HEIC file is truncated: "), "{error}");
    assert!(results[1].1["predictions"].is_array(), "{}", run.stdout);
}

#[test]
fn a_library_that_cannot_be_loaded_ends_the_run() {
    let folder = folder();
    let run = failure(
        program(&folder).args(["--libheif", "gone/libheif.so", "photos"]),
        1,
    );
    assert!(
        run.stderr.contains("error: `--libheif gone/libheif.so`: "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("hint: Debian's and Ubuntu's package is `libheif1`"),
        "{}",
        run.stderr
    );
}
