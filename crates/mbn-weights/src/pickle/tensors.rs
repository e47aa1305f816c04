//! The tensors of a state dict: views on storages, made contiguous.

use safetensors::Dtype;

use super::archive::Archive;
use super::values::{Id, Value, Values};
use super::{MAX_DIMS, PickleError, Tensor};
use crate::shown::shortened;

/// What makes a tensor of a storage.
const REBUILD_TENSOR: (&str, &str) = ("torch._utils", "_rebuild_tensor_v2");
/// What makes a parameter of a tensor.
const REBUILD_PARAMETER: (&str, &str) = ("torch._utils", "_rebuild_parameter");

/// The storages that are read.
const STORAGES: [(&str, Dtype); 10] = [
    ("DoubleStorage", Dtype::F64),
    ("FloatStorage", Dtype::F32),
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("LongStorage", Dtype::I64),
    ("IntStorage", Dtype::I32),
    ("ShortStorage", Dtype::I16),
    ("CharStorage", Dtype::I8),
    ("ByteStorage", Dtype::U8),
    ("BoolStorage", Dtype::BOOL),
];

/// Whether a value is made as a tensor is.
pub(super) fn is_tensor(values: &Values, id: Id) -> bool {
    let global = values.call(id).map(|(global, _)| global);
    global.is_some_and(|global| global == REBUILD_TENSOR || global == REBUILD_PARAMETER)
}

/// Gathers the elements of tensors, not more bytes than it was given.
#[derive(Debug)]
pub(super) struct Gather<'v, 'a> {
    values: &'v Values<'a>,
    archive: &'v Archive<'a>,
    /// Bytes that may still be taken. Views can repeat their storage's elements any number of times.
    left: usize,
}

/// A tensor's elements in its storage, all in bounds.
struct View<'a> {
    dtype: Dtype,
    width: usize,
    storage: &'a [u8],
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'v, 'a> Gather<'v, 'a> {
    pub fn new(values: &'v Values<'a>, archive: &'v Archive<'a>, limit: usize) -> Self {
        Self {
            values,
            archive,
            left: limit,
        }
    }

    /// The tensor of an entry; `None` for plain data.
    pub fn tensor(&mut self, name: &str, id: Id) -> Result<Option<Tensor>, PickleError> {
        match self.values.get(id) {
            Value::Call(..) | Value::Persistent(_) | Value::Global(..) => {}
            _ => return Ok(None),
        }
        let not_tensor = |id| PickleError::NotTensor {
            name: shortened(name),
            found: self.values.describe(id),
        };
        let args = match self.values.call(id) {
            Some((REBUILD_TENSOR, args)) => args,
            Some((REBUILD_PARAMETER, args)) => {
                let inner = self.values.tuple(args).and_then(|args| args.first());
                let inner = *inner.ok_or_else(|| not_tensor(id))?;
                match self.values.call(inner) {
                    Some((REBUILD_TENSOR, args)) => args,
                    _ => return Err(not_tensor(inner)),
                }
            }
            _ => return Err(not_tensor(id)),
        };
        let problem = |problem: String| PickleError::Tensor {
            name: shortened(name),
            problem,
        };
        if let Some(flags) = self.flags(args) {
            return Err(PickleError::Flagged {
                name: shortened(name),
                flags,
            });
        }
        let view = self.view(args).map_err(problem)?;
        let elements = view.shape.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
        let bytes = elements.and_then(|n| n.checked_mul(view.width));
        let left = bytes.and_then(|bytes| self.left.checked_sub(bytes));
        let too_large = || problem(format!("{:?} is larger than the file allows", view.shape));
        self.left = left.ok_or_else(too_large)?;
        Ok(Some(view.gather()))
    }

    /// What the seventh argument of `_rebuild_tensor_v2` says about the elements, as names for a message: under `neg`, for one, they
    /// have the other sign than in the storage.
    fn flags(&self, args: Id) -> Option<Vec<String>> {
        let values = self.values;
        let metadata = *values.tuple(args)?.get(6)?;
        match values.get(metadata) {
            Value::Dict(entries) if entries.is_empty() => None,
            Value::Dict(entries) => {
                let name =
                    |(key, _): &(Id, Id)| values.text(*key).map_or_else(|| values.describe(*key), shortened);
                Some(entries.iter().map(name).collect())
            }
            Value::Other("None") => None,
            _ => Some(vec![values.describe(metadata)]),
        }
    }

    /// Checks the first arguments of `_rebuild_tensor_v2`: storage, offset, shape and strides. The next two do not matter.
    fn view(&self, args: Id) -> Result<View<'a>, String> {
        let values = self.values;
        let Some([storage, offset, shape, strides, ..]) = values.tuple(args) else {
            return Err(
                "is made from fewer arguments than a storage, an offset, a shape and strides".to_owned(),
            );
        };
        let (dtype, width, storage, count) = self.storage(*storage)?;
        let numbers = |id: Id, what: &str| -> Result<Vec<usize>, String> {
            let items = values.tuple(id).filter(|items| items.len() <= MAX_DIMS);
            let size = |id: &Id| usize::try_from(values.size(*id)?).ok();
            let numbers = items.and_then(|items| items.iter().map(size).collect());
            numbers.ok_or_else(|| format!("has {what} that are not up to {MAX_DIMS} whole numbers"))
        };
        let offset = values
            .size(*offset)
            .and_then(|offset| usize::try_from(offset).ok());
        let offset = offset.ok_or("has an offset that is no whole number")?;
        let (shape, mut strides) = (numbers(*shape, "dimensions")?, numbers(*strides, "strides")?);
        if shape.len() != strides.len() {
            return Err("has more or fewer strides than dimensions".to_owned());
        }
        // No step is taken along a dimension of one element, so its stride may be anything.
        for (stride, dim) in strides.iter_mut().zip(&shape) {
            if *dim <= 1 {
                *stride = 0;
            }
        }
        let mut steps = shape.iter().zip(&strides);
        let last = steps.try_fold(offset, |last, (dim, stride)| {
            last.checked_add(dim.saturating_sub(1).checked_mul(*stride)?)
        });
        let is_empty = shape.contains(&0);
        if !is_empty && last.is_none_or(|last| last >= count) {
            return Err(format!(
                "{shape:?} reaches beyond its storage of {count} elements"
            ));
        }
        Ok(View {
            dtype,
            width,
            storage,
            offset,
            shape,
            strides,
        })
    }

    /// Type, bytes of an element, bytes and number of elements of a storage: `("storage", class, key, place, elements)`.
    fn storage(&self, id: Id) -> Result<(Dtype, usize, &'a [u8], usize), String> {
        let values = self.values;
        let id = match values.get(id) {
            Value::Persistent(id) => *id,
            _ => return Err(format!("has {} in place of a storage", values.describe(id))),
        };
        let Some([tag, class, key, _, count]) = values.tuple(id) else {
            return Err("has a storage without type, key and size".to_owned());
        };
        if values.text(*tag) != Some("storage") {
            return Err("has a storage of an unknown kind".to_owned());
        }
        let known = |(module, name): (&str, &str)| {
            let mut storages = STORAGES.iter().filter(|_| module == "torch");
            storages.find(|(storage, _)| *storage == name)
        };
        let storage = values.global(*class).and_then(known);
        let Some((_, dtype)) = storage else {
            return Err(format!(
                "has a storage of {}, which is not read",
                values.describe(*class)
            ));
        };
        let width = dtype.bitsize() / 8;
        let count = values.size(*count).and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or("has a storage whose size is no whole number")?;
        let key = values.text(*key).ok_or("has a storage whose key is no string")?;
        let bytes = self.archive.storage(key);
        let bytes = bytes.ok_or("has a storage that is not in the file")?;
        match count.checked_mul(width) {
            Some(size) if size <= bytes.len() => Ok((*dtype, width, bytes, count)),
            _ => Err(format!(
                "has a storage of {count} elements, but the file holds {} bytes for it",
                bytes.len()
            )),
        }
    }
}

impl View<'_> {
    fn gather(self) -> Tensor {
        let elements: usize = self.shape.iter().product();
        let bytes = match elements {
            0 => Vec::new(),
            _ if self.is_contiguous() => {
                let start = self.offset * self.width;
                self.storage[start..start + elements * self.width].to_vec()
            }
            _ => self.gather_by_strides(elements),
        };
        Tensor {
            dtype: self.dtype,
            shape: self.shape,
            bytes,
        }
    }

    fn gather_by_strides(&self, elements: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(elements * self.width);
        let mut index = vec![0; self.shape.len()];
        let mut place = self.offset;
        for _ in 0..elements {
            let start = place * self.width;
            bytes.extend_from_slice(&self.storage[start..start + self.width]);
            for dim in (0..index.len()).rev() {
                index[dim] += 1;
                place += self.strides[dim];
                if index[dim] < self.shape[dim] {
                    break;
                }
                place -= self.strides[dim] * self.shape[dim];
                index[dim] = 0;
            }
        }
        bytes
    }

    /// Whether the elements lie in row-major order without gaps.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        for (dim, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *dim != 1 && *stride != expected {
                return false;
            }
            expected = expected.saturating_mul(*dim);
        }
        true
    }
}
