//! The processes that train together, and what they tell each other.

#[cfg(any(test, feature = "nccl"))]
mod connect;
mod devices;
#[cfg(feature = "nccl")]
mod nccl;
mod place;

use std::cell::{Cell, OnceCell};

use anyhow::{Result, anyhow};
use candle_core::{Device, Tensor};
use log::LevelFilter;
use mbn_cli::{Hint, Outcome, progress};
use mbn_collectives::{Collectives, CollectivesError};
use mbn_data::BatchPart;

use self::devices::DeviceSums;
use self::place::Place;
use crate::options::{Distributed, Options};

/// This process among those that train together. Rank 0, the main one, writes the run and talks to the user.
pub(crate) struct Ranks {
    others: Option<Others>,
    /// How the devices add up without the memory of the CPU, if they do.
    devices: OnceCell<Box<dyn DeviceSums>>,
    /// Whether all ranks know the error that ends them.
    is_known: Cell<bool>,
}

/// How to reach the other ranks.
struct Others {
    collectives: Box<dyn Collectives>,
    /// Where each rank runs.
    places: Vec<Place>,
}

impl Ranks {
    /// A process that trains by itself.
    pub fn alone() -> Self {
        Self {
            others: None,
            devices: OnceCell::new(),
            is_known: Cell::new(false),
        }
    }

    /// Joins the others.
    pub fn join(collectives: Box<dyn Collectives>) -> Result<Self> {
        let own = Place::of_this_process(collectives.host());
        let mut ranks = Self {
            others: Some(Others {
                collectives,
                places: Vec::new(),
            }),
            devices: OnceCell::new(),
            is_known: Cell::new(false),
        };
        let places = ranks.exchange(&own.to_bytes())?;
        if let Some(others) = &mut ranks.others {
            others.places = places.iter().map(|place| Place::from_bytes(place)).collect();
        }
        Ok(ranks)
    }

    /// Whether this process trains by itself.
    pub fn are_one(&self) -> bool {
        self.others.is_none()
    }

    pub fn rank(&self) -> usize {
        self.others.as_ref().map_or(0, |others| others.collectives.rank())
    }

    pub fn size(&self) -> usize {
        self.others.as_ref().map_or(1, |others| others.collectives.size())
    }

    /// Whether this process writes the run.
    pub fn is_main(&self) -> bool {
        self.rank() == 0
    }

    /// The part of each batch that this rank takes.
    pub fn part(&self) -> BatchPart {
        BatchPart {
            index: self.rank(),
            count: self.size(),
        }
    }

    /// Number of ranks on this machine, and how many of them come before this one.
    pub fn on_this_machine(&self) -> (usize, usize) {
        self.like_this(|own, other| own.host == other.host)
    }

    /// Number of ranks that may use the same cores as this one.
    pub fn on_these_cores(&self) -> usize {
        self.like_this(|own, other| own == other).0
    }

    fn like_this(&self, is_like: impl Fn(&Place, &Place) -> bool) -> (usize, usize) {
        let rank = self.rank();
        let places = self.others.as_ref().map_or(&[][..], |others| &others.places);
        let Some(own) = places.get(rank) else {
            return (1, 0);
        };
        let count = |places: &[Place]| places.iter().filter(|other| is_like(own, other)).count();
        (count(places), count(&places[..rank]))
    }

    /// What the ranks are, in a line.
    pub fn describe(&self) -> Option<String> {
        let others = self.others.as_ref()?;
        let mut hosts: Vec<_> = others.places.iter().map(|place| &place.host).collect();
        hosts.sort();
        hosts.dedup();
        let (size, hosts) = (self.size(), hosts.len());
        let machines = if hosts == 1 { "machine" } else { "machines" };
        let ranks = if size == 1 { "rank" } else { "ranks" };
        Some(format!(
            "{size} {ranks} on {hosts} {machines}, by {}",
            others.collectives.describe()
        ))
    }

    /// Chooses how [`Ranks::sum`] adds up what is on the ranks' devices, and says it. `device` is this rank's.
    pub fn connect(&self, device: &Device) -> Result<()> {
        #[cfg(feature = "nccl")]
        if let Some(sums) = connect::connect(self, nccl::identity(device), || nccl::load(device))? {
            self.add_up_by(sums, device)?;
        }
        #[cfg(not(feature = "nccl"))]
        let _ = device;
        if self.size() > 1 {
            let by = self.devices.get().map(|devices| devices.describe());
            let by = by.unwrap_or_else(|| "MPI, in the memory of the CPU".to_owned());
            log::info!("The ranks add up gradients by {by}");
        }
        Ok(())
    }

    /// Adds up by `sums` from now on, if they are right.
    #[cfg(any(test, feature = "nccl"))]
    fn add_up_by(&self, sums: Box<dyn DeviceSums>, device: &Device) -> Result<()> {
        let ones = Tensor::new(&[1f32], device)?;
        sums.sum(&ones)?;
        let found = f64::from(ones.to_vec1::<f32>()?[0]);
        let checked = match found == self.size() as f64 {
            true => Ok(()),
            false => Err(CollectivesError::WrongSum {
                library: sums.describe(),
                size: self.size(),
                found,
            }),
        };
        self.agree(checked.map_err(Into::into))?;
        self.devices.get_or_init(|| sums);
        Ok(())
    }

    /// The sums of the vectors `values` of all ranks, on their devices.
    pub fn sum(&self, values: Tensor) -> Result<Tensor> {
        if self.size() == 1 {
            return Ok(values);
        }
        if let Some(devices) = self.devices.get() {
            devices.sum(&values)?;
            return Ok(values);
        }
        let mut sums = values.to_vec1::<f32>()?;
        self.ask(|collectives| collectives.sum(&mut sums))?;
        Ok(Tensor::from_vec(sums, values.shape(), values.device())?)
    }

    /// Replaces `values` by their sums over all ranks; for counts and sums of many values.
    pub fn sum_f64(&self, values: &mut [f64]) -> Result<()> {
        self.ask(|collectives| collectives.sum_f64(values))
    }

    /// Returns when all ranks have called it.
    pub fn wait(&self) -> Result<()> {
        self.ask(|collectives| collectives.barrier())
    }

    fn ask(&self, what: impl FnOnce(&dyn Collectives) -> Result<(), CollectivesError>) -> Result<()> {
        if let Some(others) = &self.others {
            what(&*others.collectives)?;
        }
        Ok(())
    }

    /// What each rank gives, in their order.
    pub fn exchange(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut lengths = vec![0.0; self.size()];
        lengths[self.rank()] = own.len() as f64;
        self.sum_f64(&mut lengths)?;
        let from = |(root, length): (usize, f64)| self.send(root, length as usize, own);
        lengths.into_iter().enumerate().map(from).collect()
    }

    /// What the main rank gives.
    pub fn ask_main(&self, own: &[u8]) -> Result<Vec<u8>> {
        let mut length = [if self.is_main() { own.len() as f64 } else { 0.0 }];
        self.sum_f64(&mut length)?;
        self.send(0, length[0] as usize, own)
    }

    fn send(&self, root: usize, length: usize, own: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        if self.rank() == root {
            bytes.copy_from_slice(own);
        }
        self.ask(|collectives| collectives.broadcast(root, &mut bytes))?;
        Ok(bytes)
    }

    /// What this rank made, if all ranks could make theirs. Otherwise each gets an error: its own, or that of the first rank
    /// that has one.
    pub fn agree<T>(&self, made: Result<T>) -> Result<T> {
        if self.are_one() {
            return made;
        }
        let mut failures = [if made.is_err() { 1.0 } else { 0.0 }];
        self.sum_f64(&mut failures)?;
        if failures[0] == 0.0 {
            return made;
        }
        let message = made.as_ref().err().map_or_else(String::new, mbn_cli::message);
        let messages = self.exchange(message.as_bytes())?;
        self.is_known.set(true);
        made?;
        let failed = messages
            .iter()
            .position(|message| !message.is_empty())
            .unwrap_or_default();
        let message = String::from_utf8_lossy(&messages[failed]).into_owned();
        Err(anyhow!("{}: {message}", self.name(failed)))
    }

    /// Says that all ranks come to the same error by themselves.
    pub fn all_fail(&self) {
        self.is_known.set(true);
    }

    fn name(&self, rank: usize) -> String {
        let places = self.others.as_ref().map_or(&[][..], |others| &others.places);
        let host = places.get(rank).map_or("?", |place| &place.host);
        format!("rank {rank} on `{host}`")
    }

    /// Ends this process's part in the work. An error that the other ranks do not know ends them.
    pub fn leave(self, ended: Result<Outcome>) -> Result<Outcome> {
        let Some(others) = &self.others else { return ended };
        match ended {
            Err(error) if !self.is_known.get() => {
                // The main rank's is printed by its own means, which are the same but for the name.
                log::set_max_level(LevelFilter::Error);
                log::error!("{}: {}", self.name(self.rank()), mbn_cli::message(&error));
                others.collectives.abort(1);
                Ok(Outcome::Failure)
            }
            ended => {
                let is_main = self.is_main();
                if let Some(others) = self.others {
                    others.collectives.leave()?;
                }
                match ended {
                    Err(_) if !is_main => Ok(Outcome::Failure),
                    ended => ended,
                }
            }
        }
    }
}

/// The processes of the run: those that the launcher started, or this one.
pub(crate) fn of(options: &Options) -> Result<Ranks> {
    let Some(Distributed::Mpi) = options.distributed else {
        return Ok(Ranks::alone());
    };
    let joined = mbn_collectives::join(options.mpi_lib.as_deref());
    let collectives = match joined.as_ref().err().and_then(advice) {
        Some(advice) => joined.hint(|| advice.to_owned())?,
        None => joined?,
    };
    let ranks = Ranks::join(collectives)?;
    if !ranks.is_main() {
        // The main rank says it for all.
        log::set_max_level(LevelFilter::Off);
        progress::hide();
    }
    if let Some(description) = ranks.describe() {
        log::info!("Training on {description}");
    }
    Ok(ranks)
}

/// What the user can do about processes that cannot join.
fn advice(error: &CollectivesError) -> Option<&'static str> {
    match error {
        CollectivesError::NotFound { .. } | CollectivesError::NotLoaded { .. } => Some(
            "`--mpi-lib FILE` names the library of MPI: the `libmpi.so.40` or `libmpi.so.12` that belongs to the `mpirun` in use",
        ),
        CollectivesError::OtherSize { .. } | CollectivesError::OtherRank { .. } => Some(
            "start the processes with the `mpirun` that belongs to the library, or name the launcher's library with `--mpi-lib \
             FILE`; with `srun`, choose the `--mpi` that the library is built for, such as `--mpi=pmix`",
        ),
        CollectivesError::NotMpi { .. } | CollectivesError::UnknownAbi { .. } => Some(
            "name a library of Open MPI 4 or 5, MPICH, Intel MPI, or one with the standard ABI, with `--mpi-lib FILE`",
        ),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
