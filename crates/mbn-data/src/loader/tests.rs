//! The loader as a whole. This file tests which pictures its batches hold.

mod bad_pictures;
mod crops;
mod lost_files;
mod parts;
mod threads;

use mbn_spec::Preprocess;

use super::*;
use crate::augment::Augment;
use crate::image_source::tests::Numbered;

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
fn an_epoch_does_not_depend_on_earlier_ones() {
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
fn evaluation_has_every_picture_once_and_in_order() {
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

fn resize_of(source: &dyn ImageSource, index: usize) -> image::RgbImage {
    crate::resize(&source.load(index).unwrap(), &small()).unwrap()
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
fn an_epoch_can_start_in_the_middle() {
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
fn refuses_empty_sources_and_batches() {
    let empty = Loader::new(Arc::new(Numbered::new(0)), training(4, 1));
    assert!(matches!(empty.err(), Some(LoaderError::EmptySource)));
    let no_batch = Loader::new(Arc::new(Numbered::new(4)), training(0, 1));
    assert!(matches!(no_batch.err(), Some(LoaderError::BatchSize)));
}
