//! Batches of crops, which a device resizes, mirrors and normalises.

use super::*;
use crate::resize::carried_out;

/// The network's input of a batch of images or crops.
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
        // The last two sizes enlarge pictures of 40 x 36 pixels.
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
fn erasing_and_mixing_make_batches_of_images() {
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
fn a_preview_of_crops_equals_that_of_images() {
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
