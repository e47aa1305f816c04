//! How files are decoded.

use mbn_spec::{Preprocess, Resize};

use super::limits::DEFAULT_MAX_PIXELS;

/// How files are decoded. The default decodes every pixel of pictures of up to [`DEFAULT_MAX_PIXELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Decodes a JPEG file at 1/2, 1/4 or 1/8 of its size, which is faster, if both sides keep this many pixels.
    pub at_least: Option<u32>,
    /// Refuses pictures of more pixels.
    pub max_pixels: u64,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            at_least: None,
            max_pixels: DEFAULT_MAX_PIXELS,
        }
    }
}

/// How much larger than needed a file that is decoded at a fraction of its size stays, in tenths. `docs/decoding.md` says
/// what that changes.
const MARGIN: usize = 16;

impl DecodeOptions {
    /// Decodes large JPEG files at the fraction of their size that still suffices for `preprocess`. The network's input
    /// changes a little. A filter that picks single pixels needs all of them.
    pub fn reduced_for(preprocess: &Preprocess) -> Self {
        if !preprocess.interpolation.is_antialiased() {
            return Self::default();
        }
        let needed = match preprocess.resize {
            Resize::Square => preprocess.size,
            Resize::Crop => preprocess.shorter_side(),
        };
        Self {
            at_least: u32::try_from((MARGIN * needed).div_ceil(10)).ok(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use mbn_spec::Interpolation;

    use super::*;

    #[test]
    fn only_filters_that_take_all_pixels_take_a_reduced_picture() {
        for interpolation in Interpolation::ALL {
            let preprocess = Preprocess {
                interpolation,
                ..Preprocess::default()
            };
            let at_least = DecodeOptions::reduced_for(&preprocess).at_least;
            let expected = interpolation.is_antialiased().then_some(359);
            assert_eq!(at_least, expected, "{interpolation}");
        }
    }
}
