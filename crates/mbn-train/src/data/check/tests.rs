//! Faults of images and of the machine.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mbn_cli::message;
use mbn_data::{DecodeErrorKind, LeftOut, Picture};

use super::*;

/// Four images, of which one cannot be read.
struct Source {
    classes: Vec<String>,
    paths: Vec<PathBuf>,
    fault: Option<fn() -> DecodeErrorKind>,
}

impl Source {
    fn new(fault: Option<fn() -> DecodeErrorKind>) -> Arc<Self> {
        Arc::new(Self {
            classes: vec!["a".to_owned(), "b".to_owned()],
            paths: (0..4).map(|i| PathBuf::from(format!("{i}.png"))).collect(),
            fault,
        })
    }
}

impl ImageSource for Source {
    fn len(&self) -> usize {
        self.paths.len()
    }
    fn class_names(&self) -> &[String] {
        &self.classes
    }
    fn label(&self, index: usize) -> u32 {
        (index % 2) as u32
    }
    fn path(&self, index: usize) -> &Path {
        &self.paths[index]
    }
    fn load(&self, index: usize) -> Result<Picture, DecodeError> {
        self.check(index)?;
        Ok(image::RgbImage::new(8, 8).into())
    }
    fn check(&self, index: usize) -> Result<(), DecodeError> {
        match self.fault {
            Some(fault) if index == 2 => Err(DecodeError {
                path: self.paths[index].clone(),
                kind: fault(),
            }),
            _ => Ok(()),
        }
    }
}

fn checked(fault: fn() -> DecodeErrorKind, bad_images: BadImages) -> Result<Checked> {
    let data = Splits {
        name: "d".to_owned(),
        class_names: vec!["a".to_owned(), "b".to_owned()],
        train: Source::new(Some(fault)),
        test: Source::new(None),
        class_folders: Vec::new(),
        warnings: Vec::new(),
        left_out: LeftOut::default(),
        held_out: None,
        fingerprint: String::new(),
    };
    check_images(&data, bad_images, &ImageSet::default())
}

fn stale() -> DecodeErrorKind {
    io::Error::from(io::ErrorKind::StaleNetworkFileHandle).into()
}

fn missing() -> DecodeErrorKind {
    io::Error::from(io::ErrorKind::NotFound).into()
}

#[test]
fn a_fault_of_the_machine_leaves_no_image_out() {
    for bad_images in [BadImages::Fail, BadImages::Skip] {
        let error = checked(stale, bad_images).err().unwrap();
        let found = message(&error);
        assert!(
            found.contains("1 of 8 images in `d` cannot be read now"),
            "{found}"
        );
        assert!(
            found.contains("2.png") && found.contains("run the same command again"),
            "{found}"
        );
        assert!(!found.contains("--bad-images"), "{found}");
    }
    let left_out = checked(missing, BadImages::Skip).unwrap().unusable;
    assert_eq!(left_out.train.into_iter().collect::<Vec<_>>(), [2]);
    assert!(checked(missing, BadImages::Fail).is_err());
}

/// The run that ends goes on with the image, which nobody has to replace.
#[test]
fn a_run_goes_on_after_a_fault_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let hint = |kind: DecodeErrorKind| {
        let error = DecodeError {
            path: "2.png".into(),
            kind,
        };
        message(&usable::<()>(Err(error.into()), folder.path()).unwrap_err())
    };
    let found = hint(stale());
    assert!(
        found.contains("fault of the machine") && found.contains("run the same command again"),
        "{found}"
    );
    assert!(hint(missing()).contains("put an image that can be read in its place"));
    std::fs::write(folder.path().join(STATE), "").unwrap();
    assert!(hint(stale()).contains("continue with `mbn-train --resume "));
}
