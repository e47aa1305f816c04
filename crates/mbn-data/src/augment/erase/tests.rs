use super::*;
use crate::random::sample_stream;

const SIZE: usize = 64;

fn always(value: EraseValue) -> Erasing {
    Erasing {
        probability: 1.0,
        value,
        ..Erasing::default()
    }
}

#[test]
fn a_box_of_every_channel_is_filled_and_nothing_else() {
    let (mut least, mut most) = (1.0f64, 0.0f64);
    for index in 0..500 {
        let mut planes = vec![5.0; 3 * SIZE * SIZE];
        erase(
            &always(EraseValue::Mean),
            &mut planes,
            SIZE,
            &mut sample_stream(0, 0, index),
        );
        let erased: Vec<usize> = (0..planes.len()).filter(|&k| planes[k] != 5.0).collect();
        assert!(erased.iter().all(|&k| planes[k] == 0.0));
        let area = SIZE * SIZE;
        let first: Vec<usize> = erased.iter().copied().filter(|&k| k < area).collect();
        assert_eq!(erased.len(), 3 * first.len());
        assert!(
            first
                .iter()
                .all(|&k| planes[area + k] == 0.0 && planes[2 * area + k] == 0.0)
        );
        let side = |of: fn(usize) -> usize| {
            let low = first.iter().map(|&k| of(k)).min().unwrap();
            first.iter().map(|&k| of(k)).max().unwrap() - low + 1
        };
        let (height, width) = (side(|k| k / SIZE), side(|k| k % SIZE));
        assert_eq!(first.len(), height * width);
        // Sides are rounded to whole pixels.
        let (height, width) = (height as f64, width as f64);
        assert!((height + 0.5) / (width - 0.5) > 0.3 && (height - 0.5) / (width + 0.5) < 3.3);
        let part = first.len() as f64 / area as f64;
        (least, most) = (least.min(part), most.max(part));
    }
    assert!(
        (0.015..0.04).contains(&least) && (0.31..0.35).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn noise_is_normal() {
    let mut values = Vec::new();
    for index in 0..20 {
        let mut planes = vec![f32::INFINITY; 3 * SIZE * SIZE];
        erase(
            &always(EraseValue::Noise),
            &mut planes,
            SIZE,
            &mut sample_stream(0, 0, index),
        );
        values.extend(planes.into_iter().filter(|value| value.is_finite()));
    }
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n;
    // With over 10,000 draws, the standard errors are 0.01 and 0.014.
    assert!(
        n > 10_000.0 && mean.abs() < 0.05 && (variance - 1.0).abs() < 0.07,
        "{mean} {variance}"
    );
}

#[test]
fn erases_with_the_configured_probability() {
    let erasing = Erasing {
        probability: 0.25,
        ..Erasing::default()
    };
    let erased = |index| {
        let mut planes = vec![5.0; 3 * 256];
        erase(&erasing, &mut planes, 16, &mut sample_stream(4, 0, index));
        planes.contains(&0.0)
    };
    let count = (0..2000).filter(|&index| erased(index)).count();
    // Five standard deviations of a binomial with 2000 draws.
    assert!((403..597).contains(&count), "{count}");
}
