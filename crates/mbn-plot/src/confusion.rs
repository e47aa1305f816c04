//! Which classes are taken for which, as a matrix or, for many classes, as a list.

mod class_list;
mod counts;
mod matrix;
mod scale;

use self::counts::Counts;
use self::matrix::Layout;
use crate::PlotError;
use crate::canvas::Canvas;
use crate::font::Typeface;

/// Above this number of classes the cells of a matrix are too small to tell apart, and [`confusion`] lists the classes
/// instead.
pub const MAX_MATRIX_CLASSES: usize = 100;

/// Draws a confusion matrix as PNG: `matrix[t][p]` counts the images of class `t` that were taken for class `p`.
///
/// True classes are rows, predictions are columns, and each row is scaled to 100 %. The picture grows with the number of
/// classes; large enough cells show percentages and counts. Above [`MAX_MATRIX_CLASSES`] it lists the classes with their
/// accuracy instead, least accurate first.
///
/// # Errors
/// [`PlotError::NoClasses`] without classes, [`PlotError::RowCount`] and [`PlotError::ColumnCount`] if the matrix is not
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
    scale::draw(&mut canvas, layout.grid);
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
