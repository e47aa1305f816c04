//! Models of integers, in either format of ONNX Runtime's quantisation.

use super::*;
use crate::proto::TensorProto;

/// The scale and the zero point of 8 bits for a range.
type Steps = (f32, u8);

impl First {
    fn zero(&mut self, name: &str, element: DataType, zero: u8) {
        self.graph.constant(TensorProto {
            name: Some(name.to_owned()),
            data_type: Some(element as i32),
            raw_data: Some(vec![zero]),
            ..TensorProto::default()
        });
    }

    fn steps(&mut self, name: &str, (scale, zero): Steps) -> [String; 2] {
        let names = ["scale", "zero"].map(|part| format!("{name}.{part}"));
        self.constant(&names[0], &[], &[scale]);
        self.zero(&names[1], DataType::Uint8, zero);
        names
    }

    /// To integers and back.
    fn rounded(&mut self, steps: Steps) -> &mut Self {
        let [scale, zero] = self.steps(&format!("q{}", self.count), steps);
        self.node("QuantizeLinear", &[&scale, &zero], &[])
            .node("DequantizeLinear", &[&scale, &zero], &[])
    }

    /// An operator by a constant that is held as integers, if `is_stored`, or made integers by a node.
    fn by_integers(&mut self, op: &str, bytes: [u8; 3], steps: Steps, is_stored: bool) -> &mut Self {
        let name = format!("k{}", self.count);
        let [scale, zero] = self.steps(&name, steps);
        let integers = format!("{name}.integers");
        if is_stored {
            self.graph.constant(TensorProto {
                name: Some(integers.clone()),
                dims: vec![1, 3, 1, 1],
                data_type: Some(DataType::Uint8 as i32),
                raw_data: Some(bytes.to_vec()),
                ..TensorProto::default()
            });
        } else {
            let floats = bytes.map(|byte| steps.0 * (f32::from(byte) - f32::from(steps.1)));
            self.constant(&format!("{name}.float"), &[1, 3, 1, 1], &floats);
            let inputs = [format!("{name}.float"), scale.clone(), zero.clone()];
            let inputs = inputs.iter().map(String::as_str);
            self.graph
                .node("QuantizeLinear", &integers, inputs, &integers, []);
        }
        match op.strip_prefix("QLinear") {
            Some(_) => {
                let [own_scale, own_zero] = self.steps(&format!("in{}", self.count), (0.5, 3));
                let inputs = [
                    &*own_scale,
                    &own_zero,
                    &integers,
                    &scale,
                    &zero,
                    &own_scale,
                    &own_zero,
                ];
                self.node(op, &inputs, &[])
            }
            None => {
                let inputs = [&*integers, &scale, &zero];
                self.graph.node("DequantizeLinear", &name, inputs, &name, []);
                self.node(op, &[&name], &[])
            }
        }
    }
}

/// `x * (1 / 127.5) - 1`, each constant the largest integer of its range.
#[test]
fn what_a_quantised_model_normalises_is_followed() {
    for is_stored in [true, false] {
        let mut both = First::new(false);
        both.rounded((1.0, 0))
            .by_integers("Mul", [255; 3], (1.0 / 127.5 / 255.0, 0), is_stored)
            .rounded((2.0 / 255.0, 0))
            .by_integers("Add", [0; 3], (1.0 / 255.0, 255), is_stored)
            .rounded((2.0 / 255.0, 128));
        assert_eq!(both.range(), Some(Bytes), "{is_stored}");
        let mut integers = First::new(false);
        let [scale, zero] = integers.steps("q", (1.0 / 255.0, 0));
        integers
            .node("QuantizeLinear", &[&scale, &zero], &[])
            // The mean of ImageNet with blue first.
            .by_integers("QLinearAdd", [103, 116, 124], (-1.0 / 255.0, 0), is_stored)
            .by_integers("QLinearMul", [227, 223, 219], (0.02, 0), is_stored)
            .node("DequantizeLinear", &[&scale, &zero], &[]);
        let expected = Normalisation {
            range: Unit,
            is_blue_first: true,
        };
        assert_eq!(integers.found(), Some(expected), "{is_stored}");
    }
}

#[test]
fn the_range_of_integers_shows_that_of_the_pictures() {
    for (scale, zero, expected) in [
        (1.0, 0, Some(Bytes)),
        (0.98, 0, Some(Bytes)),
        (1.0 / 255.0, 0, Some(Unit)),
        (2.0 / 255.0, 127, Some(Symmetric)),
        (2.0 / 255.0, 128, Some(Symmetric)),
        // Pictures that are normalised otherwise, and such as have little contrast.
        (4.757 / 255.0, 114, None),
        (2.64 / 255.0, 0, None),
        (1.6 / 255.0, 128, None),
        (0.8 / 255.0, 0, None),
        // Bytes less a mean.
        (1.0, 124, None),
    ] {
        let found = First::new(false).rounded((scale, zero)).range();
        assert_eq!(found, expected, "{scale} {zero}");
    }
    // Signed integers of both ranges.
    for (scale, zero, expected) in [
        (1.0, -128, Some(Bytes)),
        (1.0 / 128.0, 0, Some(Symmetric)),
        (1.0, 0, None),
    ] {
        let mut first = First::new(false);
        first.constant("scale", &[], &[scale]);
        first.zero("zero", DataType::Int8, i8::cast_unsigned(zero));
        first.node("QuantizeLinear", &["scale", "zero"], &[]);
        assert_eq!(
            first.node("DequantizeLinear", &["scale", "zero"], &[]).range(),
            expected,
            "{scale} {zero}"
        );
    }
    // What nodes normalise goes before it.
    let mut normalising = First::new(false);
    normalising
        .rounded((1.0, 0))
        .by("Add", &[1.0])
        .by("Mul", &[127.5]);
    assert_eq!(normalising.range(), Some(Symmetric));
}

/// Integers themselves are not what they stand for.
#[test]
fn arithmetic_of_integers_is_not_followed() {
    let mut first = First::new(false);
    let [scale, zero] = first.steps("q", (0.02, 114));
    first
        .node("QuantizeLinear", &[&scale, &zero], &[])
        .node("Cast", &[], &[])
        .by("Div", &[255.0]);
    assert_eq!(first.range(), None);
    // Pixels that were cast to bytes are multiplied.
    let mut cast = First::new(false);
    let [scale, zero] = cast.steps("q", (1.0 / 127.5, 0));
    cast.node("Cast", &[], &[])
        .node("DequantizeLinear", &[&scale, &zero], &[])
        .by("Sub", &[1.0]);
    assert_eq!(cast.range(), Some(Bytes));
}

/// Integers for channels that no pictures have if they are normalised as ImageNet's.
#[test]
fn calibration_with_other_channels_is_told() {
    for (scale, zero, expected) in [
        // Normalised as ImageNet's, all of it or pictures of less contrast.
        (4.757 / 255.0, 114, None),
        (1.6 / 255.0, 128, None),
        // A range that is known.
        (1.0, 0, None),
        (1.0 / 255.0, 0, None),
        // Bytes less 128 or less a mean, in halves, and pictures that lack bright pixels.
        (1.0, 128, Some([-128.0, 127.0])),
        (1.0, 124, Some([-124.0, 131.0])),
        (2.0 / 255.0, 0, Some([0.0, 2.0])),
        (0.8 / 255.0, 0, Some([0.0, 0.8])),
        (10.2 / 255.0, 127, Some([-5.08, 5.12])),
    ] {
        let mut first = First::new(false);
        first.rounded((scale, zero));
        let found = match first.not_followed() {
            Some(Unread::Calibration { least, most }) => Some([least, most]),
            Some(Unread::Operator { operator, .. }) => panic!("{scale} {zero}: {operator}"),
            None => None,
        };
        let is_near = |(found, expected): (f64, f64)| (found - expected).abs() < 1e-5;
        let are_near = match (found, expected) {
            (Some([least, most]), Some([low, high])) => is_near((least, low)) && is_near((most, high)),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(are_near, "{scale} {zero}: {found:?}, expected {expected:?}");
    }
    // Nodes that are known go before it.
    let mut known = First::new(false);
    known.by("Sub", &of_bytes(MEAN)).rounded((1.0, 124));
    assert_eq!(known.not_followed(), None);
}
