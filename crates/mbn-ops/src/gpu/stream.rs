//! What operations ask of a device.

use candle_core::{Result, bail};

/// Address in the device's memory.
pub type Pointer = u64;

/// Names of the kernels' sources, `src/cuda/NAME.cu`.
pub const MODULES: [&str; 9] = [
    "columns",
    "depthwise",
    "depthwise_backward",
    "finish",
    "image",
    "loss",
    "optim",
    "pool",
    "stem",
];

/// Number format of activations and their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// float32
    F32,
    /// bfloat16
    Bf16,
}

impl Format {
    /// Size of a value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }

    /// Values in 16 bytes.
    pub(super) fn per_vector(self) -> usize {
        16 / self.bytes()
    }
}

/// An argument of a kernel, passed by value.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// Address in the device's memory.
    Pointer(Pointer),
    /// `int`
    I32(i32),
    /// `long long`
    I64(i64),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
    /// A structure, with the alignment of eight bytes.
    Bytes(Vec<u64>),
}

impl Arg {
    /// The address of the value, as drivers want it; valid while `self` is borrowed.
    pub fn as_ptr(&self) -> *const std::ffi::c_void {
        match self {
            Self::Pointer(value) => std::ptr::from_ref(value).cast(),
            Self::I32(value) => std::ptr::from_ref(value).cast(),
            Self::I64(value) => std::ptr::from_ref(value).cast(),
            Self::F32(value) => std::ptr::from_ref(value).cast(),
            Self::F64(value) => std::ptr::from_ref(value).cast(),
            Self::Bytes(words) => words.as_ptr().cast(),
        }
    }
}

/// One launch of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// One of [`MODULES`].
    pub module: &'static str,
    /// Name of the kernel in it.
    pub kernel: &'static str,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory, at most 48 KiB.
    pub shared: u32,
    /// In the order of the kernel's parameters: first pointers, then integers, then floats.
    pub args: Vec<Arg>,
}

/// Most dynamic shared memory that a block gets without being asked for.
pub(super) const MAX_SHARED: usize = 48 * 1024;

impl Launch {
    pub(super) fn new(
        module: &'static str,
        kernel: &'static str,
        grid: [usize; 2],
        block: [usize; 2],
    ) -> Result<Self> {
        if grid[0] > i32::MAX as usize || grid[1] > MAX_GRID_Y {
            bail!("{kernel}: {grid:?} blocks are more than a device launches at once");
        }
        Ok(Self {
            module,
            kernel,
            grid: [grid[0] as u32, grid[1] as u32, 1],
            block: [block[0] as u32, block[1] as u32, 1],
            shared: 0,
            args: Vec::new(),
        })
    }

    pub(super) fn shared(mut self, bytes: usize) -> Result<Self> {
        if bytes > MAX_SHARED {
            bail!(
                "{}: {bytes} bytes of shared memory, at most {MAX_SHARED} fit",
                self.kernel
            );
        }
        self.shared = bytes as u32;
        Ok(self)
    }

    pub(super) fn pointers(mut self, pointers: &[Pointer]) -> Self {
        self.args.extend(pointers.iter().copied().map(Arg::Pointer));
        self
    }

    pub(super) fn ints(mut self, values: &[usize]) -> Result<Self> {
        for value in values {
            match i32::try_from(*value) {
                Ok(value) => self.args.push(Arg::I32(value)),
                Err(_) => bail!(
                    "{}: a size of {value} does not fit the kernel's integers",
                    self.kernel
                ),
            }
        }
        Ok(self)
    }

    pub(super) fn floats(mut self, values: &[f32]) -> Self {
        self.args.extend(values.iter().copied().map(Arg::F32));
        self
    }

    pub(super) fn doubles(mut self, values: &[f64]) -> Self {
        self.args.extend(values.iter().copied().map(Arg::F64));
        self
    }
}

/// Blocks in y that a device launches at most.
pub(super) const MAX_GRID_Y: usize = 65_535;

/// Operand of a [`Product`], stored row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// First element.
    pub pointer: Pointer,
    /// Elements from one stored row to the next.
    pub stride: usize,
    /// Whether the operand is the transpose of what is stored.
    pub transposed: bool,
}

impl Matrix {
    /// What is stored, with rows of `columns` elements.
    pub(super) fn stored(pointer: Pointer, columns: usize) -> Self {
        Self {
            pointer,
            stride: columns,
            transposed: false,
        }
    }

    /// Its transpose.
    pub(super) fn transposed(pointer: Pointer, columns: usize) -> Self {
        Self {
            transposed: true,
            ..Self::stored(pointer, columns)
        }
    }
}

/// `out = left right`, summed in float32: `[m, n] = [m, k] [k, n]`, all stored row by row, `out` without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// `[m, k]`
    pub left: Matrix,
    /// `[k, n]`
    pub right: Matrix,
    /// `[m, n]`, overwritten.
    pub out: Pointer,
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
    /// Of `left` and `right`.
    pub format: Format,
    /// Of `out`: `format`, or float32.
    pub out_format: Format,
}

/// Scratch buffers, each used again by the next operation that needs it. What one holds is valid until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// Parts of sums over rows, float64.
    Sums,
    /// The activated input of a pointwise convolution.
    Input,
    /// The gradient of a pointwise convolution's result.
    Upstream,
    /// A weight in bfloat16.
    Weight,
    /// The loss of each row.
    Loss,
}

/// A queue of work on a device, done in the order in which it is asked for.
pub trait Stream {
    /// Enqueues a kernel.
    ///
    /// # Errors
    /// If there is no such kernel or the device refuses it.
    fn launch(&self, launch: &Launch) -> Result<()>;

    /// Enqueues a matrix product.
    ///
    /// # Errors
    /// If the device refuses it.
    fn product(&self, product: &Product) -> Result<()>;

    /// A buffer of at least so many bytes whose content is lost, the same one for a slot as long as it is large
    /// enough. One that is too small may be freed only after the work that was enqueued before.
    ///
    /// # Errors
    /// If the device has not so much memory.
    fn scratch(&self, slot: Slot, bytes: usize) -> Result<Pointer>;

    /// Multiprocessors of the device, from which the number of blocks follows.
    fn multiprocessors(&self) -> usize;
}

/// The name of a kernel's variant: of a format, and of 16 bytes or of one element at a time.
macro_rules! variant {
    ($base:literal, $format:expr, $is_wide:expr) => {
        match ($format, $is_wide) {
            ($crate::gpu::Format::F32, true) => concat!($base, "_f32"),
            ($crate::gpu::Format::F32, false) => concat!($base, "_f32_narrow"),
            ($crate::gpu::Format::Bf16, true) => concat!($base, "_bf16"),
            ($crate::gpu::Format::Bf16, false) => concat!($base, "_bf16_narrow"),
        }
    };
}
pub(super) use variant;
