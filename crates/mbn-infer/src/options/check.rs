//! Options of the check against candle.

use super::{EngineKind, Options, ParityScope};

impl Options {
    /// Why the options of the check do not go together, if they do not.
    pub(super) fn wrong_check(&self) -> Option<&'static str> {
        let is_off = self.parity == Some(ParityScope::Off);
        if self.engine == Some(EngineKind::Candle) {
            if self.parity.is_some() && !is_off {
                return Some(
                    "`--parity` compares ONNX Runtime with candle, `--engine candle` runs candle alone",
                );
            }
            return self
                .tolerance
                .map(|_| "`--tolerance` has no effect with `--engine candle`");
        }
        match is_off {
            true if self.tolerance.is_some() => Some("`--tolerance` has no effect with `--parity off`"),
            true if self.weights.is_some() && self.engine == Some(EngineKind::Ort) => Some(
                "`--weights` has no effect with `--engine ort` and `--parity off`: only candle reads them, to compare or to classify",
            ),
            _ => None,
        }
    }

    /// Whether nothing reads the weights that are named once ONNX Runtime classifies.
    pub fn leaves_out_weights(&self) -> bool {
        self.weights.is_some() && self.parity == Some(ParityScope::Off)
    }

    /// Whether the user asked for something that only ONNX Runtime does: candle may not stand in for it.
    pub fn needs_onnx_runtime(&self) -> bool {
        self.engine == Some(EngineKind::Ort)
            || self.parity.is_some_and(|scope| scope != ParityScope::Off)
            || self.tolerance.is_some()
            || self.output_name.is_some()
            || self.cuda.provider_option().is_some()
    }
}
