//! Which of several processes this one is, and so which inputs it takes.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use mbn_cli::Hint;

/// One of several shards of the inputs: every `count`-th, from `index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

/// The one shard that is all inputs.
impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Shard `index`, counted from 0, of `count`; `None` if there is no such shard.
    pub fn new(index: u64, count: u64) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Whether there are others.
    pub fn is_part(self) -> bool {
        self.count > 1
    }

    /// Its number, from 0 on.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many there are.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Whether it has the input of this number.
    pub fn has(self, input: u64) -> bool {
        input % self.count == self.index
    }

    /// How many of `all` inputs it has.
    pub fn count_of(self, all: u64) -> u64 {
        all / self.count + u64::from(all % self.count > self.index)
    }
}

/// Values of `--shard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardArg {
    /// This one.
    Given(Shard),
    /// The one that the launcher of the processes says, of so many.
    Launcher(Option<u64>),
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected `I/N` with I from 0 to N - 1, `launcher` or `launcher/N`".to_owned();
        let number = |text: &str| text.parse::<u64>().map_err(|_| expected());
        match text.split_once('/') {
            None if text == "launcher" => Ok(Self::Launcher(None)),
            Some(("launcher", count)) => match number(count)? {
                0 => Err(expected()),
                count => Ok(Self::Launcher(Some(count))),
            },
            Some((index, count)) => Shard::new(number(index)?, number(count)?)
                .map(Self::Given)
                .ok_or_else(expected),
            None => Err(expected()),
        }
    }
}

/// Environment variables by which launchers number the processes of one job and say how many there are, in the order in which
/// they are asked: an MPI that was started by Slurm knows better.
const RANKS: &[(&str, &str)] = &[
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
    ("SLURM_PROCID", SLURM_STEP_TASKS),
];

/// `srun` sets it, for a single process too, such as one of an array.
const SLURM_STEP_TASKS: &str = "SLURM_STEP_NUM_TASKS";

/// How many processes `srun` would start: a batch script has it too, and runs once, as process 0.
const SLURM_TASKS: &str = "SLURM_NTASKS";

/// Environment variables that number the parts of a job that are started one by one. How many there are is not known: Slurm's
/// `SLURM_ARRAY_TASK_COUNT` counts only those that were submitted together, not those of a job of which a part is repeated.
const INDEXES: &[&str] = &["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];

/// Environment variables by which launchers number the processes of one job on one machine.
const LOCAL_RANKS: &[&str] = &[
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "SLURM_LOCALID",
];

/// How many processes of a job on this machine come before this one, of which the environment variable `by` gives the number in the
/// job. 0 if processes are started one by one, or the launcher does not say it.
pub fn before(by: &str, variable: impl Fn(&str) -> Option<String>) -> usize {
    if INDEXES.contains(&by) {
        return 0;
    }
    let local = LOCAL_RANKS
        .iter()
        .find_map(|name| variable(name)?.trim().parse().ok());
    local.unwrap_or(0)
}

impl ShardArg {
    /// The shard, and the environment variable that numbers it, if one does.
    ///
    /// # Errors
    /// No launcher says which one, or two do; what it says cannot be.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<(Shard, Option<&'static str>)> {
        let count = match self {
            Self::Given(shard) => return Ok((shard, None)),
            Self::Launcher(count) => count,
        };
        let number = |name: &'static str| match variable(name) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<u64>() {
                Ok(number) => Ok(Some((name, number))),
                Err(_) => bail!("the environment variable {name} is `{text}`, expected a number"),
            },
        };
        let mut rank = None;
        for &(name, size) in RANKS {
            if let (Some((_, index)), Some((_, size_found))) = (number(name)?, number(size)?)
                && (size != SLURM_STEP_TASKS || size_found > 1)
            {
                rank = Some((name, index, size, size_found));
                break;
            }
        }
        let mut part = None;
        for &name in INDEXES {
            part = part.or(number(name)?);
        }
        let (name, index, count) = match (rank, part, count) {
            (Some((name, index, _, size)), _, None) => (name, index, size),
            (Some((rank, ..)), Some((part, _)), Some(_)) => {
                return Err(anyhow::anyhow!("both {rank} and {part} number this process"))
                    .hint(|| "name its shard as `--shard I/N`".to_owned());
            }
            (Some((name, index, _, size)), None, Some(count)) if size == count => (name, index, size),
            (Some((_, _, name, size)), None, Some(count)) => {
                return Err(anyhow::anyhow!(
                    "`--shard launcher/{count}` expects {count} processes, {name} says {size}"
                ))
                .hint(|| "`--shard launcher` takes the launcher's number".to_owned());
            }
            (None, Some((name, index)), Some(count)) => (name, index, count),
            (None, Some((name, _)), None) => {
                return Err(anyhow::anyhow!(
                    "{name} numbers this process, but nothing says how many there are"
                ))
                .hint(|| "`--shard launcher/N` says it".to_owned());
            }
            (None, None, _) if number(SLURM_TASKS)?.is_some_and(|(_, tasks)| tasks > 1) => {
                return Err(anyhow::anyhow!(
                    "Slurm allocated several tasks, but did not start this process as one of them"
                ))
                .hint(|| {
                    "`srun mbn-infer ...` starts one for each task; `--shard I/N` names the shard".to_owned()
                });
            }
            (None, None, _) => {
                let names = RANKS.iter().map(|(name, _)| *name).chain(INDEXES.iter().copied());
                let names: Vec<_> = names.collect();
                return Err(anyhow::anyhow!("no launcher numbers this process")).hint(|| {
                    let names = names.join(", ");
                    format!("start it with a launcher that sets one of {names}, or give `--shard I/N`")
                });
            }
        };
        match Shard::new(index, count) {
            Some(shard) => Ok((shard, Some(name))),
            None => Err(anyhow::anyhow!(
                "{name} is {index}, expected a number from 0 to {}",
                count.saturating_sub(1)
            ))
            .hint(|| "shards are numbered from 0, as by `sbatch --array=0-99` for 100 of them".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
