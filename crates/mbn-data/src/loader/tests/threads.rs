//! How much is made ahead, and how an epoch ends.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_broken_picture_ends_the_epoch_with_an_error() {
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
    // The batch taken, those ahead of it and those in progress.
    let loaded = source.loads.load(Ordering::Relaxed);
    assert!(loaded <= 8 * 6, "{loaded} pictures were loaded");
}

#[test]
fn only_the_prefetched_batches_are_made_ahead() {
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

/// Looks at each picture that is loaded.
struct Watched(Numbered, fn(usize));

impl ImageSource for Watched {
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

    fn check(&self, index: usize) -> Result<(), crate::DecodeError> {
        self.0.check(index)
    }

    fn load(&self, index: usize) -> Result<crate::Picture, crate::DecodeError> {
        self.1(index);
        self.0.load(index)
    }
}

/// What the workers decode counts as memory for decoding until they have resized it, unlike what others decode.
#[test]
fn workers_hold_the_memory_of_their_pictures() {
    for crops in [false, true] {
        let config = LoaderConfig::evaluation(small(), 4)
            .with_workers(2)
            .with_crops(crops);
        let source = Watched(Numbered::new(9), |_| assert!(crate::decode::is_holding()));
        let loader = Loader::new(Arc::new(source), config).unwrap();
        assert_eq!(batches(&loader, 0).len(), 3);
    }
    assert!(!crate::decode::is_holding());
}

#[test]
fn a_panic_of_a_worker_is_an_error() {
    let config = LoaderConfig::evaluation(small(), 4).with_workers(2);
    let source = Watched(Numbered::new(20), |index| {
        assert!(index < 6, "a bug in a decoder")
    });
    let loader = Loader::new(Arc::new(source), config).unwrap();
    let mut epoch = loader.epoch(0);
    assert!(epoch.next().unwrap().is_ok());
    assert!(matches!(epoch.next().unwrap(), Err(LoaderError::Stopped)));
    assert!(epoch.next().is_none());
}

#[test]
fn loaders_on_the_same_workers_do_not_change_each_others_batches() {
    let source = Arc::new(Numbered::new(30));
    let alone = Loader::new(source.clone(), training(4, 2)).unwrap();
    let expected = batches(&alone, 1);
    let test = LoaderConfig::evaluation(small(), 4);
    let beside = alone.beside(source.clone(), test.clone()).unwrap();
    let others = batches(&Loader::new(source, test).unwrap(), 0);
    let (mut one, mut other) = (alone.epoch(1), beside.epoch(0));
    for i in 0..7 {
        assert!(one.next().unwrap().unwrap() == expected[i] && other.next().unwrap().unwrap() == others[i]);
    }
}
