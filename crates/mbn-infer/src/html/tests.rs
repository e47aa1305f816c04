//! The page's file: what it holds, and how large it gets.

use super::*;
use crate::predictions::Ranked;

const NAMES: [&str; 2] = ["tench", "</script><b>"];

fn names() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

fn predictions(names: &[String]) -> [Prediction<'_>; 2] {
    [(0, 0.75), (1, 0.25)].map(|(index, probability)| Prediction {
        label: &names[index],
        index,
        probability,
    })
}

fn about(names: &[String]) -> About<'_> {
    About {
        model: "model",
        engine: "engine",
        classes: names,
        evaluated: false,
        threshold: None,
    }
}

fn shown<'a>(path: &'a str, outcome: Result<&'a [Prediction<'a>], &'a str>) -> Shown<'a> {
    Shown {
        path: Path::new(path),
        outcome,
        class: None,
        is_uncertain: false,
        warning: None,
        thumbnail: Some(vec![7; 30]),
    }
}

/// Writes `n` pictures and one that cannot be used.
fn written(n: usize, limits: Limits) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let names = names();
    let mut page = Page::with_limits(&path, &about(&names), limits).unwrap();
    let found = predictions(&names);
    for i in 0..n {
        page.add(shown(&format!("{i}.png"), Ok(&found))).unwrap();
    }
    let mut broken = shown("</script><script>alert(1)", Err("no <b>picture</b>"));
    broken.thumbnail = None;
    page.add(broken).unwrap();
    assert!(!path.exists(), "the page has its name before it is whole");
    page.finish(None).unwrap();
    std::fs::read_to_string(path).unwrap()
}

/// The pictures in the page, block by block.
fn blocks(page: &str) -> Vec<Vec<serde_json::Value>> {
    let parts = page.split("<script type=\"application/json\">").skip(1);
    parts
        .map(|part| serde_json::from_str(part.split("</script>").next().unwrap()).unwrap())
        .collect()
}

/// The argument of the script that ends the page.
fn summary(page: &str) -> serde_json::Value {
    let (_, call) = page.rsplit_once("<script>finish(").unwrap();
    serde_json::from_str(call.split(")</script>").next().unwrap()).unwrap()
}

#[test]
fn every_picture_is_in_a_block() {
    for n in [0, 62, 63, 64, 200] {
        let page = written(n, LIMITS);
        let blocks = blocks(&page);
        assert!(blocks.iter().all(|block| (1..=BLOCK).contains(&block.len())));
        let rows = blocks.concat();
        assert_eq!(rows.len(), n + 1);
        for (i, row) in rows[..n].iter().enumerate() {
            assert_eq!(row["p"], format!("{i}.png"));
            assert_eq!(row["k"], serde_json::json!([[0, 0.75], [1, 0.25]]));
            assert_eq!(row["t"], "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH");
        }
        assert_eq!(rows[n]["e"], "no <b>picture</b>");
        let summary = summary(&page);
        assert_eq!(
            (&summary["pictures"], &summary["unusable"]),
            (&(n + 1).into(), &1.into())
        );
        assert_eq!(summary["classes"][0]["predicted"], n);
        assert!(summary["notice"].is_null());
    }
}

/// A path that is shown as another text, as results have it, leads to its file all the same.
#[test]
fn a_link_has_the_path_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (page_path, names) = (folder.path().join("page.html"), names());
    let mut page = Page::create(&page_path, &about(&names)).unwrap();
    let found = predictions(&names);
    let paths = ["a.png", "\u{fffd}.png"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    for path in &paths {
        std::fs::write(path, "").unwrap();
        page.add(shown(path, Ok(&found))).unwrap();
    }
    page.add(shown("gone\u{fffd}.png", Ok(&found))).unwrap();
    page.finish(None).unwrap();
    let rows = blocks(&std::fs::read_to_string(page_path).unwrap()).concat();
    assert!(rows[0].get("a").is_none() && rows[0]["p"] == paths[0].as_str());
    assert_eq!(
        (&rows[1]["a"], &rows[1]["f"]),
        (&paths[1].as_str().into(), &1.into())
    );
    assert_ne!(rows[1]["p"], rows[1]["a"]);
    assert!(rows[2].get("a").is_none() && rows[2].get("f").is_none());
}

/// A path or a class name that looks like markup stays text.
#[test]
fn nothing_but_the_page_itself_is_markup() {
    let page = written(3, LIMITS);
    assert!(!page.contains("<b>") && !page.contains("alert(1)</") && !page.contains("<script>alert"));
    let scripts = |page: &str| page.matches("<script").count();
    assert_eq!(scripts(&page), page.matches("</script>").count());
    // The program's own, the start, a block with its call, and the end.
    assert_eq!(scripts(&page), 5);
    for loaded in ["src=\"", "href=\"http", "url(", "@import", "fetch("] {
        assert!(!page.contains(loaded), "{loaded}");
    }
}

#[test]
fn a_page_has_a_bounded_size() {
    let thumbnail = content::encoded_len(THUMBNAIL_BYTES);
    let limits = Limits {
        thumbnails: thumbnail + 400,
        pictures: usize::MAX,
    };
    let page = written(50, limits);
    let with = blocks(&page)
        .concat()
        .iter()
        .filter(|row| row.get("t").is_some())
        .count();
    // Each is 40 characters of base64; the last one that is taken may have been as long as the longest.
    assert_eq!(with, 11);
    let notice = summary(&page)["notice"].as_str().unwrap().to_owned();
    assert!(notice.contains("11 of its 51 pictures"), "{notice}");

    let limits = Limits {
        thumbnails: usize::MAX,
        pictures: 1000,
    };
    let page = written(50, limits);
    let rows = blocks(&page).concat();
    assert!((5..15).contains(&rows.len()), "{}", rows.len());
    let summary = summary(&page);
    assert_eq!(
        (&summary["pictures"], &summary["classes"][0]["predicted"]),
        (&51.into(), &50.into())
    );
    let notice = summary["notice"].as_str().unwrap();
    assert!(
        notice.contains(&format!("the first {} of 51", rows.len())),
        "{notice}"
    );
}

/// Ten thousand pictures with the largest thumbnails fit.
#[test]
fn ten_thousand_thumbnails_fit() {
    let row = content::encoded_len(THUMBNAIL_BYTES);
    assert!(10_000 * row <= LIMITS.thumbnails);
    assert!(
        LIMITS.pictures - 10_000 * row > 10_000 * 500,
        "a path has little room"
    );
    const { assert!(LIMITS.pictures < 60_000_000) }
}

#[test]
fn an_evaluation_is_in_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let names = names();
    let mut page = Page::create(
        &path,
        &About {
            evaluated: true,
            ..about(&names)
        },
    )
    .unwrap();
    let mut evaluation = Evaluation::new(2);
    let found = predictions(&names);
    for class in [0, 1, 1] {
        evaluation.add(Ranked::new(&[0.75, 0.25], &[0.75, 0.25]), class);
        page.add(Shown {
            class: Some(class),
            ..shown("a.png", Ok(&found))
        })
        .unwrap();
    }
    page.finish(Some(&evaluation)).unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    assert_eq!(blocks(&page).concat()[1]["c"], 1);
    let summary = summary(&page);
    assert_eq!(summary["confusion"], serde_json::json!([[0, 0, 1], [1, 0, 2]]));
    let top1 = summary["evaluation"]["top1"].as_f64().unwrap();
    assert!((top1 - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(summary["classes"][0]["recall"], 1.0);
}
