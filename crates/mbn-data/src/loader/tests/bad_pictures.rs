//! Pictures that cannot be used: left out beforehand, or skipped when they come.

use std::collections::BTreeSet;

use super::*;
use crate::augment::Mixing;

const BROKEN: usize = 7;
const PICTURE: usize = 3 * 32 * 32;

/// Twenty pictures, of which one may be broken.
fn source(broken: Option<usize>) -> Arc<Numbered> {
    Arc::new(Numbered {
        broken,
        ..Numbered::new(20)
    })
}

fn skipping(without: &[usize]) -> LoaderConfig {
    let without = without.iter().copied().collect();
    training(4, 2).with_bad_pictures(without, BadPictures::Skip)
}

/// Each picture of an epoch by its index.
fn pictures(loader: &Loader, epoch: u64) -> Vec<(usize, Vec<f32>)> {
    let batches = batches(loader, epoch);
    let pictures = batches
        .iter()
        .flat_map(|batch| batch.indices.iter().copied().zip(batch.images.chunks(PICTURE)));
    let mut pictures: Vec<_> = pictures.map(|(index, values)| (index, values.to_vec())).collect();
    pictures.sort_by_key(|(index, _)| *index);
    pictures
}

#[test]
fn a_broken_picture_ends_the_epoch_or_is_skipped() {
    let loader = Loader::new(source(Some(BROKEN)), training(4, 2)).unwrap();
    assert!(loader.epoch(0).any(|batch| batch.is_err()));
    let loader = Loader::new(source(Some(BROKEN)), skipping(&[])).unwrap();
    let whole = Loader::new(source(None), training(4, 2)).unwrap();
    for epoch in [0, 3] {
        let (found, expected) = (batches(&loader, epoch), batches(&whole, epoch));
        assert_eq!(found.len(), 5);
        for (found, expected) in found.iter().zip(&expected) {
            // The rest of the batch is the same, in the same order.
            let at = expected.indices.iter().position(|&index| index == BROKEN);
            let Some(at) = at else {
                assert_eq!(found, expected);
                continue;
            };
            let mut expected = expected.clone();
            expected.indices.remove(at);
            expected.labels.remove(at);
            expected.images.drain(at * PICTURE..(at + 1) * PICTURE);
            expected.unusable.clone_from(&found.unusable);
            assert_eq!(found, &expected);
            assert_eq!(found.unusable.len(), 1);
            assert_eq!(
                (found.unusable[0].index, &found.unusable[0].reason[..]),
                (BROKEN, "the file is empty")
            );
        }
    }
}

/// Batches have other members, but each picture is augmented as before.
#[test]
fn pictures_that_are_left_out_do_not_change_the_others() {
    let loader = Loader::new(source(Some(BROKEN)), skipping(&[BROKEN, 0, 3, 19])).unwrap();
    assert_eq!((loader.samples_per_epoch(), loader.batches_per_epoch()), (16, 4));
    let whole = Loader::new(source(None), training(4, 2)).unwrap();
    for epoch in [0, 5] {
        let found = pictures(&loader, epoch);
        let expected = pictures(&whole, epoch)
            .into_iter()
            .filter(|(index, _)| ![BROKEN, 0, 3, 19].contains(index));
        assert!(found == expected.collect::<Vec<_>>());
        assert!(
            batches(&loader, epoch)
                .iter()
                .all(|batch| batch.unusable.is_empty())
        );
    }
}

#[test]
fn an_epoch_of_fewer_pictures_can_start_in_the_middle() {
    let loader = Loader::new(source(Some(BROKEN)), skipping(&[2, 11])).unwrap();
    let whole = batches(&loader, 1);
    assert_eq!(whole.len(), 4);
    for first in 0..5 {
        let rest: Vec<_> = loader
            .epoch_from(1, 32, first)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rest, whole[first.min(4)..]);
    }
}

#[test]
fn evaluation_leaves_out_the_same_pictures() {
    let config = LoaderConfig::evaluation(small(), 4).with_bad_pictures([1].into(), BadPictures::Skip);
    let loader = Loader::new(source(Some(BROKEN)), config).unwrap();
    let made = batches(&loader, 0);
    let indices: Vec<_> = made.iter().flat_map(|batch| batch.indices.clone()).collect();
    let expected: Vec<_> = (0..20).filter(|index| ![1, BROKEN].contains(index)).collect();
    assert_eq!(indices, expected);
}

/// A batch may lose its last picture, also if it would be mixed.
#[test]
fn a_batch_may_be_empty() {
    let augment = Augment {
        mixing: Mixing {
            mixup: 1.0,
            ..Mixing::default()
        },
        ..Augment::none()
    };
    for crops in [false, true] {
        let config = LoaderConfig::training(small(), 1, 0)
            .with_augment(augment.clone())
            .with_crops(crops);
        let config = config.with_bad_pictures(BTreeSet::new(), BadPictures::Skip);
        let loader = Loader::new(source(Some(BROKEN)), config).unwrap();
        let made = batches(&loader, 0);
        assert_eq!(made.len(), 20);
        let empty: Vec<_> = made.iter().filter(|batch| batch.labels.is_empty()).collect();
        assert_eq!((empty.len(), empty[0].unusable[0].index), (1, BROKEN));
        assert!(empty[0].images.is_empty());
    }
}

#[test]
fn crops_of_broken_pictures_are_skipped() {
    let config = LoaderConfig::training(small(), 4, 0).with_crops(true);
    let config = config.with_bad_pictures(BTreeSet::new(), BadPictures::Skip);
    let loader = Loader::new(source(Some(BROKEN)), config).unwrap();
    let made = batches(&loader, 0);
    let crops: usize = made.iter().map(|batch| batch.crops.as_ref().unwrap().len()).sum();
    assert_eq!(crops, 19);
}

/// Their batches are what they are without them, mixed or not, and nobody looks for their files.
#[test]
fn pictures_that_are_known_to_be_broken_are_not_loaded() {
    let mixed = Augment {
        mixing: Mixing {
            mixup: 1.0,
            ..Mixing::default()
        },
        ..Augment::default()
    };
    for (augment, crops) in [
        (Augment::default(), false),
        (Augment::default(), true),
        (mixed, false),
    ] {
        let config = skipping(&[]).with_augment(augment).with_crops(crops);
        let found_broken = Loader::new(source(Some(BROKEN)), config.clone()).unwrap();
        let known = source(Some(BROKEN));
        let mut loader = Loader::new(known.clone(), config).unwrap();
        loader.lack(&BTreeSet::from([BROKEN]));
        let mut expected = batches(&found_broken, 1);
        for batch in &mut expected {
            batch.unusable.clear();
        }
        assert_eq!(batches(&loader, 1), expected);
        assert_eq!(known.loads.load(std::sync::atomic::Ordering::Relaxed), 19);
    }
}

#[test]
fn nothing_left_is_an_error() {
    let all: Vec<usize> = (0..20).collect();
    let loader = Loader::new(source(None), skipping(&all));
    assert!(matches!(loader.err(), Some(LoaderError::EmptySource)));
}
