use super::*;

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

fn of_file(names: &[&str], ids: &[&str]) -> ClassNames {
    let (names, ids) = (lines(names), lines(ids));
    ClassNames::of_file(ClassList {
        names,
        ids,
        others: Vec::new(),
    })
}

#[test]
fn identifiers_are_taken_off_if_every_line_has_one() {
    let names = of_file(&["n01440764 tench, Tinca tinca", "n01443537\tgoldfish"], &[]);
    assert_eq!(names.names(), ["tench, Tinca tinca", "goldfish"]);
    assert_eq!(names.indices_of("n01443537"), [1]);
    for kept in [
        &["n01440764 tench", "goldfish"][..],
        &["n01440764", "n01443537"],
        &["n0144076 tench"],
        &["nine01440 tench"],
    ] {
        assert_eq!(of_file(kept, &[]).names(), kept);
    }
    // Where they are apart, the names are only names.
    let apart = of_file(&["n01440764 tench"], &["n01443537"]);
    assert_eq!(apart.names(), ["n01440764 tench"]);
    assert_eq!(apart.indices_of("n01443537"), [0]);
}

/// A folder that macOS named has the accent as a character of its own. One that several classes look like is none of them for sure.
#[test]
fn the_composition_of_a_name_makes_no_difference() {
    let (one_character, two) = ("caf\u{e9}", "cafe\u{301}");
    let names = ClassNames::new(lines(&["tench", one_character]));
    assert_eq!(names.indices_of(two), [1]);
    assert!(names.indices_of("cafe").is_empty());
    assert_eq!(names.indices_of("Tench"), [0]);
    let both = ClassNames::new(lines(&[two, one_character]));
    assert_eq!(
        (both.indices_of(two), both.indices_of(one_character)),
        (vec![0], vec![1])
    );
    // A third form: the marks above and below in the other order.
    let forms = ["\u{1e69}", "s\u{323}\u{307}"];
    assert_eq!(
        ClassNames::new(lines(&forms)).indices_of("s\u{307}\u{323}"),
        [0, 1]
    );
}

#[test]
fn folders_find_their_class() {
    let lines = [
        "n01440764 tench, Tinca tinca",
        "n02102040 English springer, English springer spaniel",
        "n02012849 crane",
        "n03126707 crane",
    ];
    let names = of_file(&lines, &[]);
    assert_eq!(names.indices_of("tench"), [0]);
    assert_eq!(names.indices_of("English_springer"), [1]);
    assert_eq!(names.indices_of("n03126707"), [3]);
    assert_eq!((names.id(3), names.id(4)), (Some("n03126707"), None));
    assert_eq!(names.indices_of("crane"), [2, 3]);
    assert_eq!(names.indices_of("Crane"), [2, 3]);
    assert!(names.indices_of("spaniel").is_empty());
}
