use candle_core::Device;
use mbn_model::random_weights;
use mbn_spec::{Alpha, Architecture};

use super::*;
use crate::ranks::tests::on_ranks;

fn network() -> Network {
    let weights = random_weights(Architecture::new(Alpha::Quarter, 2), 1, &Device::Cpu).unwrap();
    let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    // Leaves the last block: two layers.
    network.freeze(13);
    network
}

/// One rank makes all sums, another stops after the first, and the third makes none.
#[test]
fn a_rank_that_cannot_go_on_makes_the_rest_with_zeros() {
    const LEN: usize = 1 + 2 * 256;
    let found = on_ranks(3, |ranks| {
        let sums = BatchNormSums::new(&ranks, &network());
        let mut found = Vec::new();
        for _ in 0..[4, 1, 0][ranks.rank()] {
            let mut values = [1.0 + ranks.rank() as f64; LEN];
            sums.sum(&mut values).unwrap();
            found.push(values[LEN - 1]);
        }
        sums.finish().unwrap();
        // All are there for what comes next.
        ranks.wait().unwrap();
        found
    });
    assert_eq!(found, [vec![3.0, 1.0, 1.0, 1.0], vec![3.0], vec![]]);
}

/// It would add up values that do not belong together.
#[test]
fn a_sum_that_is_not_due_is_refused() {
    on_ranks(2, |ranks| {
        let sums = BatchNormSums::new(&ranks, &network());
        let error = sums.sum(&mut [0.0; 7]).unwrap_err().to_string();
        assert!(error.contains("sum 0 of batch norm has 7 values"), "{error}");
        sums.finish().unwrap();
        let sums = BatchNormSums::new(&ranks, &network());
        for len in network().sums_over_ranks() {
            sums.sum(&mut vec![0.0; len]).unwrap();
        }
        assert!(sums.sum(&mut [0.0; 513]).is_err());
        sums.finish().unwrap();
    });
}

/// The error that the ranks lost each other by, which their passes only hand on, ends them.
#[test]
fn ranks_that_lost_each_other_make_no_more_sums() {
    let ended = on_ranks(2, |ranks| {
        if !ranks.is_main() {
            return None;
        }
        let sums = BatchNormSums::new(&ranks, &network());
        let own = sums.sum(&mut [0.0; 513]).unwrap_err().to_string();
        Some((own, sums.finish().unwrap_err().to_string()))
    });
    let (own, finished) = ended[0].clone().unwrap();
    assert!(finished.contains("one of them is gone"), "{finished}");
    // A backtrace may follow.
    assert!(own.starts_with(&finished), "{own}");
}
