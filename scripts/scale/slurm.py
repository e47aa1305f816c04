"""A Slurm cluster of one node on this machine, for as long as it is needed."""
import os
import pwd
import re
import socket
import subprocess
import time

from job import ENGINE_SECONDS, fresh

PATH = f"/usr/sbin:/sbin:{os.environ['PATH']}"
START_SECONDS = 30
UNFINISHED = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED")
CONFIGURATION = """\
ClusterName=check
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1,sched_interval=2
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


class Slurm:
    """munged, slurmctld and slurmd in the foreground, with all their files in one folder."""

    def __init__(self, folder):
        self._folder = folder
        self._processes = []
        self._environment = {**os.environ, "PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self):
        folder = fresh(self._folder)
        folder.chmod(0o755)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        settings = {
            "host": socket.gethostname().split(".")[0],
            "controller": free_port(),
            "node": free_port(),
            "folder": folder,
            "user": pwd.getpwuid(os.getuid()).pw_name,
        }
        (folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
        munge = ["--force", "--foreground", f"--key-file={key}", f"--socket={folder}/munge.socket"]
        munge += [f"--{kind}-file={folder}/munged.{kind}" for kind in ("pid", "seed", "log")]
        try:
            self._start("munged", *munge)
            self._wait(lambda: (folder / "munge.socket").exists(), "munged")
            self._start("slurmctld", "-D", "-i")
            self._start("slurmd", "-D", "-N", settings["host"])
            self._wait(lambda: "idle" in self._ask("sinfo", "--noheader", "--format=%t"), "the node")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, *command):
        log = open(self._folder / f"{command[0]}.out", "wb")
        self._processes.append(subprocess.Popen(command, env=self._environment, stdout=log, stderr=log))

    def _wait(self, ready, what):
        end = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > end:
                raise RuntimeError(f"{what} does not start:\n{self.log()}")
            time.sleep(0.2)

    def _ask(self, *command):
        return subprocess.run(command, env=self._environment, capture_output=True, text=True).stdout

    def submit(self, job, arguments):
        """Submits a job of mbn-infer and waits for its end. Returns the tasks of the array that failed (0 without an array)."""
        return self.wait(self.start(job.out, job.environment(), arguments))

    def start(self, out, variables, arguments):
        """Submits a job that writes into a folder. Returns its number."""
        output = out / "slurm-%A_%a.out"
        command = ["sbatch", "--parsable", "--export=ALL", f"--output={output}", f"--chdir={out}", *map(str, arguments)]
        environment = {**variables, **self._environment}
        for name in ("MBN_INFER", "MBN_TRAIN", "LAUNCH", "EVERY_TIME", "LIST", "OUT", "SHARDS"):
            if name in variables:
                environment[name] = variables[name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"sbatch fails: {done.stderr}")
        return done.stdout.strip()

    def wait(self, number):
        """Waits for the end of a job. Returns its tasks that failed."""
        end = time.monotonic() + ENGINE_SECONDS
        while not self.has_ended(number):
            if time.monotonic() > end:
                raise RuntimeError(f"job {number} does not end: {self._states(number)}\n{self.log()}")
            time.sleep(0.5)
        return [task for task, state in self._states(number).items() if state != "COMPLETED"]

    def terminate(self, number, *options):
        """Sends SIGTERM to a job."""
        self._ask("scancel", "--signal=TERM", *options, str(number))

    def has_ended(self, number):
        """Whether no task of a job waits or runs."""
        states = self._states(number).values()
        return bool(states) and all(state not in UNFINISHED for state in states)

    def _states(self, number):
        """The state of each task."""
        shown = self._ask("scontrol", "show", "job", "--oneliner", number)
        states = {}
        for line in shown.splitlines():
            if state := re.search(r"\bJobState=(\w+)", line):
                task = re.search(r"\bArrayTaskId=(\d+)\b(?!-)", line)
                waiting = re.search(r"\bArrayTaskId=\d+[-,]", line)
                if waiting:
                    states["rest"] = "PENDING" if state[1] == "PENDING" else state[1]
                else:
                    states[task[1] if task else 0] = state[1]
        return states

    def log(self):
        """The ends of all logs."""
        files = sorted([*self._folder.glob("*.out"), *self._folder.glob("*.log"), *self._folder.parent.glob("slurm-*.out")])
        return "\n".join(f"{file.name}:\n{file.read_text(errors='replace')[-2000:]}" for file in files)


def free_port():
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
