//! The classes with their accuracy, if there are too many for a matrix.

use mbn_spec::text::thousands;

use super::counts::Counts;
use crate::{
    PlotError,
    canvas::{Align, Area, Canvas, GRID, MUTED, Rgb, TextStyle},
    font::Typeface,
};

/// The list is cut here: nobody reads more, and the least accurate classes come first.
const MOST_LISTED: usize = 1000;
const ROW: f32 = 22.0;
const TEXT_SIZE: f32 = 14.0;
const NAME_WIDTH: f32 = 190.0;
const BAR_WIDTH: f32 = 90.0;
const COLUMN_WIDTH: f32 = 450.0;
const TOP: f32 = 100.0;
const MARGIN: f32 = 40.0;
/// Width over height that the list aims at.
const ASPECT: f32 = 1.4;
const BAR_COLOR: Rgb = [44, 115, 184];

/// Draws name, accuracy as bar and figure, and number of images of each class, least accurate first.
pub(crate) fn draw(counts: &Counts, names: &[&str]) -> Result<Vec<u8>, PlotError> {
    let accuracy = |class: usize| counts.share(class, class);
    let mut order: Vec<usize> = (0..names.len()).collect();
    // Classes without images have no accuracy; they come last.
    let rank = |class: &usize| accuracy(*class).unwrap_or(f64::INFINITY);
    order.sort_by(|one, other| rank(one).total_cmp(&rank(other)));
    order.truncate(MOST_LISTED);

    let columns = (order.len() as f32 * ROW / COLUMN_WIDTH * ASPECT)
        .sqrt()
        .ceil()
        .max(1.0);
    let rows = order.len().div_ceil(columns as usize);
    let size = (
        2.0 * MARGIN + columns * COLUMN_WIDTH,
        TOP + rows as f32 * ROW + MARGIN,
    );
    let mut canvas = Canvas::new(size.0, size.1, Typeface::built_in()?)?;

    canvas.text(
        "Accuracy by class",
        (0.5 * size.0, 34.0),
        TextStyle::new(26.0, Align::Middle),
    );
    let which = match order.len() {
        listed if listed < names.len() => {
            format!(
                "the {} least accurate of {} classes",
                thousands(listed as u128),
                thousands(names.len() as u128)
            )
        }
        _ => "least accurate first".to_owned(),
    };
    let note = format!("{}; {which}", counts.summary());
    canvas.text(
        &note,
        (0.5 * size.0, 68.0),
        TextStyle::new(18.0, Align::Middle).color(MUTED),
    );

    for (index, &class) in order.iter().enumerate() {
        let x = MARGIN + (index / rows) as f32 * COLUMN_WIDTH;
        let y = TOP + (index % rows) as f32 * ROW;
        draw_row(&mut canvas, (x, y), names[class], accuracy(class), counts, class);
    }
    canvas.into_png()
}

fn draw_row(
    canvas: &mut Canvas,
    (x, y): (f32, f32),
    name: &str,
    accuracy: Option<f64>,
    counts: &Counts,
    class: usize,
) {
    let middle = y + 0.5 * ROW;
    let style = TextStyle::new(TEXT_SIZE, Align::Start);
    let name = canvas.face().fit_name(name, TEXT_SIZE, NAME_WIDTH);
    canvas.text(&name, (x, middle), style);
    let bar = Area {
        x: x + NAME_WIDTH + 10.0,
        y: y + 4.0,
        width: BAR_WIDTH,
        height: ROW - 8.0,
    };
    canvas.fill_area(bar, GRID, 1.0);
    let Some(accuracy) = accuracy else {
        canvas.text("no images", (bar.right() + 10.0, middle), style.color(MUTED));
        return;
    };
    canvas.fill_area(
        Area {
            width: accuracy as f32 * bar.width,
            ..bar
        },
        BAR_COLOR,
        1.0,
    );
    let figure = TextStyle::new(TEXT_SIZE, Align::End);
    canvas.text(
        &format!("{:.1} %", 100.0 * accuracy),
        (bar.right() + 68.0, middle),
        figure,
    );
    let counted = format!("{}/{}", counts.count(class, class), counts.of_class(class));
    let counted = canvas.face().fit(&counted, TEXT_SIZE, 70.0);
    canvas.text(&counted, (bar.right() + 78.0, middle), style.color(MUTED));
}
