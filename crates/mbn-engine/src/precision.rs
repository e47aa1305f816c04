//! The number format that a model computes in, derived from its constants.

use mbn_onnx::proto::DataType;

/// The number format that a model computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPrecision {
    /// float32
    Float32,
    /// float16 or bfloat16
    Float16,
    /// 8-bit integers
    Int8,
}

impl ModelPrecision {
    /// The least precise type among the constants that are not indexes or shapes.
    pub fn of(model: &mbn_onnx::Model) -> Self {
        let graph = model.proto().graph.as_ref();
        let constants = graph.map_or(&[][..], |graph| &graph.initializer);
        let has = |types: [DataType; 2]| {
            constants.iter().any(|c| {
                c.data_type
                    .is_some_and(|number| types.iter().any(|t| *t as i32 == number))
            })
        };
        if has([DataType::Int8, DataType::Uint8]) {
            Self::Int8
        } else if has([DataType::Float16, DataType::Bfloat16]) {
            Self::Float16
        } else {
            Self::Float32
        }
    }
}

impl From<mbn_onnx::Precision> for ModelPrecision {
    fn from(precision: mbn_onnx::Precision) -> Self {
        match precision {
            mbn_onnx::Precision::Fp32 => Self::Float32,
            mbn_onnx::Precision::Fp16 => Self::Float16,
            mbn_onnx::Precision::Int8 => Self::Int8,
        }
    }
}

#[cfg(test)]
mod tests {
    use mbn_onnx::{ExportOptions, Precision, export};

    use super::*;

    #[test]
    fn precision_follows_from_the_constants() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/mobilenet_v1_0.25.safetensors"
        );
        let weights = mbn_weights::Weights::load(path.as_ref()).unwrap();
        for written in [Precision::Fp32, Precision::Fp16] {
            let options = ExportOptions {
                precision: written,
                ..ExportOptions::default()
            };
            let found = ModelPrecision::of(&export(&weights, &options).unwrap());
            assert_eq!(found, written.into());
        }
    }
}
