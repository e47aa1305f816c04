//! Layers of settings: the command line over a configuration file.

use super::{Probability, RunArgs};

impl RunArgs {
    /// These settings, and those of `below` where this layer states nothing. Special rules:
    /// - what one layer states about cropping stands together: `--no-crop` beats the file's `crop-scale`, and
    ///   `--crop-scale` beats its `crop = false`;
    /// - `trivial-augment` and `rand-augment` exclude each other, so the upper layer's policy replaces the lower one's.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let (above, mut below) = (self.with_switches(), below.with_switches());
        if above.rand_augment.is_some_and(|policy| policy.operations > 0) {
            below.trivial_augment = None;
        }
        if above.trivial_augment == Some(true) {
            below.rand_augment = None;
        }
        above.or(below)
    }

    /// Writes `--no-crop` and `--no-flip` as values; a scale alone means that there is cropping.
    fn with_switches(mut self) -> Self {
        if self.no_crop {
            self.crop = Some(false);
        } else if self.crop_scale.is_some() {
            self.crop = self.crop.or(Some(true));
        }
        if self.no_flip {
            self.flip = Some(Probability::ZERO);
        }
        Self {
            no_crop: false,
            no_flip: false,
            ..self
        }
    }

    /// Leaves out derived values that are the default of this layer's own recipe, optimiser, epochs and batch size, so
    /// that they follow a layer above which changes one of these.
    pub(super) fn without_defaults(self) -> Self {
        let deciding = Self {
            recipe: self.recipe,
            optimizer: self.optimizer,
            epochs: self.epochs,
            batch_size: self.batch_size,
            ..Self::default()
        };
        let Ok(defaults) = super::Settings::fill(&deciding) else {
            return self;
        };
        let crops = self.crop.or(self.crop_scale.map(|_| true));
        let has_default_crop = crops.is_none_or(|crops| crops == defaults.crop)
            && self.crop_scale.is_none_or(|scale| scale == defaults.crop_scale);
        let crop_scale = self.crop_scale.filter(|_| !has_default_crop);
        Self {
            crop: crops.filter(|_| !has_default_crop),
            crop_scale,
            ..self.without_derived(&defaults)
        }
    }

    /// Whether this layer changes what derived defaults of a layer below are computed from.
    pub(super) fn changes_defaults(&self) -> bool {
        self.recipe.is_some()
            || self.optimizer.is_some()
            || self.epochs.is_some()
            || self.batch_size.is_some()
    }
}
