//! Names of classes in several forms of Unicode: composed, and decomposed as in archives that macOS packed.

use mbn_spec::class_names::composed;

use super::*;

const COMPOSED: &str = "caf\u{e9}";
const DECOMPOSED: &str = "cafe\u{301}";

/// Some file systems take the two forms for one name.
fn tells_forms_apart() -> bool {
    let root = tree(&[&format!("{COMPOSED}/")]);
    !root.path().join(DECOMPOSED).exists()
}

#[test]
fn a_class_has_one_name_in_both_parts() {
    if !tells_forms_apart() {
        return;
    }
    for (train, val) in [
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (COMPOSED, COMPOSED),
    ] {
        let files = [
            format!("train/{train}/1.png"),
            "train/b/1.png".to_owned(),
            "train/z/1.png".to_owned(),
            "val/b/1.png".to_owned(),
            format!("val/{val}/1.png"),
            "val/z/1.png".to_owned(),
        ];
        let root = tree(&files.each_ref().map(String::as_str));
        let splits = open(root.path()).unwrap();
        assert!(splits.class_names.iter().any(|name| name == train));
        assert!(splits.warnings.is_empty(), "{:?}", splits.warnings);
        for index in 0..3 {
            let name = &splits.class_names[splits.test.label(index) as usize];
            let folder = splits.test.path(index).parent().unwrap();
            assert_eq!(composed(&name_of(folder)), composed(name));
        }
    }
    // A letter without the accent is another name.
    let error = error_of(&[&format!("train/{COMPOSED}/1.png"), "val/cafe/1.png"]);
    assert!(
        error.to_string().contains("only in the second: `cafe`"),
        "{error}"
    );
}

#[test]
fn classes_that_look_the_same_are_a_warning() {
    if !tells_forms_apart() {
        return;
    }
    let files = [
        format!("train/{COMPOSED}/1.png"),
        format!("train/{DECOMPOSED}/1.png"),
        format!("val/{COMPOSED}/1.png"),
        format!("val/{DECOMPOSED}/1.png"),
    ];
    let root = tree(&files.each_ref().map(String::as_str));
    let splits = open(root.path()).unwrap();
    assert_eq!(splits.class_names, [DECOMPOSED, COMPOSED]);
    // Each test image has the label of the folder of its own form.
    assert_eq!([0, 1].map(|index| splits.test.label(index)), [0, 1]);
    let message = splits.warnings[0].to_string();
    assert!(
        message.contains("2 class folders look like") && message.contains("`cafe\\u{301}`, `caf\\u{e9}`"),
        "{message}"
    );
}
