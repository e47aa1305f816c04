//! A batch in buffers that are allocated once: page-locked on the host, and on the device.

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, DynTensorValueType, PrimitiveTensorElementType, TensorRef, TensorRefMut};

use super::interface::{Arranged, Input};
use super::output::{Output, widened};
use super::session::Provider;

/// The buffers of one batch size and image size, bound to a session's input and output.
///
/// Their addresses do not change, which a CUDA graph requires. Copies go through page-locked memory, which the device
/// reads by itself.
#[derive(Debug)]
pub(super) struct FixedBatch {
    batch: usize,
    image_len: usize,
    /// The host's buffers are page-locked.
    page_locked: bool,
    binding: IoBinding,
    host_input: DynTensor,
    device_input: DynTensor,
    device_output: DynTensor,
    host_output: DynTensor,
    is_half: bool,
}

impl FixedBatch {
    /// Buffers for `batch` images of `image_len` values.
    pub(super) fn new(
        session: &Session,
        provider: &Provider,
        input: &Input,
        output: &Output,
        batch: usize,
        image_len: usize,
    ) -> ort::Result<Self> {
        let (image_type, logits_type) = (input.element.of_tensor(), output.element());
        let image_shape = input.shape(batch * image_len, batch);
        let logits_shape = output.shape(batch);
        let (locked, on_device) = (page_locked(session, provider), on_device(session, provider)?);
        let page_locked = locked.is_some();
        let on_host = locked.unwrap_or_default();
        let device_input = DynTensor::new(&on_device, image_type, image_shape.clone())?;
        let mut device_output = DynTensor::new(&on_device, logits_type, logits_shape.clone())?;
        let mut binding = session.create_binding()?;
        binding.bind_input(input.name.as_str(), &device_input)?;
        binding.bind_output(output.name.as_str(), &mut device_output)?;
        Ok(Self {
            batch,
            image_len,
            page_locked,
            binding,
            host_input: DynTensor::new(&on_host, image_type, image_shape)?,
            device_input,
            device_output,
            host_output: DynTensor::new(&on_host, logits_type, logits_shape)?,
            is_half: output.is_half,
        })
    }

    pub(super) fn is_for(&self, batch: usize, image_len: usize) -> bool {
        (self.batch, self.image_len) == (batch, image_len)
    }

    /// Images of the batch, values of an image.
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.batch, self.image_len]
    }

    /// Logits, row-major `[rows, classes]`, of `rows` images, at most a batch.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        images: &Arranged<'_>,
        rows: usize,
    ) -> ort::Result<Vec<f32>> {
        match images {
            Arranged::Float(values) => self.write(values)?,
            Arranged::Half(values) => self.write(values)?,
            Arranged::Uint8(values) => self.write(values)?,
        }
        session.run_binding(&self.binding)?;
        let classes = self.host_output.shape().num_elements() / self.batch;
        Ok(match self.is_half {
            true => widened(&self.read()?[..rows * classes]),
            false => self.read()?[..rows * classes].to_vec(),
        })
    }

    /// Copies values to the front of the device's input, and zeros to the rest.
    ///
    /// ONNX Runtime mistakes its own page-locked memory for the device's and would tell CUDA the wrong direction. So it
    /// gets a view of ordinary memory, and CUDA recognises the page-locked address.
    fn write<T: PrimitiveTensorElementType + Copy + Default + std::fmt::Debug + 'static>(
        &mut self,
        values: &[T],
    ) -> ort::Result<()> {
        let (shape, host) = self.host_input.try_extract_tensor_mut::<T>()?;
        let shape = shape.to_vec();
        let (used, rest) = host.split_at_mut(values.len());
        used.copy_from_slice(values);
        rest.fill(T::default());
        if !self.page_locked {
            // `ort` would copy a view of ordinary memory first, holding the lock that this copy needs.
            return self.host_input.copy_into(&mut self.device_input);
        }
        let view = TensorRef::from_array_view((shape, &*host))?;
        view.upcast_ref().copy_into(&mut self.device_input)
    }

    /// Copies the device's output, through a view as in [`Self::write`].
    fn read<T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static>(
        &mut self,
    ) -> ort::Result<&[T]> {
        let (shape, host) = self.host_output.try_extract_tensor_mut::<T>()?;
        let view = TensorRefMut::from_array_view_mut((shape.to_vec(), &mut *host))?;
        self.device_output
            .copy_into(view.downcast::<DynTensorValueType>()?)?;
        Ok(host)
    }
}

/// Page-locked memory of the host, which the device reads by itself. `None` on the CPU, and if ONNX Runtime offers
/// none: copies from ordinary memory are slower.
fn page_locked(session: &Session, provider: &Provider) -> Option<Allocator> {
    let Provider::Cuda(cuda) = provider else {
        return None;
    };
    let device = i32::try_from(cuda.device).ok()?;
    let allocator = |device| {
        let memory = MemoryInfo::new(
            AllocationDevice::CUDA_PINNED,
            device,
            AllocatorType::Device,
            MemoryType::CPUOutput,
        )?;
        Allocator::new(session, memory)
    };
    // Versions of ONNX Runtime differ in whether they have it under the device's number or, for every device, under 0.
    allocator(device)
        .or_else(|_| allocator(0))
        .inspect_err(|error| log::debug!("no page-locked memory, copies are slower: {error}"))
        .ok()
}

fn on_device(session: &Session, provider: &Provider) -> ort::Result<Allocator> {
    let Provider::Cuda(cuda) = provider else {
        return Ok(Allocator::default());
    };
    let device =
        i32::try_from(cuda.device).map_err(|_| ort::Error::new("the device's index is too large"))?;
    let memory = MemoryInfo::new(
        AllocationDevice::CUDA,
        device,
        AllocatorType::Device,
        MemoryType::Default,
    )?;
    Allocator::new(session, memory)
}
