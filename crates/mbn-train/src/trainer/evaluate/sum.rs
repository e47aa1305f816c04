//! The results of all ranks from those of each on its images.

use anyhow::Result;
use mbn_plot::Confusion;

use super::tally::Tally;
use crate::ranks::Ranks;
use crate::run::Mistake;
use crate::trainer::together::exchange_unusable;

/// The sum of what each rank has; `None` if the user stopped one of them.
pub(super) fn over_ranks(ranks: &Ranks, own: Result<Option<Tally>>) -> Result<Option<Tally>> {
    if ranks.are_one() {
        return own;
    }
    let mut sums = match &own {
        Err(_) => [1.0, 0.0, 0.0, 0.0],
        Ok(None) => [0.0, 1.0, 0.0, 0.0],
        Ok(Some(tally)) => [0.0, 0.0, tally.images as f64, tally.loss],
    };
    ranks.sum_f64(&mut sums)?;
    let [failed, stopped, images, loss] = sums;
    if failed > 0.0 {
        return ranks.agree(own);
    }
    let Some(mut tally) = own?.filter(|_| stopped == 0.0) else {
        return Ok(None);
    };
    (tally.images, tally.loss) = (images as usize, loss);
    tally.confusion = confusion(ranks, &tally.confusion)?;
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

/// The sum of the ranks' confusion matrices. They exchange the pairs that occur, which are no more than the images.
fn confusion(ranks: &Ranks, own: &Confusion) -> Result<Confusion> {
    let own_pairs: Vec<_> = own.pairs().collect();
    let mut sum = Confusion::new(own.classes());
    for bytes in ranks.exchange(&serde_json::to_vec(&own_pairs)?)? {
        let pairs: Vec<(usize, usize, u64)> = serde_json::from_slice(&bytes)?;
        for (truth, predicted, images) in pairs {
            sum.add(truth, predicted, images);
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::tests::on_ranks;

    #[test]
    fn ranks_add_up_what_occurs_among_millions_of_classes() {
        // A matrix of all pairs would be 8 PB.
        const CLASSES: usize = 1 << 25;
        let sums = on_ranks(3, |ranks| {
            let mut tally = Tally::new(CLASSES);
            tally.confusion.add(CLASSES - 1, 0, 2);
            tally.confusion.add(ranks.rank(), ranks.rank(), 1);
            (tally.images, tally.loss) = (3, 0.5);
            over_ranks(&ranks, Ok(Some(tally))).unwrap().unwrap()
        });
        for sum in sums {
            let pairs: Vec<_> = sum.confusion.pairs().collect();
            assert_eq!(pairs, [(0, 0, 1), (1, 1, 1), (2, 2, 1), (CLASSES - 1, 0, 6)]);
            assert_eq!((sum.images, sum.loss), (9, 1.5));
        }
    }
}
