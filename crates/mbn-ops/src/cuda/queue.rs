//! The queue of a device: kernels, products and scratch memory on candle's stream.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use candle_core::cuda_backend::cudarc::cublas::{result as blas, sys as blas_sys};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaModule, CudaSlice, DevicePtr, LaunchConfig, PushKernelArg, sys,
};
use candle_core::cuda_backend::{CudaDevice, DeviceId, WrapErr, gemm_reduced_precision_f32};
use candle_core::{Result, bail};

use super::{modules, work};
use crate::kernels::{Arg, ElementType, Launch, Matrix, Pointer, Product, Slot, Stream};

/// One for each device in use. They last as long as the program.
static QUEUES: LazyLock<Mutex<HashMap<DeviceId, Arc<Mutex<State>>>>> = LazyLock::new(Mutex::default);

/// What operations on a device need beside its stream. One operation at a time holds it: scratch memory carries data from
/// one of its kernels to the next.
pub(crate) struct Queue {
    device: CudaDevice,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Keeps candle's handles, whose destructors panic on a device that an earlier error has broken: that would hide the error.
    _device: CudaDevice,
    modules: HashMap<&'static str, Arc<CudaModule>>,
    functions: HashMap<(&'static str, &'static str), CudaFunction>,
    scratch: HashMap<Slot, CudaSlice<u8>>,
    multiprocessors: usize,
}

/// A queue while one operation uses it.
pub(crate) struct Held<'a> {
    device: &'a CudaDevice,
    state: std::cell::RefCell<MutexGuard<'a, State>>,
}

impl Queue {
    pub fn of(device: &CudaDevice) -> Result<Self> {
        let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match queues.get(&device.id()) {
            Some(state) => Arc::clone(state),
            None => {
                let state = Arc::new(Mutex::new(State::new(device)?));
                queues.insert(device.id(), Arc::clone(&state));
                state
            }
        };
        Ok(Self {
            device: device.clone(),
            state,
        })
    }

    pub fn hold(&self) -> Held<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Held {
            device: &self.device,
            state: std::cell::RefCell::new(state),
        }
    }
}

impl State {
    fn new(device: &CudaDevice) -> Result<Self> {
        let stream = device.cuda_stream();
        let context = stream.context();
        if context.is_managing_stream_synchronization() {
            bail!(
                "the device has several streams that wait for each other by tensor; open it with `mbn_ops::open_cuda`"
            );
        }
        let attribute = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let multiprocessors = context.attribute(attribute).w()?;
        Ok(Self {
            _device: device.clone(),
            modules: HashMap::new(),
            functions: HashMap::new(),
            scratch: HashMap::new(),
            multiprocessors: usize::try_from(multiprocessors).unwrap_or(1).max(1),
        })
    }

    fn module(&mut self, device: &CudaDevice, name: &'static str) -> Result<Arc<CudaModule>> {
        if let Some(module) = self.modules.get(name) {
            return Ok(Arc::clone(module));
        }
        let module = modules::load(device.cuda_stream().context(), name)?;
        self.modules.insert(name, Arc::clone(&module));
        Ok(module)
    }

    fn function(
        &mut self,
        device: &CudaDevice,
        module: &'static str,
        kernel: &'static str,
    ) -> Result<&CudaFunction> {
        if !self.functions.contains_key(&(module, kernel)) {
            let function = self.module(device, module)?.load_function(kernel).w()?;
            self.functions.insert((module, kernel), function);
        }
        match self.functions.get(&(module, kernel)) {
            Some(function) => Ok(function),
            None => bail!("kernel `{kernel}` is not loaded"),
        }
    }
}

impl Stream for Held<'_> {
    fn launch(&self, launch: &Launch) -> Result<()> {
        let mut state = self.state.borrow_mut();
        let function = state.function(self.device, launch.module, launch.kernel)?;
        let stream = self.device.cuda_stream();
        let mut builder = stream.launch_builder(function);
        for arg in &launch.args {
            match arg {
                Arg::Pointer(value) => builder.arg(value),
                Arg::I32(value) => builder.arg(value),
                Arg::I64(value) => builder.arg(value),
                Arg::F32(value) => builder.arg(value),
                Arg::F64(value) => builder.arg(value),
                Arg::Bytes(words) => match words.first() {
                    // The driver copies as many bytes as the parameter has from this address on.
                    Some(first) => builder.arg(first),
                    None => bail!("{}: a structure without content", launch.kernel),
                },
            };
        }
        let [x, y, z] = launch.grid;
        let [bx, by, bz] = launch.block;
        let config = LaunchConfig {
            grid_dim: (x, y, z),
            block_dim: (bx, by, bz),
            shared_mem_bytes: launch.shared,
        };
        // SAFETY: `kernels` gives each kernel the parameters of its declaration, and pointers to as many elements as it
        // reads and writes; both are what the emulation of the same launches checks in the tests.
        unsafe { builder.launch(config) }.w()?;
        work::count_launch();
        Ok(())
    }

    fn product(&self, product: &Product) -> Result<()> {
        let Product { left, right, out, .. } = product;
        let [m, n, k] = [product.m, product.n, product.k].map(size);
        // cuBLAS stores columns: what is stored row by row is the transpose to it, and `out' = right' left'`.
        let (alpha, beta) = (1.0f32, 0.0f32);
        let stride = |matrix: &Matrix| size(matrix.stride);
        let (m, n, k) = (m?, n?, k?);
        let handle = self.device.cublas_handle();
        work::count_product();
        // cuBLAS works in the calling thread's context.
        self.device.cuda_stream().context().bind_to_thread().w()?;
        // SAFETY: the handle is on the device's stream; the three matrices have the sizes that `product` gives; `alpha` and
        // `beta` are float32, as the compute types require.
        unsafe {
            blas::gemm_ex(
                *handle.handle(),
                operation(right),
                operation(left),
                n,
                m,
                k,
                (&raw const alpha).cast(),
                right.pointer as *const c_void,
                data_type(product.element),
                stride(right)?,
                left.pointer as *const c_void,
                data_type(product.element),
                stride(left)?,
                (&raw const beta).cast(),
                *out as *mut c_void,
                data_type(product.out_element),
                n,
                compute_type(product.element),
                blas_sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .w()
    }

    fn scratch(&self, slot: Slot, bytes: usize) -> Result<Pointer> {
        let mut state = self.state.borrow_mut();
        let present = state.scratch.get(&slot);
        if present.is_none_or(|buffer| buffer.len() < bytes) {
            // Freed before the new one is made, in the stream's order: after the work that uses it.
            state.scratch.remove(&slot);
            work::count_allocation();
            // SAFETY: what it holds at first is never read, by the contract of `scratch`.
            let buffer = unsafe { self.device.alloc::<u8>(bytes.max(1)) }?;
            state.scratch.insert(slot, buffer);
        }
        match state.scratch.get(&slot) {
            Some(buffer) => Ok(buffer.device_ptr(buffer.stream()).0),
            None => bail!("no scratch memory"),
        }
    }

    fn multiprocessors(&self) -> usize {
        self.state.borrow().multiprocessors
    }
}

fn size(value: usize) -> Result<i32> {
    match i32::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => bail!("a matrix of {value} rows or columns is larger than cuBLAS allows"),
    }
}

fn operation(matrix: &Matrix) -> blas_sys::cublasOperation_t {
    if matrix.transposed {
        blas_sys::cublasOperation_t::CUBLAS_OP_T
    } else {
        blas_sys::cublasOperation_t::CUBLAS_OP_N
    }
}

fn data_type(element: ElementType) -> blas_sys::cudaDataType_t {
    match element {
        ElementType::F32 => blas_sys::cudaDataType_t::CUDA_R_32F,
        ElementType::Bf16 => blas_sys::cudaDataType_t::CUDA_R_16BF,
    }
}

/// Sums are in float32; where cuBLAS splits a sum, it may add the parts in the result's type. candle's own products of
/// float32 follow the same switch.
fn compute_type(element: ElementType) -> blas_sys::cublasComputeType_t {
    if element == ElementType::F32 && gemm_reduced_precision_f32() {
        blas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32
    } else {
        blas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F
    }
}
