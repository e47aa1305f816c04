#!/usr/bin/env python3
"""Runs every engine of examples/scale, and compares what it gives with the lines of one process.

    check.py MBN_INFER [ENGINE]...       `make scale` builds the program and gets what Python needs

Each engine classifies a list with a broken picture and a missing one; the same while a process is killed; and a list so short that
a shard is empty. The merged lines must be those of one process, byte for byte after sorting. Exits with 1 on any difference.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from engines import ENGINES, missing
from job import EXAMPLES, Job, Killer, ROOT, fresh, reference

# So many that the processes work for seconds, and one can be killed meanwhile.
NAMES = 6000
PICTURES = 60
SHARDS = 4
KUBERNETES = "1.31"


def make_names(root):
    """A list of pictures with names that are awkward, one that is broken and one that is missing."""
    folder = fresh(root / "pictures")
    chance = random.Random(1)
    sources = [Image.open(path).convert("RGB") for path in sorted((ROOT / "examples" / "images").iterdir())]
    made = []
    for i in range(PICTURES):
        source = sources[i % len(sources)]
        width, height = (int(side * chance.uniform(0.5, 1)) for side in source.size)
        left, top = chance.randint(0, source.width - width), chance.randint(0, source.height - height)
        made.append(folder / f"source-{i}.png")
        source.crop((left, top, left + width, top + height)).save(made[-1])
    names = []
    for i in range(NAMES):
        name = folder / f"{i:05} 'ä\".png"
        os.link(made[i % PICTURES], name)
        names.append(name)
    broken = folder / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    names[17:17] = [broken, folder / "missing.png"]
    return names


def kubernetes():
    """The manifest is valid."""
    command = [Path(sys.executable).with_name("kubernetes-validate"), "--strict", "-k", KUBERNETES, EXAMPLES / "kubernetes.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def compare(found, expected):
    """Raises an error that says where two sets of lines part."""
    if found == expected:
        return
    lost = sorted(set(expected) - set(found))[:3]
    new = sorted(set(found) - set(expected))[:3]
    raise RuntimeError(f"{len(found)} lines, expected {len(expected)}; lost {lost}, new {new}")


def check(engine, job, short, expected, expected_short):
    """The three runs of an engine, with the seconds of the first."""
    begin = time.monotonic()
    compare(ENGINES[engine](replace(job, out=fresh(job.out / engine))), expected)
    seconds = time.monotonic() - begin
    killed = replace(job, out=fresh(job.out / f"{engine}-killed"))
    with Killer(killed) as killer:
        lines = ENGINES[engine](killed)
    if killer.killed is None:
        raise RuntimeError("no process could be killed")
    compare(lines, expected)
    compare(ENGINES[engine](replace(short, out=fresh(job.out / f"{engine}-short"))), expected_short)
    return seconds


def main():
    program, *wanted = sys.argv[1:]
    wanted = wanted or [*ENGINES, "kubernetes"]
    unknown = set(wanted) - {*ENGINES, "kubernetes"}
    if unknown:
        sys.exit(f"error: no engine {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)} and kubernetes")
    lacking = [reason for engine in wanted if (reason := missing(engine))]
    if lacking:
        sys.exit("\n".join(f"error: {reason}" for reason in lacking))
    libraries = sorted((ROOT / "onnxruntime" / "lib").glob("libonnxruntime.so.*"))
    with tempfile.TemporaryDirectory(prefix="mbn-scale-") as folder:
        root = Path(folder)
        # A name of its own, so that no other process is killed.
        copy = root / f"mbn-infer-{os.getpid()}"
        shutil.copy2(program, copy)
        names = make_names(root)
        (root / "names.txt").write_text("".join(f"{name}\n" for name in names))
        (root / "short.txt").write_text("".join(f"{name}\n" for name in names[16:19]))
        model = ROOT / "models" / "mobilenet_v1_0.25.safetensors"
        job = Job(copy, model, libraries[-1], root / "names.txt", root / "out", SHARDS)
        short = replace(job, names=root / "short.txt")
        expected = reference(replace(job, out=fresh(root / "one")))
        expected_short = reference(replace(short, out=fresh(root / "one-short")))
        failed = False
        for engine in wanted:
            try:
                if engine == "kubernetes":
                    kubernetes()
                    print("kubernetes: the manifest is valid", flush=True)
                else:
                    seconds = check(engine, job, short, expected, expected_short)
                    print(f"{engine}: {len(expected)} lines are those of one process, with a process killed too; {seconds:.0f} s", flush=True)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                failed = True
                print(f"error: {engine}: {error}", file=sys.stderr, flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
