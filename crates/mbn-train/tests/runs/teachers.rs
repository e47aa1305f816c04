//! Networks to learn from.

use std::collections::BTreeMap;

use mbn_model::random_weights;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, TensorKind, TensorSpec};
use mbn_weights::Weights;

/// A network of its own size and normalisation.
pub fn teacher(classes: &[&str], seed: u64) -> Weights {
    let metadata = Metadata {
        classes: Some(classes.iter().map(ToString::to_string).collect()),
        preprocess: Some(Preprocess {
            mean: [0.5; 3],
            std: [0.5; 3],
            ..Preprocess::default().with_size(64)
        }),
        ..Metadata::default()
    };
    let architecture = Architecture::new(Alpha::Half, classes.len());
    let weights = random_weights(architecture, seed, &candle_core::Device::Cpu).unwrap();
    weights.with_metadata(metadata).unwrap()
}

/// A network of two classes that needs no training. Two of its channels are the `filters` of the image, values of a kernel by output,
/// input channel and place, and go through all layers to the classifier of weights `classes`, a row for each class, and `bias`.
pub fn hand_made(
    names: &[&str],
    filters: &[(usize, usize, usize, f32)],
    classes: [[f32; 2]; 2],
    bias: [f32; 2],
) -> Weights {
    let architecture = Architecture::new(Alpha::Half, 2);
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for TensorSpec {
        name, shape, kind, ..
    } in architecture.tensors()
    {
        if kind == TensorKind::Counter {
            counters.insert(name, 0);
            continue;
        }
        let scales = shape.len() == 1 && (name.ends_with("running_var") || name.ends_with(".weight"));
        let mut values = vec![if scales { 1.0 } else { 0.0 }; shape.iter().product()];
        match shape[..] {
            [2] => values.copy_from_slice(&bias),
            [2, features] => {
                values[..2].copy_from_slice(&classes[0]);
                values[features..features + 2].copy_from_slice(&classes[1]);
            }
            [_, inputs, height, width] => {
                let (area, middle) = (height * width, height / 2 * width + width / 2);
                match inputs {
                    3 => filters.iter().for_each(|&(output, input, place, value)| {
                        values[(output * inputs + input) * area + place] = value;
                    }),
                    // Depthwise.
                    1 => (0..2).for_each(|channel| values[channel * area + middle] = 1.0),
                    _ => {
                        (0..2).for_each(|channel| values[(channel * inputs + channel) * area + middle] = 1.0)
                    }
                }
            }
            _ => {}
        }
        floats.insert(name, values);
    }
    let metadata = teacher(names, 1).metadata().clone();
    Weights::new(architecture, metadata, floats, counters).unwrap()
}

/// A network that tells red from blue pictures: its channels carry the difference of the colours, one either way.
pub fn teacher_of_colours() -> Weights {
    const MIDDLE: usize = 4;
    let filters = [
        (0, 0, MIDDLE, 1.0),
        (0, 2, MIDDLE, -1.0),
        (1, 0, MIDDLE, -1.0),
        (1, 2, MIDDLE, 1.0),
    ];
    hand_made(&["blue", "red"], &filters, [[0.0, 4.0], [4.0, 0.0]], [0.0; 2])
}
