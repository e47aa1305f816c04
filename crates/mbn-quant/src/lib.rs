//! Quantises MobileNetV1 to 8 bits after training: signed bytes for the weights of each output channel, unsigned bytes for
//! the values between layers.
//!
//! ```no_run
//! # fn f(weights: &mbn_weights::Weights, pictures: &dyn mbn_quant::Pictures) -> Result<(), mbn_quant::QuantError> {
//! use mbn_quant::{Calibration, Method};
//! use mbn_spec::LayerSet;
//!
//! let calibration = Calibration::measure(weights, pictures)?;
//! let (quantized, agreement) = calibration.quantise(Method::default(), LayerSet::NONE)?;
//! println!("the first class agrees on {} of {}", agreement.same_class, agreement.pictures);
//! # Ok(())
//! # }
//! ```
//!
//! candle runs the pictures twice: [`Calibration::measure`] takes each channel's largest value and mean, scales channels so
//! that their ranges agree (`equalise`), and counts the scaled values (`histogram`). From the counts follows each layer's
//! range (`range`), from that the bytes (`rounding`). `correct` then runs the network on bytes layer by layer, lets the
//! errors of a filter's weights cancel (`compensate`), and takes the mean shift of each channel out of its bias.
//! [`sensitivity`] tells what each layer costs. A network that gives its pooled features too needs
//! [`Calibration::measure_for_features`], which leaves their channels as they are.

mod agreement;
mod calibration;
mod channels;
mod compensate;
mod correct;
mod equalise;
mod error;
mod histogram;
mod pictures;
mod quantise;
mod range;
mod rounding;
mod sensitivity;

pub use agreement::Agreement;
pub use calibration::Calibration;
pub use error::QuantError;
pub use pictures::{FEW, LEAST, MOST, Pictures};
pub use range::{Method, UnknownMethod};
pub use sensitivity::{AGREES, Cost, keep_costliest, sensitivity};
