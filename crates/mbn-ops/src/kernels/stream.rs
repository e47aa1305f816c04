//! What operations ask of a device: launches, matrix products and scratch memory.

use candle_core::{Result, bail};

/// Address in the device's memory.
pub type Pointer = u64;

/// Names of the kernels' sources, `src/kernels/NAME.cu`. A device loads a module when it first runs a kernel of it.
pub const MODULES: [&str; 14] = [
    "columns",
    "columns_narrow",
    "depthwise",
    "depthwise_narrow",
    "depthwise_backward",
    "depthwise_backward_narrow",
    "finish",
    "image",
    "loss",
    "optim",
    "pool",
    "pool_narrow",
    "stem",
    "stem_narrow",
];

/// Type of the values of activations and of their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// float32
    F32,
    /// bfloat16
    Bf16,
}

impl ElementType {
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

/// The dynamic shared memory that every block can have without opting in.
pub(super) const MAX_SHARED: usize = 48 * 1024;

impl Launch {
    /// A launch without arguments, of `grid` blocks and `block` threads in x and y.
    ///
    /// # Errors
    /// If a device cannot launch that many blocks at once.
    pub fn new(
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

    /// The launch with `bytes` of dynamic shared memory.
    ///
    /// # Errors
    /// If a block cannot have that much.
    pub fn shared(mut self, bytes: usize) -> Result<Self> {
        if bytes > MAX_SHARED {
            bail!(
                "{}: {bytes} bytes of shared memory, at most {MAX_SHARED} fit",
                self.kernel
            );
        }
        self.shared = bytes as u32;
        Ok(self)
    }

    /// Appends addresses to the arguments.
    #[must_use]
    pub fn pointers(mut self, pointers: &[Pointer]) -> Self {
        self.args.extend(pointers.iter().copied().map(Arg::Pointer));
        self
    }

    /// Appends `int`s to the arguments.
    ///
    /// # Errors
    /// If a value does not fit.
    pub fn ints(mut self, values: &[usize]) -> Result<Self> {
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

    /// Appends `float`s to the arguments.
    #[must_use]
    pub fn floats(mut self, values: &[f32]) -> Self {
        self.args.extend(values.iter().copied().map(Arg::F32));
        self
    }

    /// Appends `double`s to the arguments.
    #[must_use]
    pub fn doubles(mut self, values: &[f64]) -> Self {
        self.args.extend(values.iter().copied().map(Arg::F64));
        self
    }
}

/// Most blocks in y of a launch.
pub(super) const MAX_GRID_Y: usize = 65_535;

/// Operand of a [`Product`], stored row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Address of the first element.
    pub pointer: Pointer,
    /// Elements from one stored row to the next.
    pub stride: usize,
    /// Whether the operand is the transpose of the stored matrix.
    pub transposed: bool,
}

impl Matrix {
    /// The stored matrix, with rows of `columns` elements.
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
    /// Type of `left` and `right`.
    pub element: ElementType,
    /// Type of `out`: `element`, or float32.
    pub out_element: ElementType,
}

/// Scratch buffers. The content of each is valid until the next operation that uses it.
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

/// A queue of work on a device, done in order.
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

    /// A buffer of at least `bytes` bytes with undefined content. A slot keeps its buffer while it is large enough; an
    /// implementation may free a smaller one only after the work enqueued before.
    ///
    /// # Errors
    /// If the device has too little memory.
    fn scratch(&self, slot: Slot, bytes: usize) -> Result<Pointer>;

    /// Multiprocessors of the device, which decide about the number of blocks.
    fn multiprocessors(&self) -> usize;
}

/// Module and name of a kernel's variant: for an element type, and for loads of 16 bytes or of one value. Variants of
/// the second kind are in modules of their own; this project's networks need one, for a classifier's bias where the number of classes
/// is not divisible by 4.
macro_rules! variant {
    ($module:literal, $base:literal, $element:expr, $is_wide:expr) => {
        match ($element, $is_wide) {
            ($crate::kernels::stream::ElementType::F32, true) => ($module, concat!($base, "_f32")),
            ($crate::kernels::stream::ElementType::Bf16, true) => ($module, concat!($base, "_bf16")),
            ($crate::kernels::stream::ElementType::F32, false) => {
                (concat!($module, "_narrow"), concat!($base, "_f32_narrow"))
            }
            ($crate::kernels::stream::ElementType::Bf16, false) => {
                (concat!($module, "_narrow"), concat!($base, "_bf16_narrow"))
            }
        }
    };
}
pub(super) use variant;
