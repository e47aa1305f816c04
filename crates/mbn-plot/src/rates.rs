//! Short trainings at several learning rates: the loss that each reaches, and the way there.

use crate::{
    PlotError,
    axes::{Axes, LABEL_SIZE},
    canvas::{Align, Area, Canvas, INK, MUTED, Rgb, TextStyle, WHITE},
    panels,
    placement::clearest,
    series::{Series, is_drawn, value_range},
    ticks::{ticks, whole},
};

/// A training at one rate. Values that are not finite are not drawn, nor are trainings whose rate is not above 0.
#[derive(Clone, Debug, PartialEq)]
pub struct RateTrial {
    /// Learning rate.
    pub rate: f64,
    /// Number of each step, from 1, and the loss of its batch.
    pub losses: Vec<(usize, f64)>,
    /// Mean loss at the end; `None` if it diverged.
    pub score: Option<f64>,
    /// Standard error of the score.
    pub error: f64,
}

const LINE_WIDTH: f32 = 2.2;
const DOT_RADIUS: f32 = 6.0;
/// Standard deviation of the kernel that smooths the losses, in steps.
const SIGMA: f64 = 3.0;
/// Losses above so many times the highest first one are not drawn: they would flatten everything else.
const HIGHEST: f64 = 1.15;
/// The part of the right chart that is left to the legend.
const LEGEND_SHARE: f64 = 0.26;
/// Colours from the lowest rate to the highest.
const COLORS: [Rgb; 5] = [
    [68, 1, 110],
    [31, 84, 196],
    [18, 150, 130],
    [214, 150, 20],
    [200, 30, 40],
];

/// Draws, as PNG, the score of each rate on a logarithmic axis with its standard error, and beside it the smoothed losses by step. A
/// vertical line marks the suggested rate, if there is one.
///
/// # Errors
/// [`PlotError::NoRates`] if no training has a rate above 0, [`PlotError::Encode`] if PNG encoding fails.
pub fn rates(trials: &[RateTrial], suggestion: Option<f64>, title: &str) -> Result<Vec<u8>, PlotError> {
    let mut trials: Vec<_> = trials
        .iter()
        .filter(|trial| trial.rate > 0.0 && trial.rate.is_finite())
        .collect();
    trials.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    if trials.is_empty() {
        return Err(PlotError::NoRates);
    }
    let colors: Vec<_> = (0..trials.len()).map(|i| color(i, trials.len())).collect();
    let mut canvas = panels::canvas(title)?;
    scores(&mut canvas, &trials, &colors, suggestion);
    losses(&mut canvas, &trials, &colors);
    canvas.into_png()
}

/// The chart of scores by rate.
fn scores(canvas: &mut Canvas, trials: &[&RateTrial], colors: &[Rgb], suggestion: Option<f64>) {
    let reach = |trial: &RateTrial| {
        let error = if is_drawn(trial.error) { trial.error } else { 0.0 };
        trial.score.map(|score| [score - error, score, score + error])
    };
    let exponents = || trials.iter().map(|trial| trial.rate.log10());
    let (low, high) = (
        exponents().fold(f64::INFINITY, f64::min),
        exponents().fold(f64::NEG_INFINITY, f64::max),
    );
    let points = |at: usize| {
        let values = trials
            .iter()
            .filter_map(move |trial| Some((trial.rate.log10(), reach(trial)?[at])));
        Series::new(String::new(), MUTED, values)
    };
    let drawn = [points(0), points(1), points(2)];
    let margin = (0.06 * (high - low)).max(0.1);
    let axes = Axes {
        title: "Loss at the end",
        x_label: "learning rate",
        y_label: "loss",
        x: (low - margin, high + margin),
        y: value_range(&drawn, (f64::NEG_INFINITY, f64::INFINITY)),
        x_ticks: (low.ceil() as i32..=high.floor() as i32).map(f64::from).collect(),
        x_tick: power_of_ten,
        area: panels::area(0),
    };
    axes.draw(canvas);
    let is_shown = |rate: &f64| (axes.x.0..=axes.x.1).contains(&rate.log10());
    let mark = suggestion.filter(is_shown);
    if let Some(rate) = mark {
        let (x, _) = axes.place((rate.log10(), axes.y.0));
        canvas.line((x, axes.area.y), (x, axes.area.bottom()), MUTED, 1.5);
    }
    let mut lines = draw(canvas, &axes, &drawn[1], 1.5);
    for (trial, &color) in trials.iter().zip(colors) {
        let Some(values) = reach(trial).filter(|values| values.iter().all(|&value| is_drawn(value))) else {
            continue;
        };
        let [bottom, middle, top] = values.map(|value| axes.place((trial.rate.log10(), value)));
        canvas.line(bottom, top, color, LINE_WIDTH);
        canvas.disc(middle, DOT_RADIUS, color);
        lines.push(vec![bottom, top]);
    }
    if let Some(rate) = mark {
        name_mark(canvas, &axes, rate, &lines);
    }
}

/// Writes a rate beside its mark, where it hides no curve.
fn name_mark(canvas: &mut Canvas, axes: &Axes, rate: f64, lines: &[Vec<(f32, f32)>]) {
    const HEIGHT: f32 = 28.0;
    let name = format!("suggested: {}", short(rate));
    let width = canvas.face().width(&name, LABEL_SIZE) + 12.0;
    let (x, _) = axes.place((rate.log10(), axes.y.0));
    let frame = axes.area;
    let rows = ((frame.height - 20.0) / HEIGHT) as usize;
    let candidates: Vec<_> = (0..rows)
        .flat_map(|row| [x + 6.0, x - 6.0 - width].map(|left| (row, left)))
        .filter(|&(_, left)| left > frame.x && left + width < frame.right())
        .map(|(row, left)| Area {
            x: left,
            y: frame.y + 10.0 + row as f32 * HEIGHT,
            width,
            height: HEIGHT,
        })
        .collect();
    let Some(area) = clearest(&candidates, lines) else {
        return;
    };
    canvas.fill_area(area, WHITE, 0.85);
    let start = (area.x + 6.0, area.y + 0.5 * HEIGHT);
    canvas.text(&name, start, TextStyle::new(LABEL_SIZE, Align::Start).color(INK));
}

/// The chart of losses by step.
fn losses(canvas: &mut Canvas, trials: &[&RateTrial], colors: &[Rgb]) {
    let first = trials.iter().filter_map(|trial| trial.losses.first());
    let highest = first.map(|&(_, loss)| loss).filter(|&loss| is_drawn(loss));
    let highest = HIGHEST * highest.fold(f64::NEG_INFINITY, f64::max);
    let series: Vec<_> = trials
        .iter()
        .zip(colors)
        .map(|(trial, &color)| {
            let shown = smooth(&trial.losses)
                .into_iter()
                .map(|(step, loss)| (step, if loss <= highest { loss } else { f64::NAN }));
            Series::new(short(trial.rate), color, shown)
        })
        .collect();
    let steps = trials
        .iter()
        .flat_map(|trial| &trial.losses)
        .map(|&(step, _)| step);
    let last = steps.max().unwrap_or(1) as f64;
    let axes = Axes {
        title: "Loss on the way, smoothed",
        x_label: "step",
        y_label: "loss",
        // The legend has a place of its own.
        x: (0.0, last / (1.0 - LEGEND_SHARE)),
        y: value_range(&series, (f64::NEG_INFINITY, f64::INFINITY)),
        x_ticks: ticks(0.0, last, 8, 1.0),
        x_tick: whole,
        area: panels::area(1),
    };
    axes.draw(canvas);
    let lines: Vec<_> = series
        .iter()
        .flat_map(|series| draw(canvas, &axes, series, LINE_WIDTH))
        .collect();
    let entries: Vec<_> = series
        .iter()
        .map(|series| (series.name.as_str(), series.color))
        .collect();
    axes.legend(canvas, &entries, &lines);
}

/// Draws a curve; returns its pieces in pixels.
fn draw(canvas: &mut Canvas, axes: &Axes, series: &Series, width: f32) -> Vec<Vec<(f32, f32)>> {
    let pieces = series.pieces.iter().map(|piece| {
        let points: Vec<_> = piece.iter().map(|&point| axes.place(point)).collect();
        canvas.polyline(&points, series.color, width);
        points
    });
    pieces.collect()
}

/// Means of the finite losses weighted by a Gaussian kernel, of those that there are at the ends.
fn smooth(losses: &[(usize, f64)]) -> Vec<(f64, f64)> {
    let losses: Vec<_> = losses.iter().filter(|(_, loss)| is_drawn(*loss)).collect();
    let at = |centre: usize| {
        let weigh = |&&(step, loss): &&(usize, f64)| {
            let distance = (step as f64 - centre as f64) / SIGMA;
            let weight = (-0.5 * distance * distance).exp();
            (weight, weight * loss)
        };
        let (weights, sum) = losses
            .iter()
            .map(weigh)
            .fold((0.0, 0.0), |sums, values| (sums.0 + values.0, sums.1 + values.1));
        (centre as f64, sum / weights)
    };
    losses.iter().map(|&&(step, _)| at(step)).collect()
}

/// One of `count` colours along [`COLORS`].
fn color(index: usize, count: usize) -> Rgb {
    let spans = COLORS.len() - 1;
    let place = spans as f32 * index as f32 / (count.max(2) - 1) as f32;
    let span = (place as usize).min(spans - 1);
    let share = place - span as f32;
    let mut color = COLORS[span];
    for (value, next) in color.iter_mut().zip(COLORS[span + 1]) {
        *value = (f32::from(*value) + share * (f32::from(next) - f32::from(*value))).round() as u8;
    }
    color
}

fn power_of_ten(exponent: f64) -> String {
    short(10f64.powi(exponent.round() as i32))
}

/// A rate in few characters.
fn short(rate: f64) -> String {
    match rate {
        0.0009..=9999.0 => rate.to_string(),
        _ => format!("{rate:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        let labels = [-7.0, -4.0, -3.0, -1.0, 0.0, 2.0].map(power_of_ten);
        assert_eq!(labels, ["1e-7", "1e-4", "0.001", "0.1", "1", "100"]);
        assert_eq!([0.032, 0.0125, 3.2e-6].map(short), ["0.032", "0.0125", "3.2e-6"]);
    }

    #[test]
    fn a_constant_loss_stays_as_it_is_and_gaps_are_bridged() {
        let losses = [(1, 2.0), (2, f64::NAN), (3, 2.0), (9, 2.0)];
        let smoothed = smooth(&losses);
        assert_eq!(
            smoothed.iter().map(|point| point.0).collect::<Vec<_>>(),
            [1.0, 3.0, 9.0]
        );
        assert!(smoothed.iter().all(|point| (point.1 - 2.0).abs() < 1e-12));
        // The kernel is symmetric: the middle of a spike is the highest.
        let spike: Vec<_> = (1..=31)
            .map(|step| (step, if step == 16 { 1.0 } else { 0.0 }))
            .collect();
        let smoothed = smooth(&spike);
        assert!((smoothed[15].1 - 0.133).abs() < 1e-3 && (smoothed[12].1 - smoothed[18].1).abs() < 1e-12);
    }

    #[test]
    fn colours_differ() {
        for count in 1..=11 {
            let colors: Vec<_> = (0..count).map(|index| color(index, count)).collect();
            for (at, one) in colors.iter().enumerate() {
                for other in &colors[..at] {
                    let distance: i32 = (0..3)
                        .map(|i| (i32::from(one[i]) - i32::from(other[i])).abs())
                        .sum();
                    assert!(distance > 40, "{count} colours: {one:?} {other:?}");
                }
            }
        }
        assert_eq!((color(0, 3), color(2, 3)), (COLORS[0], COLORS[4]));
    }
}
