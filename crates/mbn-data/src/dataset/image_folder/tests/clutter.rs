//! What systems leave beside pictures, and pictures of formats that are not read.

use super::*;

/// Every kind of folder, as a class of its own, within a class, and deeper.
#[test]
fn folders_of_systems_are_neither_classes_nor_searched() {
    for name in [
        "@eaDir",
        "#recycle",
        "@Recycle",
        "__MACOSX",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "__pycache__",
        ".thumbnails",
        ".ipynb_checkpoints",
        ".AppleDouble",
        ".Trash-1000",
    ] {
        let images = |part: &str| {
            [
                "{part}/{name}/1.jpg",
                "{part}/a/{name}/1.jpg/THUMB.jpg",
                "{part}/a/deep/{name}/1.jpg",
            ]
            .map(|path| path.replace("{part}", part).replace("{name}", name))
        };
        let mut files: Vec<String> = [images("train"), images("val")].concat();
        files.extend(["train/a/1.jpg", "train/a/deep/2.jpg", "val/a/1.jpg"].map(str::to_owned));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let root = tree(&files);
        let splits = open(root.path()).unwrap();
        assert_eq!(splits.class_names, ["a"], "{name}");
        assert_eq!((splits.train.len(), splits.test.len()), (2, 1), "{name}");
        let kind = if name.starts_with('.') { "hidden" } else { "system" };
        assert_eq!(
            splits.left_out.to_string(),
            format!("6 {kind} folders (`{name}`)")
        );
        assert!(!splits.left_out.may_be_missed());
    }
}

#[test]
fn files_of_systems_are_left_out() {
    let names = [
        "._1.jpg",
        "Thumbs.db",
        ".DS_Store",
        "desktop.ini",
        "1.jpg~",
        ".hidden.jpg",
    ];
    let files: Vec<String> = names.iter().map(|name| format!("a/{name}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).chain(["a/1.jpg"]).collect();
    let folder = labelled_folder(tree(&files).path()).unwrap();
    assert_eq!(folder.items.len(), 1);
    assert_eq!(folder.left_out.to_string(), "5 system files, 1 hidden file");
}

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";

/// The first bytes decide where the name does not.
#[test]
fn other_kinds_are_counted_and_pictures_without_an_extension_taken() {
    let root = tree(&[
        "a/1.jpg",
        "a/notes.txt",
        "a/photo.HEIC",
        "a/b.heif",
        "a/c.avif",
        "a/d.CR2",
        "a/e.mov",
        "a/f.xyz",
    ]);
    let files: [(&str, &[u8]); 9] = [
        ("plain", JPEG),
        ("Screenshot at 10.30.15", b"\x89PNG\r\n\x1a\n"),
        ("readme", b"some text"),
        ("empty", b""),
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        // A camera roll's export is often a JPEG by its content.
        ("really.heic", JPEG),
        ("copy.bak", JPEG),
        ("scan.nef", b"II*\0\x08\0\0\0\x01\0"),
        ("text.jpg", b"not a picture, which decoding shows"),
    ];
    for (name, bytes) in files {
        fs::write(root.path().join("a").join(name), bytes).unwrap();
    }
    let folder = labelled_folder(root.path()).unwrap();
    let taken = relative(&folder, root.path());
    let taken: Vec<&str> = taken.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        taken,
        [
            "a/1.jpg",
            "a/Screenshot at 10.30.15",
            "a/plain",
            "a/really.heic",
            "a/text.jpg"
        ]
    );
    assert_eq!(
        folder.left_out.to_string(),
        "3 HEIC, 1 AVIF, 2 RAW, 2 without an extension, 1 `.bak` with the content of an image, 1 text, 1 video, 1 `.xyz`"
    );
    let advice = folder.left_out.advice().unwrap();
    assert!(
        advice.starts_with("HEIC, AVIF and RAW are not supported"),
        "{advice}"
    );
}

/// A pipe without an extension would block whoever opens it.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_opened() {
    let root = tree(&["a/1.jpg"]);
    let pipe = root.path().join("a/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let folder = labelled_folder(root.path()).unwrap();
    assert_eq!(folder.left_out.to_string(), "1 pipe, socket or device");
}

#[test]
fn files_beside_class_folders_are_counted() {
    let root = tree(&[
        "train/a/1.jpg",
        "train/lost.jpg",
        "train/labels.csv",
        "val/a/1.jpg",
    ]);
    let left_out = open(root.path()).unwrap().left_out;
    assert_eq!(left_out.to_string(), "1 text, 1 image outside class folders");
    assert!(left_out.may_be_missed());
}
