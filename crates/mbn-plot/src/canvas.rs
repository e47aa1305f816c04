//! An anti-aliased white canvas with the few shapes that charts need.
//!
//! Plotting crates draw bitmaps without anti-aliasing, or need a font from the system. `tiny-skia` and `ab_glyph` do neither,
//! and only the axes remain to be drawn here.

use image::{
    ExtendedColorType, ImageEncoder, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use tiny_skia::{
    Color, ColorU8, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};

use crate::{PlotError, font::Typeface};

/// An sRGB colour.
pub(crate) type Rgb = [u8; 3];

pub(crate) const WHITE: Rgb = [255, 255, 255];
pub(crate) const INK: Rgb = [38, 38, 38];
pub(crate) const MUTED: Rgb = [102, 102, 102];
pub(crate) const GRID: Rgb = [228, 228, 228];

/// An axis-parallel rectangle, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Area {
    pub(crate) fn right(self) -> f32 {
        self.x + self.width
    }

    pub(crate) fn bottom(self) -> f32 {
        self.y + self.height
    }

    pub(crate) fn contains(self, (x, y): (f32, f32)) -> bool {
        (self.x..=self.right()).contains(&x) && (self.y..=self.bottom()).contains(&y)
    }

    /// `None` if nothing would be visible.
    fn rect(self) -> Option<Rect> {
        Rect::from_xywh(self.x, self.y, self.width, self.height)
    }
}

/// The horizontal position of a text relative to its anchor. Vertically, the text is centred on it.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Start,
    Middle,
    End,
}

/// The look of a text.
#[derive(Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) size: f32,
    pub(crate) color: Rgb,
    pub(crate) align: Align,
    /// Clockwise, in degrees, around the anchor.
    pub(crate) angle: f32,
}

impl TextStyle {
    pub(crate) fn new(size: f32, align: Align) -> Self {
        Self {
            size,
            color: INK,
            align,
            angle: 0.0,
        }
    }

    pub(crate) fn color(self, color: Rgb) -> Self {
        Self { color, ..self }
    }

    pub(crate) fn rotated(self, angle: f32) -> Self {
        Self { angle, ..self }
    }
}

/// The picture being drawn. Coordinates are pixels from the top left corner; shapes are clipped to the picture.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    face: Typeface,
}

impl Canvas {
    pub(crate) fn new(width: f32, height: f32, face: Typeface) -> Result<Self, PlotError> {
        let (width, height) = (width.ceil() as u32, height.ceil() as u32);
        let mut pixmap = Pixmap::new(width, height).ok_or(PlotError::TooLarge { width, height })?;
        pixmap.fill(Color::WHITE);
        Ok(Self { pixmap, face })
    }

    pub(crate) fn face(&self) -> &Typeface {
        &self.face
    }

    /// Fills a rectangle. With `opacity` 1, nothing below it shows.
    pub(crate) fn fill_area(&mut self, area: Area, color: Rgb, opacity: f32) {
        let mut paint = paint(color);
        paint.set_color(with_opacity(color, opacity));
        if let Some(rect) = area.rect() {
            self.pixmap.fill_rect(rect, &paint, Transform::identity(), None);
        }
    }

    pub(crate) fn stroke_area(&mut self, area: Area, color: Rgb, width: f32) {
        if let Some(rect) = area.rect() {
            self.stroke(&PathBuilder::from_rect(rect), color, width);
        }
    }

    pub(crate) fn line(&mut self, from: (f32, f32), to: (f32, f32), color: Rgb, width: f32) {
        self.polyline(&[from, to], color, width);
    }

    pub(crate) fn polyline(&mut self, points: &[(f32, f32)], color: Rgb, width: f32) {
        if let Some(path) = path_through(points) {
            self.stroke(&path, color, width);
        }
    }

    pub(crate) fn disc(&mut self, (x, y): (f32, f32), radius: f32, color: Rgb) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.fill(&path, color, Transform::identity());
        }
    }

    pub(crate) fn text(&mut self, text: &str, (x, y): (f32, f32), style: TextStyle) {
        let shift = match style.align {
            Align::Start => 0.0,
            Align::Middle => -0.5 * self.face.width(text, style.size),
            Align::End => -self.face.width(text, style.size),
        };
        if let Some(path) = self.face.outline(text, style.size) {
            let transform = Transform::from_translate(x, y)
                .pre_rotate(style.angle)
                .pre_translate(shift, 0.0);
            self.fill(&path, style.color, transform);
        }
    }

    /// Copies the pixels of an image, clipped to the picture.
    pub(crate) fn picture(&mut self, image: &RgbImage, (left, top): (u32, u32)) {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let pixels = self.pixmap.pixels_mut();
        for (x, y, &image::Rgb([r, g, b])) in image.enumerate_pixels() {
            let (x, y) = (left.saturating_add(x), top.saturating_add(y));
            if x < width && y < height {
                let index = y as usize * width as usize + x as usize;
                pixels[index] = ColorU8::from_rgba(r, g, b, u8::MAX).premultiply();
            }
        }
    }

    /// The picture as an opaque RGB PNG.
    pub(crate) fn into_png(self) -> Result<Vec<u8>, PlotError> {
        self.encode(FilterType::NoFilter)
    }

    /// As [`Self::into_png`], but smaller for photos.
    pub(crate) fn into_png_of_photos(self) -> Result<Vec<u8>, PlotError> {
        self.encode(FilterType::Adaptive)
    }

    fn encode(self, filter: FilterType) -> Result<Vec<u8>, PlotError> {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let rgb: Vec<u8> = self
            .pixmap
            .data()
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Default, filter).write_image(
            &rgb,
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(png)
    }

    fn fill(&mut self, path: &Path, color: Rgb, transform: Transform) {
        self.pixmap
            .fill_path(path, &paint(color), FillRule::Winding, transform, None);
    }

    fn stroke(&mut self, path: &Path, color: Rgb, width: f32) {
        let stroke = Stroke {
            width,
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        self.pixmap
            .stroke_path(path, &paint(color), &stroke, Transform::identity(), None);
    }
}

fn path_through(points: &[(f32, f32)]) -> Option<Path> {
    let (first, rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(first.0, first.1);
    for point in rest {
        path.line_to(point.0, point.1);
    }
    path.finish()
}

fn with_opacity([r, g, b]: Rgb, opacity: f32) -> Color {
    Color::from_rgba8(r, g, b, (opacity * 255.0).round() as u8)
}

fn paint(color: Rgb) -> Paint<'static> {
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color(with_opacity(color, 1.0));
    paint
}
