//! The values of a file's tensors as the state dict has them: float32, and counters as 64-bit integers.

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Whether a float tensor of the state dict can be read from a tensor of this type.
pub(crate) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
}

/// Whether a counter can be read from this tensor: one number, as a scalar or a vector of one.
pub(crate) fn is_counter(view: &TensorView) -> bool {
    let one = view.shape().iter().product::<usize>() == 1 && view.shape().len() <= 1;
    one && counter(view).is_some()
}

/// The values as float32, in the file's order: narrower types are widened exactly, F64 is rounded. Empty for other types.
pub(crate) fn floats(view: &TensorView) -> Vec<f32> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F16 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f16::from_le_bytes(*b).to_f32())
            .collect(),
        Dtype::BF16 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| bf16::from_le_bytes(*b).to_f32())
            .collect(),
        Dtype::F32 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Dtype::F64 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f64::from_le_bytes(*b) as f32)
            .collect(),
        _ => Vec::new(),
    }
}

/// The value of a counter, which tools that convert all of a file's tensors may have turned into a float.
pub(crate) fn counter(view: &TensorView) -> Option<i64> {
    let bytes = view.data();
    let (four, eight) = (bytes.first_chunk(), bytes.first_chunk());
    match view.dtype() {
        Dtype::I64 => eight.map(|b| i64::from_le_bytes(*b)),
        Dtype::U64 => eight.and_then(|b| i64::try_from(u64::from_le_bytes(*b)).ok()),
        Dtype::I32 => four.map(|b| i32::from_le_bytes(*b).into()),
        Dtype::U32 => four.map(|b| u32::from_le_bytes(*b).into()),
        dtype if is_float(dtype) => floats(view).first().map(|value| *value as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(dtype: Dtype, bytes: &[u8], shape: Vec<usize>) -> TensorView<'_> {
        TensorView::new(dtype, shape, bytes).unwrap()
    }

    #[test]
    fn every_float_type_gives_its_values() {
        let expected = [1.5f32, -0.25, 65504.0, 0.0];
        let half: Vec<_> = expected
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        let double: Vec<_> = expected
            .iter()
            .flat_map(|v| f64::from(*v).to_le_bytes())
            .collect();
        let single: Vec<_> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
        for (dtype, bytes) in [(Dtype::F16, half), (Dtype::F64, double), (Dtype::F32, single)] {
            assert_eq!(floats(&view(dtype, &bytes, vec![4])), expected, "{dtype}");
        }
        // bfloat16 is the upper half of float32.
        let brain: Vec<_> = [0x3fc0u16, 0xbe80].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(floats(&view(Dtype::BF16, &brain, vec![2])), [1.5, -0.25]);
    }

    #[test]
    fn a_counter_is_read_from_any_type_of_number() {
        let seven = |dtype, bytes: &[u8]| {
            for shape in [vec![], vec![1]] {
                let view = view(dtype, bytes, shape);
                assert!(is_counter(&view));
                assert_eq!(counter(&view), Some(7), "{dtype}");
            }
        };
        seven(Dtype::I64, &7i64.to_le_bytes());
        seven(Dtype::I32, &7i32.to_le_bytes());
        seven(Dtype::F32, &7f32.to_le_bytes());
        seven(Dtype::F16, &f16::from_f32(7.0).to_le_bytes());
        assert!(!is_counter(&view(Dtype::BOOL, &[1], vec![])));
        assert!(!is_counter(&view(Dtype::I32, &[0; 8], vec![2])));
        assert!(!is_counter(&view(Dtype::U64, &u64::MAX.to_le_bytes(), vec![])));
    }
}
