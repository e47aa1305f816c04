//! The table of layers.

use comfy_table::{CellAlignment, Table, presets};
use mbn_spec::Architecture;
use mbn_spec::text::thousands;

const NUMBERS: [usize; 2] = [3, 4];

/// Layers with output shapes, parameters and multiply-adds for square images of `size`, and their totals.
pub fn table(architecture: &Architecture, size: usize) -> String {
    let summary = architecture.summary(size);
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["layer", "operation", "output", "parameters", "multiply-adds"]);
    for layer in &summary.layers {
        let [channels, height, width] = layer.output;
        table.add_row([
            layer.name.clone(),
            layer.operation.clone(),
            format!("{channels} x {height} x {width}"),
            thousands(layer.parameters),
            thousands(layer.multiply_adds),
        ]);
    }
    let totals = [
        thousands(summary.parameters()),
        thousands(summary.multiply_adds()),
    ];
    let [parameters, multiply_adds] = totals;
    table.add_row([
        "total".into(),
        String::new(),
        String::new(),
        parameters,
        multiply_adds,
    ]);
    for column in NUMBERS {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "MobileNetV1 alpha {}, {}, {size} x {size}\n\n{table}",
        architecture.alpha,
        architecture.class_count()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mbn_spec::Alpha;

    #[test]
    fn the_table_has_every_layer_and_the_totals() {
        let table = table(&Architecture::new(Alpha::Quarter, 10), 224);
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 2 + 27 + 2 + 1); // header, layers, pool and classifier, totals
        assert!(
            table.contains("| model.0.0  | convolution 3x3 / 2 | 8 x 112 x 112  |"),
            "{table}"
        );
        let total = rows.last().unwrap();
        assert!(total.contains("215,642"), "{total}");
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width));
    }
}
