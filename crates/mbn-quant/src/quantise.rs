//! The whole way from what the pictures show to a quantised network.

use mbn_spec::LayerSet;
use mbn_weights::{Quantized, without_lonely};

use crate::calibration::Calibration;
use crate::correct::correct;
use crate::{Agreement, Method, QuantError};

impl Calibration<'_> {
    /// The network with the layers in `float` in float32 and all others on bytes, its weights and biases corrected; and how far it is
    /// from the float network, on the pictures with which it was corrected. A layer in `float` that would stand alone between bytes
    /// is kept with the other of its block ([`without_lonely`]).
    ///
    /// # Errors
    /// candle fails.
    pub fn quantise(&self, method: Method, float: LayerSet) -> Result<(Quantized, Agreement), QuantError> {
        let float = without_lonely(&self.folded.architecture, float);
        let equalisation = self.equalisation.valid_with(&self.folded.architecture, float);
        let means = self
            .means
            .iter()
            .zip(&equalisation.divisors)
            .map(|(means, divisors)| {
                let scaled = means
                    .iter()
                    .zip(divisors)
                    .map(|(mean, divisor)| mean / f64::from(*divisor));
                scaled.collect::<Vec<f64>>()
            });
        let (quantized, logits) = correct(
            self,
            self.rounded(method, float),
            &equalisation.apply(&self.folded),
            &means.collect::<Vec<_>>(),
        )?;
        let agreement = Agreement::of(&logits, &self.logits, self.folded.architecture.classes);
        Ok((quantized, agreement))
    }
}
