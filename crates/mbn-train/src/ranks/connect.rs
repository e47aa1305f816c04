//! How the ranks' devices find each other.

use anyhow::{Result, anyhow};
use mbn_cli::Hint;

use super::Ranks;
use super::devices::DeviceSums;

/// What connects devices.
pub(super) trait Transport {
    /// What one rank must tell the others.
    fn make_id(&self) -> Result<Vec<u8>>;

    /// Joins the `size` ranks that have `id`; returns when all have joined.
    fn join(self, id: &[u8], rank: usize, size: usize) -> Result<Box<dyn DeviceSums>>;
}

/// Connects the ranks' devices; `None` if there is no other rank or one of them computes on the CPU. `device` tells the devices of
/// all machines apart, and is empty for the CPU.
///
/// All ranks know an error, unless [`Transport::join`] gives it: then the others may be waiting for this rank there.
pub(super) fn connect<T: Transport>(
    ranks: &Ranks,
    device: Result<Vec<u8>>,
    load: impl FnOnce() -> Result<T>,
) -> Result<Option<Box<dyn DeviceSums>>> {
    if ranks.size() == 1 {
        return Ok(None);
    }
    let devices = ranks.exchange(&ranks.agree(device)?)?;
    if devices.iter().any(Vec::is_empty) {
        return Ok(None);
    }
    ranks.agree(require_own_devices(ranks, &devices))?;
    let transport = ranks.agree(load())?;
    let made = match ranks.is_main() {
        true => transport.make_id(),
        false => Ok(Vec::new()),
    };
    let id = ranks.ask_main(&ranks.agree(made)?)?;
    transport.join(&id, ranks.rank(), ranks.size()).map(Some)
}

/// Refuses ranks that compute on one device, which NCCL does not connect.
fn require_own_devices(ranks: &Ranks, devices: &[Vec<u8>]) -> Result<()> {
    let shared = (0..devices.len()).find_map(|rank| {
        let first = devices[..rank]
            .iter()
            .position(|device| *device == devices[rank])?;
        Some((ranks.name(first), ranks.name(rank)))
    });
    let Some((first, second)) = shared else {
        return Ok(());
    };
    Err(anyhow!(
        "{first} and {second} compute on the same GPU, but NCCL needs one for each rank"
    ))
    .hint(|| {
        "start as many ranks on each machine as it has GPUs, which `nvidia-smi -L` lists; leave `--device` as `cuda`, and let \
         `CUDA_VISIBLE_DEVICES` show each rank all GPUs or another one; a build without the feature `nccl` shares GPUs"
            .to_owned()
    })
}
