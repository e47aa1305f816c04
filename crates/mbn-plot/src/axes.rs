//! The frame of a chart: axes with ticks, grid and labels, and the mapping from data to pixels.

use crate::{
    canvas::{Align, Area, Canvas, GRID, INK, Rgb, TextStyle, WHITE},
    placement::clearest,
    ticks,
};

pub(crate) const LABEL_SIZE: f32 = 20.0;
const TICK_LABEL_SIZE: f32 = 18.0;
const TICK_LENGTH: f32 = 7.0;

/// The axes of a panel.
pub(crate) struct Axes<'a> {
    pub(crate) title: &'a str,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    /// Ends of the horizontal axis.
    pub(crate) x: (f64, f64),
    /// Ends of the vertical axis.
    pub(crate) y: (f64, f64),
    pub(crate) x_ticks: Vec<f64>,
    /// The label of a tick of the horizontal axis.
    pub(crate) x_tick: fn(f64) -> String,
    /// The part of the picture inside the frame.
    pub(crate) area: Area,
}

impl Axes<'_> {
    /// Pixel position of a data point.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> (f32, f32) {
        let share = |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)) as f32;
        let area = self.area;
        (
            area.x + share(x, self.x) * area.width,
            area.bottom() - share(y, self.y) * area.height,
        )
    }

    /// Draws everything but the data.
    pub(crate) fn draw(&self, canvas: &mut Canvas) {
        let area = self.area;
        let y_ticks = ticks::ticks(self.y.0, self.y.1, 8, 0.0);
        for &tick in &self.x_ticks {
            let (x, _) = self.place((tick, self.y.0));
            canvas.line((x, area.y), (x, area.bottom()), GRID, 1.0);
            canvas.line((x, area.bottom()), (x, area.bottom() + TICK_LENGTH), INK, 1.5);
            let style = TextStyle::new(TICK_LABEL_SIZE, Align::Middle);
            canvas.text(&(self.x_tick)(tick), (x, area.bottom() + 24.0), style);
        }
        let step = y_ticks.get(1).map_or(1.0, |second| second - y_ticks[0]);
        for &tick in &y_ticks {
            let (_, y) = self.place((self.x.0, tick));
            canvas.line((area.x, y), (area.right(), y), GRID, 1.0);
            canvas.line((area.x - TICK_LENGTH, y), (area.x, y), INK, 1.5);
            let style = TextStyle::new(TICK_LABEL_SIZE, Align::End);
            canvas.text(&ticks::label(tick, step), (area.x - 14.0, y), style);
        }
        canvas.stroke_area(area, INK, 1.5);
        let middle = (area.x + 0.5 * area.width, area.y + 0.5 * area.height);
        let label = TextStyle::new(LABEL_SIZE, Align::Middle);
        canvas.text(
            self.title,
            (middle.0, area.y - 24.0),
            TextStyle::new(22.0, Align::Middle),
        );
        canvas.text(self.x_label, (middle.0, area.bottom() + 58.0), label);
        canvas.text(self.y_label, (area.x - 74.0, middle.1), label.rotated(-90.0));
    }

    /// Draws a legend in the corner where it hides the least of `lines`.
    pub(crate) fn legend(&self, canvas: &mut Canvas, entries: &[(&str, Rgb)], lines: &[Vec<(f32, f32)>]) {
        const ROW: f32 = 30.0;
        const SAMPLE: f32 = 38.0;
        const INSET: f32 = 14.0;
        let widest = entries
            .iter()
            .map(|(name, _)| canvas.face().width(name, LABEL_SIZE))
            .fold(0.0, f32::max);
        let (width, height) = (widest + SAMPLE + 40.0, ROW * entries.len() as f32 + 14.0);
        let left = self.area.x + INSET;
        let right = self.area.right() - INSET - width;
        let top = self.area.y + INSET;
        let bottom = self.area.bottom() - INSET - height;
        let corners = [(right, bottom), (right, top), (left, bottom), (left, top)];
        let candidates = corners.map(|(x, y)| Area { x, y, width, height });
        let Some(area) = clearest(&candidates, lines) else {
            return;
        };
        canvas.fill_area(area, WHITE, 0.85);
        canvas.stroke_area(area, [204, 204, 204], 1.0);
        for (index, &(name, color)) in entries.iter().enumerate() {
            let y = area.y + 7.0 + (index as f32 + 0.5) * ROW;
            canvas.line((area.x + 14.0, y), (area.x + 14.0 + SAMPLE, y), color, 3.0);
            canvas.text(
                name,
                (area.x + SAMPLE + 26.0, y),
                TextStyle::new(LABEL_SIZE, Align::Start),
            );
        }
    }
}
