use std::cell::Cell;

use super::*;

/// The next number from -0.5 to 0.5 of a linear congruential generator.
fn noise(state: &Cell<u64>) -> f64 {
    let next = state
        .get()
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    state.set(next);
    (next >> 40) as f64 / f64::from(1 << 24) - 0.5
}

/// What a batch adds to the loss at any rate.
fn batch(step: usize) -> f64 {
    0.4 * ((step * 7919 % 31) as f64 / 31.0 - 0.5)
}

/// The initial weights, whose loss is 2.3.
fn untrained() -> Trial {
    let mut trial = Trial::untrained(Steps::of_run(1000));
    (1..=80).for_each(|step| trial.add(step, 2.3 + batch(step)));
    trial
}

/// A trial of a rate, whose loss goes from 2.3 to `end`.
fn trial(rate: f64, end: f64, own: &Cell<u64>, own_noise: f64) -> Trial {
    let mut trial = Trial::new(rate, &untrained());
    let steps = trial.steps();
    for step in 1..=steps.count() {
        let share = (step as f64 / steps.before_scored() as f64).min(1.0);
        trial.add(
            step,
            2.3 + share * (end - 2.3) + batch(step) + own_noise * noise(own),
        );
        if trial.has_diverged() {
            break;
        }
    }
    trial
}

/// A finished search, and the rates in the order of their trials.
fn search(usual: f64, seed: u64, end: impl Fn(f64) -> f64, own_noise: f64) -> (RateSearch, Vec<f64>) {
    let own = Cell::new(seed);
    // The first numbers from neighbouring seeds are alike.
    for _ in 0..80 {
        noise(&own);
    }
    let mut search = RateSearch::new(usual, untrained());
    let mut rates = Vec::new();
    while let Some(rate) = search.next_rate() {
        rates.push(rate);
        search.add(trial(rate, end(rate), &own, own_noise));
    }
    (search, rates)
}

/// A loss that is lowest at `best` and rises on either side, by 0.3 for a factor of ten.
fn valley(best: f64) -> impl Fn(f64) -> f64 {
    move |rate| 1.4 + 0.3 * (rate / best).log10().powi(2)
}

#[test]
fn the_search_goes_outwards_and_stops_on_either_side() {
    let (found, rates) = search(0.1, 1, valley(0.1), 0.02);
    assert_eq!(rates, [0.1, 0.32, 0.032, 1.0, 0.01]);
    assert_eq!(found.suggestion(), Some(0.1));
    assert!(found.trials().map(Trial::rate).is_sorted());
    // A usual rate that is not round is tried as it is.
    let (_, rates) = search(0.025, 1, valley(0.025), 0.02);
    assert_eq!(rates, [0.025, 0.079, 0.0079, 0.25, 0.0025]);
}

#[test]
fn the_best_rate_is_found_wherever_it_is() {
    for (usual, best) in [(0.1, 1.0), (0.1, 0.001), (0.0125, 1.25), (0.002, 2e-6)] {
        for seed in 0..20 {
            let (found, rates) = search(usual, seed, valley(best), 0.1);
            let suggestion = found.suggestion().unwrap();
            let tenths = (suggestion / best).log10();
            assert!(
                (-0.1..0.6).contains(&tenths),
                "{suggestion} for {best}, seed {seed}"
            );
            // The other side is left alone after two.
            let beyond = |rate: &&f64| {
                if best > usual {
                    **rate < usual
                } else {
                    **rate > usual
                }
            };
            assert!(rates.iter().filter(beyond).count() <= 2, "{rates:?}");
        }
    }
}

#[test]
fn of_rates_that_are_equally_good_the_highest_is_suggested() {
    let plateau = |rate: f64| if (0.005..0.5).contains(&rate) { 1.5 } else { 2.0 };
    for seed in 0..20 {
        let (found, _) = search(0.1, seed, plateau, 0.0);
        assert_eq!(found.suggestion(), Some(0.32));
        // Batches of few images differ by more than the rates: only their differences tell rates apart.
        let (found, rates) = search(0.1, seed, plateau, 0.05);
        assert!(found.best().unwrap().score().unwrap().error > 0.02);
        assert!([0.1, 0.32].contains(&found.suggestion().unwrap()), "seed {seed}");
        assert!(rates.contains(&1.0));
    }
}

/// The losses of an unsteady rate have so large an error that they are within noise of the lowest.
#[test]
fn an_unsteady_rate_is_not_suggested() {
    let own = Cell::new(1);
    let mut search = RateSearch::new(0.1, untrained());
    while let Some(rate) = search.next_rate() {
        let mut tried = trial(rate, valley(0.1)(rate), &own, 0.01);
        if rate > 0.1 {
            tried = Trial::new(rate, &untrained());
            (1..=80).for_each(|step| tried.add(step, if step % 20 == 0 { 4.0 } else { 1.4 + batch(step) }));
        }
        search.add(tried);
    }
    let unsteady = search.trials().find(|trial| trial.rate() > 0.1).unwrap();
    assert!(!search.is_worse(unsteady) && search.has_fallen(unsteady));
    assert_eq!(search.suggestion(), Some(0.1));
}

#[test]
fn a_rate_that_diverges_ends_the_upper_side() {
    let end = |rate: f64| {
        if rate > 0.05 {
            f64::INFINITY
        } else {
            valley(0.01)(rate)
        }
    };
    let (found, rates) = search(0.1, 1, end, 0.02);
    assert_eq!(rates[..4], [0.1, 0.032, 0.01, 0.0032]);
    assert_eq!(found.suggestion(), Some(0.01));
    assert!(found.trials().last().unwrap().has_diverged());
    // Rates that end at several times the loss of the initial weights.
    let end = |rate: f64| if rate > 0.5 { 20.0 } else { valley(0.1)(rate) };
    let (found, rates) = search(0.1, 1, end, 0.02);
    assert!(rates.contains(&1.0) && !rates.contains(&3.2));
    assert_eq!(found.suggestion(), Some(0.1));
}

#[test]
fn nothing_is_suggested_if_every_rate_diverges() {
    let (found, rates) = search(0.1, 1, |_| f64::NAN, 0.02);
    assert_eq!((found.suggestion(), rates.len()), (None, 7));
    assert_eq!(*rates.last().unwrap(), 1e-4);
}

#[test]
fn noise_alone_suggests_nothing() {
    let mut suggested = 0;
    for seed in 0..200 {
        let (found, rates) = search(0.1, seed, |_| 2.3, 0.3);
        assert!(rates.iter().all(|rate| (1e-4..=10.0).contains(rate)));
        suggested += usize::from(found.suggestion().is_some());
    }
    assert!(suggested <= 2, "{suggested} of 200");
    // A loss that falls by next to nothing does not tell a rate, however sure the fall.
    assert_eq!(search(0.1, 1, |_| 2.29, 0.0).0.suggestion(), None);
    assert_eq!(search(0.1, 1, |rate| 2.5 + rate, 0.02).0.suggestion(), None);
}

#[test]
fn a_suggestion_at_an_end_of_the_range_is_known_as_such() {
    for (best, end) in [(5e-5, true), (0.1, false), (20.0, true)] {
        let (found, _) = search(0.1, 1, valley(best), 0.0);
        assert_eq!(found.suggests_an_end(), end, "{best}: {:?}", found.suggestion());
    }
}
