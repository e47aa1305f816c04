#!/usr/bin/env python3
"""Classifies a list of pictures with Ray Data: each actor keeps a process of `mbn-infer`.

    ray_data.py --list paths.txt --output results.jsonl [--actors N] [--address ADDRESS] -- mbn-infer OPTION...

Paths must be absolute, and the same on every machine.
"""
import argparse
import os

import ray

from worker import Worker, WorkerDied

BATCH = 500
# Part of a core for reading the list.
READING = 0.1


class Classifier:
    """An actor. Ray starts another one if its machine fails."""

    def __init__(self, command):
        self._command = command
        self._worker = Worker(command)

    def __call__(self, batch):
        paths = list(batch["text"])
        try:
            lines = self._worker.classify(paths)
        except WorkerDied:
            # Ray takes an error of this function for one of the data, and does not try again.
            self._worker.kill()
            self._worker = Worker(self._command)
            lines = self._worker.classify(paths)
        return {"line": lines}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--actors", type=int, default=1)
    parser.add_argument("--address", help="of a running cluster; without it, Ray starts one on this machine")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    ray.init(address=arguments.address, runtime_env={"working_dir": os.path.dirname(os.path.abspath(__file__))})
    # Reading the list takes little, but Ray reserves a whole core for it, which the actors would have taken already.
    paths = ray.data.read_text(arguments.list, ray_remote_args={"num_cpus": READING})
    lines = paths.map_batches(
        Classifier,
        fn_constructor_args=[arguments.command],
        batch_size=BATCH,
        concurrency=arguments.actors,
        num_cpus=1 - READING,
    )
    unfinished = f"{arguments.output}.partial"
    with open(unfinished, "w", encoding="utf-8") as file:
        for row in lines.iter_rows():
            file.write(row["line"] + "\n")
    os.replace(unfinished, arguments.output)


if __name__ == "__main__":
    main()
