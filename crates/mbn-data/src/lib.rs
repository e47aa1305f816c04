//! From picture files to the network's input: data sets, decoding, resizing, augmentation and the batch loader.
//!
//! For training, [`open`] a data set ([`open_fold`] for one of STL-10's folds), wrap its parts in a [`CachedSource`] if memory allows, and let a
//! [`Loader`] make batches ahead of the training step. For single pictures, [`decode_file`], [`apply`] and
//! [`normalize_into`] are the three steps; [`collect`] turns a command line's paths into files.
//!
//! ```no_run
//! use std::path::Path;
//! use mbn_data::{Augment, Loader, LoaderConfig};
//! use mbn_spec::Preprocess;
//!
//! let data = mbn_data::open(Path::new("imagenette"))?;
//! let config = LoaderConfig::training(Preprocess::default(), 64, 0).with_augment(Augment::default());
//! let loader = Loader::new(data.train, config)?;
//! for epoch in 0..20 {
//!     for batch in loader.epoch(epoch) {
//!         let batch = batch?;
//!         println!("{} images, first of class {}", batch.labels.len(), batch.labels[0]);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod augment;
mod collect;
mod dataset;
mod decode;
mod files;
mod folder;
mod loader;
mod normalize;
mod pattern;
mod random;
mod resize;
mod source;
mod stl10;
mod weights;

pub use augment::{Augment, AugmentError, ColorJitter, EraseValue, Erasing, Mixing, Policy};
pub use collect::{CollectError, CollectErrorKind, collect};
pub use dataset::{Splits, is_stl10, open, open_fold};
pub use decode::{
    DecodeError, DecodeErrorKind, Format, MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_SIDE, check_bytes,
    check_file, decode_bytes, decode_file,
};
pub use folder::{DataError, ImageFolder, class_folders, labelled_folder};
pub use loader::{Batch, Epoch, Example, Loader, LoaderConfig, LoaderError, Order};
pub use normalize::{Normalizer, normalize_into};
pub use random::{sample_stream, shuffled};
pub use resize::{Crop, Filter, ResizeError, apply};
pub use source::{CachedSource, Source, default_cache_budget};
pub use stl10::{Stl10, Stl10Error, Stl10ErrorKind};
pub use weights::class_weights;
