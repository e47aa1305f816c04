//! Blocks numbered by stages of equal width, as timm and pytorchcv do.

/// Depthwise-separable blocks of each stage.
const STAGES: [usize; 5] = [1, 2, 2, 6, 2];

/// Stage of a block (1 to 13) and its place in the stage, both counted from 0.
pub(super) fn stage_and_unit(block: usize) -> (usize, usize) {
    let (mut stage, mut unit) = (0, block.saturating_sub(1));
    while stage < STAGES.len() && unit >= STAGES[stage] {
        unit -= STAGES[stage];
        stage += 1;
    }
    (stage, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_fill_the_stages_in_order() {
        let found: Vec<_> = (1..=13).map(stage_and_unit).collect();
        let expected = [
            (0, 0),
            (1, 0),
            (1, 1),
            (2, 0),
            (2, 1),
            (3, 0),
            (3, 1),
            (3, 2),
            (3, 3),
            (3, 4),
            (3, 5),
            (4, 0),
            (4, 1),
        ];
        assert_eq!(found, expected);
    }
}
