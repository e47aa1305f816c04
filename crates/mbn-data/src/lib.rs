//! From picture files to the network's input: data sets, decoding, resizing, augmentation and the batch loader.
//!
//! For training, [`open`] a data set ([`open_fold`] trains on one of STL-10's folds), wrap its parts in a
//! [`CachedSource`], and let a [`Loader`] make batches ahead of the training step. Single pictures take three steps:
//! [`decode_file`], [`resize()`] and [`normalize_into`]. [`collect`] expands the paths of a command line to picture
//! files.
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
mod cache_budget;
mod cached_source;
mod class_weights;
mod dataset;
mod decode;
mod file_kind;
mod grey;
mod image_source;
mod input_paths;
mod loader;
mod normalize;
mod panics;
mod picture;
mod picture_files;
mod random;
mod resize;
mod tar_pictures;
mod thumbnail;

pub use augment::{Augment, AugmentError, ColorJitter, EraseValue, Erasing, Mixing, Policy};
pub use cache_budget::{available_memory, default_cache_budget};
pub use cached_source::CachedSource;
pub use class_weights::class_weights;
pub use dataset::{
    ClassFolders, DataError, FolderError, FolderWarning, HoldOut, ImageFolder, OpenOptions, Share, Splits,
    Stl10, Stl10Error, Stl10ErrorKind, class_folders, is_stl10, labelled_folder, open, open_fold, open_with,
    part_to_test_on,
};
pub use decode::{
    DEFAULT_MAX_PIXELS, DecodeError, DecodeErrorKind, DecodeOptions, DecodeWarning, Decoded, MAX_FILE_BYTES,
    PictureFormat, check_bytes, check_bytes_with, check_file_with, decode_bytes, decode_bytes_with,
    decode_file, decode_file_with, decode_with_libjpeg, decode_with_png_crate, holding_memory,
    pixels_for_memory, read_heif,
};
pub use file_kind::FIRST_BYTES;
pub use grey::make_grey;
pub use image_source::ImageSource;
pub use input_paths::{CollectError, CollectErrorKind, Collected, Pictures, collect};
pub use loader::{
    BadPictures, Batch, BatchPart, Epoch, Example, Loader, LoaderConfig, LoaderError, Order, Unusable,
};
pub use mbn_heif::HeifError;
pub use normalize::{Normalizer, normalize_into};
pub use panics::{caught, hide_caught_panics};
pub use picture::Picture;
pub use picture_files::{LeftOut, is_picture_name};
pub use random::{sample_stream, shuffled};
pub use resize::{Crop, Filter, ResizeError, resize, resize_exactly};
pub use tar_pictures::{Embedded, TarPictures};
pub use thumbnail::thumbnail;
