//! Sets of the network's layers, and the names by which people pick them.

use crate::{Architecture, ConvLayer, LayerKind};

/// Name of the classifier among the layers.
pub const CLASSIFIER: &str = "fc";

/// Some of a network's layers, by their place in [`Architecture::layer_names`]: the convolutions in running order, then
/// the classifier. No network has more than 32: a place beyond them is in no set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerSet(u32);

/// A name that is none of the network's layers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no layer `{0}`; layers are `stem`, `blocks.1.depthwise`, `blocks.1.pointwise` to `blocks.13.pointwise`, and `{CLASSIFIER}`"
)]
pub struct LayerNameError(pub String);

impl LayerSet {
    /// No layer.
    pub const NONE: Self = Self(0);

    /// The first `n` layers.
    pub fn first(n: usize) -> Self {
        (0..n).collect()
    }

    /// Whether the layer is in the set.
    pub fn contains(self, layer: usize) -> bool {
        self.0 & Self::bit(layer) != 0
    }

    /// The set with one layer more.
    #[must_use]
    pub fn with(self, layer: usize) -> Self {
        Self(self.0 | Self::bit(layer))
    }

    /// The set with one layer less.
    #[must_use]
    pub fn without(self, layer: usize) -> Self {
        Self(self.0 & !Self::bit(layer))
    }

    fn bit(layer: usize) -> u32 {
        u32::try_from(layer)
            .ok()
            .and_then(|layer| 1_u32.checked_shl(layer))
            .unwrap_or(0)
    }

    /// Whether there is no layer in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Number of layers.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The layers, in running order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..32).filter(move |&layer| self.contains(layer))
    }

    /// The layers' names.
    pub fn names(self, architecture: &Architecture) -> Vec<String> {
        let names = architecture.layer_names().into_iter().enumerate();
        let own = names.filter(|(layer, _)| self.contains(*layer));
        own.map(|(_, name)| name).collect()
    }

    /// The layers with these names. A block's name, such as `blocks.3`, stands for its two convolutions.
    ///
    /// # Errors
    /// [`LayerNameError`] for the first name that is none.
    pub fn from_names<'a>(
        architecture: &Architecture,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, LayerNameError> {
        let known = architecture.layer_names();
        let mut set = Self::NONE;
        for name in names {
            let mut is_known = false;
            for (layer, known) in known.iter().enumerate() {
                let block = known.rsplit_once('.').map(|(block, _)| block);
                if known == name || block == Some(name) {
                    set = set.with(layer);
                    is_known = true;
                }
            }
            if !is_known {
                return Err(LayerNameError(name.to_owned()));
            }
        }
        Ok(set)
    }
}

impl FromIterator<usize> for LayerSet {
    fn from_iter<I: IntoIterator<Item = usize>>(layers: I) -> Self {
        layers.into_iter().fold(Self::NONE, Self::with)
    }
}

impl ConvLayer {
    /// The layer's name in graphs and for people: `stem`, `blocks.3.depthwise`. Block 3 is `model.3` in the weight file.
    pub fn name(&self) -> String {
        let block = self.block;
        match self.kind {
            LayerKind::Stem => "stem".to_owned(),
            LayerKind::Depthwise => format!("blocks.{block}.depthwise"),
            LayerKind::Pointwise => format!("blocks.{block}.pointwise"),
        }
    }
}

impl Architecture {
    /// Names of all layers that have weights: the convolutions in running order, then the classifier.
    pub fn layer_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.convs().iter().map(ConvLayer::name).collect();
        names.push(CLASSIFIER.to_owned());
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alpha;

    #[test]
    fn layers_have_names_and_blocks_stand_for_both_of_theirs() {
        let architecture = Architecture::new(Alpha::Quarter, 10);
        assert_eq!(architecture.layer_names().len(), 28);
        let set = LayerSet::from_names(&architecture, ["fc", "blocks.3", "stem", "stem"]).unwrap();
        assert_eq!(
            set.names(&architecture),
            ["stem", "blocks.3.depthwise", "blocks.3.pointwise", "fc"]
        );
        assert_eq!(set.iter().collect::<LayerSet>(), set);
        let again = [
            "blocks.3.depthwise",
            "blocks.3.pointwise",
            "blocks.3",
            "blocks.3",
            "fc",
            "stem",
            "fc",
        ];
        assert_eq!(LayerSet::from_names(&architecture, again), Ok(set));
        assert_eq!(set.len(), 4);
        assert!(!set.without(27).contains(27) && LayerSet::NONE.is_empty());
        // Not a prefix of a name, and not the start of a block's number.
        for name in ["blocks.14", "blocks", "blocks.1.", "conv", ""] {
            let error = LayerSet::from_names(&architecture, [name]).unwrap_err();
            assert_eq!(error, LayerNameError(name.to_owned()));
        }
        let one = LayerSet::from_names(&architecture, ["blocks.1"]).unwrap();
        assert_eq!(one, LayerSet::NONE.with(1).with(2));
        assert_eq!(LayerSet::first(28).len(), 28);
    }

    #[test]
    fn a_place_that_no_network_has_is_in_no_set() {
        let all = LayerSet::first(32);
        assert_eq!(all.len(), 32);
        for layer in [32, 33, 64, usize::MAX] {
            assert!(!all.contains(layer));
            assert_eq!((all.with(layer), all.without(layer)), (all, all));
            assert!(LayerSet::NONE.with(layer).is_empty());
        }
        assert_eq!(LayerSet::first(40), all);
    }
}
