//! Layers of settings: the command line over a configuration file.

use super::{Part, Probability, Recipe, RunArgs};

impl RunArgs {
    /// These settings, and the settings of `below` that this layer does not state. Four rules are special:
    /// - a layer that states anything about cropping decides whether to crop: `--no-crop` overrides the file's
    ///   `crop-scale`, and `--crop-scale` overrides its `crop = false`;
    /// - `trivial-augment` and `rand-augment` exclude each other, so the upper layer's policy replaces the lower one's;
    /// - `init-classes` names the classes of the `init` beside it, so it goes when other weights replace those;
    /// - `--no-init`, `--no-teacher` and `--no-val-fraction` drop what `below` states, and what depends on it.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let (above, mut below) = (self.with_switches(), below.with_switches());
        if above.rand_augment.is_some_and(|policy| policy.operations > 0) {
            below.trivial_augment = None;
        }
        if above.trivial_augment == Some(true) {
            below.rand_augment = None;
        }
        if above.init.is_some() && below.init.is_some() && above.init != below.init {
            below.init_classes = None;
        }
        above.drop_from(&mut below);
        Self {
            no_init: false,
            no_teacher: false,
            no_val_fraction: false,
            ..above.or(below)
        }
    }

    /// Takes the settings out of `below` that this layer's switches drop.
    fn drop_from(&self, below: &mut Self) {
        if self.no_init {
            // Random blocks cannot stay as they are.
            (below.init, below.init_classes, below.freeze) = (None, None, None);
            // A recipe for weights that are trained already would keep or hardly change random ones.
            below.recipe = below.recipe.filter(|recipe| !recipe.is_for_trained_weights());
        }
        if self.no_teacher {
            (below.teacher, below.distill_weight, below.temperature) = (None, None, None);
        }
        if self.no_val_fraction {
            below.val_fraction = None;
        }
    }

    /// Writes `--no-crop` and `--no-flip` as values. A scale alone turns cropping on.
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

    /// With the epochs of the recipe, unless others are given. Other defaults, such as the warm-up's, depend on them.
    pub(super) fn with_epochs(&self) -> Self {
        Self {
            epochs: self.epochs.or(self.recipe.map(Recipe::epochs)),
            ..self.clone()
        }
    }

    /// Leaves out values that are the default under this layer's own recipe, optimiser, epochs and batch size, so that they
    /// follow a layer above that changes one of these. Only a layer that states all four, as every saved one does, has
    /// defaults of its own: without a recipe they follow from the weights and the images, and the batch may have to fit
    /// these. What any other layer states, somebody wrote there.
    ///
    /// The epochs of the layer's recipe go with it where `above` has another, or drops it.
    pub(super) fn without_defaults(self, above: &Self) -> Self {
        let deciding = Self {
            recipe: self.recipe,
            optimizer: self.optimizer,
            epochs: self.epochs,
            batch_size: self.batch_size,
            ..Self::default()
        };
        if !self.states_what_defaults_follow() {
            return self;
        }
        let Ok(defaults) = super::Settings::fill(&deciding) else {
            return self;
        };
        let crops = self.crop.or(self.crop_scale.map(|_| true));
        let has_default_crop = crops.is_none_or(|crops| crops == defaults.crop)
            && self.crop_scale.is_none_or(|scale| scale == defaults.crop_scale);
        let crop_scale = self.crop_scale.filter(|_| !has_default_crop);
        let has_other_recipe =
            above.no_init || above.recipe.is_some_and(|recipe| Some(recipe) != self.recipe);
        let of_recipe = self.recipe.map(Recipe::epochs);
        Self {
            epochs: self
                .epochs
                .filter(|_| !has_other_recipe || self.epochs != of_recipe),
            crop: crops.filter(|_| !has_default_crop),
            crop_scale,
            ..self.without_derived(&defaults)
        }
    }

    /// Leaves out the part to hold out if it is the one that a run holds out by default and the layer is a saved one, as
    /// [`RunArgs::without_defaults`] knows it. Other data may have test images.
    pub(super) fn without_usual_part(self) -> Self {
        Self {
            val_fraction: self
                .val_fraction
                .filter(|part| *part != Part::FIFTH || !self.states_what_defaults_follow()),
            ..self
        }
    }

    fn states_what_defaults_follow(&self) -> bool {
        self.recipe.is_some()
            && self.optimizer.is_some()
            && self.epochs.is_some()
            && self.batch_size.is_some()
    }

    /// Whether this layer sets anything that derived defaults are computed from.
    pub(super) fn changes_defaults(&self) -> bool {
        self.recipe.is_some()
            || self.optimizer.is_some()
            || self.epochs.is_some()
            || self.batch_size.is_some()
            || self.no_init
    }
}
