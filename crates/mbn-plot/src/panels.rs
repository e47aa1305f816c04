//! A picture of two charts side by side below a title.

use crate::PlotError;
use crate::canvas::{Align, Area, Canvas, Rgb, TextStyle};
use crate::font::Typeface;

pub(crate) const BLUE: Rgb = [31, 84, 196];
pub(crate) const RED: Rgb = [214, 39, 40];

const SIZE: (f32, f32) = (1600.0, 640.0);
const PANEL_SIZE: (f32, f32) = (660.0, 430.0);
const PANEL_TOP: f32 = 112.0;
const PANEL_LEFTS: [f32; 2] = [110.0, 910.0];

/// An empty picture with its title.
///
/// # Errors
/// The built-in font cannot be read, or there is no memory.
pub(crate) fn canvas(title: &str) -> Result<Canvas, PlotError> {
    let mut canvas = Canvas::new(SIZE.0, SIZE.1, Typeface::built_in()?)?;
    let title = canvas.face().fit(title, 26.0, SIZE.0 - 80.0);
    canvas.text(&title, (0.5 * SIZE.0, 38.0), TextStyle::new(26.0, Align::Middle));
    Ok(canvas)
}

/// Where the left (0) or the right (1) chart goes, without its labels.
pub(crate) fn area(index: usize) -> Area {
    Area {
        x: PANEL_LEFTS[index],
        y: PANEL_TOP,
        width: PANEL_SIZE.0,
        height: PANEL_SIZE.1,
    }
}
