//! Ranks whose devices add up, by a stand-in for NCCL in the computer's memory.

use std::path::Path;

use candle_core::{CpuStorage, InplaceOp1, Layout, bail};
use mbn_collectives::{Nccl, NcclId, NcclRank};

use super::*;
use crate::ranks::connect::{Transport, connect};

/// As the one for CUDA, but for the CPU's tensors.
struct StandIn(Nccl);

struct Joined(NcclRank);

impl Transport for StandIn {
    fn make_id(&self) -> Result<Vec<u8>> {
        Ok(self.0.make_id()?.0.to_vec())
    }

    fn join(self, id: &[u8], rank: usize, size: usize) -> Result<Box<dyn DeviceSums>> {
        Ok(Box::new(Joined(self.0.join(
            NcclId(id.try_into()?),
            rank,
            size,
        )?)))
    }
}

impl DeviceSums for Joined {
    fn describe(&self) -> String {
        "a stand-in".into()
    }

    fn sum(&self, values: &Tensor) -> Result<()> {
        Ok(values.inplace_op1(self)?)
    }
}

impl InplaceOp1 for Joined {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("no contiguous floats")
        };
        let address = values[start..end].as_mut_ptr() as u64;
        // SAFETY: the stand-in takes memory of the computer and any stream, and is done when it returns.
        unsafe { self.0.sum(address, end - start, std::ptr::null_mut()) }.map_err(candle_core::Error::wrap)
    }
}

/// The stand-in, made in `folder`; `None` where it cannot be.
pub(crate) fn stand_in(folder: &Path) -> Option<Nccl> {
    mbn_testing::nccl(folder).map(|library| Nccl::load(&library).unwrap())
}

/// Connects the ranks as on GPUs of their own.
pub(crate) fn connect_by(nccl: Nccl, ranks: &Ranks) {
    let own = Ok(vec![ranks.rank() as u8 + 1]);
    let sums = connect(ranks, own, || Ok(StandIn(nccl))).unwrap();
    ranks.add_up_by(sums.unwrap(), &Device::Cpu).unwrap();
}

#[test]
fn ranks_connect_by_the_main_ranks_identifier() {
    let folder = tempfile::tempdir().unwrap();
    let Some(nccl) = stand_in(folder.path()) else {
        return;
    };
    let sums = on_ranks(3, |ranks| {
        connect_by(nccl, &ranks);
        let own = Tensor::new(&[ranks.rank() as f32, 0.5], &Device::Cpu).unwrap();
        // A part of another vector, which stays as it is.
        let whole = Tensor::cat(&[&own, &own], 0).unwrap();
        ranks.sum(whole.narrow(0, 2, 2).unwrap()).unwrap();
        whole.to_vec1::<f32>().unwrap()
    });
    for (rank, sums) in sums.into_iter().enumerate() {
        assert_eq!(sums, [rank as f32, 0.5, 3.0, 1.5]);
    }
}

/// The CPU's memory is what ranks of different kinds share, and one rank has nobody to connect with.
#[test]
fn only_ranks_that_all_have_a_gpu_connect() {
    for (size, on_cpu) in [(1, None), (2, Some(0)), (2, Some(1))] {
        on_ranks(size, |ranks| {
            let own = match on_cpu == Some(ranks.rank()) {
                true => Vec::new(),
                false => vec![7],
            };
            let load = || -> Result<StandIn> { panic!("NCCL is not needed") };
            assert!(connect(&ranks, Ok(own), load).unwrap().is_none());
            let own = Tensor::new(&[2f32], &Device::Cpu).unwrap();
            let sums = ranks.sum(own).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(sums, [2.0 * size as f32]);
        });
    }
}

/// What each rank is told if they cannot connect.
fn refusals<T: Transport>(
    device: impl Fn(usize) -> Result<Vec<u8>> + Sync,
    load: impl Fn(usize) -> Result<T> + Sync,
) -> Vec<String> {
    on_ranks(3, |ranks| {
        let rank = ranks.rank();
        let refused = connect(&ranks, device(rank), || load(rank));
        assert!(ranks.is_known.get(), "the ranks would end each other");
        mbn_cli::message(&refused.err().unwrap())
    })
}

fn own_device(rank: usize) -> Result<Vec<u8>> {
    Ok(vec![rank as u8 + 1])
}

#[test]
fn ranks_on_one_gpu_are_named() {
    let load = |_| -> Result<StandIn> { panic!("NCCL is not needed") };
    for message in refusals(|rank| Ok(vec![[5, 6, 5][rank]]), load) {
        assert!(
            message.starts_with("rank 0 on `localhost` and rank 2 on `localhost` compute on the same GPU"),
            "{message}"
        );
        assert!(
            message.contains("hint: start as many ranks on each machine as it has GPUs"),
            "{message}"
        );
    }
}

#[test]
fn a_rank_that_cannot_connect_tells_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let Some(nccl) = stand_in(folder.path()) else {
        return;
    };
    let fails_at_one = |rank: usize, what: &'static str| match rank {
        1 => Err(anyhow!(what)),
        _ => Ok(StandIn(nccl)),
    };
    for (refused, error) in [
        (
            refusals(own_device, |rank| fails_at_one(rank, "no NCCL")),
            "no NCCL",
        ),
        (
            refusals(
                |rank| fails_at_one(rank, "no name").and_then(|_| own_device(rank)),
                |_| Ok(StandIn(nccl)),
            ),
            "no name",
        ),
    ] {
        let at_others = format!("rank 1 on `localhost`: {error}");
        assert_eq!(refused, [&at_others, error, &at_others]);
    }
}

/// Adds up nothing.
struct Wrong;

impl DeviceSums for Wrong {
    fn describe(&self) -> String {
        "NCCL 2".into()
    }

    fn sum(&self, _: &Tensor) -> Result<()> {
        Ok(())
    }
}

#[test]
fn wrong_sums_are_refused() {
    let refused = on_ranks(2, |ranks| {
        let error = ranks.add_up_by(Box::new(Wrong), &Device::Cpu).unwrap_err();
        (error.to_string(), ranks.devices.get().is_none())
    });
    assert_eq!(
        refused,
        [0, 1].map(|_| ("NCCL 2 adds up 2 ranks to 1".to_owned(), true))
    );
}
