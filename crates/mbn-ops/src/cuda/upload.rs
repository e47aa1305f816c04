//! Batches on their way to the device, beside the training step.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, PinnedHostSlice, sys,
};
use candle_core::cuda_backend::{CudaDevice, CudaStorage, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{Device, Result, Storage, Tensor, bail};

use super::allocation::filled;
use super::queue::Queue;
use super::work;
use crate::kernels::{self, Images, Packing, Picture, Pointer};

/// Places for batches, which take turns. Before a batch is written to its place, the host waits for the copy of the batch that had the
/// place before, and that copy waited until the device had read the batch before it: so the program runs at most twice as many steps
/// ahead of the device.
const SLOTS: usize = 3;

/// Copies batches to a CUDA device on a stream of its own, from memory that the device reads by itself, so that the copy
/// of one batch overlaps the steps on earlier ones.
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
    /// If it is not a CUDA device or has no stream to give.
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

    /// The network's input, `(byte / 255 - mean) / std` of each resized picture as `[N, 3, size, size]` in float32, and
    /// the labels, `[N]`, U32. Both can be used at once: work on them waits for the copy.
    ///
    /// # Errors
    /// If the lengths do not fit or the device fails.
    pub fn upload(
        &mut self,
        pictures: &[Picture],
        labels: &[u32],
        size: usize,
        mean: [f32; 3],
        std: [f32; 3],
    ) -> Result<(Tensor, Tensor)> {
        let n = pictures.len();
        let packing = Packing::new(pictures, size)?;
        let memory = self.copy(&packing, pictures, labels)?;
        let device = Device::Cuda(self.device.clone());
        let images = Images {
            memory,
            packing: &packing,
            mean,
            std,
        };
        let queue = Queue::of(&self.device)?;
        let shape = (n, 3, size, size).into();
        let ([out], ()) = filled("upload", &device, [shape], |[out]| {
            kernels::resize_images(&queue.hold(), images, out)
        })?;
        let labels = self.labels(packing.labels(), n)?;
        let slot = &self.slots[self.next];
        slot.read.record(&self.device.cuda_stream()).w()?;
        self.next = (self.next + 1) % SLOTS;
        Ok((out, labels))
    }

    /// Enqueues the copy of a batch to the next slot and makes the device's stream wait for it; the slot's address.
    fn copy(&mut self, packing: &Packing, pictures: &[Picture], labels: &[u32]) -> Result<Pointer> {
        let bytes = packing.bytes();
        let index = self.next;
        self.make_room(bytes)?;
        let slot = &mut self.slots[index];
        // The memory is written again when the copy before is done.
        slot.copied.synchronize().w()?;
        packing.write(pictures, labels, slot.host.as_mut_slice().w()?)?;
        self.copies.wait(&slot.read).w()?;
        let written = &slot.host.as_slice().w()?[..bytes];
        self.copies.memcpy_htod(written, &mut slot.memory).w()?;
        slot.copied.record(&self.copies).w()?;
        self.device.cuda_stream().wait(&slot.copied).w()?;
        Ok(slot.memory.device_ptr(slot.memory.stream()).0)
    }

    /// Makes the next slot large enough for `bytes` bytes.
    fn make_room(&mut self, bytes: usize) -> Result<()> {
        let Some(slot) = self.slots.get(self.next) else {
            self.slots.push(self.new_slot(bytes)?);
            return Ok(());
        };
        if slot.host.len() < bytes {
            // Memory of the copies' stream is freed in that stream's order. The device may still read this slot's batch,
            // the oldest one, so wait for it.
            slot.read.synchronize().w()?;
            self.slots[self.next] = self.new_slot(bytes)?;
        }
        Ok(())
    }

    /// A slot with room for half as many bytes again: batches of pictures differ in size, and few of them should need a
    /// new slot.
    fn new_slot(&self, bytes: usize) -> Result<Slot> {
        let room = bytes + bytes / 2;
        let stream = self.device.cuda_stream();
        let context = stream.context();
        // A thread that waits for an event leaves its core to the threads that decode.
        let event = || {
            context
                .new_event(Some(sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC))
                .w()
        };
        work::count_allocation();
        // SAFETY: both are written before they are read; zeros until then are not needed.
        let (host, memory) = unsafe {
            let host = context.alloc_pinned::<u8>(room).w()?;
            (host, self.copies.alloc::<u8>(room).w()?)
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
        work::count_allocation();
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

impl Drop for Uploader {
    fn drop(&mut self) {
        // Work on the device's stream, which the copies' stream does not wait for, may still read the copies.
        let done = self.device.cuda_stream().synchronize();
        if let Err(error) = done {
            self.device.cuda_stream().context().record_err::<()>(Err(error));
        }
    }
}
