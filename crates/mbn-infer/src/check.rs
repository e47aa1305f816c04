//! Which images' outputs are compared with candle's.

use anyhow::Result;
use mbn_engine::parity::Parity;

use crate::options::ParityScope;

/// The comparison of the images in a scope.
pub struct Check {
    parity: Parity,
    scope: ParityScope,
}

impl Check {
    /// A check of the images in `scope`.
    pub fn new(parity: Parity, scope: ParityScope) -> Self {
        Self { parity, scope }
    }

    /// Compares the outputs `found` of `n` images, if they are in the scope.
    ///
    /// # Errors
    /// As [`Parity::compare`].
    pub fn compare(&mut self, images: &[f32], n: usize, found: &[f32]) -> Result<()> {
        let wanted = match self.scope {
            ParityScope::Off => false,
            ParityScope::First => self.parity.differences().images == 0,
            ParityScope::All => true,
        };
        if wanted {
            self.parity.compare(images, n, found)?;
        }
        Ok(())
    }

    /// The comparison so far.
    pub fn parity(&self) -> &Parity {
        &self.parity
    }
}

#[cfg(test)]
mod tests {
    use mbn_engine::engine::{CandleEngine, Engine};
    use mbn_engine::parity::Tolerance;

    use super::*;

    #[test]
    fn the_first_batch_is_compared_once() {
        let weights = crate::builtin::weights().unwrap().fold();
        let images = vec![0.5; 3 * 32 * 32];
        let mut found = CandleEngine::new(&weights).unwrap().logits(&images, 1).unwrap();
        let parity = Parity::new(
            CandleEngine::new(&weights).unwrap(),
            Tolerance::absolute(1e-4),
            false,
        );
        let mut check = Check::new(parity, ParityScope::First);
        check.compare(&images, 1, &found).unwrap();
        found[0] += 1.0;
        check.compare(&images, 1, &found).unwrap();
        assert!(check.parity().passed());
        assert_eq!(check.parity().differences().images, 1);
    }
}
