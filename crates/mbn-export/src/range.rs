//! Checks that the values between the layers fit into float16, which ends at 65504. ONNX Runtime computes float16 in float32
//! on the CPU, so that running the file there would not show an overflow.

use std::fmt;
use std::path::Path;

use anyhow::{Result, anyhow};
use candle_core::{Device, Tensor};
use mbn_cli::Hint;
use mbn_engine::images::PixelType;
use mbn_model::{Network, Ranges};
use mbn_onnx::{ExportOptions, Precision};
use mbn_spec::text::counted;
use mbn_spec::{LayerKind, Preprocess};
use mbn_weights::Weights;

use crate::noise::Noise;
use crate::pictures::{self, Sample};

/// What a value may reach, as a fraction of the largest float16: pictures that were not tried may give larger ones.
const SPARE: f32 = 0.5;
/// Pictures of noise.
const NOISE: usize = 3;
/// Pictures that candle runs at once.
const BATCH: usize = 16;
/// Layers that a message names before it counts the others.
const NAMED: usize = 3;

/// A value that float16 may not hold, and what computes it.
#[derive(Clone, Debug, PartialEq)]
struct Large {
    what: String,
    value: f32,
}

impl fmt::Display for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value } = self;
        match value.is_finite() {
            true if *value < 1e7 => write!(f, "{what} reaches {value:.0}"),
            true => write!(f, "{what} reaches {value:.1e}"),
            false => write!(f, "{what} is not finite"),
        }
    }
}

/// Refuses a float16 export of weights with which candle, in float32, computes values that float16 may not hold: on noise
/// and on the pictures in the folder `pictures`. With `allow` it only warns.
///
/// # Errors
/// A value is too large, or `pictures` has no picture that can be used.
pub fn check(weights: &Weights, options: &ExportOptions, pictures: Option<&Path>, allow: bool) -> Result<()> {
    if options.precision != Precision::Fp16 {
        return Ok(());
    }
    let preprocess = weights.metadata().preprocess.unwrap_or_default();
    let mut network = Network::from_weights(weights, &Device::Cpu)?;
    let mut measure = |values: Vec<f32>| -> Result<Ranges> {
        let n = values.len() / (3 * preprocess.size * preprocess.size);
        let images = Tensor::from_vec(values, (n, 3, preprocess.size, preprocess.size), &Device::Cpu)?;
        Ok(network.ranges(&images)?)
    };
    let noise = Noise::new(NOISE, preprocess.size).images();
    let mut ranges = measure(Sample::of_resized(noise, &preprocess).floats())?;
    let mut on = counted(NOISE, "noise picture");
    if let Some(folder) = pictures {
        let n = pictures::read(folder, &preprocess, PixelType::Float, BATCH, |sample| {
            ranges.extend(&measure(sample.floats())?);
            Ok(())
        })?;
        on += &format!(" and {} in `{}`", counted(n, "picture"), folder.display());
    }
    let limit = options.precision.max();
    let large = large_values(&ranges, &preprocess, options, limit * SPARE);
    if large.is_empty() {
        log::debug!("On {on}, every value is below half of what float16 holds");
        return Ok(());
    }
    let (named, more) = (
        &large[..large.len().min(NAMED)],
        large.len().saturating_sub(NAMED),
    );
    let mut text = named
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    let message = format!(
        "float16 holds values up to {limit}, with a factor of two to spare up to {:.0}: on {on}, {text}",
        limit * SPARE
    );
    if allow {
        log::warn!("{message}");
        return Ok(());
    }
    Err(anyhow!(message)).hint(|| {
        "`--precision fp32` holds such values; `--allow-overflow` writes the file nevertheless, and values above 65504 \
         become infinite in it"
            .to_owned()
    })
}

/// The values above `limit` that the float16 graph holds, in the order in which it computes them.
fn large_values(ranges: &Ranges, preprocess: &Preprocess, options: &ExportOptions, limit: f32) -> Vec<Large> {
    let mut values = Vec::new();
    let mut add = |what: String, value: f32| values.push(Large { what, value });
    let pixel = |c| {
        let (scale, offset) = preprocess.affine(c);
        f32::max(offset.abs(), (255.0 * scale + offset).abs())
    };
    add(
        "the normalised input".to_owned(),
        (0..3).map(pixel).fold(0.0, f32::max),
    );
    for range in &ranges.layers {
        let layer = &range.layer;
        let kind = match layer.kind {
            LayerKind::Stem => "the stem",
            LayerKind::Depthwise => "depthwise convolution",
            LayerKind::Pointwise => "pointwise convolution",
        };
        // Folded, the convolution gives what batch norm gave.
        if options.fold {
            add(format!("`{}` ({kind})", layer.conv_name()), range.normalised);
        } else {
            add(format!("`{}` ({kind})", layer.conv_name()), range.convolution);
            add(format!("`{}` (batch norm)", layer.norm_name()), range.normalised);
        }
    }
    add("the sum in the average pooling".to_owned(), ranges.pool_sum);
    add("`fc` (the logits)".to_owned(), ranges.logits);
    // A value that is not a number is no smaller than the limit.
    values.retain(|large| large.value > limit || large.value.is_nan());
    values
}
