use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mbn_spec::Preprocess;

use super::*;
use crate::augment::Augment;
use crate::resize::carried_out;
use crate::source::tests::Numbered;

fn small() -> Preprocess {
    Preprocess {
        size: 32,
        ..Preprocess::default()
    }
}

fn training(batch: usize, workers: usize) -> LoaderConfig {
    LoaderConfig::training(small(), batch, 42)
        .with_augment(Augment::default())
        .with_workers(workers)
}

fn batches(loader: &Loader, epoch: u64) -> Vec<Batch> {
    loader.epoch(epoch).map(Result::unwrap).collect()
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let source = Arc::new(Numbered::new(45));
    let one = Loader::new(source.clone(), training(8, 1)).unwrap();
    let three = Loader::new(source, training(8, 3)).unwrap();
    for epoch in [0, 1, 9] {
        assert_eq!(batches(&one, epoch), batches(&three, epoch));
    }
    assert_ne!(batches(&one, 0), batches(&one, 1));
}

#[test]
fn an_epoch_can_be_begun_without_those_before() {
    let source = Arc::new(Numbered::new(20));
    let loader = Loader::new(source.clone(), training(4, 2)).unwrap();
    let (_, second) = (batches(&loader, 0), batches(&loader, 1));
    let resumed = Loader::new(source, training(4, 2)).unwrap();
    assert_eq!(batches(&resumed, 1), second);
}

#[test]
fn training_has_full_batches_of_distinct_pictures() {
    let loader = Loader::new(Arc::new(Numbered::new(21)), training(4, 2)).unwrap();
    let made = batches(&loader, 0);
    assert_eq!((made.len(), loader.batches_per_epoch()), (5, 5));
    let mut seen: Vec<usize> = made.iter().flat_map(|batch| batch.indices.clone()).collect();
    assert_ne!(seen, (0..20).collect::<Vec<_>>());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 20);
    for batch in &made {
        assert_eq!(batch.images.len(), 4 * 3 * 32 * 32);
        assert!(
            batch
                .labels
                .iter()
                .zip(&batch.indices)
                .all(|(&label, i)| label as usize == i % 2)
        );
    }
}

#[test]
fn a_source_smaller_than_a_batch_is_one_batch() {
    let loader = Loader::new(Arc::new(Numbered::new(3)), training(64, 2)).unwrap();
    let made = batches(&loader, 0);
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].labels.len(), 3);
}

#[test]
fn evaluation_has_every_picture_in_order_as_preprocess_makes_it() {
    let source = Arc::new(Numbered::new(10));
    let loader = Loader::new(source.clone(), LoaderConfig::evaluation(small(), 4)).unwrap();
    let made = batches(&loader, 0);
    let sizes: Vec<usize> = made.iter().map(|batch| batch.labels.len()).collect();
    assert_eq!(sizes, [4, 4, 2]);
    let order: Vec<usize> = made.iter().flat_map(|batch| batch.indices.clone()).collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
    let picture = 3 * 32 * 32;
    for (position, index) in order.iter().enumerate() {
        let resized = resize_of(&*source, *index);
        let mut expected = vec![0.0; picture];
        crate::normalize_into(&resized, &small(), &mut expected);
        let batch = &made[position / 4];
        assert_eq!(
            batch.images[position % 4 * picture..][..picture],
            expected,
            "{index}"
        );
    }
}

fn resize_of(source: &dyn Source, index: usize) -> image::RgbImage {
    crate::apply(&source.load(index).unwrap(), &small()).unwrap()
}

#[test]
fn a_broken_picture_ends_the_epoch_with_its_name() {
    for workers in [1, 3] {
        let source = Arc::new(Numbered {
            broken: Some(9),
            ..Numbered::new(40)
        });
        let config = LoaderConfig::evaluation(small(), 4).with_workers(workers);
        let loader = Loader::new(source, config).unwrap();
        let mut epoch = loader.epoch(0);
        assert!(epoch.next().unwrap().is_ok());
        assert!(epoch.next().unwrap().is_ok());
        let error = epoch.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("`9.png`"), "{error}");
        assert!(epoch.next().is_none());
    }
}

#[test]
fn dropping_an_epoch_stops_the_work() {
    let source = Arc::new(Numbered::new(1_000_000));
    let config = LoaderConfig::evaluation(small(), 8).with_workers(2);
    let loader = Loader::new(source.clone(), config).unwrap();
    let mut epoch = loader.epoch(0);
    epoch.next().unwrap().unwrap();
    let start = Instant::now();
    drop(epoch);
    drop(loader);
    assert!(start.elapsed() < Duration::from_secs(5));
    // The batch taken, those ahead of it and those being made.
    let loaded = source.loads.load(Ordering::Relaxed);
    assert!(loaded <= 8 * 6, "{loaded} pictures were loaded");
}

#[test]
fn no_more_batches_are_made_than_are_asked_to_be_ahead() {
    let source = Arc::new(Numbered::new(1_000));
    let config = LoaderConfig::evaluation(small(), 5).with_workers(2);
    let loader = Loader::new(source.clone(), config).unwrap();
    let mut epoch = loader.epoch(0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while source.loads.load(Ordering::Relaxed) < 4 * 5 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(source.loads.load(Ordering::Relaxed), 4 * 5);
    assert!(epoch.next().is_some());
}

#[test]
fn each_epoch_can_have_its_own_size() {
    let loader = Loader::new(Arc::new(Numbered::new(8)), training(4, 2)).unwrap();
    let batch = loader.epoch_from(0, 48, 0).unwrap().next().unwrap().unwrap();
    assert_eq!((batch.size, batch.images.len()), (48, 4 * 3 * 48 * 48));
    assert!(loader.epoch_from(0, 0, 0).is_err());
    let batch = loader.epoch(0).next().unwrap().unwrap();
    assert_eq!((batch.size, batch.images.len()), (32, 4 * 3 * 32 * 32));
}

#[test]
fn a_preview_shows_the_first_batch() {
    let mut augment = Augment::default();
    augment.mixing.mixup = 1.0;
    let config = training(4, 2).with_augment(augment);
    let loader = Loader::new(Arc::new(Numbered::new(9)), config).unwrap();
    let batch = loader.epoch(3).next().unwrap().unwrap();
    let examples = loader.preview(3, 32).unwrap();
    assert!(batch.mixed.is_some());
    assert_eq!(examples.len(), 4);
    let picture = 3 * 32 * 32;
    for (i, example) in examples.iter().enumerate() {
        assert_eq!(example.index, batch.indices[i]);
        assert_eq!(example.shares, batch.shares(i));
        let mut again = vec![0.0; picture];
        crate::normalize_into(&example.image, &small(), &mut again);
        for (a, b) in again.iter().zip(&batch.images[i * picture..]) {
            // Half a level of a byte, divided by the smallest standard deviation.
            assert!((a - b).abs() <= 0.5 / 255.0 / 0.224 + 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn refuses_what_cannot_be_done() {
    let empty = Loader::new(Arc::new(Numbered::new(0)), training(4, 1));
    assert!(matches!(empty.err(), Some(LoaderError::EmptySource)));
    let no_batch = Loader::new(Arc::new(Numbered::new(4)), training(0, 1));
    assert!(matches!(no_batch.err(), Some(LoaderError::BatchSize)));
}

#[test]
fn an_epoch_goes_on_in_the_middle() {
    let loader = Loader::new(Arc::new(Numbered::new(11)), training(2, 2)).unwrap();
    let whole = batches(&loader, 3);
    assert_eq!(whole.len(), 5);
    for first in 0..7 {
        let rest = loader.epoch_from(3, 32, first).unwrap().map(Result::unwrap);
        assert_eq!(
            rest.collect::<Vec<_>>(),
            whole[first.min(5)..],
            "from batch {first}"
        );
    }
}

/// The network's input of a batch, however it holds it.
fn inputs(batch: &Batch) -> Vec<f32> {
    let Some(crops) = &batch.crops else {
        return batch.images.clone();
    };
    assert!(batch.images.is_empty());
    let picture = 3 * batch.size * batch.size;
    let mut inputs = vec![0.0; crops.len() * picture];
    for (crop, out) in crops.iter().zip(inputs.chunks_mut(picture)) {
        let image = carried_out(crop);
        assert_eq!(image.width() as usize, batch.size);
        crate::normalize_into(&image, &small(), out);
    }
    inputs
}

#[test]
fn crops_become_the_same_pictures() {
    let source = Arc::new(Numbered::new(9));
    let jitter = crate::ColorJitter {
        brightness: 0.4,
        hue: 0.1,
        ..crate::ColorJitter::default()
    };
    let augments = [
        None,
        Some(Augment::default()),
        Some(Augment {
            crop: false,
            ..Augment::default()
        }),
        Some(Augment {
            color_jitter: jitter,
            ..Augment::default()
        }),
        Some(Augment {
            policy: crate::Policy::TrivialAugment,
            ..Augment::default()
        }),
    ];
    for augment in augments {
        let config = LoaderConfig {
            augment,
            ..training(4, 2)
        };
        let images = Loader::new(source.clone(), config.clone()).unwrap();
        let crops = Loader::new(source.clone(), config.with_crops(true)).unwrap();
        let mut resized = 0;
        // Of pictures of 40 x 36 pixels, the last two sizes are enlarged.
        for size in [32, 40, 64] {
            let epochs = images
                .epoch_from(3, size, 0)
                .unwrap()
                .zip(crops.epoch_from(3, size, 0).unwrap());
            for (images, crops) in epochs.map(|(images, crops)| (images.unwrap(), crops.unwrap())) {
                assert!(images.crops.is_none());
                assert_eq!(crops.labels, images.labels);
                assert!(inputs(&crops) == images.images, "{:?} at {size}", crops.indices);
                let found = crops.crops.iter().flatten();
                resized += found
                    .filter(|crop| (crop.width, crop.height) == (size, size))
                    .count();
            }
        }
        let changes = crops
            .config()
            .augment
            .as_ref()
            .is_some_and(Augment::changes_pixels);
        assert_eq!(
            resized == 24,
            changes,
            "{resized} of 24 were resized by the loader"
        );
    }
}

#[test]
fn what_is_done_to_normalised_pictures_is_done_to_images() {
    let mut mixing = Augment::default();
    mixing.mixing.mixup = 0.2;
    let mut erasing = Augment::default();
    erasing.erasing.probability = 0.5;
    for augment in [mixing, erasing] {
        let config = training(4, 2).with_augment(augment);
        let source = Arc::new(Numbered::new(9));
        let images = Loader::new(source.clone(), config.clone()).unwrap();
        let crops = Loader::new(source, config.with_crops(true)).unwrap();
        assert_eq!(batches(&images, 3), batches(&crops, 3));
    }
}

#[test]
fn a_preview_of_crops_shows_them() {
    let source = Arc::new(Numbered::new(9));
    let images = Loader::new(source.clone(), training(4, 2)).unwrap();
    let crops = Loader::new(source, training(4, 2).with_crops(true)).unwrap();
    let examples = crops.preview(3, 48).unwrap();
    assert_eq!(examples.len(), 4);
    assert_eq!(examples, images.preview(3, 48).unwrap());
}

#[test]
fn a_broken_picture_ends_an_epoch_of_crops_too() {
    let source = Arc::new(Numbered {
        broken: Some(9),
        ..Numbered::new(12)
    });
    let config = LoaderConfig::evaluation(small(), 4).with_crops(true);
    let mut epoch = Loader::new(source, config).unwrap().epoch(0);
    assert!(epoch.next().unwrap().is_ok() && epoch.next().unwrap().is_ok());
    let error = epoch.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("`9.png`"), "{error}");
}
