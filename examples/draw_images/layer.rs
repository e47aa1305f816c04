//! A transparent sheet for anti-aliased shapes, and what photographs add to them: texture, blur, grain, vignette.

use image::{RgbImage, RgbaImage};
use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Paint, Path, PathBuilder, Pixmap,
    PixmapPaint, Rect, Shader, SpreadMode, Stroke, Transform,
};

use crate::noise::{fractal, hash};

/// Red, green and blue in `0..1`, gamma-encoded as in sRGB.
pub type Rgb = [f32; 3];

/// Colour from `0xRRGGBB`.
pub fn rgb(hex: u32) -> Rgb {
    [16, 8, 0].map(|shift| ((hex >> shift) & 0xFF) as f32 / 255.0)
}

pub fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|channel| from[channel] + share * (to[channel] - from[channel]))
}

pub fn scale(color: Rgb, factor: f32) -> Rgb {
    color.map(|channel| channel * factor)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// One colour everywhere.
pub fn solid(color: Rgb) -> Shader<'static> {
    Shader::SolidColor(opaque(color))
}

/// One colour everywhere, partly transparent.
pub fn glaze([r, g, b]: Rgb, opacity: f32) -> Shader<'static> {
    let clamped = |value: f32| value.clamp(0.0, 1.0);
    Shader::SolidColor(
        Color::from_rgba(clamped(r), clamped(g), clamped(b), clamped(opacity)).unwrap_or(Color::TRANSPARENT),
    )
}

/// Colours along the line from `from` to `to`.
pub fn gradient(from: (f32, f32), to: (f32, f32), stops: &[(f32, Rgb)]) -> Shader<'static> {
    LinearGradient::new(
        from.into(),
        to.into(),
        gradient_stops(stops),
        SpreadMode::Pad,
        Transform::identity(),
    )
    .unwrap_or_else(|| solid(stops[0].1))
}

fn gradient_stops(stops: &[(f32, Rgb)]) -> Vec<GradientStop> {
    stops
        .iter()
        .map(|&(at, color)| GradientStop::new(at, opaque(color)))
        .collect()
}

fn opaque(color: Rgb) -> Color {
    let [r, g, b] = color.map(|channel| channel.clamp(0.0, 1.0));
    Color::from_rgba(r, g, b, 1.0).unwrap_or(Color::BLACK)
}

/// A closed polygon.
pub fn polygon(points: &[(f32, f32)]) -> Path {
    let mut path = open(points);
    path.close();
    finish(path)
}

/// A line through points.
pub fn polyline(points: &[(f32, f32)]) -> Path {
    finish(open(points))
}

pub fn ellipse(x: f32, y: f32, rx: f32, ry: f32) -> Path {
    let bounds = Rect::from_ltrb(x - rx, y - ry, x + rx, y + ry);
    bounds
        .and_then(PathBuilder::from_oval)
        .expect("radii are above zero")
}

/// A rectangle with rounded corners.
pub fn rounded(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Path {
    let (right, bottom, r) = (x + width, y + height, radius.min(0.5 * width).min(0.5 * height));
    curve(|path| {
        path.move_to(x + r, y);
        path.line_to(right - r, y);
        path.quad_to(right, y, right, y + r);
        path.line_to(right, bottom - r);
        path.quad_to(right, bottom, right - r, bottom);
        path.line_to(x + r, bottom);
        path.quad_to(x, bottom, x, bottom - r);
        path.line_to(x, y + r);
        path.quad_to(x, y, x + r, y);
        path.close();
    })
}

/// Any path.
pub fn curve(build: impl FnOnce(&mut PathBuilder)) -> Path {
    let mut path = PathBuilder::new();
    build(&mut path);
    finish(path)
}

fn open(points: &[(f32, f32)]) -> PathBuilder {
    let mut path = PathBuilder::new();
    for (index, &(x, y)) in points.iter().enumerate() {
        if index == 0 {
            path.move_to(x, y)
        } else {
            path.line_to(x, y)
        }
    }
    path
}

fn finish(path: PathBuilder) -> Path {
    path.finish()
        .expect("shapes are drawn from at least two distinct points")
}

/// A sheet of pixels, transparent at first.
pub struct Layer {
    pixels: Pixmap,
}

impl Layer {
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            pixels: Pixmap::new(width, height).expect("picture sizes are constants above zero"),
        }
    }

    /// A new sheet of the same size.
    pub fn blank(&self) -> Self {
        Self::new(self.pixels.width(), self.pixels.height())
    }

    pub fn width(&self) -> f32 {
        self.pixels.width() as f32
    }

    pub fn height(&self) -> f32 {
        self.pixels.height() as f32
    }

    pub fn fill(&mut self, path: &Path, shader: Shader<'static>) {
        let paint = Paint {
            shader,
            anti_alias: true,
            ..Paint::default()
        };
        self.pixels
            .fill_path(path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    pub fn stroke(&mut self, path: &Path, width: f32, shader: Shader<'static>) {
        let paint = Paint {
            shader,
            anti_alias: true,
            ..Paint::default()
        };
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        self.pixels
            .stroke_path(path, &paint, &stroke, Transform::identity(), None);
    }

    /// A round tube along `path`, lit from the upper left: from its shaded edge to its highlight.
    pub fn tube(&mut self, path: &Path, width: f32, [shade, body, light]: [Rgb; 3]) {
        let layers = [
            (1.0, 0.0, shade),
            (0.78, 0.06, mix(shade, body, 0.7)),
            (0.55, 0.12, body),
            (0.26, 0.19, light),
        ];
        for (part, shift, color) in layers {
            let moved = path
                .clone()
                .transform(Transform::from_translate(-shift * width, -shift * width));
            if let Some(moved) = moved {
                self.stroke(&moved, part * width, solid(color));
            }
        }
    }

    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, color: Rgb) {
        self.stroke(&polyline(&[from, to]), width, solid(color));
    }

    /// Sets every pixel, opaque.
    pub fn cover(&mut self, color: impl Fn(f32, f32) -> Rgb) {
        self.each(|x, y, _, _| (color(x, y), 1.0));
    }

    /// Changes the colour of what is drawn; transparent parts stay so.
    pub fn shade(&mut self, change: impl Fn(f32, f32, Rgb) -> Rgb) {
        self.each(|x, y, color, alpha| (change(x, y, color), alpha));
    }

    /// Makes the brightness of what is drawn vary by up to `strength` with fractal noise of the given grain size in pixels.
    pub fn mottle(&mut self, grain: (f32, f32), strength: f32, seed: u32) {
        self.shade(|x, y, color| {
            let noise = fractal(x / grain.0, y / grain.1, 4, seed) - 0.5;
            scale(color, 1.0 + 2.0 * strength * noise)
        });
    }

    /// Sets colour and opacity of every pixel from its position, colour and opacity.
    pub fn each(&mut self, change: impl Fn(f32, f32, Rgb, f32) -> (Rgb, f32)) {
        let width = self.pixels.width() as usize;
        for (index, pixel) in self.pixels.pixels_mut().iter_mut().enumerate() {
            let (x, y) = ((index % width) as f32 + 0.5, (index / width) as f32 + 0.5);
            let straight = pixel.demultiply();
            let color =
                [straight.red(), straight.green(), straight.blue()].map(|channel| f32::from(channel) / 255.0);
            let ([r, g, b], alpha) = change(x, y, color, f32::from(straight.alpha()) / 255.0);
            let level = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            let color = tiny_skia::ColorU8::from_rgba(level(r), level(g), level(b), level(alpha));
            *pixel = color.premultiply();
        }
    }

    /// Lays `above` over this sheet.
    pub fn add(&mut self, above: &Self) {
        let paint = PixmapPaint::default();
        self.pixels
            .draw_pixmap(0, 0, above.pixels.as_ref(), &paint, Transform::identity(), None);
    }

    /// Draws on a blank sheet, then lays it over this one.
    pub fn with(&mut self, draw: impl FnOnce(&mut Self)) {
        let mut sheet = self.blank();
        draw(&mut sheet);
        self.add(&sheet);
    }

    /// A soft dark shape, as thrown by something above it.
    pub fn shadow(&mut self, shape: &Path, softness: f32, opacity: f32) {
        self.with(|sheet| {
            sheet.fill(shape, glaze([0.02, 0.03, 0.04], opacity));
            sheet.blur(softness);
        });
    }

    /// Blurs by a Gaussian of standard deviation `radius` pixels.
    pub fn blur(&mut self, radius: f32) {
        let (width, height) = (self.pixels.width(), self.pixels.height());
        let sharp = RgbaImage::from_raw(width, height, self.pixels.data().to_vec())
            .expect("four bytes for each pixel");
        let soft = image::imageops::blur(&sharp, radius);
        self.pixels.data_mut().copy_from_slice(soft.as_raw());
    }

    /// What the camera does: slight blur, darker corners, grain.
    pub fn develop(mut self, softness: f32, grain: f32, seed: u32) -> RgbImage {
        self.blur(softness);
        let (width, height) = (self.width(), self.height());
        self.shade(|x, y, color| {
            let (dx, dy) = (x / width - 0.5, y / height - 0.5);
            let vignette = 1.0 - 0.35 * (dx * dx + dy * dy);
            let noise = (0..3)
                .map(|part| hash(x as i32, y as i32, seed + part) - 0.5)
                .sum::<f32>();
            color.map(|channel| channel * vignette + grain * noise)
        });
        let rgb = self
            .pixels
            .data()
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        RgbImage::from_raw(self.pixels.width(), self.pixels.height(), rgb)
            .expect("three bytes for each pixel")
    }
}

/// The picture at a smaller width, its aspect ratio kept.
pub fn reduce(picture: &RgbImage, width: u32) -> RgbImage {
    let height = (picture.height() * width).div_ceil(picture.width());
    image::imageops::resize(picture, width, height, image::imageops::FilterType::CatmullRom)
}
