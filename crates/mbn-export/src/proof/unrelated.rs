//! Whether the integers of an int8 file come from the float network that it is said to be made from.

use anyhow::{Result, bail};
use mbn_engine::parity::Comparison;

use super::{Case, Proof};

/// The part of the reference's variance from which logits are no nearer to it than its mean is. Other weights give about twice this,
/// or less where few classes are apart by about the same on all pictures.
const NO_NEARER: f64 = 1.0;

impl Proof {
    /// Refuses an int8 file whose logits have nothing to do with the float network's. Where pictures ran, they decide, by the
    /// tolerance of eight bits. Noise may leave the ranges that a network was calibrated for, and decides more mildly.
    ///
    /// # Errors
    /// On the pictures, or in every case of noise, the logits are too far from the float network's.
    pub fn require_related(&self) -> Result<()> {
        let far = |case: &&Case| case.float.is_some_and(|float| !float.passed());
        let (noise, pictures): (Vec<_>, Vec<_>) = self.cases.iter().partition(|case| case.noise);
        let (refused, what) = match pictures.is_empty() {
            true => {
                let unrelated = |case: &&Case| far(case) && case.float.is_some_and(is_unrelated);
                (!noise.is_empty() && noise.iter().all(unrelated), "noise")
            }
            false => (pictures.iter().any(far), "the pictures"),
        };
        if refused {
            bail!(
                "its integers do not come from these weights, or eight bits do not serve them: on {what}, its logits are too far from \
                 those of the float weights: {self}"
            );
        }
        Ok(())
    }
}

fn is_unrelated(float: Comparison) -> bool {
    let differences = float.differences();
    2 * differences.same_class < differences.images
        || differences.unexplained().is_none_or(|part| part >= NO_NEARER)
}

#[cfg(test)]
mod tests {
    use mbn_engine::engine::Provider;
    use mbn_engine::parity::Tolerance;
    use mbn_engine::precision::ModelPrecision;

    use super::*;

    fn case(noise: bool, found: &[f32], expected: &[f32]) -> Case {
        let tolerance = Tolerance::of(ModelPrecision::Int8, &Provider::Cpu);
        let mut float = Comparison::new(tolerance, false);
        float.add(2, found, expected).unwrap();
        Case {
            noise,
            batch: 2,
            comparison: Comparison::new(tolerance, false),
            float: Some(float),
        }
    }

    #[test]
    fn pictures_decide_before_noise_and_one_case_that_is_near_suffices() {
        let expected = [4.0, -2.0, 1.0, -3.0, 2.0, -1.0];
        let (near, far) = ([3.0, -2.5, 0.0, -2.0, 2.0, 0.0], [-3.0, 2.0, 1.0, 3.0, -4.0, 1.0]);
        let refused = |cases: &[(bool, &[f32])]| {
            let cases = cases.iter().map(|(noise, found)| case(*noise, found, &expected));
            let engine = "an engine".to_owned();
            let proof = Proof {
                cases: cases.collect(),
                engine,
            };
            proof.require_related().is_err()
        };
        assert!(!refused(&[(true, &near)]));
        assert!(refused(&[(true, &far)]));
        assert!(!refused(&[(true, &far), (true, &near)]));
        assert!(!refused(&[(true, &far), (false, &near)]));
        assert!(refused(&[(true, &near), (false, &far)]));
        assert!(!refused(&[]));
        // Far as a bad range makes it, but related.
        let bad = expected.map(|value| value * 0.4);
        assert!(!refused(&[(true, &bad)]));
        assert!(refused(&[(false, &bad)]));
        // By chance nearer than the mean, with other first classes.
        let chance = [0.5, -1.0, 1.5, 0.0, -1.5, 0.5];
        assert!(refused(&[(true, &chance)]));
        assert!(refused(&[(true, &[f32::NAN; 6])]));
    }
}
