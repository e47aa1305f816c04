//! Text in the built-in font: widths, truncation and outlines.

use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, Point};
use tiny_skia::{Path, PathBuilder};

use crate::PlotError;

const ELLIPSIS: char = '…';
/// Half the height of capitals, in em: the distance from the baseline to the visual middle of a line.
const HALF_CAP_HEIGHT: f32 = 0.365;

/// DejaVu Sans. Sizes are in pixels per em.
pub(crate) struct Typeface {
    font: FontRef<'static>,
    units_per_em: f32,
}

impl Typeface {
    pub(crate) fn built_in() -> Result<Self, PlotError> {
        let font = FontRef::try_from_slice(dejavu::sans::regular())?;
        let units_per_em = font.units_per_em().unwrap_or(2048.0);
        Ok(Self { font, units_per_em })
    }

    /// Advance of `text` in pixels.
    pub(crate) fn width(&self, text: &str, size: f32) -> f32 {
        self.positioned(text, size).1
    }

    /// `text` if it fits into `max_width` pixels, else as much of its beginning as fits with an ellipsis.
    pub(crate) fn fit(&self, text: &str, size: f32, max_width: f32) -> String {
        if self.width(text, size) <= max_width {
            return text.to_owned();
        }
        let room = max_width - self.width(&ELLIPSIS.to_string(), size);
        let mut kept = String::new();
        for character in text.chars() {
            kept.push(character);
            if self.width(&kept, size) > room {
                kept.pop();
                break;
            }
        }
        format!("{}{ELLIPSIS}", kept.trim_end())
    }

    /// As [`Self::fit`], but with the ellipsis inside the text: names with the same beginning often differ at the end.
    pub(crate) fn fit_name(&self, text: &str, size: f32, max_width: f32) -> String {
        if self.width(text, size) <= max_width {
            return text.to_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        let shortened = |kept: usize| {
            let end = kept / 3;
            let head: String = characters[..kept - end].iter().collect();
            let tail: String = characters[characters.len() - end..].iter().collect();
            format!("{}{ELLIPSIS}{}", head.trim_end(), tail.trim_start())
        };
        let mut shorter = (0..characters.len()).rev().map(shortened);
        shorter
            .find(|text| self.width(text, size) <= max_width)
            .unwrap_or_else(|| ELLIPSIS.to_string())
    }

    /// Outlines of `text` starting at x = 0, its capitals centred on y = 0. `None` if nothing is visible.
    pub(crate) fn outline(&self, text: &str, size: f32) -> Option<Path> {
        let scale = size / self.units_per_em;
        let baseline = HALF_CAP_HEIGHT * size;
        let mut path = PathBuilder::new();
        for (glyph, pen) in self.positioned(text, size).0 {
            let Some(outline) = self.font.outline(glyph) else {
                continue;
            };
            let place = |point: Point| (pen + point.x * scale, baseline - point.y * scale);
            append(&mut path, &outline.curves, place);
        }
        path.finish()
    }

    /// Glyphs with their pen positions, and the total advance.
    fn positioned(&self, text: &str, size: f32) -> (Vec<(GlyphId, f32)>, f32) {
        let scale = size / self.units_per_em;
        let mut pen = 0.0;
        let mut previous = None;
        let mut glyphs = Vec::new();
        for character in text.chars() {
            // Control characters, such as a tab in a class name, have no glyph.
            let glyph = self
                .font
                .glyph_id(if character.is_control() { ' ' } else { character });
            if let Some(previous) = previous {
                pen += self.font.kern_unscaled(previous, glyph) * scale;
            }
            glyphs.push((glyph, pen));
            pen += self.font.h_advance_unscaled(glyph) * scale;
            previous = Some(glyph);
        }
        (glyphs, pen)
    }
}

/// Adds the curves of a glyph, which are connected except where a new contour begins.
fn append(path: &mut PathBuilder, curves: &[OutlineCurve], place: impl Fn(Point) -> (f32, f32)) {
    let mut last: Option<Point> = None;
    for curve in curves {
        let (start, end) = match *curve {
            OutlineCurve::Line(start, end)
            | OutlineCurve::Quad(start, _, end)
            | OutlineCurve::Cubic(start, _, _, end) => (start, end),
        };
        if last != Some(start) {
            let (x, y) = place(start);
            path.move_to(x, y);
        }
        let (x, y) = place(end);
        match *curve {
            OutlineCurve::Line(..) => path.line_to(x, y),
            OutlineCurve::Quad(_, control, _) => {
                let (cx, cy) = place(control);
                path.quad_to(cx, cy, x, y);
            }
            OutlineCurve::Cubic(_, first, second, _) => {
                let (ax, ay) = place(first);
                let (bx, by) = place(second);
                path.cubic_to(ax, ay, bx, by, x, y);
            }
        }
        last = Some(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_ends_in_an_ellipsis_and_fits() {
        let face = Typeface::built_in().unwrap();
        let text = "a title that is much longer than the picture is wide";
        let fitted = face.fit(text, 14.0, 120.0);
        assert!(
            fitted.ends_with('…') && text.starts_with(fitted.trim_end_matches('…')),
            "{fitted}"
        );
        assert!(face.width(&fitted, 14.0) <= 120.0);
        assert!(fitted.chars().count() > 10, "{fitted} leaves room unused");
        assert_eq!(face.fit("short", 14.0, 120.0), "short");
    }

    #[test]
    fn long_names_keep_their_ends_and_fit() {
        let face = Typeface::built_in().unwrap();
        let name = "a class name that is much longer than its column";
        let fitted = face.fit_name(name, 14.0, 120.0);
        let (head, tail) = fitted.split_once('…').unwrap();
        assert!(name.starts_with(head) && name.ends_with(tail), "{fitted}");
        assert!(head.len() > tail.len() && tail.len() > 3, "{fitted}");
        assert!(face.width(&fitted, 14.0) <= 120.0);
        assert!(fitted.chars().count() > 10, "{fitted} leaves room unused");
        assert_eq!(face.fit_name("short", 14.0, 120.0), "short");
    }

    #[test]
    fn width_is_proportional_to_size() {
        let face = Typeface::built_in().unwrap();
        let (small, large) = (face.width("accuracy", 10.0), face.width("accuracy", 30.0));
        assert!((large - 3.0 * small).abs() < 0.01 * large, "{small} {large}");
    }

    #[test]
    fn glyphs_lie_between_pen_and_advance() {
        let face = Typeface::built_in().unwrap();
        let bounds = face.outline("HH", 20.0).unwrap().bounds();
        assert!(
            bounds.left() > 0.0 && bounds.right() < face.width("HH", 20.0),
            "{bounds:?}"
        );
        assert!(
            (bounds.top() + bounds.bottom()).abs() < 0.2,
            "capitals are off centre: {bounds:?}"
        );
        assert!(face.outline("  ", 20.0).is_none());
    }
}
