use mbn_spec::Alpha;

use super::*;

fn quantized() -> Quantized {
    let architecture = Architecture::new(Alpha::Quarter, 2);
    let convs = architecture.convs();
    let layer = |len: usize, channels: usize| {
        QuantizedLayer::Bytes(ByteLayer {
            weight: vec![1; len],
            scales: vec![0.5; channels],
            bias: vec![0; channels],
        })
    };
    let mut layers: Vec<_> = convs
        .iter()
        .map(|conv| layer(conv.weight_shape().iter().product(), conv.out_channels))
        .collect();
    layers.push(layer(2 * architecture.features(), 2));
    Quantized {
        architecture,
        input: ByteScale {
            scale: 0.02,
            zero_point: 113,
        },
        layers,
        scales: vec![0.1; convs.len()],
        features: 0.1,
    }
}

#[test]
fn weights_out_of_bounds_are_refused() {
    assert_eq!(quantized().validate(), Ok(()));
    let changed = |change: fn(&mut ByteLayer)| {
        let mut quantized = quantized();
        if let QuantizedLayer::Bytes(layer) = &mut quantized.layers[3] {
            change(layer);
        }
        quantized.validate().unwrap_err()
    };
    for weight in [65, -65, -128] {
        let mut found = quantized();
        if let QuantizedLayer::Bytes(layer) = &mut found.layers[3] {
            layer.weight[1] = weight;
        }
        assert_eq!(found.validate(), Err(QuantizedError::Weight { layer: 3, weight }));
    }
    let shape = QuantizedError::Shape { layer: 3 };
    assert_eq!(changed(|layer| layer.weight.truncate(1)), shape);
    assert_eq!(changed(|layer| layer.bias.clear()), shape);
    assert_eq!(changed(|layer| layer.scales.clear()), shape);
    let scale = QuantizedError::Scale { layer: 3 };
    assert_eq!(changed(|layer| layer.scales[0] = 0.0), scale);
    assert_eq!(changed(|layer| layer.scales[0] = f32::NAN), scale);
    let mut no_layers = quantized();
    no_layers.layers.clear();
    assert!(no_layers.validate().is_err());
}

#[test]
fn values_are_bytes_beside_a_layer_on_bytes() {
    let architecture = quantized().architecture;
    let float = LayerSet::NONE.with(3).with(4).with(26);
    let bytes: Vec<_> = [2, 3, 4, 25, 26]
        .map(|i| keeps_bytes(&architecture, float, i))
        .into();
    assert_eq!(bytes, [true, false, true, true, false]);
    assert_eq!(quantized().float_layers(), LayerSet::NONE);
}

/// No layer between bytes is alone, nothing else is added, and sets without such layers stay.
#[test]
fn layers_are_kept_with_their_block() {
    let architecture = Architecture::new(Alpha::Quarter, 2);
    let set = |layers: &[usize]| layers.iter().fold(LayerSet::NONE, |set, &layer| set.with(layer));
    for (given, expected) in [
        (&[][..], &[][..]),
        (&[0], &[0]),
        (&[26], &[26]),
        (&[27], &[27]),
        (&[3], &[3, 4]),
        (&[4], &[3, 4]),
        (&[4, 5], &[4, 5]),
        (&[0, 1], &[0, 1]),
        (&[1], &[1, 2]),
        (&[25], &[25, 26]),
        (&[2, 6, 7, 12], &[1, 2, 6, 7, 11, 12]),
    ] {
        assert_eq!(
            without_lonely(&architecture, set(given)),
            set(expected),
            "{given:?}"
        );
    }
    let alone = |set: LayerSet, i: usize| set.contains(i) && !set.contains(i - 1) && !set.contains(i + 1);
    for i in 0..28 {
        for j in 0..28 {
            let found = without_lonely(&architecture, set(&[i, j]));
            assert!(found.contains(i) && found.contains(j) && (1..26).all(|layer| !alone(found, layer)));
        }
    }
}
