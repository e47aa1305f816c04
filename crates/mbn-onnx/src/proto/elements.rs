//! A constant's elements, in whichever field they are.

use std::borrow::Cow;

use super::{DataType, TensorProto};

impl TensorProto {
    /// The elements as `raw_data` holds them: row-major, little endian. `None` for strings, for elements in another file, and for
    /// types that are unknown.
    pub fn element_bytes(&self) -> Option<Cow<'_, [u8]>> {
        if self.is_external() {
            return None;
        }
        if let Some(raw) = &self.raw_data {
            return Some(raw.as_slice().into());
        }
        let element = DataType::try_from(self.data_type.unwrap_or_default()).ok()?;
        // The fields are wider than the elements; the rest of each is its sign.
        let narrow = |bytes: usize| {
            let values = self.int32_data.iter();
            values
                .flat_map(move |value| value.to_le_bytes().into_iter().take(bytes))
                .collect()
        };
        let bytes: Vec<u8> = match element {
            DataType::Undefined | DataType::String => return None,
            DataType::Float | DataType::Complex64 => le(&self.float_data, |value| value.to_le_bytes()),
            DataType::Double | DataType::Complex128 => le(&self.double_data, |value| value.to_le_bytes()),
            DataType::Int64 => le(&self.int64_data, |value| value.to_le_bytes()),
            DataType::Uint64 => le(&self.uint64_data, |value| value.to_le_bytes()),
            DataType::Uint32 => le(&self.uint64_data, |value| (*value as u32).to_le_bytes()),
            // Several small elements share a byte, and each field holds one.
            small => narrow(small.size().max(1)),
        };
        Some(bytes.into())
    }
}

fn le<T, const N: usize>(values: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(element: DataType) -> TensorProto {
        TensorProto {
            data_type: Some(element as i32),
            ..TensorProto::default()
        }
    }

    /// The same elements, once in the field of their type and once as bytes.
    #[test]
    fn typed_fields_give_the_bytes_of_raw_data() {
        let floats = TensorProto {
            float_data: vec![1.5, -0.0],
            ..tensor(DataType::Float)
        };
        let doubles = TensorProto {
            double_data: vec![1.5],
            ..tensor(DataType::Double)
        };
        let longs = TensorProto {
            int64_data: vec![-2, 3],
            ..tensor(DataType::Int64)
        };
        let words = TensorProto {
            uint64_data: vec![1 << 31],
            ..tensor(DataType::Uint32)
        };
        let signed = TensorProto {
            int32_data: vec![-1, 127, -128],
            ..tensor(DataType::Int8)
        };
        let unsigned = TensorProto {
            int32_data: vec![255, 0],
            ..tensor(DataType::Uint8)
        };
        let halves = TensorProto {
            int32_data: vec![0x3c00, 0xbc00],
            ..tensor(DataType::Float16)
        };
        let quarters = TensorProto {
            int32_data: vec![0x21, 0xf0],
            ..tensor(DataType::Uint4)
        };
        for (tensor, expected) in [
            (floats, [1.5f32.to_le_bytes(), (-0.0f32).to_le_bytes()].concat()),
            (doubles, 1.5f64.to_le_bytes().to_vec()),
            (longs, [(-2i64).to_le_bytes(), 3i64.to_le_bytes()].concat()),
            (words, (1u32 << 31).to_le_bytes().to_vec()),
            (signed, vec![255, 127, 128]),
            (unsigned, vec![255, 0]),
            (halves, vec![0x00, 0x3c, 0x00, 0xbc]),
            (quarters, vec![0x21, 0xf0]),
        ] {
            assert_eq!(tensor.element_bytes().unwrap(), expected, "{tensor:?}");
            let raw = TensorProto {
                raw_data: Some(expected.clone()),
                ..TensorProto::default()
            };
            assert_eq!(raw.element_bytes().unwrap(), expected);
        }
    }

    #[test]
    fn elements_that_are_not_bytes_here_have_none() {
        let text = TensorProto {
            string_data: vec![b"a".to_vec()],
            ..tensor(DataType::String)
        };
        let outside = TensorProto {
            external_data: vec![Default::default()],
            ..tensor(DataType::Float)
        };
        let unknown = TensorProto {
            data_type: Some(999),
            ..TensorProto::default()
        };
        for tensor in [text, outside, unknown] {
            assert!(tensor.element_bytes().is_none(), "{tensor:?}");
        }
    }
}
