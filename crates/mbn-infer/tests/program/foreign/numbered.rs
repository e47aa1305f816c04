//! Class names that begin with a number.

use super::{labels, picture, program, run, start, write};
use crate::common::Run;

/// Beside a model, and as an option.
#[test]
fn numbers_that_order_nothing_are_a_part_of_the_names() {
    let folder = start();
    for (content, reason) in [
        ("20 km/h\n30 km/h\n50 km/h\n", "the lowest is 20"),
        ("1 star\n2 stars\n3 stars\n", "would be the same"),
    ] {
        for (file, arguments) in [("labels.txt", "a.png"), ("mine.txt", "--classes mine.txt a.png")] {
            write(&folder, file, content);
            let Some(found) = run(&folder, arguments) else {
                return;
            };
            assert_eq!(
                labels(&found),
                content.lines().collect::<Vec<_>>(),
                "{}",
                found.stderr
            );
            assert!(
                found
                    .stderr
                    .contains("begins with a number, which is taken as a part of the name")
                    && found.stderr.contains(reason),
                "{}",
                found.stderr
            );
        }
    }
    write(&folder, "mine.txt", "[0, 10]\n[10, 20]\n[20, 30]\n");
    let Some(found) = run(&folder, "--classes mine.txt a.png") else {
        return;
    };
    assert_eq!(labels(&found), ["[0, 10]", "[10, 20]", "[20, 30]"]);
}

/// Red, green and blue pictures in folders that are called like the lines, whatever is made of their numbers.
#[test]
fn evaluation_finds_folders_with_numbers() {
    for (lines, folders) in [
        ("0 red\n1 green\n2 blue\n", ["0 red", "1 green", "2 blue"]),
        ("0 red\n1 green\n2 blue\n", ["red", "green", "blue"]),
        ("1 red\n2 green\n3 blue\n", ["1 red", "2 green", "3 blue"]),
        ("1 red\n2 green\n3 blue\n", ["red", "green", "blue"]),
        ("1 star\n2 stars\n3 stars\n", ["1 star", "2 stars", "3 stars"]),
    ] {
        let folder = start();
        write(&folder, "names.txt", lines);
        for (name, colour) in folders.iter().zip([[250, 0, 0], [0, 250, 0], [0, 0, 250]]) {
            picture(&folder, &format!("data/{name}/1.png"), colour);
        }
        let Some(mut command) = program(&folder) else {
            return;
        };
        command.args([
            "--preprocess",
            "half",
            "--classes",
            "names.txt",
            "--evaluate",
            "data",
        ]);
        let run = Run::of(command.output().unwrap());
        assert_eq!(run.code, 0, "{folders:?}: {}", run.stderr);
        assert!(
            run.stderr.contains("top-1 100.00 %"),
            "{folders:?}: {}",
            run.stderr
        );
    }
}
