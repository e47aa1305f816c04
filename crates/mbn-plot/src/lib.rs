//! The pictures of a training run and of an evaluation: plain data in, PNG bytes out.
//!
//! [`curves`] draws accuracy and loss by epoch, [`confusion`] which classes are taken for which, [`reliability`] whether a
//! network is as often right as it is sure, [`rates`] the losses of short trainings at several learning rates, and [`gallery`] images
//! with captions. Nothing is read from the machine: the font (DejaVu Sans) is built in. The caller writes the bytes.
//!
//! ```
//! use mbn_plot::{EpochPoint, curves};
//!
//! let history = [EpochPoint { epoch: 1, train_loss: 2.1, train_accuracy: 24.0, test_loss: 1.9, test_accuracy: 31.5 }];
//! let png = curves(&history, "MobileNetV1 0.25")?;
//! assert!(png.starts_with(b"\x89PNG"));
//! # Ok::<(), mbn_plot::PlotError>(())
//! ```

mod axes;
mod canvas;
mod confusion;
mod curves;
mod font;
mod gallery;
mod panels;
mod placement;
mod rates;
mod reliability;
mod series;
mod ticks;

pub use confusion::{Confusion, MAX_MATRIX_CLASSES, confusion};
pub use curves::{EpochPoint, curves};
pub use gallery::{Caption, Tile, Tone, gallery};
pub use rates::{RateTrial, rates};
pub use reliability::{ReliabilityBin, reliability};

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// Curves need at least one epoch.
    #[error("no epochs to draw: the history is empty")]
    EmptyHistory,
    /// A comparison of learning rates needs at least one above 0.
    #[error("no learning rates to draw")]
    NoRates,
    /// A reliability diagram needs at least one image.
    #[error("no images to draw: all ranges of confidence are empty")]
    NoImages,
    /// A confusion matrix needs at least one class.
    #[error("no classes to draw: the confusion matrix is empty")]
    NoClasses,
    /// A confusion matrix needs a name for each class.
    #[error("the confusion matrix has {classes} classes for {names} class names")]
    ClassCount {
        /// Classes of the matrix.
        classes: usize,
        /// Class names given.
        names: usize,
    },
    /// There is no memory for the picture.
    #[error("a picture of {width} x {height} pixels is too large to draw")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The built-in font could not be parsed.
    #[error("the built-in font cannot be read")]
    Font(#[from] ab_glyph::InvalidFont),
    /// PNG encoding failed.
    #[error("cannot encode the picture as PNG")]
    Encode(#[from] image::ImageError),
}
