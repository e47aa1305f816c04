use std::fs;
use std::sync::Arc;

use super::*;

fn show(collected: &Collected, root: &Path) -> Vec<String> {
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    collected
        .pictures
        .iter()
        .map(|result| match result {
            Ok(path) => relative(path),
            Err(error) => format!("{}: {}", relative(&error.path), error.kind),
        })
        .collect()
}

#[test]
fn files_folders_and_patterns_in_the_order_given() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for name in [
        "z/b.png",
        "z/a.JPEG",
        "z/deep/c.webp",
        "z/notes.txt",
        "z/.hidden.png",
        "top.dat",
        "1.png",
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "").unwrap();
    }
    fs::create_dir(root.join("empty")).unwrap();
    let inputs = [
        "top.dat",
        "z",
        "gone.png",
        "empty",
        "*.png",
        "z/*/*.webp",
        "*.gif",
        "[a*",
        "1.png",
        "z/d*",
    ];
    let inputs = inputs.map(|name| root.join(name));
    let found = show(&collect(&inputs), root);
    assert_eq!(
        found[..12],
        [
            "top.dat",
            "z/a.JPEG",
            "z/b.png",
            "z/deep/c.webp",
            "gone.png: no such file or folder",
            "empty: the folder has no images (PNG, JPEG, WebP, BMP, GIF, TIFF or PNM)",
            "1.png",
            "z/deep/c.webp",
            "*.gif: no file matches the pattern",
            found[9].as_str(),
            "1.png",
            "z/deep/c.webp",
        ]
    );
    assert!(
        found[9].starts_with("[a*: no such file or folder, and not a valid pattern"),
        "{}",
        found[9]
    );
    assert_eq!(found.len(), 12);
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a[1].png");
    fs::write(&path, "").unwrap();
    fs::write(root.path().join("a1.png"), "").unwrap();
    assert_eq!(show(&collect(&[path]), root.path()), ["a[1].png"]);
}

#[test]
fn folders_whose_names_look_like_patterns_are_those_folders() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for name in ["photos [2024]/a.png", "photos 2/b.png", "what?/c.png"] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "").unwrap();
    }
    let found = |name: &str| show(&collect(&[root.join(name)]), root);
    assert_eq!(found("photos [2024]/*.png"), ["photos [2024]/a.png"]);
    assert_eq!(
        found("photos [2024]/gone.jpg"),
        ["photos [2024]/gone.jpg: no such file or folder"]
    );
    assert_eq!(
        found("what?/gone.jpg"),
        ["what?/gone.jpg: no such file or folder"]
    );
    assert_eq!(found("photos [1-3]/*.png"), ["photos 2/b.png"]);
    // A name with brackets that is gone is no pattern that matches another file.
    fs::write(root.join("a1.png"), "").unwrap();
    let nothing = "no such file or folder (a pattern has `*` or `?`)";
    assert_eq!(found("a[1].png"), [format!("a[1].png: {nothing}")]);
    assert_eq!(found("a[1].p*"), ["a1.png"]);
    let mut named = Pictures::of_name(&root.join("a?.png"));
    let error = named.next().unwrap().unwrap_err();
    assert!(matches!(error.kind, CollectErrorKind::Missing), "{error}");
    assert!(named.next().is_none());
    assert_eq!(
        found("photos [2024]/*.gif"),
        ["photos [2024]/*.gif: no file matches the pattern"]
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_loops() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    fs::create_dir_all(root.join("elsewhere")).unwrap();
    fs::create_dir_all(root.join("in")).unwrap();
    fs::write(root.join("elsewhere/x.png"), "").unwrap();
    symlink(root.join("elsewhere"), root.join("in/link")).unwrap();
    symlink(root.join("in"), root.join("in/circle")).unwrap();
    symlink(root.join("elsewhere/x.png"), root.join("in/y.png")).unwrap();
    symlink(root.join("nowhere"), root.join("in/broken.png")).unwrap();
    let found = show(&collect(&[root.join("in")]), root);
    let nowhere = format!(
        "in/broken.png: it is a link to `{}`, which is not there",
        root.join("nowhere").display()
    );
    assert_eq!(found[0], nowhere);
    // By its own name, and by a pattern.
    let named = ["in/broken.png", "in/b*.png"].map(|name| root.join(name));
    assert_eq!(show(&collect(&named), root), [&*nowhere, &nowhere]);
    assert_eq!(found[1..], ["in/link/x.png", "in/y.png"]);
    assert_eq!(found.len(), 3);
}

/// A wildcard matches neither folders nor files of systems, as it matches no hidden ones.
#[test]
fn what_folders_and_wildcards_leave_out_is_counted() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for name in [
        "a/1.png",
        "a/@eaDir/2.png",
        "a/._1.png",
        "@eaDir/3.png",
        "a/4.heic",
        "b/5.heic",
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "").unwrap();
    }
    for (input, pictures, left_out) in [
        (
            "a",
            &["a/1.png"][..],
            "1 HEIC, 1 system file, 1 system folder (`@eaDir`)",
        ),
        ("**/*.png", &["a/1.png"], "2 system folders (`@eaDir`)"),
        ("*/*.png", &["a/1.png"], "1 system folder (`@eaDir`)"),
        ("@*/*.png", &["@eaDir/3.png"], ""),
        ("@eaDir", &["@eaDir/3.png"], ""),
        (
            "b",
            &["b: the folder has no images (PNG, JPEG, WebP, BMP, GIF, TIFF or PNM), only 1 HEIC"],
            "1 HEIC",
        ),
    ] {
        let collected = collect(&[root.join(input)]);
        assert_eq!(show(&collected, root), pictures, "{input}");
        assert_eq!(collected.left_out.to_string(), left_out, "{input}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_is_not_followed() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    fs::create_dir_all(root.join("in/deep")).unwrap();
    fs::write(root.join("above.png"), "").unwrap();
    fs::write(root.join("in/deep/x.png"), "").unwrap();
    symlink("../..", root.join("in/deep/up")).unwrap();
    for input in ["in", "in/**/*.png", "in/**"] {
        let collected = collect(&[root.join(input)]);
        assert_eq!(show(&collected, root), ["in/deep/x.png"], "{input}");
        let expected = "1 link to a folder above it (`deep/up`)";
        assert_eq!(collected.left_out.to_string(), expected, "{input}");
    }
}

/// However a path leads there: links in the folder to what lies elsewhere count as well.
#[cfg(unix)]
#[test]
fn what_the_run_itself_writes_is_left_out() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for name in [
        "in/a.png",
        "in/sorted/cat/a.png",
        "in/sorted-2/cat/c.png",
        "in/sorted-not/b.png",
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "").unwrap();
    }
    std::os::unix::fs::symlink("../../a.png", root.join("in/sorted/link.png")).unwrap();
    std::os::unix::fs::symlink("in/sorted/cat", root.join("cats")).unwrap();
    let real = root.canonicalize().unwrap();
    let written = ["in/sorted", "in/sorted-2"].map(|name| real.join(name));
    let is_written: IsWritten =
        Arc::new(move |folder: &Path| written.iter().any(|written| folder.starts_with(written)));
    let error = "it lies in a folder that this run writes";
    for (path, expected, left_out) in [
        (
            "in",
            &["in/a.png", "in/sorted-not/b.png"][..],
            "(`sorted`, `sorted-2`)",
        ),
        (
            "in/**/*.png",
            &["in/a.png", "in/sorted-not/b.png"],
            "3 in a folder that this run writes (`a.png`, `c.png`, `link.png`)",
        ),
        // Whoever names a file or folder waits for its result.
        (
            "in/sorted/cat/a.png",
            &[&*format!("in/sorted/cat/a.png: {error}")],
            "",
        ),
        ("cats", &[&*format!("cats: {error}")], ""),
        ("cat?", &[], "(`cats`)"),
        ("in/a.png", &["in/a.png"], ""),
    ] {
        let mut pictures = Pictures::of(&root.join(path)).outside(Some(Arc::clone(&is_written)));
        let mut collected = Collected::default();
        collected.pictures.extend(pictures.by_ref());
        assert_eq!(show(&collected, root), expected, "{path}");
        let found = pictures.into_left_out().to_string();
        assert!(
            found.ends_with(left_out) && found.is_empty() == left_out.is_empty(),
            "{path}: {found}"
        );
    }
}
