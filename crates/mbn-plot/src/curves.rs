//! Learning curves: accuracy and loss by epoch, for training and test data.

use crate::{
    PlotError,
    axes::{Axes, LABEL_SIZE},
    canvas::{Align, Area, Canvas, INK, MUTED, TextStyle, WHITE},
    panels::{self, BLUE, RED},
    placement::clearest,
    series::{Series, is_drawn, value_range},
    ticks::{epoch_ticks, whole},
};

/// One row of the history. Values that are not finite are not drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochPoint {
    /// Number of the epoch, counted from 1.
    pub epoch: u32,
    /// Mean loss over the training images.
    pub train_loss: f64,
    /// Accuracy on the training images, per cent.
    pub train_accuracy: f64,
    /// Mean loss over the test images.
    pub test_loss: f64,
    /// Accuracy on the test images, per cent.
    pub test_accuracy: f64,
}

const LINE_WIDTH: f32 = 2.6;
const DOT_RADIUS: f32 = 4.0;
/// With more epochs than this, dots would overlap.
const MOST_EPOCHS_WITH_DOTS: usize = 30;

/// Draws accuracy (per cent) and loss by epoch, side by side, as PNG.
///
/// Training is blue and test red in both. The best test accuracy is marked.
///
/// # Errors
/// [`PlotError::EmptyHistory`] for an empty `history`; [`PlotError::Encode`] if PNG encoding fails.
pub fn curves(history: &[EpochPoint], title: &str) -> Result<Vec<u8>, PlotError> {
    let epochs = || history.iter().map(|point| point.epoch);
    let (Some(first), Some(last)) = (epochs().min(), epochs().max()) else {
        return Err(PlotError::EmptyHistory);
    };
    let mut canvas = panels::canvas(title)?;

    let series = |name, color, value: fn(&EpochPoint) -> f64| {
        let points = history.iter().map(|point| (f64::from(point.epoch), value(point)));
        Series::new(name, color, points)
    };
    let accuracy = [
        series("train", BLUE, |point| point.train_accuracy),
        series("test", RED, |point| point.test_accuracy),
    ];
    let loss = [
        series("train", BLUE, |point| point.train_loss),
        series("test", RED, |point| point.test_loss),
    ];
    let axes = |index: usize, title, y_label, y| Axes {
        title,
        x_label: "epoch",
        y_label,
        x: epoch_range(first, last),
        y,
        x_ticks: epoch_ticks(first, last),
        x_tick: whole,
        area: panels::area(index),
    };
    // The first of several equal ones counts, as in training.
    let best = history
        .iter()
        .rev()
        .filter(|point| is_drawn(point.test_accuracy))
        .max_by(|one, other| one.test_accuracy.total_cmp(&other.test_accuracy));
    panel(
        &mut canvas,
        &axes(
            0,
            "Accuracy",
            "accuracy (%)",
            value_range(&accuracy, (0.0, 100.0)),
        ),
        &accuracy,
        best,
    );
    panel(
        &mut canvas,
        &axes(1, "Loss", "loss", value_range(&loss, (0.0, f64::INFINITY))),
        &loss,
        None,
    );
    canvas.into_png()
}

/// Draws the frame, the curves, the mark of the best epoch and the legend.
fn panel(canvas: &mut Canvas, axes: &Axes, series: &[Series], best: Option<&EpochPoint>) {
    axes.draw(canvas);
    let mut lines = Vec::new();
    for series in series {
        let with_dots = series.pieces.iter().map(Vec::len).sum::<usize>() <= MOST_EPOCHS_WITH_DOTS;
        for piece in &series.pieces {
            let points: Vec<_> = piece.iter().map(|&point| axes.place(point)).collect();
            canvas.polyline(&points, series.color, LINE_WIDTH);
            if with_dots || points.len() == 1 {
                points
                    .iter()
                    .for_each(|&point| canvas.disc(point, DOT_RADIUS, series.color));
            }
            lines.push(points);
        }
    }
    if let Some(best) = best {
        lines.push(mark_best(canvas, axes, best, &lines));
    }
    let entries: Vec<_> = series
        .iter()
        .map(|series| (series.name.as_str(), series.color))
        .collect();
    axes.legend(canvas, &entries, &lines);
}

/// Marks the best epoch, and writes its accuracy where it hides no curve. Returns the outline of the note.
fn mark_best(
    canvas: &mut Canvas,
    axes: &Axes,
    best: &EpochPoint,
    lines: &[Vec<(f32, f32)>],
) -> Vec<(f32, f32)> {
    const HEIGHT: f32 = 30.0;
    let (x, y) = axes.place((f64::from(best.epoch), best.test_accuracy));
    let note = format!("best {:.2} % (epoch {})", best.test_accuracy, best.epoch);
    let width = canvas.face().width(&note, LABEL_SIZE) + 16.0;
    let frame = axes.area;
    let (leftmost, rightmost) = (frame.x + 8.0, frame.right() - width - 8.0);
    let candidates: Vec<_> = [50.0, 80.0, 115.0, 160.0, 210.0, 260.0]
        .into_iter()
        .flat_map(|distance| [y + distance, y - distance - HEIGHT])
        .filter(|&top| top > frame.y + 6.0 && top + HEIGHT < frame.bottom() - 6.0)
        .flat_map(|top| [0.0, -0.6, 0.6, -1.2, 1.2].map(|shift| (top, shift)))
        .map(|(top, shift)| Area {
            x: (x + (shift - 0.5) * width).clamp(leftmost, rightmost),
            y: top,
            width,
            height: HEIGHT,
        })
        .collect();
    let Some(area) = clearest(&candidates, lines) else {
        return Vec::new();
    };
    let near_edge = if area.y > y { area.y } else { area.bottom() };
    let near_side = x.clamp(area.x + 12.0, area.right() - 12.0);
    canvas.line((x, y), (near_side, near_edge), MUTED, 1.2);
    canvas.disc((x, y), 8.0, INK);
    canvas.disc((x, y), 6.0, WHITE);
    canvas.disc((x, y), DOT_RADIUS, RED);
    canvas.fill_area(area, WHITE, 0.85);
    let center = (area.x + 0.5 * width, area.y + 0.5 * HEIGHT);
    canvas.text(&note, center, TextStyle::new(LABEL_SIZE, Align::Middle));
    vec![
        (area.x, area.y),
        (area.right(), area.y),
        (area.right(), area.bottom()),
        (area.x, area.bottom()),
    ]
}

/// Ends of the axis of epochs, with a margin.
fn epoch_range(first: u32, last: u32) -> (f64, f64) {
    let (first, last) = (f64::from(first), f64::from(last));
    let margin = (0.03 * (last - first)).max(if last > first { 0.1 } else { 1.0 });
    (first - margin, last + margin)
}
