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

impl FromStr for KeepFloat {
    type Err = LayerNameError;

    fn from_str(text: &str) -> Result<Self, LayerNameError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        // Layers have the same names in every network.
        let architecture = Architecture::new(Alpha::One, 1);
        let names = text.split(',').map(str::trim);
        LayerSet::from_names(&architecture, names).map(Self::Layers)
    }
}
