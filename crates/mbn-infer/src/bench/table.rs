//! The figures as text.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::figures::{ENOUGH, Figures, MOST_OTHERS, MOST_SPREAD};

const HEADER: [&str; 13] = [
    "model",
    "precision",
    "engine",
    "threads",
    "batch",
    "calls",
    "mean ms",
    "P50",
    "P90",
    "P95",
    "P99",
    "images/s",
    "spread",
];

/// Columns of words; the others are of numbers.
const WORDS: usize = 3;

/// A row for each combination.
pub(super) fn table(figures: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(HEADER);
    for found in figures {
        let what = &found.what;
        let time = |milliseconds: f64| format!("{milliseconds:.2}");
        table.add_row([
            what.model.clone(),
            what.precision.to_owned(),
            what.engine.clone(),
            what.threads.to_string(),
            what.batch.to_string(),
            found.calls.to_string(),
            time(found.mean_ms),
            time(found.p50_ms),
            time(found.p90_ms),
            time(found.p95_ms),
            time(found.p99_ms),
            format!("{:.1}", found.images_per_s),
            format!("{:.1} %", 100.0 * found.spread),
        ]);
    }
    for column in WORDS..HEADER.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// An object on a line for each combination.
pub(super) fn json(figures: &[Figures]) -> Result<String> {
    let lines: Result<Vec<_>, _> = figures.iter().map(serde_json::to_string).collect();
    Ok(lines?.into_iter().map(|line| line + "\n").collect())
}

/// Says whether the figures can be trusted, and why not.
pub(super) fn log_trust(figures: &[Figures]) {
    let noisy = figures.iter().filter(|found| !found.quiet).count();
    let largest = |of: fn(&Figures) -> f64| figures.iter().map(of).fold(0.0, f64::max);
    let spread = 100.0 * largest(|found| found.spread);
    let load = match figures.iter().any(|found| found.other_cores.is_some()) {
        true => format!(
            "other programs used up to {:.1} cores",
            largest(|found| found.other_cores.unwrap_or_default())
        ),
        false => "the system does not tell what other programs did".to_owned(),
    };
    let found = format!("the medians of five rounds differ by up to {spread:.1} %, {load}");
    match noisy {
        0 => log::info!("the machine was quiet: {found}"),
        _ => log::warn!(
            "the machine was noisy for {noisy} of {} rows: {found}; smaller differences between rows mean nothing\nhint: figures can be \
             trusted when the spread is at most {:.0} % and other programs use at most {MOST_OTHERS} cores; end them, or measure longer \
             with `--seconds`",
            figures.len(),
            100.0 * MOST_SPREAD
        ),
    }
    if figures.iter().any(|found| found.calls < ENOUGH) {
        log::warn!("with fewer than {ENOUGH} calls, P99 is the slowest call; `--seconds` gives more");
    }
}
