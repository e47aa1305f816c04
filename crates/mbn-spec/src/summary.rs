//! Shapes, parameters and multiply-adds of every layer.

use crate::{Architecture, LayerKind};

/// One row of the layer table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// Name of the layer, as in the weight file.
    pub name: String,
    /// What it does, such as `depthwise 3x3 / 2`.
    pub operation: String,
    /// Output shape of one image, `[channels, height, width]`.
    pub output: [usize; 3],
    /// Trained parameters, batch norm's scale and shift included.
    pub parameters: u64,
    /// Multiply-adds for one image; batch norm, activation and pooling count as none.
    pub multiply_adds: u64,
}

/// The layer table of a network at one image size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Convolutions (each with its batch norm), pooling, classifier.
    pub layers: Vec<LayerSummary>,
}

impl Summary {
    /// Trained parameters of all layers.
    pub fn parameters(&self) -> u64 {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }

    /// Multiply-adds for one image.
    pub fn multiply_adds(&self) -> u64 {
        self.layers.iter().map(|layer| layer.multiply_adds).sum()
    }
}

impl Architecture {
    /// The layer table for square images of the given size.
    pub fn summary(&self, size: usize) -> Summary {
        let mut size = size;
        let mut layers = Vec::new();
        for layer in self.convs() {
            size = layer.out_size(size, &self.variant);
            let weights = layer.weight_shape().iter().product::<usize>();
            let kind = match layer.kind {
                LayerKind::Stem => "convolution 3x3",
                LayerKind::Depthwise => "depthwise 3x3",
                LayerKind::Pointwise => "pointwise 1x1",
            };
            let stride = if layer.stride == 1 {
                String::new()
            } else {
                format!(" / {}", layer.stride)
            };
            layers.push(LayerSummary {
                name: layer.conv_name(),
                operation: format!("{kind}{stride}"),
                output: [layer.out_channels, size, size],
                parameters: (weights + 2 * layer.out_channels) as u64,
                multiply_adds: (weights * size * size) as u64,
            });
        }
        let features = self.features();
        layers.push(LayerSummary {
            name: "pool".into(),
            operation: "global average".into(),
            output: [features, 1, 1],
            parameters: 0,
            multiply_adds: 0,
        });
        layers.push(LayerSummary {
            name: "fc".into(),
            operation: "linear".into(),
            output: [self.classes, 1, 1],
            parameters: (self.classes * (features + 1)) as u64,
            multiply_adds: (self.classes * features) as u64,
        });
        Summary { layers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alpha;

    #[test]
    fn parameters_with_10_classes() {
        let expected = [215_642, 823_722, 1_824_250, 3_217_226];
        for (alpha, expected) in Alpha::ALL.into_iter().zip(expected) {
            assert_eq!(
                Architecture::new(alpha, 10).summary(224).parameters(),
                expected,
                "alpha {alpha}"
            );
        }
    }

    #[test]
    fn multiply_adds_with_1000_classes() {
        let expected = ["41.0", "149.5", "325.4", "568.7"];
        for (alpha, expected) in Alpha::ALL.into_iter().zip(expected) {
            let millions = Architecture::new(alpha, 1000).summary(224).multiply_adds() as f64 / 1e6;
            assert_eq!(format!("{millions:.1}"), expected, "alpha {alpha}");
        }
    }
}
