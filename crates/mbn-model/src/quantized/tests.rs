//! The network on bytes beside plain loops over integers.

use candle_core::{Device, Tensor};
use mbn_spec::{Alpha, Architecture, LARGEST_WEIGHT, LayerKind, LayerSet, Stride2Padding};
use mbn_weights::{ByteLayer, ByteScale, FoldedConv, Quantized, QuantizedLayer};

use super::*;

/// Random numbers below `n`, always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

const SIDE: usize = 32;

/// Random weights, the layers in `float` in float32. Factors near `1 / fan-in` keep values in the middle of a byte.
fn quantized(float: LayerSet) -> Quantized {
    quantized_of(Alpha::Quarter, float)
}

fn quantized_of(alpha: Alpha, float: LayerSet) -> Quantized {
    let mut random = Random(7);
    let architecture = Architecture::new(alpha, 3);
    let convs = architecture.convs();
    let mut shapes: Vec<(usize, usize)> = convs
        .iter()
        .map(|conv| (conv.weight_shape().iter().product(), conv.out_channels))
        .collect();
    shapes.push((3 * architecture.features(), 3));
    let largest = u64::from(LARGEST_WEIGHT.unsigned_abs());
    let layers = shapes.iter().enumerate().map(|(i, &(len, channels))| {
        let spread = ((len / channels) as f32).sqrt();
        let weight: Vec<i8> = (0..len)
            .map(|_| (random.below(2 * largest + 1) as i64 - largest as i64) as i8)
            .collect();
        let scales: Vec<f32> = (0..channels)
            .map(|_| (1.0 + random.below(8) as f32 / 8.0) / (40.0 * spread))
            .collect();
        let bias: Vec<i32> = (0..channels).map(|_| random.below(4000) as i32 - 1000).collect();
        match float.contains(i) {
            false => QuantizedLayer::Bytes(ByteLayer { weight, scales, bias }),
            true => QuantizedLayer::Float(FoldedConv {
                weight: weight.iter().map(|w| f32::from(*w) / (40.0 * spread)).collect(),
                bias: vec![0.5; channels],
            }),
        }
    });
    Quantized {
        architecture,
        input: ByteScale {
            scale: 0.02,
            zero_point: 113,
        },
        layers: layers.collect(),
        scales: vec![0.02; convs.len()],
        features: 0.02,
    }
}

fn images(n: usize) -> Tensor {
    let mut random = Random(3);
    let values: Vec<f32> = (0..n * 3 * SIDE * SIDE)
        .map(|_| random.below(1000) as f32 / 210.0 - 2.2)
        .collect();
    Tensor::from_vec(values, (n, 3, SIDE, SIDE), &Device::Cpu).unwrap()
}

/// `QLinearConv` of ONNX as loops over integers, on `[h, w, c]`.
fn naive(
    input: &[u8],
    (h, w): (usize, usize),
    zero: i32,
    spec: &ConvLayer,
    layer: &ByteLayer,
    factor: impl Fn(f32) -> f32,
) -> (Vec<u8>, (usize, usize)) {
    let (kernel, cin) = (spec.kernel(), spec.in_channels);
    let pad = usize::from(kernel == 3);
    let size = |side: usize| (side + 2 * pad - kernel) / spec.stride + 1;
    let (oh, ow) = (size(h), size(w));
    let mut out = Vec::new();
    for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
        for o in 0..spec.out_channels {
            let mut sum = layer.bias[o];
            for (ky, kx) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
                let (row, column) = (y * spec.stride + ky, x * spec.stride + kx);
                if row < pad || column < pad || row >= h + pad || column >= w + pad {
                    continue;
                }
                let pixel = ((row - pad) * w + column - pad) * cin;
                let channels = if spec.kind == LayerKind::Depthwise {
                    o..o + 1
                } else {
                    0..cin
                };
                for (i, c) in channels.enumerate() {
                    let depth = cin / spec.groups();
                    let weight = layer.weight[((o * depth + i) * kernel + ky) * kernel + kx];
                    sum += (i32::from(input[pixel + c]) - zero) * i32::from(weight);
                }
            }
            let value = (sum as f32 * factor(layer.scales[o])).round_ties_even();
            out.push(value.clamp(0.0, 255.0) as u8);
        }
    }
    (out, (oh, ow))
}

#[test]
fn every_layer_gives_the_integers_of_plain_loops() {
    let network = QuantizedNetwork::new(quantized(LayerSet::NONE)).unwrap();
    let weights = network.weights().clone();
    let mut values = network.input(&images(1)).unwrap();
    let planes = values.as_bytes().unwrap().0.to_vec();
    let mut bytes: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|i| (0..3).map(move |c| (i, c)))
        .map(|(i, c)| planes[c * SIDE * SIDE + i])
        .collect();
    let mut size = (SIDE, SIDE);
    let mut seen = [false; 256];
    for (i, spec) in weights.architecture.convs().iter().enumerate() {
        let QuantizedLayer::Bytes(layer) = &weights.layers[i] else {
            panic!("layer {i} is float");
        };
        let zero = if i == 0 {
            i32::from(weights.input.zero_point)
        } else {
            0
        };
        let (input, output) = (weights.scale_before(i), weights.scales[i]);
        (bytes, size) = naive(&bytes, size, zero, spec, layer, |scale| input * scale / output);
        values = network.finish(i, network.convolve(i, &values).unwrap()).unwrap();
        assert_eq!(values.as_bytes().unwrap().0, bytes, "{}", spec.name());
        bytes.iter().for_each(|&byte| seen[usize::from(byte)] = true);
    }
    // The test is worth something only if values vary.
    assert!(seen.iter().filter(|seen| **seen).count() > 200);
    let logits = network.forward(&images(1)).unwrap();
    assert_eq!(logits.dims(), [1, 3]);
}

#[test]
fn layers_that_stay_float_read_and_give_what_bytes_stand_for() {
    // A float layer alone, two in a row, the first, the last, and all.
    let all = LayerSet::first(28);
    for float in [
        LayerSet::NONE.with(4).with(5),
        LayerSet::NONE.with(0),
        LayerSet::NONE.with(26).with(27),
        all,
    ] {
        let network = QuantizedNetwork::new(quantized(float)).unwrap();
        assert_eq!(network.weights().float_layers(), float);
        let mut values = network.input(&images(2)).unwrap();
        assert_eq!(values.as_bytes().is_none(), float.contains(0));
        for i in 0..27 {
            let sums = network.convolve(i, &values).unwrap();
            assert_eq!(sums.means().len(), weights_channels(&network, i));
            values = network.finish(i, sums).unwrap();
            let kept = keeps_bytes(network.architecture(), float, i);
            assert_eq!(values.as_bytes().is_some(), kept, "{i}");
        }
        let logits = network.forward(&images(2)).unwrap().to_vec2::<f32>().unwrap();
        assert!(logits.iter().flatten().all(|logit| logit.is_finite()) && logits[0] != logits[1]);
    }
}

fn weights_channels(network: &QuantizedNetwork, layer: usize) -> usize {
    network.architecture().convs()[layer].out_channels
}

#[test]
fn biases_can_be_replaced_by_those_of_their_kind() {
    let mut network = QuantizedNetwork::new(quantized(LayerSet::NONE.with(1))).unwrap();
    network.set_bias(0, Bias::Steps(vec![1; 8])).unwrap();
    network.set_bias(1, Bias::Floats(vec![1.0; 8])).unwrap();
    for (layer, bias) in [
        (0, Bias::Steps(vec![1; 7])),
        (0, Bias::Floats(vec![1.0; 8])),
        (1, Bias::Steps(vec![1; 8])),
        (28, Bias::Steps(vec![1; 8])),
    ] {
        assert!(network.set_bias(layer, bias).is_err());
    }
}

#[test]
fn weights_with_which_sums_may_saturate_are_refused() {
    let mut weights = quantized(LayerSet::NONE);
    if let QuantizedLayer::Bytes(layer) = &mut weights.layers[2] {
        layer.weight[0] = 65;
    }
    let error = QuantizedNetwork::new(weights).err().unwrap().to_string();
    assert!(error.contains("65") && error.contains("saturate"), "{error}");
}

/// A filter over the patches gives the sums of the convolution, for every padding, stride and kind of layer.
#[test]
fn patches_are_what_the_filters_meet() {
    for padding in [Stride2Padding::Symmetric, Stride2Padding::Same] {
        let mut weights = quantized(LayerSet::NONE);
        weights.architecture.variant.stride2_padding = padding;
        let network = QuantizedNetwork::new(weights).unwrap();
        let mut values = network.input(&images(2)).unwrap();
        for layer in 0..network.convs.len() {
            let sums = network.convolve(layer, &values).unwrap();
            let (n, h, w, channels) = sums.raw.dims4().unwrap();
            let expected = sums.raw.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // The last pixel, the first, and some between.
            let all = n * h * w;
            let pixels: Vec<usize> = (0..all.min(20))
                .map(|i| all - 1 - i * (all - 1) / 19.min(all - 1).max(1))
                .collect();
            let patches = network
                .patches(layer, &values, |found| {
                    assert_eq!(found, all);
                    pixels.clone()
                })
                .unwrap();
            let (filters, found, len) = patches.dims3().unwrap();
            assert_eq!(
                (found, filters),
                (pixels.len(), if len == 9 { channels } else { 1 })
            );
            let patches = patches.to_vec3::<f32>().unwrap();
            let QuantizedLayer::Bytes(own) = &network.weights().layers[layer] else {
                unreachable!()
            };
            for (i, pixel) in pixels.iter().enumerate() {
                for (channel, filter) in own.weight.chunks_exact(len).enumerate() {
                    let patch = &patches[if filters == 1 { 0 } else { channel }][i];
                    let sum: f32 = patch.iter().zip(filter).map(|(x, w)| x * f32::from(*w)).sum();
                    assert_eq!(
                        sum,
                        expected[pixel * channels + channel],
                        "layer {layer}, pixel {pixel}"
                    );
                }
            }
            values = network.finish(layer, sums).unwrap();
        }
        let outside = network.patches(0, &network.input(&images(1)).unwrap(), |all| vec![all]);
        assert!(outside.unwrap_err().to_string().contains("outside"));
    }
}

#[test]
fn weights_that_are_set_are_used() {
    let mut network = QuantizedNetwork::new(quantized(LayerSet::NONE.with(3))).unwrap();
    let before = network.forward(&images(1)).unwrap().to_vec2::<f32>().unwrap();
    let mut changed = network.weights().clone();
    let QuantizedLayer::Bytes(own) = &mut changed.layers[2] else {
        unreachable!()
    };
    own.weight.iter_mut().for_each(|weight| *weight = -*weight / 2);
    network.set_weight(2, own.weight.clone()).unwrap();
    assert_eq!(network.weights(), &changed);
    let after = network.forward(&images(1)).unwrap().to_vec2::<f32>().unwrap();
    let fresh = QuantizedNetwork::new(changed)
        .unwrap()
        .forward(&images(1))
        .unwrap();
    assert_ne!(after, before);
    assert_eq!(after, fresh.to_vec2::<f32>().unwrap());
    // A float layer, another number, no such layer, and the classifier.
    for (layer, len) in [(3, 144), (2, 1), (99, 1), (27, 3 * 256)] {
        assert!(network.set_weight(layer, vec![1; len]).is_err(), "{layer}");
    }
}

/// Layers 2 and 3 of the smallest network have 16 channels each, so that the channels alone do not tell.
#[test]
fn sums_of_another_layer_or_network_are_refused() {
    let network = QuantizedNetwork::new(quantized(LayerSet::NONE)).unwrap();
    let mut values = network.input(&images(1)).unwrap();
    for layer in 0..2 {
        let sums = network.convolve(layer, &values).unwrap();
        values = network.finish(layer, sums).unwrap();
    }
    assert_eq!(weights_channels(&network, 2), weights_channels(&network, 3));
    let sums = || network.convolve(2, &values).unwrap();
    let refused =
        |network: &QuantizedNetwork, layer: usize| network.finish(layer, sums()).err().unwrap().to_string();
    assert!(network.finish(2, sums()).is_ok());
    let message = refused(&network, 3);
    assert!(message.contains("of convolution 2, expected 3"), "{message}");
    // The classifier is a layer, but no convolution.
    for layer in [27, 28, usize::MAX] {
        let message = refused(&network, layer);
        assert!(message.contains(&format!("no convolution {layer}")), "{message}");
        assert!(network.convolve(layer, &values).is_err());
    }
    let wide = QuantizedNetwork::new(quantized_of(Alpha::Half, LayerSet::NONE)).unwrap();
    let message = refused(&wide, 2);
    assert!(message.contains("16 channels, expected 32"), "{message}");
}

/// Bytes could be cut into filters of half the length as well.
#[test]
fn features_of_another_length_are_refused() {
    for float in [LayerSet::NONE, LayerSet::NONE.with(27)] {
        let network = QuantizedNetwork::new(quantized(float)).unwrap();
        for length in [128, 255, 512] {
            let features = Tensor::ones((2, length), candle_core::DType::F32, &Device::Cpu).unwrap();
            let message = network.classify(&features).unwrap_err().to_string();
            let expected = format!("there are {length} features, expected 256");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}
