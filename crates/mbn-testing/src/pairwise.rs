//! Combinations of options in which every two values of different options meet.

use std::collections::BTreeSet;

/// Random rows that are tried for each row of the result: more make it shorter.
const CANDIDATES: usize = 60;
/// Random rows that are tried before a pair counts as impossible.
const TRIES: usize = 4000;

/// Rows with one level, from 0, for each factor; factor `i` has `levels[i]` of them. Every pair of levels of two factors is in
/// some row, unless no row that is `valid` has it. Always the same rows for the same factors.
pub fn pairwise(levels: &[usize], valid: impl Fn(&[usize]) -> bool) -> Vec<Vec<usize>> {
    let mut missing: BTreeSet<[usize; 4]> = BTreeSet::new();
    for (i, &of_i) in levels.iter().enumerate() {
        for (j, &of_j) in levels.iter().enumerate().skip(i + 1) {
            missing.extend((0..of_i).flat_map(|a| (0..of_j).map(move |b| [i, a, j, b])));
        }
    }
    let mut state = 7u64;
    let mut below = move |n: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    let mut rows = Vec::new();
    while let Some(&[i, a, j, b]) = missing.first() {
        let mut best: Option<(usize, Vec<usize>)> = None;
        let mut found = 0;
        for _ in 0..TRIES {
            let mut row: Vec<usize> = levels.iter().map(|&n| below(n)).collect();
            (row[i], row[j]) = (a, b);
            if !valid(&row) {
                continue;
            }
            let new = missing
                .iter()
                .filter(|[i, a, j, b]| row[*i] == *a && row[*j] == *b)
                .count();
            if best.as_ref().is_none_or(|(most, _)| new > *most) {
                best = Some((new, row));
            }
            found += 1;
            if found == CANDIDATES {
                break;
            }
        }
        match best {
            Some((_, row)) => {
                missing.retain(|[i, a, j, b]| row[*i] != *a || row[*j] != *b);
                rows.push(row);
            }
            // No row has this pair.
            None => drop(missing.pop_first()),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_possible_pair_is_there_and_none_that_is_not() {
        let levels = [4, 3, 2, 2, 5];
        let valid = |row: &[usize]| row[0] != 1 || row[1] == 2;
        let rows = pairwise(&levels, valid);
        assert!(
            rows.iter().all(|row| valid(row)) && rows.len() < 40,
            "{}",
            rows.len()
        );
        let has = |i: usize, a, j: usize, b| rows.iter().any(|row| row[i] == a && row[j] == b);
        for i in 0..5 {
            for j in i + 1..5 {
                for (a, b) in (0..levels[i]).flat_map(|a| (0..levels[j]).map(move |b| (a, b))) {
                    assert_eq!(has(i, a, j, b), (i, j, a) != (0, 1, 1) || b == 2);
                }
            }
        }
    }
}
