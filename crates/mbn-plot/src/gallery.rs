//! Images side by side, with captions.

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::{
    PlotError,
    canvas::{Align, Area, Canvas, INK, MUTED, Rgb, TextStyle},
    font::Typeface,
};

/// Side of the square that an image is fitted into.
const SIDE: u32 = 176;
const GAP: f32 = 18.0;
const MARGIN: f32 = 40.0;
const TOP: f32 = 100.0;
const TEXT_SIZE: f32 = 14.0;
const LINE: f32 = 21.0;
const MOST_COLUMNS: usize = 8;
const LEAST_WIDTH: f32 = 700.0;
/// The most that a picture widens for its note, which is cut off beyond it.
const MOST_FOR_NOTE: f32 = 1600.0;
const NOTE_SIZE: f32 = 18.0;
const GREEN: Rgb = [22, 120, 60];
const RED: Rgb = [190, 30, 45];
const FRAME: Rgb = [204, 204, 204];

/// An image and its captions.
#[derive(Clone, Debug)]
pub struct Tile {
    /// An image of any size; it is fitted into a square.
    pub image: RgbImage,
    /// Lines below the image.
    pub captions: Vec<Caption>,
}

/// A line of text.
#[derive(Clone, Debug)]
pub struct Caption {
    text: String,
    tone: Tone,
}

/// Whether a line is about something right or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Neither.
    Plain,
    /// Something right.
    Good,
    /// Something wrong.
    Bad,
}

impl Caption {
    /// A line. If it is too long, its middle is left out.
    pub fn new(text: String, tone: Tone) -> Self {
        Self { text, tone }
    }
}

/// Draws images with captions in rows, below a title and a note, as PNG.
///
/// # Errors
/// [`PlotError::TooLarge`] if there is no memory for so many images, [`PlotError::Encode`] if PNG encoding fails.
pub fn gallery(title: &str, note: &str, tiles: &[Tile]) -> Result<Vec<u8>, PlotError> {
    let side = SIDE as f32;
    let lines = tiles.iter().map(|tile| tile.captions.len()).max().unwrap_or(0);
    let columns = columns(tiles.len());
    let rows = tiles.len().div_ceil(columns);
    let (tile_width, tile_height) = (side + GAP, side + 10.0 + lines as f32 * LINE + GAP);
    let pictures = columns as f32 * tile_width - GAP;
    let face = Typeface::built_in()?;
    // Few pictures are narrower than what is said about them.
    let note_width = (2.0 * MARGIN + face.width(note, NOTE_SIZE))
        .ceil()
        .min(MOST_FOR_NOTE);
    let width = (2.0 * MARGIN + pictures).max(LEAST_WIDTH).max(note_width);
    let height = TOP + rows as f32 * tile_height + MARGIN - GAP;
    let mut canvas = Canvas::new(width, height, face)?;

    let heading = |canvas: &mut Canvas, text: &str, y, style: TextStyle| {
        let text = canvas.face().fit(text, style.size, width - 2.0 * MARGIN);
        canvas.text(&text, (0.5 * width, y), style);
    };
    heading(&mut canvas, title, 34.0, TextStyle::new(26.0, Align::Middle));
    let style = TextStyle::new(NOTE_SIZE, Align::Middle).color(MUTED);
    heading(&mut canvas, note, 68.0, style);

    let left = 0.5 * (width - pictures);
    for (index, tile) in tiles.iter().enumerate() {
        let x = left + (index % columns) as f32 * tile_width;
        let y = TOP + (index / columns) as f32 * tile_height;
        draw_tile(&mut canvas, tile, (x.round(), y.round()));
    }
    canvas.into_png_of_photos()
}

/// Number of columns: the picture is about 1.5 times as wide as high, or a little more or less if that leaves fewer places
/// empty.
fn columns(tiles: usize) -> usize {
    let wanted = ((1.5 * tiles as f32).sqrt().round() as usize).clamp(1, MOST_COLUMNS);
    let candidates = wanted.saturating_sub(1).max(1)..=(wanted + 2).min(MOST_COLUMNS);
    let empty = |columns: usize| columns * tiles.div_ceil(columns) - tiles;
    candidates
        .rev()
        .min_by_key(|&columns| (empty(columns), columns.abs_diff(wanted)))
        .unwrap_or(wanted)
}

fn draw_tile(canvas: &mut Canvas, tile: &Tile, (x, y): (f32, f32)) {
    let side = SIDE as f32;
    let image = fitted(&tile.image);
    let (width, height) = (image.width() as f32, image.height() as f32);
    // Images that are not square are centred in their square.
    let corner = (
        x + (0.5 * (side - width)).floor(),
        y + (0.5 * (side - height)).floor(),
    );
    canvas.picture(&image, (corner.0 as u32, corner.1 as u32));
    let area = Area {
        x: corner.0 - 0.5,
        y: corner.1 - 0.5,
        width: width + 1.0,
        height: height + 1.0,
    };
    canvas.stroke_area(area, FRAME, 1.0);
    for (line, caption) in tile.captions.iter().enumerate() {
        let text = canvas.face().fit_name(&caption.text, TEXT_SIZE, side + 0.4 * GAP);
        let color = match caption.tone {
            Tone::Plain => INK,
            Tone::Good => GREEN,
            Tone::Bad => RED,
        };
        let at = (x + 0.5 * side, y + side + 16.0 + line as f32 * LINE);
        canvas.text(&text, at, TextStyle::new(TEXT_SIZE, Align::Middle).color(color));
    }
}

/// The image at the largest size that fits into the square.
fn fitted(image: &RgbImage) -> RgbImage {
    let longest = image.width().max(image.height()).max(1);
    let scaled = |length: u32| {
        let scaled = u64::from(length) * u64::from(SIDE) / u64::from(longest);
        u32::try_from(scaled).unwrap_or(SIDE).max(1)
    };
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    imageops::resize(image, width, height, FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_filled_evenly() {
        assert_eq!(
            [1, 2, 3, 6, 24, 25, 32, 64].map(columns),
            [1, 2, 3, 3, 6, 5, 8, 8]
        );
        assert_eq!(columns(0), 1);
    }

    #[test]
    fn pictures_keep_their_aspect_ratio() {
        let size = |width, height| fitted(&RgbImage::new(width, height)).dimensions();
        assert_eq!(size(352, 176), (176, 88));
        assert_eq!(size(10, 20), (88, 176));
        assert_eq!(size(1, 5000), (1, 176));
    }
}
