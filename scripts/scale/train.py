#!/usr/bin/env python3
"""Trains with two ranks of MPI as a job of a real Slurm on this machine.

    train.py MBN_TRAIN       `make scale-train` builds the program

The job is started by `srun --mpi=pmix` and by `mpirun`. Each time a rank is killed, and the job must end; submitted again it is stopped
by SIGTERM, and must save; submitted a third time it must go on and finish. Exits with 1 if it does not.
"""
import json
import os
import signal
import sys
import tempfile
import time
import zlib
from pathlib import Path

from job import EXAMPLES, fresh
from slurm import Slurm

LAUNCHERS = {"srun": "srun --mpi=pmix --kill-on-bad-exit=1", "mpirun": "mpirun -n 2 --oversubscribe"}
# Enough that the job still works when it is stopped.
EPOCHS = 60
# A rank that is killed ends the others within this time.
END_SECONDS = 10
START_SECONDS = 120


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def write_picture(path, colour, number, side=40):
    """A PNG file of one colour with some texture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            shade = (x * 7 + y * 13 + number * 29) % 50
            rows += bytes(min(255, channel + shade) for channel in colour)
    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def make_pictures(folder):
    for split, count in (("train", 32), ("val", 8)):
        for name, colour in (("blue", (0, 30, 180)), ("red", (180, 30, 0))):
            for number in range(count):
                write_picture(folder / split / name / f"{number}.png", colour, number)


def ranks(program, out):
    """The processes of the program that work for a run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_program = Path(os.readlink(process / "exe")) == program
            if is_program and os.fsencode(out) in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            # It has ended meanwhile.
            continue
    return sorted(found)


def wait_for(done, what, seconds, slurm):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} takes more than {seconds} s:\n{slurm.log()}")
        time.sleep(0.05)


def epochs(out):
    """The number of epochs that a run has finished."""
    history = out / "history.csv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


def check(program, root, launcher):
    """A job whose rank is killed, the same job stopped by a signal, and the same job again."""
    folder = fresh(root / launcher)
    data, out = root / "data", folder / "run"
    variables = {**os.environ, "MBN_TRAIN": str(program), "OUT": str(out), "LAUNCH": LAUNCHERS[launcher]}
    # Root may not run mpirun otherwise; in a container there is no other user.
    variables |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    variables["EVERY_TIME"] = "--threads 1 --save-every 0"
    settings = f"--alpha 0.25 --size 32 --batch-size 8 --epochs {EPOCHS} --lr 0.01 --no-publish"
    arguments = ["--ntasks=2", EXAMPLES / "slurm_train.sh", "--data", data, *settings.split()]
    with Slurm(folder / "slurm") as slurm:
        number = slurm.start(folder, variables, arguments)
        wait_for(lambda: epochs(out) > 0 or slurm.has_ended(number), "the first epoch", START_SECONDS, slurm)
        found = ranks(program, out)
        if len(found) != 2:
            raise RuntimeError(f"{len(found)} ranks run, expected 2:\n{slurm.log()}")
        os.kill(found[-1], signal.SIGKILL)
        wait_for(lambda: not ranks(program, out), "the end of the other rank", END_SECONDS, slurm)
        if not slurm.wait(number):
            raise RuntimeError(f"the job does not fail:\n{slurm.log()}")

        done = epochs(out)
        number = slurm.start(folder, variables, arguments)
        wait_for(lambda: epochs(out) > done or slurm.has_ended(number), "another epoch", START_SECONDS, slurm)
        # mpirun must get the signal itself; srun passes on what the step gets.
        slurm.terminate(number, *(["--batch"] if launcher == "mpirun" else []))
        wait_for(lambda: not ranks(program, out), "saving", END_SECONDS, slurm)
        slurm.wait(number)

        if slurm.wait(slurm.start(folder, variables, arguments)):
            raise RuntimeError(f"the job fails again:\n{slurm.log()}")
    log = "".join(path.read_text(errors="replace") for path in folder.glob("slurm-*.out"))
    # A mpirun that gets the signal ends before it has passed on what its ranks say last.
    saved = ["interrupted; saved"] if launcher == "srun" else []
    for part in ("Training on 2 ranks", f"Resuming `{out}` after", *saved):
        if part not in log:
            raise RuntimeError(f"the log lacks `{part}`:\n{log}")
    summary = json.loads((out / "summary.json").read_text())
    if summary["epochs"] != EPOCHS:
        raise RuntimeError(f"{summary['epochs']} epochs are done, expected {EPOCHS}")
    return summary["best"]["test_accuracy"]


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="mbn-train-") as root:
        # Slurm's daemons read what is in it.
        Path(root).chmod(0o755)
        make_pictures(Path(root) / "data")
        for launcher in LAUNCHERS:
            begin = time.monotonic()
            accuracy = check(program, Path(root), launcher)
            print(f"{launcher}: two ranks, one killed, stopped once, finished: {accuracy} % in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
