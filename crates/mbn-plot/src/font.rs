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
        self.pixels(end_of(&self.positioned(text)), size)
    }

    /// `text` if it fits into `max_width` pixels, else as much of its beginning as fits with an ellipsis.
    pub(crate) fn fit(&self, text: &str, size: f32, max_width: f32) -> String {
        self.shorten(text, size, max_width, |_| 0)
    }

    /// As [`Self::fit`], but with the ellipsis inside the text: names with the same beginning often differ at the end.
    pub(crate) fn fit_name(&self, text: &str, size: f32, max_width: f32) -> String {
        self.shorten(text, size, max_width, |kept| kept / 3)
    }

    /// `text` if it fits, else as many of its characters as fit with an ellipsis, of which `tail` says how many stand behind it.
    /// Takes time in proportion to the text: the width of every shorter one follows from the characters' places in the whole.
    fn shorten(&self, text: &str, size: f32, max_width: f32, tail: impl Fn(usize) -> usize) -> String {
        let glyphs = self.positioned(text);
        let fits = |units: f64| self.pixels(units, size) <= max_width;
        if fits(end_of(&glyphs)) {
            return text.to_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        let count = characters.len();
        let trimmed = Trimmed::of(&characters);
        let ellipsis = self.glyph_of(ELLIPSIS);
        let width = |head: usize, tail: usize| {
            let (head, tail) = (&glyphs[..head], &glyphs[tail..]);
            let before = head.last().map_or(0.0, |last| self.kern(last.id, ellipsis.id));
            let after = tail.first().map_or(0.0, |first| {
                self.kern(ellipsis.id, first.id) - first.pen + end_of(tail)
            });
            end_of(head) + before + ellipsis.advance + after
        };
        let mut shorter = (0..count).rev().map(|kept| {
            let tail = tail(kept);
            (trimmed.ends[kept - tail], trimmed.starts[count - tail])
        });
        let longest = shorter.find(|&(head, tail)| fits(width(head, tail)));
        let (head, tail) = longest.unwrap_or((0, count));
        let (head, tail) = (&characters[..head], &characters[tail..]);
        head.iter().chain([&ELLIPSIS]).chain(tail).collect()
    }

    /// Outlines of `text` starting at x = 0, its capitals centred on y = 0. `None` if nothing is visible.
    pub(crate) fn outline(&self, text: &str, size: f32) -> Option<Path> {
        let scale = size / self.units_per_em;
        let baseline = HALF_CAP_HEIGHT * size;
        let mut path = PathBuilder::new();
        for glyph in self.positioned(text) {
            let Some(outline) = self.font.outline(glyph.id) else {
                continue;
            };
            let pen = self.pixels(glyph.pen, size);
            let place = |point: Point| (pen + point.x * scale, baseline - point.y * scale);
            append(&mut path, &outline.curves, place);
        }
        path.finish()
    }

    /// A length in the font's units, in pixels.
    fn pixels(&self, units: f64, size: f32) -> f32 {
        (units * f64::from(size / self.units_per_em)) as f32
    }

    /// The glyphs of `text` in their places.
    fn positioned(&self, text: &str) -> Vec<Glyph> {
        let mut glyphs: Vec<Glyph> = Vec::new();
        for character in text.chars() {
            let mut glyph = self.glyph_of(character);
            if let Some(previous) = glyphs.last() {
                glyph.pen = previous.end() + self.kern(previous.id, glyph.id);
            }
            glyphs.push(glyph);
        }
        glyphs
    }

    /// A character's glyph at the start of a text.
    fn glyph_of(&self, character: char) -> Glyph {
        // Control characters, such as a tab in a class name, have no glyph.
        let shown = if character.is_control() { ' ' } else { character };
        let id = self.font.glyph_id(shown);
        Glyph {
            id,
            pen: 0.0,
            advance: self.font.h_advance_unscaled(id).into(),
        }
    }

    /// How much closer or further apart two glyphs stand, in the font's units.
    fn kern(&self, one: GlyphId, other: GlyphId) -> f64 {
        self.font.kern_unscaled(one, other).into()
    }
}

/// A glyph in a text. Lengths are in the font's units: whole numbers, whose sums and differences are exact.
struct Glyph {
    id: GlyphId,
    pen: f64,
    advance: f64,
}

impl Glyph {
    fn end(&self) -> f64 {
        self.pen + self.advance
    }
}

/// Where a part of a text ends.
fn end_of(glyphs: &[Glyph]) -> f64 {
    glyphs.last().map_or(0.0, Glyph::end)
}

/// How far the parts of a text reach without the spaces at their inner ends.
struct Trimmed {
    /// Of the first `i` characters, the number up to the last that is no space.
    ends: Vec<usize>,
    /// Of the characters from `i` on, the first that is no space.
    starts: Vec<usize>,
}

impl Trimmed {
    fn of(characters: &[char]) -> Self {
        let count = characters.len();
        let (mut ends, mut starts) = (vec![0; count + 1], vec![count; count + 1]);
        for (i, character) in characters.iter().enumerate() {
            ends[i + 1] = if character.is_whitespace() { ends[i] } else { i + 1 };
        }
        for (i, character) in characters.iter().enumerate().rev() {
            starts[i] = if character.is_whitespace() {
                starts[i + 1]
            } else {
                i
            };
        }
        Self { ends, starts }
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

    /// Every shorter text is measured from its start.
    fn fitted_slowly(face: &Typeface, text: &str, max_width: f32, tail: impl Fn(usize) -> usize) -> String {
        if face.width(text, 14.0) <= max_width {
            return text.to_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        for kept in (0..characters.len()).rev() {
            let tail = tail(kept);
            let head: String = characters[..kept - tail].iter().collect();
            let end: String = characters[characters.len() - tail..].iter().collect();
            let shorter = format!("{}…{}", head.trim_end(), end.trim_start());
            if face.width(&shorter, 14.0) <= max_width {
                return shorter;
            }
        }
        "…".to_owned()
    }

    #[test]
    fn as_much_is_kept_as_fits() {
        let face = Typeface::built_in().unwrap();
        // Pairs that stand closer, spaces of several kinds, a mark without an advance, letters that the font lacks.
        let letters: Vec<char> = "AVTo. ,Wafi \u{3000}\tj\u{301}é水…".chars().collect();
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..300 {
            let text: String = (0..random(40)).map(|_| letters[random(letters.len())]).collect();
            let max_width = random(2000) as f32 * 0.1;
            let expected = fitted_slowly(&face, &text, max_width, |_| 0);
            assert_eq!(
                face.fit(&text, 14.0, max_width),
                expected,
                "{text:?} in {max_width}"
            );
            let expected = fitted_slowly(&face, &text, max_width, |kept| kept / 3);
            assert_eq!(
                face.fit_name(&text, 14.0, max_width),
                expected,
                "{text:?} in {max_width}"
            );
        }
    }

    /// In time that grows with the square of the length, this would take hours.
    #[test]
    fn a_text_of_a_million_characters_is_fitted_in_one_pass() {
        let face = Typeface::built_in().unwrap();
        let marks = "\u{301}".repeat(500_000);
        for text in ["name ".repeat(200_000), format!("{}{marks}", "W".repeat(500_000))] {
            for fitted in [face.fit(&text, 14.0, 120.0), face.fit_name(&text, 14.0, 120.0)] {
                assert!(fitted.contains('…') && face.width(&fitted, 14.0) <= 120.0);
            }
        }
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
