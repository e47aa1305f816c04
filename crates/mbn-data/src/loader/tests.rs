use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mbn_spec::Preprocess;

use super::*;
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
fn recycled_memory_leaves_no_trace() {
    let source = Arc::new(Numbered::new(30));
    let loader = Loader::new(source, training(7, 2)).unwrap();
    let fresh = batches(&loader, 0);
    let mut epoch = loader.epoch(0);
    for expected in &fresh {
        let batch = epoch.next().unwrap().unwrap();
        assert_eq!(&batch, expected);
        let mut spoiled = batch;
        spoiled.images.fill(f32::NAN);
        loader.recycle(spoiled);
    }
    assert_eq!(batches(&loader, 0), fresh);
}

#[test]
fn the_size_can_change_between_epochs() {
    let mut loader = Loader::new(Arc::new(Numbered::new(8)), training(4, 2)).unwrap();
    loader.set_size(48).unwrap();
    assert_eq!(batches(&loader, 0)[0].images.len(), 4 * 3 * 48 * 48);
    assert!(loader.set_size(0).is_err());
    assert_eq!(batches(&loader, 0)[0].images.len(), 4 * 3 * 48 * 48);
}

#[test]
fn refuses_what_cannot_be_done() {
    let empty = Loader::new(Arc::new(Numbered::new(0)), training(4, 1));
    assert!(matches!(empty.err(), Some(LoaderError::EmptySource)));
    let no_batch = Loader::new(Arc::new(Numbered::new(4)), training(0, 1));
    assert!(matches!(no_batch.err(), Some(LoaderError::BatchSize)));
}

#[test]
fn bytes_are_the_same_pictures_before_the_normalisation() {
    let source = Arc::new(Numbered::new(9));
    let floats = Loader::new(source.clone(), training(4, 2)).unwrap();
    let bytes = Loader::new(source, training(4, 2).with_bytes(true)).unwrap();
    let normalizer = crate::normalize::Normalizer::new(&small());
    for (floats, bytes) in batches(&floats, 3).iter().zip(batches(&bytes, 3)) {
        assert!(bytes.images.is_empty() && floats.pixels.is_empty());
        assert_eq!(bytes.labels, floats.labels);
        let expected = floats.images.chunks(3 * 32 * 32);
        for (pixels, expected) in bytes.pixels.chunks(3 * 32 * 32).zip(expected) {
            let image = image::RgbImage::from_raw(32, 32, pixels.to_vec()).unwrap();
            let mut found = vec![0.0; expected.len()];
            normalizer.apply(&image, &mut found);
            assert_eq!(found, expected);
        }
    }
}
