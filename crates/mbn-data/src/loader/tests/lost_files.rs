//! Files that are gone or out of reach.

use std::collections::BTreeSet;

use super::*;

const STALE: usize = 7;

/// A disk that is gone is no reason to train on nothing.
#[test]
fn a_batch_of_files_that_are_gone_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for i in 0..4 {
            image::RgbImage::new(8, 8)
                .save(folder.path().join(class).join(format!("{i}.png")))
                .unwrap();
        }
    }
    let source = Arc::new(crate::labelled_folder(folder.path()).unwrap());
    let config = LoaderConfig::training(small(), 4, 0).with_bad_pictures(BTreeSet::new(), BadPictures::Skip);
    let part = |index| {
        let config = config.clone().with_part(BatchPart { index, count: 4 });
        Loader::new(source.clone(), config).unwrap()
    };
    let parts: Vec<_> = (0..4).map(part).collect();
    let loader = Loader::new(source.clone(), config.clone()).unwrap();
    std::fs::remove_file(folder.path().join("a/0.png")).unwrap();
    let made = batches(&loader, 0);
    assert_eq!(made.iter().map(|batch| batch.unusable.len()).sum::<usize>(), 1);
    // One of the parts, each of a single picture, has nothing left. Nor has a batch of one picture. The disk is there.
    let made: Vec<_> = parts.iter().flat_map(|part| batches(part, 0)).collect();
    let empty: Vec<_> = made.iter().filter(|part| part.labels.is_empty()).collect();
    assert_eq!((made.len(), empty.len()), (8, 1));
    assert_eq!(empty[0].unusable.len(), 1);
    let single = LoaderConfig {
        batch_size: 1,
        ..config
    };
    let single = Loader::new(source, single).unwrap();
    let made = batches(&single, 0);
    assert_eq!(made.iter().filter(|batch| batch.labels.is_empty()).count(), 1);
    // Nor is a whole class that was deleted all of it.
    std::fs::remove_dir_all(folder.path().join("a")).unwrap();
    assert_eq!(
        batches(&single, 0)
            .iter()
            .map(|batch| batch.labels.len())
            .sum::<usize>(),
        4
    );
    std::fs::remove_dir_all(folder.path().join("b")).unwrap();
    for loader in [&loader, &single] {
        let error = loader.epoch(1).next().unwrap().unwrap_err();
        assert!(matches!(error, LoaderError::Gone(_)), "{error}");
        let message = error.to_string();
        assert!(
            message.starts_with("images cannot be read any more, such as `"),
            "{message}"
        );
    }
    for part in &parts {
        let error = part.epoch(0).next().unwrap().unwrap_err();
        assert!(matches!(error, LoaderError::Gone(_)), "{error}");
    }
}

/// Pictures in memory hide that the disk is gone, but not that a single file is, even if one batch is the whole epoch.
#[test]
fn files_that_are_gone_are_noticed_beside_pictures_in_memory() {
    for (batch_size, count) in [(8, 1), (3, 1), (8, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        for class in ["a", "b"] {
            std::fs::create_dir_all(data.join(class)).unwrap();
            for i in 0..4 {
                let image = image::RgbImage::new(8, 8);
                image.save(data.join(class).join(format!("{i}.png"))).unwrap();
            }
        }
        let source = Arc::new(crate::labelled_folder(&data).unwrap());
        // Five of eight fit.
        let cached = Arc::new(crate::CachedSource::new(source, 5 * 8 * 8 * 3));
        for index in [0, 1, 3, 4, 6] {
            cached.load(index).unwrap();
        }
        let config = LoaderConfig::training(small(), batch_size, 0)
            .with_bad_pictures(BTreeSet::new(), BadPictures::Skip)
            .with_part(BatchPart { index: 0, count });
        let loader = Loader::new(cached, config).unwrap();
        std::fs::remove_file(data.join("b/1.png")).unwrap();
        let made = loader.epoch(0).map(Result::unwrap);
        let lost: Vec<_> = made.flat_map(|batch| batch.unusable).collect();
        assert!(lost.len() <= 1 && lost.iter().all(|picture| picture.index == 5));
        std::fs::rename(&data, folder.path().join("away")).unwrap();
        let epoch: Result<Vec<_>, _> = loader.epoch(0).collect();
        let error = epoch.unwrap_err();
        assert!(
            matches!(error, LoaderError::Gone(_)),
            "{batch_size}, {count}: {error}"
        );
    }
}

/// Pictures behind a network file system that is away.
struct Stale(Numbered);

impl ImageSource for Stale {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn class_names(&self) -> &[String] {
        self.0.class_names()
    }
    fn label(&self, index: usize) -> u32 {
        self.0.label(index)
    }
    fn path(&self, index: usize) -> &std::path::Path {
        self.0.path(index)
    }
    fn load(&self, index: usize) -> Result<crate::Picture, crate::DecodeError> {
        if index != STALE {
            return self.0.load(index);
        }
        Err(crate::DecodeError {
            path: self.0.path(index).to_owned(),
            kind: std::io::Error::from(std::io::ErrorKind::StaleNetworkFileHandle).into(),
        })
    }
}

#[test]
fn a_fault_of_the_machine_is_an_error_where_bad_pictures_are_skipped() {
    for crops in [false, true] {
        let config = training(4, 2)
            .with_bad_pictures(BTreeSet::new(), BadPictures::Skip)
            .with_crops(crops);
        let loader = Loader::new(Arc::new(Stale(Numbered::new(20))), config).unwrap();
        let errors: Vec<_> = loader.epoch(0).filter_map(Result::err).collect();
        assert!(errors.len() == 1 && errors[0].is_of_machine(), "{errors:?}");
    }
}
