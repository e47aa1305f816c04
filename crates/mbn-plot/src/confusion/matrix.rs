//! The confusion matrix as a heat map: layout, cells and labels.

use super::counts::Counts;
use super::scale;
use crate::canvas::{Align, Area, Canvas, GRID, INK, MUTED, TextStyle, WHITE};
use crate::font::Typeface;

/// Up to this number of classes, cells are large enough for figures.
const MAX_CLASSES_WITH_FIGURES: usize = 20;
/// Cells of at least this size hold the count below the percentage.
const CELL_WITH_COUNT: f32 = 60.0;
/// Labels below cells of at least this size are slanted, others upright.
const CELL_WITH_SLANTED_LABEL: f32 = 40.0;
const LABEL_SLANT: f32 = 45.0;
const TITLE_SIZE: f32 = 26.0;
const SUBTITLE_SIZE: f32 = 18.0;
const AXIS_SIZE: f32 = 20.0;

/// Sizes and positions, which follow from the number of classes and their names.
pub(super) struct Layout {
    classes: usize,
    cell: f32,
    label_size: f32,
    max_label_width: f32,
    row_label_width: f32,
    pub(super) grid: Area,
    pub(super) size: (f32, f32),
}

impl Layout {
    pub(super) fn new(names: &[&str], face: &Typeface) -> Self {
        const TOP: f32 = 100.0;
        const LEFT: f32 = 60.0;
        const RIGHT: f32 = 150.0;
        const LEAST_WIDTH: f32 = 700.0;
        let classes = names.len();
        let cell = (1000.0 / classes as f32).floor().clamp(16.0, 76.0);
        let label_size = (0.8 * cell).clamp(12.5, 20.0);
        let max_label_width = 15.0 * label_size;
        let widest = names
            .iter()
            .map(|name| face.width(name, label_size))
            .fold(0.0, f32::max);
        let row_label_width = widest.min(max_label_width);
        let extent = cell * classes as f32;
        let grid_left = LEFT + row_label_width + 14.0;
        let column_label_height = if cell >= CELL_WITH_SLANTED_LABEL {
            LABEL_SLANT.to_radians().sin() * (row_label_width + label_size)
        } else {
            row_label_width
        };
        // The matrix is centred if the heading is wider.
        let width = (grid_left + extent + RIGHT).max(LEAST_WIDTH);
        let x = grid_left + 0.5 * (width - grid_left - extent - RIGHT);
        let height = TOP + extent + column_label_height + 68.0;
        let grid = Area {
            x: x.floor(),
            y: TOP,
            width: extent,
            height: extent,
        };
        Self {
            classes,
            cell,
            label_size,
            max_label_width,
            row_label_width,
            grid,
            size: (width, height),
        }
    }

    pub(super) fn draw_heading(&self, canvas: &mut Canvas, counts: &Counts) {
        let x = 0.5 * self.size.0;
        canvas.text(
            "Confusion matrix",
            (x, 34.0),
            TextStyle::new(TITLE_SIZE, Align::Middle),
        );
        let note = format!("{}; each row sums to 100 %", counts.summary());
        canvas.text(
            &note,
            (x, 68.0),
            TextStyle::new(SUBTITLE_SIZE, Align::Middle).color(MUTED),
        );
    }

    pub(super) fn draw_cells(&self, canvas: &mut Canvas, counts: &Counts) {
        for truth in 0..self.classes {
            for predicted in 0..self.classes {
                if let Some(share) = counts.share(truth, predicted).filter(|&share| share > 0.0) {
                    let area = self.cell_area(truth, predicted);
                    canvas.fill_area(area, scale::heat(share), 1.0);
                    self.draw_figures(canvas, area, share, counts.count(truth, predicted));
                }
            }
        }
        for index in 1..self.classes {
            // In a large matrix, every tenth line is darker, to guide the eye.
            let color = if self.classes > 2 * 10 && index.is_multiple_of(10) {
                [150, 150, 150]
            } else {
                GRID
            };
            let offset = index as f32 * self.cell;
            let (x, y) = (self.grid.x + offset, self.grid.y + offset);
            canvas.line((x, self.grid.y), (x, self.grid.bottom()), color, 1.0);
            canvas.line((self.grid.x, y), (self.grid.right(), y), color, 1.0);
        }
        canvas.stroke_area(self.grid, INK, 1.5);
    }

    fn cell_area(&self, row: usize, column: usize) -> Area {
        let (x, y) = (
            self.grid.x + column as f32 * self.cell,
            self.grid.y + row as f32 * self.cell,
        );
        Area {
            x,
            y,
            width: self.cell,
            height: self.cell,
        }
    }

    fn draw_figures(&self, canvas: &mut Canvas, area: Area, share: f64, count: u64) {
        if self.classes > MAX_CLASSES_WITH_FIGURES {
            return;
        }
        let color = if share > 0.2 { WHITE } else { INK };
        let (x, y) = (area.x + 0.5 * self.cell, area.y + 0.5 * self.cell);
        let style = |size| TextStyle::new(size, Align::Middle).color(color);
        if self.cell < CELL_WITH_COUNT {
            canvas.text(&percent(share, 0), (x, y), style(0.32 * self.cell));
            return;
        }
        canvas.text(
            &percent(share, 1),
            (x, y - 0.14 * self.cell),
            style(0.27 * self.cell),
        );
        let count = canvas
            .face()
            .fit(&count.to_string(), 0.19 * self.cell, 0.9 * self.cell);
        canvas.text(&count, (x, y + 0.22 * self.cell), style(0.19 * self.cell));
    }

    pub(super) fn draw_labels(&self, canvas: &mut Canvas, names: &[&str]) {
        let slanted = self.cell >= CELL_WITH_SLANTED_LABEL;
        let angle = if slanted { -LABEL_SLANT } else { -90.0 };
        // The corner of the last letter, not the centre line of a slanted label, ends below the middle of its cell.
        let drop = if slanted {
            8.0 + 0.35 * self.label_size
        } else {
            8.0
        };
        let style = TextStyle::new(self.label_size, Align::End);
        for (index, name) in names.iter().enumerate() {
            let name = canvas
                .face()
                .fit_name(name, self.label_size, self.max_label_width);
            let middle = (index as f32 + 0.5) * self.cell;
            canvas.text(&name, (self.grid.x - 8.0, self.grid.y + middle), style);
            let below = (
                self.grid.x + middle + 0.2 * self.label_size * f32::from(u8::from(slanted)),
                self.grid.bottom() + drop,
            );
            canvas.text(&name, below, style.rotated(angle));
        }
        let axis = TextStyle::new(AXIS_SIZE, Align::Middle);
        let middle = (
            self.grid.x + 0.5 * self.grid.width,
            self.grid.y + 0.5 * self.grid.height,
        );
        canvas.text("predicted class", (middle.0, self.size.1 - 30.0), axis);
        let x = self.grid.x - self.row_label_width - 38.0;
        canvas.text("true class", (x, middle.1), axis.rotated(-90.0));
    }
}

/// A share in per cent without the sign. Shares above 0 never read 0, and shares below 1 never read 100.
fn percent(share: f64, decimals: usize) -> String {
    let value = 100.0 * share;
    let unit = 10f64.powi(-(decimals as i32));
    if value < 0.5 * unit {
        format!("<{unit:.decimals$}")
    } else if share >= 1.0 {
        "100".to_owned()
    } else {
        format!("{:.decimals$}", value.min(100.0 - unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_never_round_to_none_or_all() {
        assert_eq!(percent(0.934, 1), "93.4");
        assert_eq!(percent(0.0001, 1), "<0.1");
        assert_eq!(percent(0.0001, 0), "<1");
        assert_eq!(percent(0.9999, 1), "99.9");
        assert_eq!(percent(1.0, 1), "100");
    }
}
