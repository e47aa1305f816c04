#!/usr/bin/env python3
"""Images per second of two ranks of one thread, the same with --sync-batch-norm, and of one process of two threads, at a batch of
64 in all.

    throughput.py MBN_TRAIN [ROUNDS]       `make scale-throughput` builds the program; use a machine that does nothing else

All train on the same pictures in turn. The first epoch of a run decodes and caches them; the second is measured.
"""
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from train import write_picture

# Training and test pictures of each of two classes.
COUNTS = {"train": 192, "val": 4}
SIZE = 224
RANKS = ["mpirun", "-n", "2", "--bind-to", "core"]
ROOT_MAY = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def rate(folder, command, alpha, threads):
    """Training images per second in the last epoch of a run."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        settings = f"--alpha {alpha} --size {SIZE} --batch-size 64 --epochs 2 --no-publish --threads {threads} --workers 1 --quiet"
        command = [*command, *settings.split(), "--data", folder / "data", "--out", f"{out}/run"]
        subprocess.run(command, check=True, env={**os.environ, **ROOT_MAY})
        with open(f"{out}/run/history.csv", newline="") as file:
            return float(list(csv.DictReader(file))[-1]["images_per_s"])


def main():
    program = Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory(prefix="mbn-throughput-") as name:
        folder = Path(name)
        for split, count in COUNTS.items():
            for label, colour in (("blue", (0, 30, 180)), ("red", (180, 30, 0))):
                for number in range(count):
                    write_picture(folder / "data" / split / label / f"{number}.png", colour, number, SIZE)
        print("| alpha | two ranks | synchronised | one process | two ranks / one process | synchronised / two ranks |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for alpha in ("1.0", "0.25"):
            found = []
            for _ in range(rounds):
                ranks = [*RANKS, program, "--distributed", "mpi"]
                two = rate(folder, ranks, alpha, 1)
                synchronised = rate(folder, [*ranks, "--sync-batch-norm"], alpha, 1)
                one = rate(folder, [program], alpha, 2)
                found.append((two, synchronised, one, two / one, synchronised / two))
            two, synchronised, one, *ratios = (statistics.median(column) for column in zip(*found))
            gain, cost = ratios
            print(f"| {alpha} | {two:.1f} | {synchronised:.1f} | {one:.1f} | {gain:.2f} | {cost:.2f} |", flush=True)


if __name__ == "__main__":
    main()
