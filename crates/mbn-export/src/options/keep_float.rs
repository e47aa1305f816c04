//! Values of `--keep-float`.

use std::str::FromStr;

use mbn_spec::{Alpha, Architecture, LayerNameError, LayerSet};

/// Which layers of an int8 graph stay float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepFloat {
    /// The costliest ones, as long as the first class differs too often.
    Auto,
    /// These.
    Layers(LayerSet),
}

/// Layers have the same names in every network.
fn any_architecture() -> Architecture {
    Architecture::new(Alpha::One, 1)
}

impl KeepFloat {
    /// Whether no layer is left for integers.
    pub fn is_everything(self) -> bool {
        matches!(self, Self::Layers(layers) if layers.len() == any_architecture().layer_names().len())
    }
}

impl FromStr for KeepFloat {
    type Err = LayerNameError;

    fn from_str(text: &str) -> Result<Self, LayerNameError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let names = text.split(',').map(str::trim);
        LayerSet::from_names(&any_architecture(), names).map(Self::Layers)
    }
}
