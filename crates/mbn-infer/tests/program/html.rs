//! `--html`: the page beside the other outputs. `make html-test` uses it in a browser.

use std::collections::HashMap;

use crate::common::{failure, folder, picture, program, success};

/// Splits the page into its pictures.
fn rows(page: &str) -> Vec<serde_json::Value> {
    let parts = page.split("<script type=\"application/json\">").skip(1);
    let blocks = parts.map(|part| part.split("</script>").next().unwrap());
    blocks
        .flat_map(|block| serde_json::from_str::<Vec<_>>(block).unwrap())
        .collect()
}

#[test]
fn the_page_has_what_the_other_outputs_have() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::create_dir(folder.path().join("pages")).unwrap();
    for name in ["in/a.png", "in/b c.jpg", "in/d.png"] {
        picture(&folder, name);
    }
    std::fs::write(folder.path().join("in/broken.png"), "no picture").unwrap();
    let arguments = ["--format", "json", "--html", "pages/page.html", "in"];
    let run = failure(program(&folder).args(arguments), 3);
    let page = std::fs::read_to_string(folder.path().join("pages/page.html")).unwrap();
    let rows = rows(&page);
    let lines: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), lines.len());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(row["p"], line["path"]);
        assert_eq!(row["f"], 1, "{row}");
        if line.get("error").is_some() {
            assert_eq!(row["e"], line["error"]);
            continue;
        }
        let first = &line["predictions"][0];
        assert_eq!(row["k"][0][0], first["index"]);
        let difference = row["k"][0][1].as_f64().unwrap() - first["probability"].as_f64().unwrap();
        assert!(difference.abs() <= 1e-5, "{row} {line}");
        // JPEG in base64.
        assert!(row["t"].as_str().unwrap().starts_with("/9j/"), "{row}");
    }
    assert!(page.contains("\"base\":\"..\""), "the folder of the paths");
}

#[test]
fn an_evaluations_page_knows_the_classes() {
    let folder = folder();
    for class in ["church", "tench"] {
        std::fs::create_dir_all(folder.path().join("val").join(class)).unwrap();
        picture(&folder, &format!("val/{class}/1.png"));
        picture(&folder, &format!("val/{class}/2.png"));
    }
    success(program(&folder).args(["--evaluate", "--html", "page.html", "val"]));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    let names = crate::common::class_names();
    let mut counts = HashMap::new();
    for row in rows(&page) {
        let class = &names[row["c"].as_u64().unwrap() as usize];
        assert!(row["p"].as_str().unwrap().contains(class.as_str()));
        *counts.entry(class.clone()).or_insert(0) += 1;
    }
    assert_eq!((counts["church"], counts["tench"]), (2, 2));
    assert!(page.contains("\"evaluated\":true") && page.contains("\"top1\":"));
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_the_work() {
    let folder = folder();
    picture(&folder, "a.png");
    for (page, part) in [("gone/page.html", "no folder `gone`"), (".", "it is a folder")] {
        let run = failure(program(&folder).args(["--html", page, "a.png"]), 1);
        assert!(
            run.stderr.contains(part) && !run.stderr.contains("model: "),
            "{}",
            run.stderr
        );
    }
    #[cfg(unix)]
    {
        let run = failure(program(&folder).args(["--html", "/dev/stdout", "a.png"]), 1);
        assert!(run.stderr.contains("expected a file"), "{}", run.stderr);
    }
}
