"""Runs the examples in examples/scale with their engines. Each function returns all lines of the results, sorted."""
import shutil
import sys
from pathlib import Path

from job import EXAMPLES, merged
from slurm import Slurm

PYTHON = sys.executable
# Two workers of a core each, as on two machines.
SPARK = "local-cluster[2,1,1024]"


def spark(job, example):
    command, files = job.shipped()
    shipped = [part for file in files for part in ("--file", file)]
    output = job.out / "spark"
    options = ["--list", job.names, "--output", output, "--master", SPARK, "--partitions", job.shards]
    environment = {"PYSPARK_PYTHON": PYTHON, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(job.out / "spark-local")}
    job.run([PYTHON, EXAMPLES / example, *options, *shipped, "--", *command], environment=environment)
    return merged(output.glob("part-*"))


def spark_map(job):
    return spark(job, "spark_map.py")


def spark_pipe(job):
    return spark(job, "spark_pipe.py")


def ray(job):
    output = job.out / "ray.jsonl"
    options = ["--list", job.names, "--output", output, "--actors", 2]
    environment = {"RAY_USAGE_STATS_ENABLED": "0"}
    job.run([PYTHON, EXAMPLES / "ray_data.py", *options, "--", job.program, *job.options()], environment=environment)
    return merged([output])


def mpi(job):
    # Root may not run it otherwise; in a container there is no other user.
    environment = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    options = f"-n {job.shards} --oversubscribe"
    job.run([EXAMPLES / "mpi.sh", options, *job.options()], environment=environment)
    return job.parts()


def parallel(job):
    job.run([EXAMPLES / "parallel.sh", "--jobs 2", *job.options()])
    return job.parts()


def slurm_array(job):
    with Slurm(job.out / "slurm") as slurm:
        failed = slurm.submit(job, [f"--array=0-{job.shards - 1}", EXAMPLES / "slurm_array.sh", *job.options()])
        for task in failed:
            again = slurm.submit(job, [f"--array={task}", EXAMPLES / "slurm_array.sh", *job.options()])
            if again:
                raise RuntimeError(f"task {task} fails again:\n{slurm.log()}")
    return job.parts()


def slurm_srun(job):
    with Slurm(job.out / "slurm") as slurm:
        # The options of the job are the same, so it goes on where it stopped.
        submitted = [f"--ntasks={job.shards}", "--overcommit", EXAMPLES / "slurm_srun.sh", *job.options()]
        if slurm.submit(job, submitted) and slurm.submit(job, submitted):
            raise RuntimeError(f"the job fails again:\n{slurm.log()}")
    return job.parts()


ENGINES = {
    "spark-map": spark_map,
    "spark-pipe": spark_pipe,
    "ray": ray,
    "mpi": mpi,
    "parallel": parallel,
    "slurm-array": slurm_array,
    "slurm-srun": slurm_srun,
}
# Programs that engines want, and Debian's packages with them.
NEEDS = {
    "spark-map": ("java", "default-jre-headless"),
    "spark-pipe": ("java", "default-jre-headless"),
    "mpi": ("mpirun", "openmpi-bin"),
    "parallel": ("parallel", "parallel"),
    "slurm-array": ("slurmctld", "slurm-wlm"),
    "slurm-srun": ("slurmctld", "slurm-wlm"),
}


def missing(engine):
    """What to do if a program that an engine wants is not there, else None."""
    program, package = NEEDS.get(engine, (None, None))
    if program is None or shutil.which(program, path=f"{Path('/usr/sbin')}:/usr/bin:/bin:/usr/local/bin") or shutil.which(program):
        return None
    return f"{engine} needs `{program}`; Debian's package is `{package}`"
