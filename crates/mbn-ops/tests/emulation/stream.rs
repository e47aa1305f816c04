//! A device's memory and its queue, on the CPU.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aligned_vec::{AVec, ConstAlign};
use candle_core::{DType, Result, Tensor, bail};
use half::bf16;

use super::library::{Sources, kernels};
use mbn_ops::kernels::{ElementType, Launch, Matrix, Pointer, Product, Slot, Stream};

/// Bytes before and after a buffer, which no kernel may change. As floats they are NaN, so that reading them shows
/// too.
const GUARD: usize = 256;
const GUARD_BYTE: u8 = 0xff;
/// What fresh memory holds: NaN in each element.
const FRESH_BYTE: u8 = 0xff;

/// Runs launches at once. A kernel that does something wrong is an error.
pub struct Emulation {
    sources: &'static Sources,
    memory: RefCell<BTreeMap<Pointer, Buffer>>,
    slots: RefCell<BTreeMap<Slot, Pointer>>,
    launches: Cell<u64>,
    launched: RefCell<BTreeMap<&'static str, u32>>,
    multiprocessors: usize,
}

struct Buffer {
    bytes: AVec<u8, ConstAlign<256>>,
    len: usize,
}

impl Buffer {
    fn content(&self) -> &[u8] {
        &self.bytes[GUARD..GUARD + self.len]
    }

    fn content_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[GUARD..GUARD + self.len]
    }

    fn is_intact(&self) -> bool {
        let (before, after) = (&self.bytes[..GUARD], &self.bytes[GUARD + self.len..]);
        before.iter().chain(after).all(|byte| *byte == GUARD_BYTE)
    }
}

impl Emulation {
    /// With one multiprocessor, so that blocks loop over their work. `None` where there is no C++ compiler.
    pub fn new() -> Option<Self> {
        kernels().map(Self::of)
    }

    /// With many multiprocessors, so that many blocks share the work and what adds their sums loops. `None` where there is no
    /// C++ compiler.
    pub fn with_multiprocessors(count: usize) -> Option<Self> {
        let one = Self::new()?;
        Some(Self {
            multiprocessors: count,
            ..one
        })
    }

    pub fn of(sources: &'static Sources) -> Self {
        Self {
            sources,
            memory: RefCell::default(),
            slots: RefCell::default(),
            launches: Cell::new(0),
            launched: RefCell::default(),
            multiprocessors: 1,
        }
    }

    /// Names of the kernels that have run.
    pub fn launched(&self) -> Vec<&'static str> {
        self.launched.borrow().keys().copied().collect()
    }

    /// Most blocks along rows or tiles of any launch of `kernel`: as many as the parts of the sums that it writes.
    pub fn most_blocks(&self, kernel: &str) -> u32 {
        self.launched.borrow().get(kernel).copied().unwrap_or(0)
    }

    /// A fresh buffer of `len` bytes.
    pub fn room(&self, len: usize) -> Pointer {
        let bytes = AVec::from_iter(256, std::iter::repeat_n(GUARD_BYTE, len + 2 * GUARD));
        let mut buffer = Buffer { bytes, len };
        buffer.content_mut().fill(FRESH_BYTE);
        let pointer = buffer.content().as_ptr() as Pointer;
        self.memory.borrow_mut().insert(pointer, buffer);
        pointer
    }

    /// Room for a tensor.
    pub fn tensor(&self, element: ElementType, shape: &[usize]) -> Pointer {
        self.room(shape.iter().product::<usize>() * element.bytes())
    }

    pub fn upload_bytes(&self, bytes: &[u8]) -> Pointer {
        let pointer = self.room(bytes.len());
        self.write(pointer, bytes);
        pointer
    }

    /// A copy of a tensor, in its type.
    pub fn upload(&self, tensor: &Tensor) -> Pointer {
        let flat = tensor.flatten_all().unwrap();
        let bytes: Vec<u8> = match tensor.dtype() {
            DType::BF16 => flat
                .to_vec1::<bf16>()
                .unwrap()
                .into_iter()
                .flat_map(bf16::to_le_bytes)
                .collect(),
            _ => flat
                .to_vec1::<f32>()
                .unwrap()
                .into_iter()
                .flat_map(f32::to_le_bytes)
                .collect(),
        };
        self.upload_bytes(&bytes)
    }

    /// The values at `pointer`.
    pub fn values(&self, element: ElementType, pointer: Pointer) -> Vec<f32> {
        decode(element, self.memory.borrow()[&pointer].content())
    }

    pub fn floats(&self, pointer: Pointer) -> Vec<f32> {
        self.values(ElementType::F32, pointer)
    }

    /// The unsigned 32-bit integers at `pointer`.
    pub fn integers(&self, pointer: Pointer) -> Vec<u32> {
        let memory = self.memory.borrow();
        let words = memory[&pointer].content().as_chunks::<4>().0;
        words.iter().map(|b| u32::from_le_bytes(*b)).collect()
    }

    fn write(&self, pointer: Pointer, bytes: &[u8]) {
        self.memory
            .borrow_mut()
            .get_mut(&pointer)
            .unwrap()
            .content_mut()
            .copy_from_slice(bytes);
    }
}

fn decode(element: ElementType, bytes: &[u8]) -> Vec<f32> {
    match element {
        ElementType::F32 => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        ElementType::Bf16 => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| bf16::from_le_bytes(*b).to_f32())
            .collect(),
    }
}

fn encode(element: ElementType, values: &[f32]) -> Vec<u8> {
    match element {
        ElementType::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ElementType::Bf16 => values
            .iter()
            .flat_map(|value| bf16::from_f32(*value).to_le_bytes())
            .collect(),
    }
}

impl Stream for Emulation {
    fn launch(&self, launch: &Launch) -> Result<()> {
        // Another order of the threads each time, the same in each run.
        let number = self.launches.get() + 1;
        self.launches.set(number);
        let blocks = launch.grid[1];
        let mut launched = self.launched.borrow_mut();
        launched
            .entry(launch.kernel)
            .and_modify(|most| *most = blocks.max(*most))
            .or_insert(blocks);
        drop(launched);
        let ranges: Vec<[u64; 2]> = {
            let memory = self.memory.borrow();
            memory
                .iter()
                .map(|(start, buffer)| [*start, *start + buffer.len as u64])
                .collect()
        };
        let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let result = self.sources.run(launch, seed, &ranges);
        if let Err(message) = result {
            bail!("{message}");
        }
        for (pointer, buffer) in self.memory.borrow().iter() {
            if !buffer.is_intact() {
                bail!(
                    "{}: wrote beside the {} bytes at {pointer:#x}",
                    launch.kernel,
                    buffer.len
                );
            }
        }
        Ok(())
    }

    fn product(&self, product: &Product) -> Result<()> {
        let Product { m, n, k, .. } = *product;
        let element = |values: &[f32], matrix: Matrix, row: usize, column: usize| {
            let (row, column) = if matrix.transposed {
                (column, row)
            } else {
                (row, column)
            };
            values[row * matrix.stride + column]
        };
        let left = self.values(product.element, product.left.pointer);
        let right = self.values(product.element, product.right.pointer);
        let mut out = Vec::with_capacity(m * n);
        for row in 0..m {
            for column in 0..n {
                let term = |i| {
                    let (left, right) = (
                        element(&left, product.left, row, i),
                        element(&right, product.right, i, column),
                    );
                    f64::from(left) * f64::from(right)
                };
                out.push((0..k).map(term).sum::<f64>() as f32);
            }
        }
        self.write(product.out, &encode(product.out_element, &out));
        Ok(())
    }

    fn scratch(&self, slot: Slot, bytes: usize) -> Result<Pointer> {
        let found = self.slots.borrow().get(&slot).copied();
        if let Some(pointer) = found {
            let mut memory = self.memory.borrow_mut();
            let buffer = memory.get_mut(&pointer).unwrap();
            // Of this size exactly, so that its guard zones are where the operation's memory ends.
            if buffer.len == bytes {
                buffer.content_mut().fill(FRESH_BYTE);
                return Ok(pointer);
            }
            memory.remove(&pointer);
        }
        let pointer = self.room(bytes);
        self.slots.borrow_mut().insert(slot, pointer);
        Ok(pointer)
    }

    fn multiprocessors(&self) -> usize {
        self.multiprocessors
    }
}
