//! The weights that are part of the program.

use mbn_weights::{Weights, WeightsErrorKind};

const BYTES: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../models/mobilenet_v1_0.25.safetensors"
));

/// A MobileNetV1 of alpha 0.25 for Imagenette's ten classes.
///
/// # Errors
/// None, unless the program was built with a broken file.
pub fn weights() -> Result<Weights, WeightsErrorKind> {
    Weights::from_bytes(BYTES)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_built_in_weights_can_be_read() {
        assert_eq!(super::weights().unwrap().architecture().classes, 10);
    }
}
