//! The constants of an int8 graph: written, and read back.

use mbn_spec::{Architecture, CLASSIFIER, Preprocess};
use mbn_weights::{ByteLayer, ByteScale, FoldedConv, Quantized, QuantizedLayer, Weights};

use crate::builder::{GraphBuilder, byte, floats, signed_bytes, steps};
use crate::names::{FEATURES, INPUT, INPUT_ZERO, activation_name, scale_name};
use crate::stored::{FoldedError, Tensors};
use crate::{ExportError, ExportOptions, Precision, constants};

/// Part of a weight by which arithmetic in float32 may be off.
const ROUNDING: f32 = 1e-4;

/// Names of the layers' constants without `.weight` and `.bias`, and the shapes of their weights.
fn layers(architecture: &Architecture) -> Vec<(String, Vec<usize>)> {
    let convs = architecture.convs().into_iter();
    let convs = convs.map(|conv| (conv.conv_name(), conv.weight_shape().to_vec()));
    let classifier = vec![architecture.classes, architecture.features()];
    convs.chain([(CLASSIFIER.to_owned(), classifier)]).collect()
}

/// What the integers of a bias stand for: the input's scale times the channel's.
fn bias_scales(layer: &ByteLayer, input: f32) -> Vec<f32> {
    layer.scales.iter().map(|scale| input * scale).collect()
}

/// Adds every constant that the nodes of `network::add` read.
pub(crate) fn add(
    graph: &mut GraphBuilder,
    quantized: &Quantized,
    weights: &Weights,
    preprocess: &Preprocess,
    options: &ExportOptions,
) -> Result<(), ExportError> {
    let architecture = weights.architecture();
    quantized
        .validate()
        .map_err(|error| ExportError::Quantized(error.to_string()))?;
    if quantized.architecture != *architecture || quantized.float_layers() != options.keep_float {
        let message = "they are of another network, or keep other layers in float32";
        return Err(ExportError::Quantized(message.to_owned()));
    }
    if options.features {
        require_own_features(quantized, weights.values(&format!("{CLASSIFIER}.weight")))?;
    }
    for constant in constants::fixed(architecture, preprocess, options) {
        graph.constant(constant);
    }
    let scalar = |name: &str, value: f32| floats(&scale_name(name), &[], &[value], Precision::Fp32);
    if options.on_bytes(0) {
        graph.constant(scalar(INPUT, quantized.input.scale));
        graph.constant(byte(INPUT_ZERO, quantized.input.zero_point));
    }
    let convs = architecture.convs();
    for (i, (name, shape)) in layers(architecture).into_iter().enumerate() {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        match &quantized.layers[i] {
            QuantizedLayer::Float(conv) => {
                graph.initializer(&weight, &shape, &conv.weight, Precision::Fp32);
                graph.initializer(&bias, &[conv.bias.len()], &conv.bias, Precision::Fp32);
            }
            QuantizedLayer::Bytes(layer) => {
                let channels = [layer.scales.len()];
                let scales = bias_scales(layer, quantized.scale_before(i));
                graph.constant(signed_bytes(&weight, &shape, &layer.weight));
                graph.initializer(&scale_name(&weight), &channels, &layer.scales, Precision::Fp32);
                graph.constant(steps(&bias, &layer.bias));
                graph.initializer(&scale_name(&bias), &channels, &scales, Precision::Fp32);
            }
        }
        match convs.get(i) {
            Some(conv) if options.keeps_bytes(architecture, i) => {
                let value = activation_name(conv, architecture.variant.activation);
                graph.constant(scalar(&value, quantized.scales[i]));
            }
            None if options.on_bytes(i) => graph.constant(scalar(FEATURES, quantized.features)),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses weights whose features, an output, would not be the network's: those of channels that were scaled before the
/// classifier. Its own weights tell, since they undo it: they are `float`, the network's, no more.
fn require_own_features(quantized: &Quantized, float: &[f32]) -> Result<(), ExportError> {
    let scaled = match quantized.layers.last() {
        Some(QuantizedLayer::Float(conv)) => conv.weight.iter().zip(float).any(|(found, own)| {
            // Nothing was rounded but, by some other program, the float itself.
            (found - own).abs() > ROUNDING * own.abs()
        }),
        Some(QuantizedLayer::Bytes(layer)) => {
            let len = (float.len() / layer.scales.len().max(1)).max(1);
            let rows = layer.weight.chunks_exact(len).zip(float.chunks_exact(len));
            rows.zip(&layer.scales).any(|((steps, own), scale)| {
                // Rounding to the nearest step, or to the one below, moves no weight by more than a step.
                let most = scale * (1.0 + ROUNDING);
                let mut pairs = steps.iter().zip(own);
                pairs.any(|(step, own)| (f32::from(*step) * scale - own).abs() > most)
            })
        }
        None => false,
    };
    match scaled {
        true => Err(ExportError::Quantized(
            "the channels before their classifier are scaled, so that `features` would not be the network's; \
             calibrate the network for features, or export it without them"
                .to_owned(),
        )),
        false => Ok(()),
    }
}

/// The weights in a graph that [`add`] wrote.
pub(crate) fn read(
    architecture: &Architecture,
    options: &ExportOptions,
    tensors: &Tensors,
) -> Result<Quantized, FoldedError> {
    let scalar = |name: &str| -> Result<f32, FoldedError> { Ok(tensors.values(&scale_name(name), &[])?[0]) };
    let convs = architecture.convs();
    let mut quantized = Quantized {
        architecture: *architecture,
        // Where no byte is, the scale is no matter.
        input: ByteScale {
            scale: 1.0,
            zero_point: 0,
        },
        layers: Vec::new(),
        scales: vec![1.0; convs.len()],
        features: 1.0,
    };
    if options.on_bytes(0) {
        quantized.input = ByteScale {
            scale: scalar(INPUT)?,
            zero_point: tensors.byte(INPUT_ZERO)?,
        };
    }
    for (i, conv) in convs.iter().enumerate() {
        if options.keeps_bytes(architecture, i) {
            quantized.scales[i] = scalar(&activation_name(conv, architecture.variant.activation))?;
        }
    }
    if options.on_bytes(convs.len()) {
        quantized.features = scalar(FEATURES)?;
    }
    for (i, (name, shape)) in layers(architecture).into_iter().enumerate() {
        let (weight, bias, channels) = (format!("{name}.weight"), format!("{name}.bias"), [shape[0]]);
        let layer = match options.on_bytes(i) {
            false => QuantizedLayer::Float(FoldedConv {
                weight: tensors.values(&weight, &shape)?,
                bias: tensors.values(&bias, &channels)?,
            }),
            true => {
                let layer = ByteLayer {
                    weight: tensors.signed_bytes(&weight, &shape)?,
                    scales: tensors.values(&scale_name(&weight), &channels)?,
                    bias: tensors.steps(&bias, &channels)?,
                };
                // Engines use either the product, or the scale in the file.
                if tensors.values(&scale_name(&bias), &channels)?
                    != bias_scales(&layer, quantized.scale_before(i))
                {
                    return Err(FoldedError::Foreign(format!(
                        "`{}` is not the product of the scales of `{weight}` and of what it multiplies",
                        scale_name(&bias)
                    )));
                }
                QuantizedLayer::Bytes(layer)
            }
        };
        quantized.layers.push(layer);
    }
    let checked = quantized.validate();
    checked.map_err(|error| FoldedError::Foreign(error.to_string()))?;
    Ok(quantized)
}
