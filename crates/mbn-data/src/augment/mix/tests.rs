use super::*;
use crate::random::batch_stream;

fn mixup() -> Mixing {
    Mixing {
        mixup: 0.2,
        ..Mixing::default()
    }
}

fn cutmix() -> Mixing {
    Mixing {
        cutmix: 1.0,
        ..Mixing::default()
    }
}

/// Pictures of 4 x 4 pixels whose values identify picture and position.
fn batch(n: usize) -> Vec<f32> {
    (0..n * 48).map(|i| (i / 48 * 100 + i % 48) as f32).collect()
}

#[test]
fn mixup_blends_every_picture_with_its_partner() {
    for n in [1, 2, 5, 8] {
        let mut images = batch(n);
        let share = mix(&mixup(), &mut images, 4, &mut batch_stream(1, 2, n)).unwrap();
        assert!((0.0..=1.0).contains(&share));
        let before = batch(n);
        for i in 0..n {
            for k in 0..48 {
                let (own, other) = (before[i * 48 + k], before[(n - 1 - i) * 48 + k]);
                let expected = share * own + (1.0 - share) * other;
                // Two roundings of values below 1000.
                assert!((images[i * 48 + k] - expected).abs() < 1e-3);
            }
        }
    }
}

#[test]
fn cutmix_takes_a_box_from_the_partner_and_counts_its_pixels() {
    let (mut smallest, mut largest) = (1.0f32, 0.0f32);
    for index in 0..200 {
        let n = 5;
        let mut images = batch(n);
        let share = mix(&cutmix(), &mut images, 4, &mut batch_stream(0, 0, index)).unwrap();
        (smallest, largest) = (smallest.min(share), largest.max(share));
        let before = batch(n);
        for i in (0..n).filter(|&i| i != 2) {
            let own = |k: usize| images[i * 48 + k] == before[i * 48 + k];
            let other = |k: usize| images[i * 48 + k] == before[(n - 1 - i) * 48 + k];
            assert!((0..48).all(|k| own(k) != other(k)));
            let kept = (0..48).filter(|&k| own(k)).count();
            assert_eq!(share, kept as f32 / 48.0);
            // The same box in every channel.
            assert!((0..16).all(|k| own(k) == own(16 + k) && own(k) == own(32 + k)));
            let cut: Vec<usize> = (0..16).filter(|&k| other(k)).collect();
            let sides = |of: fn(usize) -> usize| {
                let (low, high) = (cut.iter().map(|&k| of(k)).min(), cut.iter().map(|&k| of(k)).max());
                low.zip(high).map_or(0, |(low, high)| high - low + 1)
            };
            assert_eq!(cut.len(), sides(|k| k / 4) * sides(|k| k % 4));
        }
    }
    // As in timm, half of a side below 4 is one pixel either way, so the largest box has 2 x 2 of 16 pixels.
    assert_eq!((smallest, largest), (0.75, 1.0));
}

#[test]
fn the_share_has_a_beta_distribution() {
    // Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
    for alpha in [0.2, 1.0, 4.0] {
        let mixing = Mixing {
            mixup: alpha,
            ..Mixing::default()
        };
        let share = |i| match draw(&mixing, 4, &mut batch_stream(0, 0, i)) {
            Some(Mix::Mixup(share)) => f64::from(share),
            other => panic!("{other:?}"),
        };
        let n = 20_000;
        let mean = (0..n).map(share).sum::<f64>() / n as f64;
        let variance = (0..n).map(|i| (share(i) - 0.5).powi(2)).sum::<f64>() / n as f64;
        // Five standard errors. The standard deviation is at most 0.5; the squares' is at most 0.125.
        assert!((mean - 0.5).abs() < 0.018, "{mean}");
        let expected = 1.0 / (4.0 * (2.0 * f64::from(alpha) + 1.0));
        assert!((variance - expected).abs() < 0.005, "{variance} {expected}");
    }
}

#[test]
fn each_kind_occurs_with_its_probability() {
    let mixing = Mixing {
        mixup: 0.2,
        cutmix: 1.0,
        probability: 0.5,
        switch: 0.25,
    };
    let (mut nothing, mut blended, mut cut) = (0, 0, 0);
    for i in 0..8000 {
        match draw(&mixing, 32, &mut batch_stream(3, 1, i)) {
            None => nothing += 1,
            Some(Mix::Mixup(_)) => blended += 1,
            Some(Mix::Cutmix { .. }) => cut += 1,
        }
    }
    // Five standard deviations of binomials with 8000 draws.
    assert!((3776..4224).contains(&nothing), "{nothing}");
    assert!((2783..3217).contains(&blended), "{blended}");
    assert!((852..1148).contains(&cut), "{cut}");
    let off = Mixing::default();
    assert_eq!(draw(&off, 32, &mut batch_stream(0, 0, 0)), None);
}
