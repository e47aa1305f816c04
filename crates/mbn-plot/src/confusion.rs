//! Which classes are taken for which: the row-normalised confusion matrix as a heat map.

use crate::{
    PlotError,
    canvas::{Align, Area, Canvas, GRID, INK, MUTED, Rgb, TextStyle, WHITE},
    class_list,
    counts::Counts,
    font::Typeface,
};

/// Above this number of classes cells would be too small to tell apart, and [`confusion`] lists the classes instead.
pub const MAX_MATRIX_CLASSES: usize = 100;

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
const BAR_WIDTH: f32 = 24.0;
/// Colours of the shares 0, 1/3, 2/3 and 1 of the scale, between which it is linear.
const SCALE: [Rgb; 4] = [[255, 255, 255], [166, 200, 230], [44, 115, 184], [8, 36, 92]];

/// Draws a confusion matrix as PNG: `matrix[t][p]` counts the images of class `t` that were taken for class `p`.
///
/// True classes are rows, predictions columns, and each row is scaled to 100 %. The picture grows with the number of
/// classes; percentages and counts are written into the cells while these are large enough. Above
/// [`MAX_MATRIX_CLASSES`] the classes are listed with their accuracy instead, least accurate first.
///
/// # Errors
/// [`PlotError::NoClasses`] without classes, [`PlotError::RowCount`] and [`PlotError::ColumnCount`] where the matrix is not
/// square or does not fit the names, [`PlotError::Encode`] if PNG encoding fails.
pub fn confusion(matrix: &[Vec<u64>], class_names: &[impl AsRef<str>]) -> Result<Vec<u8>, PlotError> {
    let names: Vec<&str> = class_names.iter().map(AsRef::as_ref).collect();
    check(matrix, names.len())?;
    let counts = Counts::new(matrix);
    if names.len() > MAX_MATRIX_CLASSES {
        return class_list::draw(&counts, &names);
    }
    let face = Typeface::built_in()?;
    let layout = Layout::new(&names, &face);
    let mut canvas = Canvas::new(layout.size.0, layout.size.1, face)?;
    layout.draw_heading(&mut canvas, &counts);
    layout.draw_cells(&mut canvas, &counts);
    layout.draw_labels(&mut canvas, &names);
    layout.draw_scale(&mut canvas);
    canvas.into_png()
}

fn check(matrix: &[Vec<u64>], names: usize) -> Result<(), PlotError> {
    if matrix.len() != names {
        return Err(PlotError::RowCount {
            rows: matrix.len(),
            names,
        });
    }
    if names == 0 {
        return Err(PlotError::NoClasses);
    }
    match matrix.iter().enumerate().find(|(_, row)| row.len() != names) {
        Some((row, found)) => Err(PlotError::ColumnCount {
            row,
            columns: found.len(),
            names,
        }),
        None => Ok(()),
    }
}

/// Sizes and places, which all follow from the number of classes and their names.
struct Layout {
    classes: usize,
    cell: f32,
    label_size: f32,
    max_label_width: f32,
    row_label_width: f32,
    grid: Area,
    size: (f32, f32),
}

impl Layout {
    fn new(names: &[&str], face: &Typeface) -> Self {
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
        // Centred where the heading needs more room than the matrix.
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

    fn draw_heading(&self, canvas: &mut Canvas, counts: &Counts) {
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

    fn draw_cells(&self, canvas: &mut Canvas, counts: &Counts) {
        for truth in 0..self.classes {
            for predicted in 0..self.classes {
                if let Some(share) = counts.share(truth, predicted).filter(|&share| share > 0.0) {
                    let area = self.cell_area(truth, predicted);
                    canvas.fill_area(area, heat(share), 1.0);
                    self.draw_figures(canvas, area, share, counts.count(truth, predicted));
                }
            }
        }
        for index in 1..self.classes {
            // In a large matrix, every tenth line helps the eye along.
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

    fn draw_labels(&self, canvas: &mut Canvas, names: &[&str]) {
        let slanted = self.cell >= CELL_WITH_SLANTED_LABEL;
        let angle = if slanted { -LABEL_SLANT } else { -90.0 };
        // A slanted label ends below its cell's middle with its last letter's corner, not with its centre line.
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

    /// The bar at the right that says which colour is how many per cent.
    fn draw_scale(&self, canvas: &mut Canvas) {
        let height = self.grid.height.clamp(200.0, 600.0);
        let bar = Area {
            x: self.grid.right() + 34.0,
            y: self.grid.y,
            width: BAR_WIDTH,
            height,
        };
        let steps = height as usize;
        for step in 0..steps {
            let position = 1.0 - (step as f64 + 0.5) / steps as f64;
            let stripe = Area {
                y: bar.y + step as f32,
                height: 1.0,
                ..bar
            };
            canvas.fill_area(stripe, heat(position * position), 1.0);
        }
        canvas.stroke_area(bar, INK, 1.0);
        for tick in [0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0f64] {
            let y = bar.bottom() - (tick / 100.0).sqrt() as f32 * bar.height;
            canvas.line((bar.right(), y), (bar.right() + 5.0, y), INK, 1.0);
            canvas.text(
                &format!("{tick:.0} %"),
                (bar.right() + 10.0, y),
                TextStyle::new(15.0, Align::Start),
            );
        }
    }
}

/// Colour of a share. The square root lets the few per cent of an ordinary mistake be seen beside a full diagonal.
fn heat(share: f64) -> Rgb {
    let position = share.clamp(0.0, 1.0).sqrt() * (SCALE.len() - 1) as f64;
    let below = (position as usize).min(SCALE.len() - 2);
    let rest = position - below as f64;
    std::array::from_fn(|channel| {
        let (from, to) = (
            f64::from(SCALE[below][channel]),
            f64::from(SCALE[below + 1][channel]),
        );
        (from + rest * (to - from)).round() as u8
    })
}

/// A share in per cent without the sign. What rounds to nothing, or to everything but is not, keeps saying so.
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

    #[test]
    fn darker_means_more() {
        let luminance = |share| heat(share).iter().map(|&channel| u32::from(channel)).sum::<u32>();
        let shares = [0.0, 0.01, 0.05, 0.2, 0.5, 1.0];
        assert!(
            shares
                .windows(2)
                .all(|pair| luminance(pair[0]) > luminance(pair[1]))
        );
        assert_eq!(heat(0.0), WHITE);
    }
}
