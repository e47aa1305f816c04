//! Quantises weights on a folder of pictures.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use image::RgbImage;
use mbn_cli::{Hint, progress};
use mbn_data::{Normalizer, shuffled};
use mbn_quant::{
    AGREES, Agreement, Calibration, Cost, FEW, LEAST, MOST, Pictures, QuantError, keep_costliest, sensitivity,
};
use mbn_spec::text::{counted, listed};
use mbn_spec::{LayerSet, Preprocess, Quantization, WEIGHT_BITS};
use mbn_weights::{Quantized, Weights};

use crate::options::{KeepFloat, Recipe};
use crate::pictures;

/// Name of the option in messages.
const OPTION: &str = "--calibration";
/// Layers that a message names before it counts the others.
const NAMED: usize = 6;

/// Quantised weights.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// The weights.
    pub quantized: Quantized,
    /// How they came about.
    pub how: Quantization,
    /// The table of what each layer costs, if it was asked for.
    pub table: Option<String>,
}

/// Decoded and resized pictures.
struct Photos {
    images: Vec<RgbImage>,
    preprocess: Preprocess,
}

impl Pictures for Photos {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn size(&self) -> usize {
        self.preprocess.size
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        let normalizer = Normalizer::new(&self.preprocess);
        let len = 3 * self.preprocess.size * self.preprocess.size;
        let mut floats = vec![0.0; pictures.len() * len];
        for (image, slot) in self.images[pictures].iter().zip(floats.chunks_exact_mut(len)) {
            normalizer.apply(image, slot);
        }
        floats
    }
}

/// Quantises the weights.
///
/// # Errors
/// The folder has too few pictures that can be used, or weights or values are not finite.
pub fn quantise(weights: &Weights, recipe: &Recipe<'_>) -> Result<Calibrated> {
    let photos = photos(recipe.folder, weights.metadata().preprocess.unwrap_or_default())?;
    let n = photos.len();
    let folder = recipe.folder.display();
    if (LEAST..FEW).contains(&n) {
        log::warn!(
            "{n} pictures in `{OPTION} {folder}` are few: with {FEW} or more, ranges hardly depend on which ones they are"
        );
    }
    if n >= LEAST {
        log::info!("Measuring the ranges of values on {}", counted(n, "picture"));
    }
    let measured = match recipe.features {
        true => Calibration::measure_for_features(weights, &photos),
        false => Calibration::measure(weights, &photos),
    };
    let calibration = match measured {
        Err(error @ QuantError::TooFew { .. }) => {
            return Err(error)
                .with_context(|| format!("`{OPTION} {folder}` cannot be used"))
                .hint(|| "training photos serve well; their classes do not matter to calibration, but all should be there".to_owned());
        }
        measured => measured?,
    };
    let keep = match recipe.keep {
        KeepFloat::Layers(layers) => layers,
        KeepFloat::Auto => LayerSet::NONE,
    };
    let layers = weights.architecture().layer_names().len();
    let costs = match recipe.sensitivity || recipe.keep == KeepFloat::Auto {
        true => {
            let bar = progress::bar(
                layers as u64,
                "measuring what each layer costs {wide_bar} {pos}/{len}",
            );
            let costs = sensitivity(&calibration, recipe.method, |cost| {
                bar.inc(1);
                log::debug!("`{}` costs {:.1e}", cost.name, cost.agreement.relative_error);
            })?;
            bar.finish_and_clear();
            costs
        }
        false => Vec::new(),
    };
    let (quantized, agreement) = match recipe.keep {
        KeepFloat::Auto => {
            let costs = without_cheapest(&costs);
            keep_costliest(&calibration, recipe.method, &costs, keep, |cost, without| {
                let Agreement {
                    same_class, pictures, ..
                } = without;
                log::info!(
                    "The first class agrees on {same_class} of {pictures}: keeping `{}` in float32",
                    cost.name
                );
            })?
        }
        KeepFloat::Layers(_) => calibration.quantise(recipe.method, keep)?,
    };
    let float = quantized.float_layers().names(&quantized.architecture);
    if let KeepFloat::Layers(asked) = recipe.keep {
        let asked = asked.names(&quantized.architecture);
        let more: Vec<_> = float.iter().filter(|name| !asked.contains(name)).collect();
        if !more.is_empty() {
            log::info!(
                "Kept in float32 too: {}; a single layer between bytes ONNX Runtime would quantise by itself",
                listed(more.iter().map(|name| format!("`{name}`")), NAMED)
            );
        }
    }
    report(&agreement, &float, layers, recipe.keep);
    Ok(Calibrated {
        how: Quantization {
            format: "int8".to_owned(),
            weight_bits: WEIGHT_BITS,
            calibration: recipe.method.to_string(),
            pictures: n,
            equalised: true,
            bias_corrected: true,
            keep_float: float,
        },
        table: recipe.sensitivity.then(|| table(&costs)),
        quantized,
    })
}

fn report(agreement: &Agreement, float: &[String], layers: usize, keep: KeepFloat) {
    let Agreement {
        pictures,
        same_class,
        largest,
        mean,
        ..
    } = agreement;
    log::info!(
        "Beside float32, the first class agrees on {same_class} of {}; logits differ by {largest:.1e} at most, {mean:.1e} on average",
        counted(*pictures, "calibration picture"),
    );
    if keep == KeepFloat::Auto {
        let kept = match float.len() {
            0 => "no layer".to_owned(),
            n => format!(
                "{}: {}",
                counted(n, "layer"),
                listed(float.iter().map(|name| format!("`{name}`")), NAMED)
            ),
        };
        log::info!("Kept in float32: {kept}");
        if 2 * float.len() > layers {
            log::warn!(
                "eight bits serve this network badly: {} of {layers} layers stay float32\nhint: `--precision fp16` halves the file \
                 too, and stays nearer to float32",
                float.len()
            );
        }
    }
    if agreement.agrees() < AGREES {
        let hint = match keep {
            KeepFloat::Auto => "`--precision fp16` stays nearer to float32",
            KeepFloat::Layers(_) => {
                "`--sensitivity` shows which layers cost most, and `--keep-float auto` keeps those in float32"
            }
        };
        log::warn!(
            "int8 gives {} of {} another first class than float32\nhint: {hint}",
            pictures - same_class,
            counted(*pictures, "calibration picture"),
        );
    }
}

/// A random choice of the folder's pictures, always the same.
fn photos(folder: &Path, preprocess: Preprocess) -> Result<Photos> {
    let paths = pictures::paths(folder, OPTION)?;
    let chosen: Vec<_> = shuffled(0, 0, paths.len())
        .into_iter()
        .take(MOST)
        .map(|i| paths[i].clone())
        .collect();
    if chosen.len() < paths.len() {
        log::info!(
            "Taking {} of the {} in `{}`",
            chosen.len(),
            counted(paths.len(), "picture"),
            folder.display()
        );
    }
    let images = pictures::load_resized(&chosen, &preprocess);
    if images.is_empty() {
        return Err(pictures::none_usable(folder, OPTION, chosen.len()));
    }
    let usable = images.len();
    let images = distinct(images);
    if images.len() < usable {
        log::warn!(
            "`{OPTION} {}` has pictures that are equal once they are resized, and count once: without {}, it has {}",
            folder.display(),
            counted(usable - images.len(), "copy"),
            counted(images.len(), "picture")
        );
    }
    Ok(Photos { images, preprocess })
}

/// The pictures in their order, each once. Ranges that equal pictures show say nothing of others.
fn distinct(images: Vec<RgbImage>) -> Vec<RgbImage> {
    let mut seen = HashSet::new();
    let is_new: Vec<bool> = images.iter().map(|image| seen.insert(image.as_raw())).collect();
    drop(seen);
    let new = images.into_iter().zip(is_new).filter(|(_, is_new)| *is_new);
    new.map(|(image, _)| image).collect()
}

/// All layers but the cheapest, which stays int8 whatever is kept: a file whose layers are all float32 is none in int8.
fn without_cheapest(costs: &[Cost]) -> Vec<Cost> {
    let mut costs = costs.to_vec();
    costs.sort_by(|a, b| b.agreement.relative_error.total_cmp(&a.agreement.relative_error));
    costs.pop();
    costs
}

/// What each layer costs, the costliest first.
fn table(costs: &[Cost]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["layer", "error of the logits", "same first class"]);
    let mut costs: Vec<&Cost> = costs.iter().collect();
    costs.sort_by(|a, b| b.agreement.relative_error.total_cmp(&a.agreement.relative_error));
    for cost in costs {
        table.add_row([
            cost.name.clone(),
            format!("{:.4} %", 100.0 * cost.agreement.relative_error),
            format!("{} of {}", cost.agreement.same_class, cost.agreement.pictures),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "Each layer alone in 8 bits, all others in float32: mean squared error of the logits, as a part of their mean square\n\n{table}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_layer_is_never_kept() {
        let cost = |layer: usize, relative_error: f64| Cost {
            layer,
            name: layer.to_string(),
            agreement: Agreement {
                relative_error,
                ..Agreement::default()
            },
        };
        let costs = [cost(0, 0.5), cost(1, 0.1), cost(2, 0.9)];
        let layers: Vec<_> = without_cheapest(&costs).iter().map(|cost| cost.layer).collect();
        assert_eq!(layers, [2, 0]);
        assert_eq!(without_cheapest(&[]), []);
    }
}
