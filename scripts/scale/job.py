"""What every engine is given: names of pictures, and the program with its model."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples" / "scale"
# A process that is to be killed has to be found within this time.
FIND_SECONDS = 120
# An engine that takes longer hangs.
ENGINE_SECONDS = 600


@dataclass(frozen=True)
class Job:
    """A list of pictures, and where the results go."""

    program: Path
    model: Path
    library: Path
    names: Path
    out: Path
    shards: int

    def options(self):
        """Options of the program for an engine that runs on this machine."""
        return ["--model", str(self.model), "--ort-lib", str(self.library), "--threads", "1"]

    def shipped(self):
        """The command, and the files that it needs, where an engine ships them."""
        files = [self.program, self.model, self.library]
        options = ["--model", f"./{self.model.name}", "--ort-lib", f"./{self.library.name}", "--threads", "1"]
        return [f"./{self.program.name}", *options], [str(file) for file in files]

    def environment(self):
        """Variables of the examples in shell."""
        given = {"MBN_INFER": self.program, "LIST": self.names, "OUT": self.out, "SHARDS": self.shards}
        return {**os.environ, **{name: str(value) for name, value in given.items()}}

    def run(self, command, **options):
        """Runs a command, which must succeed."""
        done = self.attempt(command, **options)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def attempt(self, command, environment=None):
        """Runs a command, which may fail."""
        return subprocess.run(
            [str(part) for part in command],
            env={**self.environment(), **(environment or {})},
            cwd=self.out,
            capture_output=True,
            text=True,
            timeout=ENGINE_SECONDS,
        )

    def parts(self):
        """All lines that the processes wrote, in order of their bytes. No part may be unfinished."""
        left = [path.name for path in self.out.iterdir() if path.name.endswith(".partial")]
        if left:
            raise RuntimeError(f"unfinished parts are left: {left}")
        return merged(sorted(self.out.glob("part-*.jsonl")))


def merged(files):
    """The lines of files, in order of their bytes."""
    return sorted(line for file in files for line in file.read_bytes().splitlines())


def reference(job):
    """The lines of a single process."""
    output = job.out / "one.jsonl"
    job.run([job.program, *job.options(), "--list", job.names, "--format", "json", "--output", output, "--bad-images", "report"])
    lines = merged([output])
    if not any("error" in json.loads(line) for line in lines):
        raise RuntimeError("the broken picture is not reported")
    return lines


class Killer:
    """Kills a process of the program as soon as one has begun to work. Its name is that of no other program."""

    def __init__(self, job):
        self._program = job.program.name
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stop = threading.Event()
        self.killed = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        end = time.monotonic() + FIND_SECONDS
        while time.monotonic() < end and not self._stop.is_set():
            for process in self._working():
                os.kill(process, signal.SIGKILL)
                self.killed = process
                return
            time.sleep(0.01)

    def _working(self):
        """Processes of the program that have classified for a while."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if Path(os.readlink(folder / "exe")).name == self._program and cpu_seconds(folder) > 0.4:
                    yield int(folder.name)
            except OSError:
                # It has ended meanwhile.
                continue


def cpu_seconds(folder):
    """Processor time of a process."""
    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
