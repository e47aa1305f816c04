//! What a launcher's environment says about the processes that it started.

use crate::CollectivesError;

/// The kinds of MPI by the names of their libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    OpenMpi,
    /// With its relatives, such as Intel's, and the standard ABI, which MPICH has too.
    Mpich,
}

/// The environment variables in which launchers say how many processes they started, in the order in which they are asked: an
/// `mpirun` that was started by Slurm knows better. Slurm's is the number of the step, not of the job.
const SIZES: [(&str, Option<Family>); 4] = [
    ("OMPI_COMM_WORLD_SIZE", Some(Family::OpenMpi)),
    ("PMI_SIZE", Some(Family::Mpich)),
    ("MV2_COMM_WORLD_SIZE", Some(Family::Mpich)),
    ("SLURM_STEP_NUM_TASKS", None),
];

/// The environment variables in which launchers number their processes from 0, some of which do not say how many there are.
const RANKS: [&str; 2] = ["PMIX_RANK", "PMI_RANK"];

/// How many processes the launcher of this one started, with the environment variable that tells. `None` without a launcher, or
/// if the variable holds no number.
pub fn launched() -> Option<(&'static str, usize)> {
    let launcher = Launcher::find(|name| std::env::var(name).ok());
    launcher.ok().and_then(|launcher| launcher.size)
}

/// A launcher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Launcher {
    /// The MPI that it belongs to, if that is clear.
    pub family: Option<Family>,
    /// The number of processes, and the variable that tells.
    pub size: Option<(&'static str, usize)>,
    /// The number of this process, and the variable that tells.
    pub rank: Option<(&'static str, usize)>,
}

impl Launcher {
    /// The launcher of this process, by its environment.
    ///
    /// # Errors
    /// [`CollectivesError::Variable`]
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CollectivesError> {
        let rank = RANKS
            .iter()
            .find_map(|name| Some((*name, variable(name)?.trim().parse().ok()?)));
        for (name, family) in SIZES {
            let Some(value) = variable(name) else { continue };
            return match value.trim().parse() {
                Ok(size) if size > 0 => Ok(Self {
                    family,
                    size: Some((name, size)),
                    rank,
                }),
                _ => Err(CollectivesError::Variable {
                    variable: name,
                    value,
                }),
            };
        }
        Ok(Self {
            rank,
            ..Self::default()
        })
    }

    /// Refuses a library that finds another number of processes, or too few for the number of this one.
    ///
    /// # Errors
    /// [`CollectivesError::OtherSize`], [`CollectivesError::OtherRank`]
    pub fn require(&self, found: usize, library: impl FnOnce() -> String) -> Result<(), CollectivesError> {
        match (self.size, self.rank) {
            (Some((variable, launched)), _) if launched != found => Err(CollectivesError::OtherSize {
                variable,
                launched,
                library: library(),
                found,
            }),
            (None, Some((variable, rank))) if rank >= found => Err(CollectivesError::OtherRank {
                variable,
                rank,
                library: library(),
                found,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<Launcher, CollectivesError> {
        Launcher::find(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_innermost_launcher_counts() {
        let slurm = ("SLURM_STEP_NUM_TASKS", "1");
        for (variables, family, size) in [
            (&[][..], None, None),
            (&[("SLURM_NTASKS", "4")], None, None),
            (&[("SLURM_STEP_NUM_TASKS", "4")], None, Some(4)),
            (
                &[slurm, ("OMPI_COMM_WORLD_SIZE", "2")],
                Some(Family::OpenMpi),
                Some(2),
            ),
            (&[slurm, ("PMI_SIZE", "3")], Some(Family::Mpich), Some(3)),
            (&[("MV2_COMM_WORLD_SIZE", "5")], Some(Family::Mpich), Some(5)),
        ] {
            let found = find(variables).unwrap();
            assert_eq!((found.family, found.size.map(|(_, size)| size)), (family, size));
        }
        for value in ["", "0", "x", "-1"] {
            let error = find(&[("PMI_SIZE", value)]).unwrap_err();
            assert!(error.to_string().contains("PMI_SIZE is `"), "{error}");
        }
    }

    #[test]
    fn a_library_that_finds_fewer_is_refused() {
        let launcher = find(&[("PMI_SIZE", "2")]).unwrap();
        assert!(launcher.require(2, String::new).is_ok());
        let error = launcher.require(1, || "Open MPI 5".to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the launcher started 2 processes (PMI_SIZE), but Open MPI 5 finds 1: the library does not belong to the launcher"
        );
        assert!(Launcher::default().require(1, String::new).is_ok());
        // A launcher that does not say how many there are.
        let second = find(&[("PMIX_RANK", "1")]).unwrap();
        assert!(second.require(2, String::new).is_ok());
        let error = second.require(1, || "MPICH".to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the launcher numbered this process 1 from 0 on (PMIX_RANK), but MPICH finds 1 in all: the library does not belong to \
             the launcher"
        );
    }
}
