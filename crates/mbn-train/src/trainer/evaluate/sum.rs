//! The results of all ranks from those of each on its images.

use anyhow::Result;

use super::tally::Tally;
use crate::ranks::Ranks;
use crate::run::Mistake;
use crate::trainer::together::exchange_unusable;

/// Sums before those of the confusion matrix: ranks with an error, ranks that the user stopped, images, and their losses.
const FIRST: usize = 4;

/// The sum of what each rank has; `None` if the user stopped one of them.
pub(super) fn over_ranks(ranks: &Ranks, own: Result<Option<Tally>>, classes: usize) -> Result<Option<Tally>> {
    if ranks.are_one() {
        return own;
    }
    let mut sums = vec![0.0; FIRST + classes * classes];
    match &own {
        Err(_) => sums[0] = 1.0,
        Ok(None) => sums[1] = 1.0,
        Ok(Some(tally)) => {
            (sums[2], sums[3]) = (tally.images as f64, tally.loss);
            let counts = sums[FIRST..].iter_mut().zip(tally.confusion.iter().flatten());
            counts.for_each(|(sum, count)| *sum = *count as f64);
        }
    }
    ranks.sum_f64(&mut sums)?;
    if sums[0] > 0.0 {
        return ranks.agree(own);
    }
    let Some(mut tally) = own?.filter(|_| sums[1] == 0.0) else {
        return Ok(None);
    };
    (tally.images, tally.loss) = (sums[2] as usize, sums[3]);
    let rows = sums[FIRST..].chunks(classes);
    let whole = |row: &[f64]| row.iter().map(|count| *count as u64).collect();
    tally.confusion = rows.map(whole).collect();
    if !tally.loss.is_finite() {
        // All ranks see that the run has diverged, and JSON has no number for a mistake's probability then.
        tally.mistakes.clear();
    }
    let mistakes = ranks.exchange(&serde_json::to_vec(&tally.mistakes)?)?;
    tally.mistakes.clear();
    for bytes in mistakes {
        let found: Vec<Mistake> = serde_json::from_slice(&bytes)?;
        tally.mistakes.extend(found);
    }
    tally.sort_mistakes();
    tally.unusable = exchange_unusable(ranks, tally.unusable)?;
    Ok(Some(tally))
}
