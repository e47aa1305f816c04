//! Parts of a preprocessing description, from sources that each say only some of it.

use super::{Centre, Interpolation, Preprocess, Resize};

/// What somebody says about the preprocessing. `None` leaves a part open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartialPreprocess {
    /// Height and width of the network's input.
    pub size: Option<usize>,
    /// How the picture becomes square.
    pub resize: Option<Resize>,
    /// Length of the shorter side under [`Resize::Crop`].
    pub shorter: Option<usize>,
    /// Where the centre lies under [`Resize::Crop`]. No option gives it.
    pub centre: Option<Centre>,
    /// The filter of the resize.
    pub interpolation: Option<Interpolation>,
    /// Subtracted from channels scaled to `[0, 1]`.
    pub mean: Option<[f32; 3]>,
    /// Divides the difference.
    pub std: Option<[f32; 3]>,
}

impl PartialPreprocess {
    /// These parts; those that they leave open are as `usual`. A size alone keeps the share of the crop.
    pub fn over(&self, usual: Preprocess) -> Preprocess {
        let sized = self.size.map_or(usual, |size| usual.with_size(size));
        let preprocess = Preprocess {
            resize: self.resize.unwrap_or(sized.resize),
            centre: self.centre.unwrap_or(sized.centre),
            interpolation: self.interpolation.unwrap_or(sized.interpolation),
            mean: self.mean.unwrap_or(sized.mean),
            std: self.std.unwrap_or(sized.std),
            ..sized
        };
        match (preprocess.resize, self.shorter) {
            (Resize::Square, _) => Preprocess {
                shorter: None,
                ..preprocess
            },
            (Resize::Crop, Some(shorter)) => preprocess.with_shorter(shorter),
            (Resize::Crop, None) => preprocess,
        }
    }

    /// These parts, and those of `other` that they leave open.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            size: self.size.or(other.size),
            resize: self.resize.or(other.resize),
            shorter: self.shorter.or(other.shorter),
            centre: self.centre.or(other.centre),
            interpolation: self.interpolation.or(other.interpolation),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
        }
    }

    /// These parts, without those that `other` states.
    #[must_use]
    pub fn without(self, other: &Self) -> Self {
        Self {
            size: self.size.filter(|_| other.size.is_none()),
            resize: self.resize.filter(|_| other.resize.is_none()),
            shorter: self.shorter.filter(|_| other.shorter.is_none()),
            centre: self.centre.filter(|_| other.centre.is_none()),
            interpolation: self.interpolation.filter(|_| other.interpolation.is_none()),
            mean: self.mean.filter(|_| other.mean.is_none()),
            std: self.std.filter(|_| other.std.is_none()),
        }
    }

    /// Whether every part is open.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Preprocess> for PartialPreprocess {
    fn from(whole: Preprocess) -> Self {
        Self {
            size: Some(whole.size),
            resize: Some(whole.resize),
            shorter: (whole.resize == Resize::Crop).then(|| whole.shorter_side()),
            centre: Some(whole.centre),
            interpolation: Some(whole.interpolation),
            mean: Some(whole.mean),
            std: Some(whole.std),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_description_says_all_of_itself() {
        let timm = Preprocess {
            resize: Resize::Crop,
            centre: Centre::Down,
            interpolation: Interpolation::Bicubic,
            mean: [0.5; 3],
            ..Preprocess::default().with_size(192).with_shorter(200)
        };
        for whole in [Preprocess::default(), timm] {
            let other = Preprocess {
                std: [2.0; 3],
                ..timm.with_size(96)
            };
            assert_eq!(PartialPreprocess::from(whole).over(other), whole);
        }
    }

    #[test]
    fn open_parts_stay_as_usual() {
        let usual = Preprocess {
            resize: Resize::Crop,
            ..Preprocess::default().with_shorter(224)
        };
        let size = PartialPreprocess {
            size: Some(112),
            ..PartialPreprocess::default()
        };
        assert_eq!(size.over(usual).shorter_side(), 112);
        let square = PartialPreprocess {
            resize: Some(Resize::Square),
            shorter: Some(256),
            ..PartialPreprocess::default()
        };
        assert_eq!(square.over(usual).shorter, None);
        let both = size.or(square);
        assert_eq!((both.size, both.resize), (Some(112), Some(Resize::Square)));
        assert!(!both.is_empty() && PartialPreprocess::default().is_empty());
        assert_eq!(both.without(&square), size);
    }
}
