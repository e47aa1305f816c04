//! The profile as a table in Markdown.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use super::machine::Machine;
use super::milliseconds;
use super::rows::{Cost, Row};

/// A row per operation; `step` is the time of the whole step.
pub(super) fn table(rows: &[Row], step: Duration, machine: &Machine) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let header = [
        "layer",
        "operation",
        "ms",
        "share",
        "GFLOP/s",
        "GB/s",
        "time / limit",
    ];
    table.set_header(header);
    for row in rows {
        let seconds = row.time.as_secs_f64();
        let rate = |amount: fn(&Cost) -> f64| match &row.cost {
            Some(cost) => format!("{:.1}", amount(cost) / seconds / 1e9),
            None => String::new(),
        };
        table.add_row([
            row.name.clone(),
            row.operation.clone(),
            format!("{:.2}", milliseconds(row.time)),
            format!("{:.1} %", 100.0 * seconds / step.as_secs_f64()),
            rate(|cost| cost.flops),
            rate(|cost| cost.bytes),
            row.limit(machine)
                .map_or_else(String::new, |limit| format!("{:.2}", seconds / limit)),
        ]);
    }
    for column in 2..header.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
