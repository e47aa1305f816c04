//! The pictures that training leaves beside its numbers: plain data in, PNG bytes out.
//!
//! [`curves`] draws accuracy and loss by epoch, [`confusion`] which classes are taken for which, [`gallery`] pictures with
//! captions. Nothing is read from the
//! machine: the font (DejaVu Sans) is part of the program, and the caller decides where the bytes go.
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
mod class_list;
mod confusion;
mod counts;
mod curves;
mod font;
mod gallery;
mod placement;
mod ticks;

pub use confusion::{MAX_MATRIX_CLASSES, confusion};
pub use curves::{EpochPoint, curves};
pub use gallery::{Caption, Tile, Tone, gallery};

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// Curves need at least one epoch.
    #[error("no epochs to draw: the history is empty")]
    EmptyHistory,
    /// A confusion matrix needs at least one class.
    #[error("no classes to draw: the confusion matrix is empty")]
    NoClasses,
    /// The matrix has to be square, with a name for each class.
    #[error("the confusion matrix has {rows} rows for {names} class names")]
    RowCount {
        /// Rows of the matrix.
        rows: usize,
        /// Class names given.
        names: usize,
    },
    /// A row of the matrix has too few or too many columns.
    #[error("row {row} of the confusion matrix has {columns} columns, not one for each of {names} classes")]
    ColumnCount {
        /// Index of the offending row.
        row: usize,
        /// Its columns.
        columns: usize,
        /// Class names given.
        names: usize,
    },
    /// The picture's memory could not be laid out.
    #[error("a picture of {width} x {height} pixels is too large to draw")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The font built into the program could not be parsed.
    #[error("the built-in font cannot be read")]
    Font(#[from] ab_glyph::InvalidFont),
    /// PNG encoding failed.
    #[error("cannot encode the picture as PNG")]
    Encode(#[from] image::ImageError),
}
