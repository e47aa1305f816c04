//! What quantising each layer costs, and the layers that are best kept in float32.

use mbn_model::QuantizedNetwork;
use mbn_spec::LayerSet;
use mbn_weights::Quantized;

use crate::calibration::Calibration;
use crate::pictures::batches;
use crate::{Agreement, Method, QuantError};

/// Pictures on which each layer is judged.
const PICTURES: usize = 128;
/// The part of the pictures whose first class must be the float network's, for [`keep_costliest`].
pub const AGREES: f64 = 0.99;

/// What it costs to quantise a layer, and no other.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Its place among the layers.
    pub layer: usize,
    /// Its name.
    pub name: String,
    /// The logits beside the float network's.
    pub agreement: Agreement,
}

/// The cost of each layer by itself, before biases are corrected, in running order. `done` hears of each layer.
///
/// # Errors
/// candle fails.
pub fn sensitivity(
    calibration: &Calibration<'_>,
    method: Method,
    mut done: impl FnMut(&Cost),
) -> Result<Vec<Cost>, QuantError> {
    let names = calibration.folded.architecture.layer_names();
    let all = LayerSet::first(names.len());
    let n = calibration.corrected.min(PICTURES);
    let classes = calibration.folded.architecture.classes;
    let mut costs = Vec::new();
    for (layer, name) in names.into_iter().enumerate() {
        let network = QuantizedNetwork::new(calibration.rounded(method, all.without(layer)))?;
        let mut logits = Vec::new();
        for (_, images) in batches(calibration.pictures, n) {
            logits.extend(network.forward(&images?)?.flatten_all()?.to_vec1::<f32>()?);
        }
        let cost = Cost {
            layer,
            name,
            agreement: Agreement::of(&logits, &calibration.logits[..n * classes], classes),
        };
        done(&cost);
        costs.push(cost);
    }
    Ok(costs)
}

/// Keeps the costliest layers in float32, one after the other, until the first class agrees on [`AGREES`] of the pictures.
/// `keep` stay float32 in any case. `trying` hears of each layer, and of the agreement without it.
///
/// # Errors
/// candle fails.
pub fn keep_costliest(
    calibration: &Calibration<'_>,
    method: Method,
    costs: &[Cost],
    keep: LayerSet,
    mut trying: impl FnMut(&Cost, &Agreement),
) -> Result<(Quantized, Agreement), QuantError> {
    let mut costs: Vec<&Cost> = costs.iter().filter(|cost| !keep.contains(cost.layer)).collect();
    costs.sort_by(|a, b| b.agreement.relative_error.total_cmp(&a.agreement.relative_error));
    let mut float = keep;
    let mut found = calibration.quantise(method, float)?;
    for cost in costs {
        if found.1.agrees() >= AGREES {
            break;
        }
        trying(cost, &found.1);
        float = float.with(cost.layer);
        found = calibration.quantise(method, float)?;
    }
    Ok(found)
}
