//! `mbn-train report`: a table of runs in Markdown.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use mbn_cli::{Outcome, text_file};
use mbn_spec::Alpha;
use mbn_spec::text::thousands;
use serde::Deserialize;

use crate::run::{RunDir, SUMMARY};

/// The part of `summary.json` that the table shows.
#[derive(Deserialize)]
struct Summary {
    settings: Settings,
    /// Missing in the summaries of earlier versions.
    #[serde(default)]
    data_set: String,
    parameters: u64,
    multiply_adds: u64,
    epochs: usize,
    best: Option<Best>,
    images_per_s: Option<f64>,
    #[serde(default)]
    images_per_s_by_size: BTreeMap<usize, f64>,
}

#[derive(Deserialize)]
struct Settings {
    alpha: Alpha,
    size: usize,
    /// Epochs that were asked for.
    #[serde(default)]
    epochs: Option<usize>,
}

#[derive(Deserialize)]
struct Best {
    test_accuracy: f64,
}

/// Prints a table of `runs`, folders or files in them, in their order. Folders that are not runs are reported and skipped.
pub(crate) fn print(runs: &[PathBuf]) -> Result<Outcome> {
    let runs: Vec<_> = runs.iter().map(|run| RunDir::folder(run)).collect();
    let names: Vec<_> = runs.iter().map(|run| name(run)).collect();
    let mut rows = Vec::new();
    for (run, name) in runs.iter().zip(&names) {
        match read(run) {
            Ok(summary) => {
                let is_unique = names.iter().filter(|other| *other == name).count() == 1;
                let shown = if is_unique {
                    name.clone()
                } else {
                    in_markdown(run.as_os_str())
                };
                rows.push((shown, summary));
            }
            Err(error) => log::error!("{error:#}"),
        }
    }
    if !rows.is_empty() {
        writeln!(std::io::stdout(), "{}", table(&rows))?;
    }
    Ok(match rows.len() == runs.len() {
        true => Outcome::Success,
        false => Outcome::Failure,
    })
}

/// Name of the folder of a run, escaped for a table in Markdown.
fn name(run: &Path) -> String {
    // `.` has no name of its own.
    let whole = run.canonicalize().unwrap_or_default();
    let name = run.file_name().or(whole.file_name());
    in_markdown(name.unwrap_or(run.as_os_str()))
}

/// A name in a cell of a table: a line break would end the row.
fn in_markdown(name: &OsStr) -> String {
    let escaped = |c: char| match c {
        '|' => "\\|".to_owned(),
        // These separate lines too, for many programs.
        '\u{2028}' | '\u{2029}' => c.escape_unicode().to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    name.to_string_lossy().chars().map(escaped).collect()
}

fn read(run: &Path) -> Result<Summary> {
    let path = run.join(SUMMARY);
    if !path.is_file() {
        bail!(
            "`{}` holds no run with a finished epoch: there is no file `{SUMMARY}` in it",
            run.display()
        );
    }
    let read = || Ok::<_, anyhow::Error>(serde_json::from_slice(&text_file::read(&path)?)?);
    read().with_context(|| format!("`{}` cannot be used", path.display()))
}

fn table(rows: &[(String, Summary)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "Run",
        "Data set",
        "Model",
        "Test accuracy (%)",
        "Parameters",
        "Multiply-adds",
        "Epochs",
        "Images/s",
    ]);
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (name, summary) in rows {
        let Settings { alpha, size, .. } = summary.settings;
        table.add_row([
            name.clone(),
            match summary.data_set.as_str() {
                "" => "-".to_owned(),
                name => in_markdown(name.as_ref()),
            },
            format!("{alpha} MobileNet-{size}"),
            summary
                .best
                .as_ref()
                .map_or("-".into(), |best| format!("{:.2}", best.test_accuracy)),
            thousands(summary.parameters),
            thousands(summary.multiply_adds),
            epochs(summary),
            rates(summary),
        ]);
    }
    table
}

/// Finished epochs, and those that were asked for if they are more: the run goes on, was stopped, or lost its patience.
fn epochs(summary: &Summary) -> String {
    match summary.settings.epochs {
        Some(planned) if planned != summary.epochs => format!("{} of {planned}", summary.epochs),
        _ => summary.epochs.to_string(),
    }
}

/// Training images per second, by image size if the size differed from that of test images.
fn rates(summary: &Summary) -> String {
    let by_size = &summary.images_per_s_by_size;
    if !by_size.is_empty() {
        let rate = |(size, rate): (&usize, &f64)| format!("{rate:.0} at {size}");
        return by_size.iter().map(rate).collect::<Vec<_>>().join(", ");
    }
    summary
        .images_per_s
        .map_or("-".into(), |rate| format!("{rate:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_run() {
        let summary = |text: &str| serde_json::from_str::<Summary>(text).unwrap();
        let first = summary(
            r#"{"settings": {"alpha": 0.25, "size": 224, "epochs": 50}, "data_set": "a|b", "parameters": 215642, "multiply_adds": 41000000, "epochs": 50,
                "best": {"test_accuracy": 84.125}, "images_per_s": 301.4}"#,
        );
        let second = summary(
            r#"{"settings": {"alpha": 1.0, "size": 160}, "parameters": 3217226, "multiply_adds": 290000000, "epochs": 2,
                "best": null, "images_per_s": 90, "images_per_s_by_size": {"128": 120.0, "160": 90.0}}"#,
        );
        let third = summary(
            r#"{"settings": {"alpha": 0.5, "size": 96, "epochs": 30}, "data_set": "photos", "parameters": 1, "multiply_adds": 2,
                "epochs": 7, "best": {"test_accuracy": 50}, "images_per_s": 10}"#,
        );
        let text = table(&[("a".into(), first), ("b".into(), second), ("c".into(), third)]).to_string();
        let rows: Vec<Vec<String>> = text
            .lines()
            .map(|line| {
                line.replace("\\|", "+")
                    .split('|')
                    .map(|cell| cell.trim().to_owned())
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            rows[2],
            [
                "a",
                "a+b",
                "0.25 MobileNet-224",
                "84.12",
                "215,642",
                "41,000,000",
                "50",
                "301"
            ]
        );
        assert_eq!(
            rows[3],
            [
                "b",
                "-",
                "1.0 MobileNet-160",
                "-",
                "3,217,226",
                "290,000,000",
                "2",
                "120 at 128, 90 at 160"
            ]
        );
        assert_eq!(rows[4][1..4], ["photos", "0.5 MobileNet-96", "50.00"]);
        assert_eq!(rows[4][6], "7 of 30");
        assert!(text.lines().nth(1).unwrap().starts_with("|-"), "{text}");
    }

    #[test]
    fn a_name_stays_in_its_row() {
        for (name, expected) in [
            ("a|b", r"a\|b"),
            ("a\nb\r\tc", r"a\nb\r\tc"),
            ("\u{1b}[2J", r"\u{1b}[2J"),
            ("\u{85}\u{2028}", r"\u{85}\u{2028}"),
            ("café 猫", "café 猫"),
        ] {
            assert_eq!(in_markdown(name.as_ref()), expected);
        }
    }
}
