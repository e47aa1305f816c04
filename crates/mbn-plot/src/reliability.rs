//! Reliability diagrams: whether a network is as often right as it is sure.

use crate::{
    PlotError,
    axes::{Axes, LABEL_SIZE},
    canvas::{Align, Area, Canvas, INK, MUTED, Rgb, TextStyle},
    panels::{self, BLUE, RED},
    ticks::whole,
};

/// The images whose first class has a probability within one of several equal ranges from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReliabilityBin {
    /// Number of images.
    pub images: u64,
    /// Mean probability of the first class, from 0 to 1. Without images it is not drawn.
    pub confidence: f64,
    /// Part of the images whose first class is right, from 0 to 1. Without images it is not drawn.
    pub accuracy: f64,
}

/// Space between bars, as a part of a bin.
const GAP: f64 = 0.08;

/// Draws, as PNG, the accuracy of each of `bins` beside their mean confidence, and how many images each has. Where bars are as high as
/// the line from corner to corner, the network is as often right as it says; red is what is missing, or too much.
///
/// # Errors
/// [`PlotError::NoImages`] if all bins are empty, [`PlotError::Encode`] if PNG encoding fails.
pub fn reliability(bins: &[ReliabilityBin], title: &str, note: &str) -> Result<Vec<u8>, PlotError> {
    let all: u64 = bins.iter().map(|bin| bin.images).sum();
    if all == 0 {
        return Err(PlotError::NoImages);
    }
    let mut canvas = panels::canvas(title)?;

    let share = |bin: &ReliabilityBin| 100.0 * bin.images as f64 / all as f64;
    let highest = bins.iter().map(share).fold(0.0, f64::max);
    let axes = |index: usize, title, y_label, y| Axes {
        title,
        x_label: "confidence (%)",
        y_label,
        x: (0.0, 100.0),
        y,
        x_ticks: (0..=10).map(|tick| 10.0 * f64::from(tick)).collect(),
        x_tick: whole,
        area: panels::area(index),
    };
    let accuracy = axes(0, "Accuracy by confidence", "accuracy (%)", (0.0, 100.0));
    let images = axes(
        1,
        "Images by confidence",
        "images (%)",
        (0.0, (1.05 * highest).min(100.0)),
    );
    accuracy.draw(&mut canvas);
    images.draw(&mut canvas);
    for (place, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.images > 0) {
        let side = |edge: f64| 100.0 * (place as f64 + edge) / bins.len() as f64;
        let (left, right) = (side(0.5 * GAP), side(1.0 - 0.5 * GAP));
        let (found, expected) = (100.0 * bin.accuracy, 100.0 * bin.confidence);
        bar(&mut canvas, &accuracy, (left, right), (0.0, found), BLUE, 0.75);
        bar(
            &mut canvas,
            &accuracy,
            (left, right),
            (found, expected),
            RED,
            0.35,
        );
        bar(
            &mut canvas,
            &images,
            (left, right),
            (0.0, share(bin)),
            MUTED,
            0.75,
        );
    }
    canvas.line(
        accuracy.place((0.0, 0.0)),
        accuracy.place((100.0, 100.0)),
        INK,
        1.5,
    );
    let corner = (accuracy.area.x + 16.0, accuracy.area.y + 26.0);
    canvas.text(note, corner, TextStyle::new(LABEL_SIZE, Align::Start));
    canvas.into_png()
}

/// A bar between two values, in whichever order.
fn bar(
    canvas: &mut Canvas,
    axes: &Axes,
    (left, right): (f64, f64),
    (from, to): (f64, f64),
    color: Rgb,
    opacity: f32,
) {
    let (x, top) = axes.place((left, from.max(to)));
    let (end, bottom) = axes.place((right, from.min(to)));
    let area = Area {
        x,
        y: top,
        width: end - x,
        height: bottom - top,
    };
    canvas.fill_area(area, color, opacity);
}
