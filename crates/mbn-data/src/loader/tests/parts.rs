//! Parts of batches: what several processes make is what one makes.

use std::collections::BTreeMap;

use super::*;

/// Values and shares of the classes of a picture.
type Content = (Vec<f32>, Vec<(u32, f32)>);

/// The pictures of batches by their index.
fn by_picture(batches: &[Batch]) -> BTreeMap<usize, Content> {
    let mut found = BTreeMap::new();
    for batch in batches {
        let values = batch.images.chunks_exact(3 * batch.size * batch.size);
        for (i, values) in values.enumerate() {
            found.insert(batch.indices[i], (values.to_vec(), batch.shares(i)));
        }
    }
    found
}

#[test]
fn parts_hold_what_the_whole_batch_holds() {
    let mut mixed = Augment::default();
    (mixed.mixing.mixup, mixed.mixing.cutmix) = (0.4, 1.0);
    for (augment, batch) in [(Augment::default(), 7), (mixed.clone(), 7), (mixed, 8)] {
        let config = training(batch, 2).with_augment(augment);
        let source = Arc::new(Numbered::new(31));
        let whole = Loader::new(source.clone(), config.clone()).unwrap();
        for count in [1, 2, 3] {
            let part = |index| {
                let config = config.clone().with_part(BatchPart { index, count });
                Loader::new(source.clone(), config).unwrap()
            };
            let parts: Vec<_> = (0..count).map(part).collect();
            for (at, expected) in batches(&whole, 2).into_iter().enumerate() {
                let made: Vec<_> = parts
                    .iter()
                    .map(|part| batches(part, 2).swap_remove(at))
                    .collect();
                assert!(made.iter().all(|part| part.mixed == expected.mixed));
                assert_eq!(
                    by_picture(&made),
                    by_picture(&[expected]),
                    "{count} parts, batch {at}"
                );
            }
            for part in &parts {
                assert_eq!(part.batches_per_epoch(), whole.batches_per_epoch());
                assert_eq!(part.preview(2, 32).unwrap(), whole.preview(2, 32).unwrap());
            }
        }
    }
}

#[test]
fn a_part_may_be_empty_and_must_exist() {
    let source = Arc::new(Numbered::new(3));
    let of = |index, count| {
        let config = LoaderConfig::evaluation(small(), 2).with_part(BatchPart { index, count });
        Loader::new(source.clone(), config)
    };
    let first = batches(&of(0, 4).unwrap(), 0);
    assert_eq!(first.len(), 2);
    assert!(
        first
            .iter()
            .all(|batch| batch.labels.is_empty() && batch.images.is_empty())
    );
    assert!(matches!(
        of(2, 2).err(),
        Some(LoaderError::Part { index: 2, count: 2 })
    ));
}
