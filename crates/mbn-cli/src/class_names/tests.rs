use super::*;

fn read(name: &str, content: &[u8]) -> Result<ClassList> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    read_class_names(&path, &[])
}

fn names(content: &[u8]) -> Result<Vec<String>> {
    read("names.txt", content).map(|list| list.names)
}

/// The error and its advice.
fn refusal(name: &str, content: &str) -> (String, String) {
    let error = read(name, content.as_bytes()).unwrap_err();
    let hint = error.downcast_ref::<crate::Hinted>();
    (
        error.to_string(),
        hint.map_or(String::new(), |hinted| hinted.hint.clone()),
    )
}

#[test]
fn names_are_taken_verbatim() {
    assert_eq!(
        names(b"golf ball\n  n0123, tench\nchurch").unwrap(),
        ["golf ball", "  n0123, tench", "church"]
    );
    assert_eq!(names(b"a\r\nb\r\n").unwrap(), ["a", "b"]);
    assert_eq!(names(b"\xef\xbb\xbfa\nb\n").unwrap(), ["a", "b"]);
    for end in ["\n\n", "\r\n\r\n", "\n \t\n\n"] {
        assert_eq!(names(format!("a\n b{end}").as_bytes()).unwrap(), ["a", " b"]);
    }
    assert_eq!(names(b"a\nb \n\n").unwrap(), ["a", "b "]);
    for lines in [
        &["1", "0"][..],
        &["n01440764 tench", "n01443537 goldfish"],
        &["[background]", "{0}"],
        &["1 a", "b"],
        &["# a", "# b"],
        &["# a", "b"],
        &["20 %", "50 %"],
    ] {
        assert_eq!(names(lines.join("\n").as_bytes()).unwrap(), lines);
    }
}

#[test]
fn numbers_order_the_lines_and_are_no_part_of_the_names() {
    for text in [
        "2 c\n0 a\n1 b\n",
        "3,c\r\n1,a\r\n2,b\r\n",
        "\u{feff}1: b\n0: a\n2: c",
    ] {
        assert_eq!(names(text.as_bytes()).unwrap(), ["a", "b", "c"], "{text}");
    }
    assert_eq!(read("names.txt", b"1 b\n0 a\n").unwrap().others, ["0 a", "1 b"]);
}

#[test]
fn numbers_may_be_a_part_of_the_names() {
    for lines in [
        &["20 km/h", "30 km/h"][..],
        &["1 star", "2 stars", "3 stars"],
        &["2 euro", "1 euro"],
        &["0:00", "1:00", "2:00"],
        &["1,000 rupees", "2,000 rupees"],
        &["0,5 l", "1,5 l"],
        &["3 door", "1 door", "2 door"],
        &["0 a", "1 a"],
        &["1 cat", "2 dog"],
        &["0 = cat", "1 = dog"],
        &["[0, 10]", "[10, 20]"],
        &[
            "0 a", "1 b", "10 k", "2 c", "3 d", "4 e", "5 f", "6 g", "7 h", "8 i", "9 j",
        ],
    ] {
        assert_eq!(names(lines.join("\n").as_bytes()).unwrap(), lines);
    }
    assert_eq!(names(b"0 - cat\n1 - dog\n").unwrap(), ["cat", "dog"]);
    let others = |text: &str| read("names.txt", text.as_bytes()).unwrap().others;
    assert_eq!(others("1 cat\n2 dog\n"), ["cat", "dog"]);
    // In two orders.
    assert!(others("2 dog\n1 cat\n").is_empty());
}

/// In forms that are not read as the numbers of the classes.
#[test]
fn numbers_that_contradict_the_order_of_the_lines_are_refused() {
    for lines in [
        &["gas pump,2", "church,0", "tench,1"][..],
        &["/a/gas_pump 2", "/c/church 0", "/t/tench 1"],
        &["3. gas pump", "1. church", "2. tench"],
        &["2 = gas pump", "0 = church", "1 = tench"],
        &["\"2\",\"gas pump\"", "\"0\",\"church\"", "\"1\",\"tench\""],
    ] {
        let (message, hint) = refusal("names.txt", &lines.join("\n"));
        assert!(
            message.contains("names.txt") && message.contains("such as line 1, `"),
            "{message}"
        );
        assert!(
            hint.contains("{\"0\": \"name\", ...}") && hint.contains("[\"name\", ...]"),
            "{hint}"
        );
        let mut in_order = vec![lines[1], lines[2], lines[0]];
        assert_eq!(names(in_order.join("\n").as_bytes()).unwrap(), in_order);
        // What the classes are called elsewhere.
        in_order.swap(0, 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        std::fs::write(&path, in_order.join("\n")).unwrap();
        let found = read_class_names(&path, &[lines[0].to_owned()]).unwrap();
        assert_eq!(found.names, in_order);
    }
    for lines in [
        &["class 0", "class 1"][..],
        &["class 1", "class 0"],
        &["class 0", "class 10", "class 2"],
    ] {
        assert_eq!(names(lines.join("\n").as_bytes()).unwrap(), lines);
    }
}

/// What the classes are called elsewhere tells whether the numbers belong to the names.
#[test]
fn known_names_decide() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.txt");
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (text, known, expected) in [
        ("0 cat\n1 dog", &["0 cat", "1 dog"][..], &["0 cat", "1 dog"][..]),
        ("1 dog\n0 cat", &["0_Cat"], &["1 dog", "0 cat"]),
        ("1 dog\n0 cat", &["Dog"], &["cat", "dog"]),
        ("1 dog\n0 cat", &["bird"], &["cat", "dog"]),
        ("2 dog\n1 cat, tom", &["cat", "dog"], &["cat, tom", "dog"]),
        ("2 dog\n1 cat", &["2 dog", "1 cat"], &["2 dog", "1 cat"]),
        ("20 km/h\n30 km/h", &["km/h"], &["20 km/h", "30 km/h"]),
    ] {
        std::fs::write(&path, text).unwrap();
        let found = read_class_names(&path, &list(known)).unwrap();
        assert_eq!(found.names, expected, "{text} {known:?}");
    }
}

#[test]
fn json_is_read_whatever_the_file_is_called() {
    let index = br#"{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"]}"#;
    for name in ["labels.txt", "imagenet_class_index.json"] {
        let list = read(name, index).unwrap();
        assert_eq!(list.names, ["tench", "goldfish"]);
        assert_eq!(list.ids, ["n01440764", "n01443537"]);
    }
    assert_eq!(
        names(b"\xef\xbb\xbf[\"20 km/h\",\n\"a\"]\n").unwrap(),
        ["20 km/h", "a"]
    );
    assert_eq!(names(br#"{"b": 1, "a": 0}"#).unwrap(), ["a", "b"]);
    for (name, content, part) in [
        ("names.json", "tench\ngoldfish\n", "is not JSON"),
        ("names.json", "{\"0\": \"a\"", "is not JSON"),
        ("names.txt", "{\"names\": \"a\"}", "is JSON of another form"),
        ("names.txt", "{\"0\": \"a\", \"2\": \"b\"}", "1 is missing"),
        ("names.json", "[]", "is empty"),
        ("names.json", "[\"a\", \" \"]", "no name for class 1"),
    ] {
        let (message, _) = refusal(name, content);
        assert!(
            message.contains(part) && message.contains(name),
            "{content}: {message}"
        );
    }
}

#[test]
fn python_and_yaml_are_refused_with_a_command() {
    for (name, content, form, script) in [
        (
            "labels.txt",
            "{0: 'tench, Tinca tinca',\n 4: 'church'}\n",
            "text of Python",
            "literal_eval",
        ),
        ("labels.json", "{'a': 0}", "text of Python", "literal_eval"),
        ("data.yaml", "nc: 1\nnames:\n  0: person\n", "YAML", "safe_load"),
    ] {
        let (message, hint) = refusal(name, content);
        let expected = format!("{name}` is {form}, expected one class name per line, or JSON");
        assert!(message.ends_with(&expected), "{message}");
        assert!(
            hint.starts_with("`python3 -c ") && hint.contains(script),
            "{hint}"
        );
    }
}

#[test]
fn a_comment_that_makes_one_class_too_many_is_named() {
    let list = ["# classes", "a", "b"].map(str::to_owned);
    let error = require_count("--classes l.txt", &list, "`m.onnx`", 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`--classes l.txt` has 3 classes, `m.onnx` has 2: its first line counts as one, `# classes`"
    );
    assert!(error.downcast_ref::<crate::Hinted>().is_some());
    assert!(require_count("l", &list, "m", 3).is_ok());
    for (list, classes) in [
        (&list[..], 4),
        (&["#1", "#2"].map(str::to_owned), 1),
        (&["a", "b"].map(str::to_owned), 1),
    ] {
        let message = require_count("l", list, "m", classes).unwrap_err().to_string();
        assert!(!message.contains("counts as one"), "{message}");
    }
}

#[test]
fn the_usual_reasons_of_another_count_are_told() {
    let refused = |list: &[String], classes: usize| {
        let error = require_count("l", list, "m", classes).unwrap_err();
        let hint = error.downcast_ref::<crate::Hinted>();
        (
            error.to_string(),
            hint.map_or(String::new(), |hinted| hinted.hint.clone()),
        )
    };
    let thousand: Vec<_> = (0..1000).map(|n| format!("c{n}")).collect();
    assert!(refused(&thousand, 1001).1.ends_with("put `background` first"));
    assert_eq!(refused(&thousand, 1002).1, "");
    assert_eq!(refused(&thousand[..9], 10).1, "");
    let with_background: Vec<_> = ["background".to_owned()].into_iter().chain(thousand).collect();
    assert!(
        refused(&with_background, 1000)
            .1
            .starts_with("take out `background`")
    );
    for header in ["index,name", "id\tClass Name", "label", "Class_ID;Label"] {
        let (message, hint) = refused(&[header, "0,a", "1,b"].map(str::to_owned), 2);
        assert!(
            message.ends_with(&format!("counts as one, `{}`", header.escape_debug())),
            "{message}"
        );
        assert!(hint.contains("no header"), "{hint}");
    }
    assert_eq!(refused(&["tench,name", "a", "b"].map(str::to_owned), 2).1, "");
}

#[test]
fn lines_may_end_in_cr_alone() {
    assert_eq!(names(b"a\rb c\r").unwrap(), ["a", "b c"]);
    assert_eq!(names(b"1 b\r0 a").unwrap(), ["a", "b"]);
    assert!(names(b"a\r\rb").unwrap_err().to_string().contains("line 2"));
}

#[test]
fn a_repeated_name_is_found() {
    let list = |names: [&str; 4]| names.map(str::to_owned);
    assert_eq!(repeated(&list(["a", "b", "c", "b"])), Some((1, 3)));
    assert_eq!(repeated(&list(["a", "b", "c", " b"])), None);
    assert_eq!(names(b"a\na\n").unwrap(), ["a", "a"]);
}

#[test]
fn files_without_names_are_refused() {
    for (content, part) in [
        (&b""[..], "is empty"),
        (b"\n\n", "is empty"),
        (b"\na\n", "line 1"),
        (b"a\n\nb\n", "line 2"),
        (b"\xff\xfea\0", "cannot read"),
        (b"a\nb\xe9\n", "cannot read"),
    ] {
        let message = names(content).unwrap_err().to_string();
        assert!(
            message.contains(part) && message.contains("names.txt"),
            "{message}"
        );
    }
}
