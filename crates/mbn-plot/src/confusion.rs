//! Which classes are taken for which, as a matrix or, for many classes, as a list.

mod class_list;
mod counts;
mod matrix;
mod pairs;
mod scale;

use self::counts::Counts;
use self::matrix::Layout;
pub use self::pairs::Confusion;
use crate::PlotError;
use crate::canvas::Canvas;
use crate::font::Typeface;

/// Above this number of classes the cells of a matrix are too small to tell apart, and [`confusion`] lists the classes
/// instead.
pub const MAX_MATRIX_CLASSES: usize = 100;

/// Draws a confusion matrix as PNG.
///
/// True classes are rows, predictions are columns, and each row is scaled to 100 %. The picture grows with the number of
/// classes; large enough cells show percentages and counts. Above [`MAX_MATRIX_CLASSES`] it lists the classes with their
/// accuracy instead, least accurate first.
///
/// # Errors
/// [`PlotError::NoClasses`] without classes, [`PlotError::ClassCount`] if there are not as many names, [`PlotError::Encode`] if PNG
/// encoding fails.
pub fn confusion(counted: &Confusion, class_names: &[impl AsRef<str>]) -> Result<Vec<u8>, PlotError> {
    let names: Vec<&str> = class_names.iter().map(AsRef::as_ref).collect();
    match counted.classes() {
        0 => return Err(PlotError::NoClasses),
        classes if classes != names.len() => {
            let names = names.len();
            return Err(PlotError::ClassCount { classes, names });
        }
        _ => {}
    }
    let counts = Counts::new(counted);
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
