//! Truncated and damaged files.

use super::*;

#[test]
fn every_truncation_is_an_error_and_never_a_panic() {
    let bytes = Model::from(model()).to_bytes();
    for len in (0..bytes.len()).step_by(997).chain([1, 2, 3, bytes.len() - 1]) {
        let result = Model::from_bytes(&bytes[..len]).map(|model| check(&model));
        assert!(
            !matches!(result, Ok(Ok(_))),
            "{len} of {} bytes were accepted",
            bytes.len()
        );
    }
}

#[test]
fn flipped_bits_never_panic() {
    let bytes = Model::from(model()).to_bytes();
    let mut state = 7u64;
    for _ in 0..2000 {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let mut changed = bytes.clone();
        // The messages around the weights are at the front, the names of the constants throughout.
        let position = (state >> 33) as usize % bytes.len().min(16_384);
        changed[position] ^= 1 << ((state >> 20) % 8);
        if let Ok(model) = Model::from_bytes(&changed) {
            let _ = check(&model);
            let _ = model.to_folded();
        }
    }
}
