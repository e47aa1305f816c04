//! Batches on their way to the device, beside the training step.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, PinnedHostSlice,
};
use candle_core::cuda_backend::{CudaDevice, CudaStorage, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{DType, Device, Result, Storage, Tensor, bail};

use super::launch::pointer;
use super::queue::Queue;
use crate::gpu::{self, Images, Pointer};

/// Batches that are on their way or in use. The program is at most so many steps ahead of the device.
const SLOTS: usize = 3;
/// First row and column of a crop, and whether it is mirrored.
type Crop = [i32; 3];

/// Decoded pictures of one size with their labels.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// `[N, height, width, 3]`
    pub pixels: &'a [u8],
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// First row and column of each picture's crop, and 1 to mirror it from left to right, else 0.
    pub crops: &'a [Crop],
    /// Class of each.
    pub labels: &'a [u32],
}

/// Brings batches to a CUDA device on a stream of its own, from memory that the device reads by itself, so that the
/// copy of one overlaps the steps on those before.
pub struct Uploader {
    device: CudaDevice,
    copies: Arc<CudaStream>,
    slots: Vec<Slot>,
    next: usize,
}

/// Room for a batch on both sides.
struct Slot {
    host: PinnedHostSlice<u8>,
    memory: CudaSlice<u8>,
    /// The copy is done.
    copied: CudaEvent,
    /// The batch has been read.
    read: CudaEvent,
}

impl Uploader {
    /// For a device that [`crate::open_cuda`] opened.
    ///
    /// # Errors
    /// If it is no CUDA device or gives no stream.
    pub fn new(device: &Device) -> Result<Self> {
        let device = device.as_cuda_device()?.clone();
        if device.is_event_tracking() {
            bail!("upload: the device was not opened with `mbn_ops::open_cuda`");
        }
        Ok(Self {
            copies: device.cuda_stream().context().new_stream().w()?,
            device,
            slots: Vec::new(),
            next: 0,
        })
    }

    /// The network's input, `(byte / 255 - mean) / std` of each crop as `[N, 3, size, size]` in float32, and the
    /// labels, `[N]`, U32. Both can be used at once: work on them waits for the copy.
    ///
    /// # Errors
    /// If the lengths do not fit or the device fails.
    pub fn upload(
        &mut self,
        pictures: Pictures,
        size: usize,
        mean: [f32; 3],
        std: [f32; 3],
    ) -> Result<(Tensor, Tensor)> {
        let n = pictures.labels.len();
        let Pictures { height, width, .. } = pictures;
        if n == 0 || pictures.pixels.len() != n * height * width * 3 || pictures.crops.len() != n {
            bail!(
                "upload: {n} labels, {} crops and {} bytes of pictures of {height} x {width}",
                pictures.crops.len(),
                pictures.pixels.len()
            );
        }
        let base = self.copy(&pictures)?;
        let [crops, labels] = offsets(&pictures);
        let device = Device::Cuda(self.device.clone());
        // SAFETY: `prepare_images` writes all of it before anything reads it.
        let images = unsafe { Tensor::empty((n, 3, size, size), DType::F32, &device) }?;
        let source = Images {
            pixels: base,
            n,
            height,
            width,
            crops: base + crops as Pointer,
            mean,
            std,
        };
        let out = pointer("upload", &images)?;
        gpu::prepare_images(&Queue::of(&self.device)?.hold(), source, size, out)?;
        let labels = self.labels(labels, n)?;
        let slot = &self.slots[self.next];
        slot.read.record(&self.device.cuda_stream()).w()?;
        self.next = (self.next + 1) % SLOTS;
        Ok((images, labels))
    }

    /// Enqueues the copy of a batch to the next slot, for which the device's stream then waits; its address.
    fn copy(&mut self, pictures: &Pictures) -> Result<Pointer> {
        let [crops, labels] = offsets(pictures);
        let bytes = labels + 4 * pictures.labels.len();
        let slot = self.slot(bytes)?;
        let host = slot.host.as_mut_slice().w()?;
        host[..pictures.pixels.len()].copy_from_slice(pictures.pixels);
        let words = pictures
            .crops
            .as_flattened()
            .iter()
            .map(|value| value.to_ne_bytes());
        for (to, value) in host[crops..labels].as_chunks_mut().0.iter_mut().zip(words) {
            *to = value;
        }
        let words = pictures.labels.iter().map(|value| value.to_ne_bytes());
        for (to, value) in host[labels..bytes].as_chunks_mut().0.iter_mut().zip(words) {
            *to = value;
        }
        let index = self.next;
        let slot = &mut self.slots[index];
        self.copies.wait(&slot.read).w()?;
        self.copies.memcpy_htod(&slot.host, &mut slot.memory).w()?;
        slot.copied.record(&self.copies).w()?;
        self.device.cuda_stream().wait(&slot.copied).w()?;
        Ok(slot.memory.device_ptr(slot.memory.stream()).0)
    }

    /// The next slot, with room for so many bytes.
    fn slot(&mut self, bytes: usize) -> Result<&mut Slot> {
        let fits = |slot: &Slot| slot.host.len() >= bytes;
        if self.slots.len() <= self.next {
            let slot = self.new_slot(bytes)?;
            self.slots.push(slot);
        } else if !fits(&self.slots[self.next]) {
            // Memory that the copies' stream uses is freed in its order; what the device still reads is waited for.
            self.device.cuda_stream().synchronize().w()?;
            self.slots[self.next] = self.new_slot(bytes)?;
        }
        Ok(&mut self.slots[self.next])
    }

    fn new_slot(&self, bytes: usize) -> Result<Slot> {
        let stream = self.device.cuda_stream();
        let context = stream.context();
        let event = || context.new_event(None).w();
        // SAFETY: both are written before they are read; zeros until then are not needed.
        let (host, memory) = unsafe {
            let host = context.alloc_pinned::<u8>(bytes).w()?;
            (host, self.copies.alloc::<u8>(bytes).w()?)
        };
        Ok(Slot {
            host,
            memory,
            copied: event()?,
            read: event()?,
        })
    }

    /// The labels as a tensor of their own, since the slot is used again.
    fn labels(&self, offset: usize, n: usize) -> Result<Tensor> {
        let memory = &self.slots[self.next].memory;
        let view = memory.slice(offset..offset + 4 * n);
        // SAFETY: four bytes each, at a multiple of four.
        let Some(view) = (unsafe { view.transmute::<u32>(n) }) else {
            bail!("upload: the labels do not fit")
        };
        // SAFETY: the copy writes all of it.
        let mut labels = unsafe { self.device.alloc::<u32>(n) }?;
        self.device.memcpy_dtod(&view, &mut labels)?;
        let storage = CudaStorage::wrap_cuda_slice(labels, self.device.clone());
        Ok(Tensor::from_storage(
            Storage::Cuda(storage),
            n,
            BackpropOp::none(),
            false,
        ))
    }
}

/// Where crops and labels begin in a batch's memory.
fn offsets(pictures: &Pictures) -> [usize; 2] {
    let crops = pictures.pixels.len().next_multiple_of(16);
    [crops, crops + 12 * pictures.crops.len()]
}

impl Drop for Uploader {
    fn drop(&mut self) {
        // What was copied may still be read by work on the device's stream, which the copies' stream does not know.
        let done = self.device.cuda_stream().synchronize();
        if let Err(error) = done {
            self.device.cuda_stream().context().record_err::<()>(Err(error));
        }
    }
}
