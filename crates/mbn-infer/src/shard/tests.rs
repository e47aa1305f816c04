use super::*;

fn resolved(argument: &str, variables: &[(&str, &str)]) -> Result<(String, Option<&'static str>)> {
    let argument: ShardArg = argument.parse().map_err(anyhow::Error::msg)?;
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let (shard, name) = argument.resolve(variable)?;
    Ok((shard.to_string(), name))
}

#[test]
fn launchers_number_their_processes() {
    let step = |rank, tasks| {
        [
            ("SLURM_PROCID", rank),
            ("SLURM_NTASKS", tasks),
            ("SLURM_STEP_NUM_TASKS", tasks),
        ]
    };
    let (slurm, alone) = (step("1", "4"), step("0", "1"));
    // A batch script, the shell of an allocation, and what a single process of a larger allocation has.
    let batch = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")];
    let shell = [("SLURM_NTASKS", "4")];
    let one = [
        ("SLURM_PROCID", "0"),
        ("SLURM_NTASKS", "4"),
        ("SLURM_STEP_NUM_TASKS", "1"),
    ];
    let array = [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_COUNT", "3")];
    let ompi = [("OMPI_COMM_WORLD_RANK", "2"), ("OMPI_COMM_WORLD_SIZE", "3")];
    let mvapich = [("MV2_COMM_WORLD_RANK", "1"), ("MV2_COMM_WORLD_SIZE", "2")];
    let of = |parts: &[&[(&'static str, &'static str)]]| parts.concat();
    for (argument, variables, expected) in [
        ("3/8", of(&[&slurm]), "3/8"),
        ("launcher", of(&[&slurm]), "1/4"),
        ("launcher", of(&[&ompi, &alone]), "2/3"),
        ("launcher", of(&[&ompi, &slurm]), "2/3"),
        ("launcher", of(&[&[("PMI_RANK", "0"), ("PMI_SIZE", "2")]]), "0/2"),
        ("launcher", of(&[&mvapich]), "1/2"),
        ("launcher", of(&[&mvapich, &alone]), "1/2"),
        ("launcher/4", of(&[&slurm]), "1/4"),
        ("launcher/100", of(&[&array, &alone]), "7/100"),
        ("launcher/8", of(&[&[("JOB_COMPLETION_INDEX", "5")]]), "5/8"),
        ("launcher", of(&[&slurm, &array]), "1/4"),
        ("launcher", of(&[&ompi, &batch]), "2/3"),
        ("launcher/100", of(&[&array, &batch]), "7/100"),
    ] {
        assert_eq!(resolved(argument, &variables).unwrap().0, expected, "{argument}");
    }
    for (argument, variables, part) in [
        ("launcher", of(&[&array, &alone]), "nothing says how many"),
        ("launcher", of(&[&alone]), "no launcher numbers this process"),
        ("launcher", of(&[]), "no launcher"),
        (
            "launcher/100",
            of(&[&array, &slurm]),
            "both SLURM_PROCID and SLURM_ARRAY_TASK_ID",
        ),
        (
            "launcher",
            of(&[&batch]),
            "did not start this process as one of them",
        ),
        ("launcher/4", of(&[&batch]), "did not start this process"),
        ("launcher", of(&[&shell]), "did not start this process"),
        ("launcher", of(&[&one]), "did not start this process"),
        ("launcher", of(&[&array, &batch]), "nothing says how many"),
        (
            "launcher",
            of(&[&[("PBS_JOBID", "1"), ("PBS_NP", "4")]]),
            "no launcher numbers this process",
        ),
        ("launcher/3", of(&[&slurm]), "SLURM_STEP_NUM_TASKS says 4"),
        ("launcher/3", of(&[&mvapich]), "MV2_COMM_WORLD_SIZE says 2"),
        // PMIx says no number of processes.
        (
            "launcher",
            of(&[&[("PMIX_RANK", "1")]]),
            "no launcher numbers this process",
        ),
        ("launcher/7", of(&[&array]), "is 7, expected a number from 0 to 6"),
        ("launcher/8", of(&[&[("JOB_COMPLETION_INDEX", "x")]]), "is `x`"),
    ] {
        let message = resolved(argument, &variables).unwrap_err().to_string();
        assert!(message.contains(part), "{argument}: {message}");
    }
}

#[test]
fn arguments_that_name_no_shard_are_refused() {
    for argument in [
        "",
        "1",
        "2/2",
        "-1/2",
        "0/0",
        "launcher/0",
        "launcher/x",
        "a/b",
        "1/2/3",
    ] {
        assert!(argument.parse::<ShardArg>().is_err(), "{argument}");
    }
}

#[test]
fn every_input_is_in_one_shard() {
    for (count, all) in [(1, 5), (3, 10), (4, 8), (7, 3)] {
        let shards = (0..count).map(|index| Shard::new(index, count).unwrap());
        let sizes: u64 = shards
            .map(|shard| {
                let own = (0..all).filter(|input| shard.has(*input)).count() as u64;
                assert_eq!(shard.count_of(all), own);
                own
            })
            .sum();
        assert_eq!(sizes, all);
    }
}

#[test]
fn launchers_number_the_processes_of_a_machine() {
    let before = |by: &str, variables: &[(&str, &str)]| {
        super::before(by, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let ompi = [("OMPI_COMM_WORLD_LOCAL_RANK", "2"), ("SLURM_LOCALID", "0")];
    assert_eq!(before("OMPI_COMM_WORLD_RANK", &ompi), 2);
    assert_eq!(before("PMI_RANK", &[("MPI_LOCALRANKID", "1")]), 1);
    assert_eq!(before("SLURM_PROCID", &[("SLURM_LOCALID", "3")]), 3);
    // A task of an array has the devices that Slurm gives it.
    assert_eq!(before("SLURM_ARRAY_TASK_ID", &[("SLURM_LOCALID", "3")]), 0);
    assert_eq!(before("PMI_RANK", &[]), 0);
    assert_eq!(before("PMI_RANK", &[("MPI_LOCALRANKID", "first")]), 0);
}
