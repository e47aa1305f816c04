//! A batch in buffers that are allocated once: page-locked on the host, and on the device.

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, TensorElementType};

use super::interface::{Input, Output, Pixel};
use super::session::Provider;

/// The buffers of one batch size and image size, bound to a session's input and output.
///
/// Their addresses do not change, as a CUDA graph needs it. Copies go through memory that the device reads by
/// itself.
#[derive(Debug)]
pub(super) struct FixedBatch {
    batch: usize,
    image_len: usize,
    binding: IoBinding,
    host_input: DynTensor,
    device_input: DynTensor,
    device_output: DynTensor,
    host_output: DynTensor,
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
        let element = match input.pixel {
            Pixel::Float => TensorElementType::Float32,
            Pixel::Byte => TensorElementType::Uint8,
        };
        let image_shape = input.shape(batch * image_len, batch);
        let logits_shape = [batch, output.classes];
        let (on_host, on_device) = (page_locked(session, provider), on_device(session, provider)?);
        let tensor = |allocator, element, shape: &[usize]| DynTensor::new(allocator, element, shape.to_vec());
        let device_input = tensor(&on_device, element, &image_shape)?;
        let mut device_output = tensor(&on_device, TensorElementType::Float32, &logits_shape)?;
        let mut binding = session.create_binding()?;
        binding.bind_input(input.name.as_str(), &device_input)?;
        binding.bind_output(output.name.as_str(), &mut device_output)?;
        Ok(Self {
            batch,
            image_len,
            binding,
            host_input: tensor(&on_host, element, &image_shape)?,
            device_input,
            device_output,
            host_output: tensor(&on_host, TensorElementType::Float32, &logits_shape)?,
        })
    }

    pub(super) fn is_for(&self, batch: usize, image_len: usize) -> bool {
        (self.batch, self.image_len) == (batch, image_len)
    }

    /// Logits, row-major `[rows, classes]`, of as many images as `images` holds, at most a batch.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        input: &Input,
        images: &[f32],
    ) -> ort::Result<Vec<f32>> {
        let rows = images.len() / self.image_len;
        match input.pixel {
            Pixel::Float => {
                let (_, values) = self.host_input.try_extract_tensor_mut::<f32>()?;
                let (used, rest) = values.split_at_mut(images.len());
                if input.channels_last {
                    used.copy_from_slice(&input.to_channels_last(images, rows));
                } else {
                    used.copy_from_slice(images);
                }
                rest.fill(0.0);
            }
            Pixel::Byte => {
                let (_, values) = self.host_input.try_extract_tensor_mut::<u8>()?;
                let (used, rest) = values.split_at_mut(images.len());
                used.copy_from_slice(&input.to_bytes(images, rows));
                rest.fill(0);
            }
        }
        self.host_input.copy_into(&mut self.device_input)?;
        session.run_binding(&self.binding)?;
        self.device_output.copy_into(&mut self.host_output)?;
        let (_, logits) = self.host_output.try_extract_tensor::<f32>()?;
        Ok(logits[..logits.len() / self.batch * rows].to_vec())
    }
}

/// Memory of the host that the device reads by itself; ordinary memory, which copies slower, where ONNX Runtime has
/// no such.
fn page_locked(session: &Session, provider: &Provider) -> Allocator {
    let Provider::Cuda(cuda) = provider else {
        return Allocator::default();
    };
    let allocator = i32::try_from(cuda.device)
        .map_err(|_| "index".to_owned())
        .and_then(|device| {
            MemoryInfo::new(
                AllocationDevice::CUDA_PINNED,
                device,
                AllocatorType::Device,
                MemoryType::CPUOutput,
            )
            .and_then(|memory| Allocator::new(session, memory))
            .map_err(|error| error.to_string())
        });
    allocator.unwrap_or_else(|error| {
        log::debug!("no page-locked memory, copies are slower: {error}");
        Allocator::default()
    })
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
