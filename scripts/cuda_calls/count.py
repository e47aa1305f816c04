#!/usr/bin/env python3
"""Counts what a default training run asks of a CUDA device: launches, products, copies, allocations. Needs no GPU.

Builds `mbn-train` with a stand-in for nvcc, runs an epoch of the default recipe on `driver.c`, which notes each call and
computes nothing, and prints what a step and a batch of evaluation ask for. Fails if the run launches a kernel that is not in
`crates/mbn-ops/src/kernels/`: the driver would compile candle's modules for seconds at their first use.

    python3 scripts/cuda_calls/count.py [--kernels] [-- OPTIONS OF mbn-train]

Needs a C compiler and, for the stubs that the program is linked to, `make cuda-toolkit`.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
KERNELS = ROOT / "crates" / "mbn-ops" / "src" / "kernels"
BATCH, STEPS, TEST_BATCHES = 64, 20, 3
# After the first steps, which make buffers, and before the first reading of the loss.
STEP = 10
# The first convolution of a step and of a batch of evaluation.
STARTS = {"step": r"stem/stem_s2_", "evaluation": r"stem/stem_fused"}
KINDS = ["launch", "product", "set", "copy", "upload", "download", "allocation", "wait"]
COLUMNS = ["kernels", "products", "memory set", "copies on the device", "uploads", "downloads", "allocations", "waits"]


def build(toolkit):
    """Builds `mbn-train` for CUDA and returns its path."""
    environment = {
        **os.environ,
        "CUDA_HOME": str(toolkit),
        "CUDA_COMPUTE_CAP": "80",
        "CUDARC_CUDA_VERSION": "13000",
        "NVCC": str(ROOT / "scripts" / "nvcc_stand_in.sh"),
    }
    command = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--workspace", "--features", "cuda", "--bin", "mbn-train"]
    done = subprocess.run([*command, "--message-format=json-render-diagnostics"], cwd=ROOT, env=environment,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"error: `{' '.join(command)}` failed; its messages are above")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "mbn-train":
            return message["executable"]
    sys.exit("error: cargo built no `mbn-train`")


def write_pictures(folder, per_class):
    """Writes grey BMP files of 8 x 8 pixels, which every training run reads without a decoder of ours."""
    pixels = bytes(8 * 8 * 3)
    header = b"BM" + (54 + len(pixels)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    header += (40).to_bytes(4, "little") + (8).to_bytes(4, "little") * 2 + (1).to_bytes(2, "little")
    header += (24).to_bytes(2, "little") + bytes(24)
    for kind in ["one", "two"]:
        (folder / kind).mkdir(parents=True)
        for i in range(per_class):
            (folder / kind / f"{i}.bmp").write_bytes(header + pixels)


def trace(program, toolkit, options):
    """Runs the program and returns its calls, each a kind and what it was about."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        driver, calls = folder / "driver.so", folder / "calls"
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", driver, HERE / "driver.c"], check=True)
        write_pictures(folder / "data" / "train", BATCH * STEPS // 2)
        write_pictures(folder / "data" / "val", BATCH * TEST_BATCHES // 2)
        libraries = toolkit / "lib"
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": f"{libraries / 'stubs'}:{libraries}",
            "LD_PRELOAD": str(driver),
            "CUDA_CALLS": str(calls),
        }
        command = [program, "--device", "cuda", "--data", folder / "data", "--out", folder / "run", "--epochs", "1",
                   "--no-publish", *options]
        done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"error: mbn-train ended with exit code {done.returncode}:\n{done.stdout}")
        return [tuple(line.split(" ", 1)) for line in calls.read_text().splitlines()]


def between(calls, start, index):
    """The calls from the `index`-th launch of a kernel whose name begins as `start` says to the next one."""
    at = [i for i, (kind, what) in enumerate(calls) if kind == "launch" and re.match(start, what)]
    if len(at) < index + 2:
        sys.exit(f"error: the run launched `{start}` {len(at)} times, expected at least {index + 2}")
    return calls[at[index]:at[index + 1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", action="store_true", help="list the kernels of a step and of a batch of evaluation too")
    parser.add_argument("--program", help="a built `mbn-train` instead of this source's")
    parser.add_argument("options", nargs="*", help="options of mbn-train, after `--`")
    arguments = parser.parse_args()
    toolkit = pathlib.Path(os.environ.get("CUDA_HOME", ROOT / "cuda-toolkit"))
    if not (toolkit / "lib" / "stubs").is_dir():
        sys.exit(f"error: `{toolkit}` has no stub libraries\nhint: `make cuda-toolkit` makes them")
    calls = trace(arguments.program or build(toolkit), toolkit, arguments.options)

    parts = {"step": between(calls, STARTS["step"], STEP), "evaluation": between(calls, STARTS["evaluation"], 1)}
    print("| | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for name, part in parts.items():
        counts = collections.Counter(kind for kind, _ in part)
        print(f"| {name} | " + " | ".join(str(counts[kind]) for kind in KINDS) + " |")
    if arguments.kernels:
        for name, part in parts.items():
            print(f"\nKernels of the {name}:")
            for kernel, count in collections.Counter(what for kind, what in part if kind == "launch").most_common():
                print(f"{count:6} {kernel}")

    ours = {path.stem for path in KERNELS.glob("*.cu")}
    loaded = list(dict.fromkeys(what for kind, what in calls if kind == "module"))
    print(f"\nModules of the run: {', '.join(loaded)}")
    foreign = [module for module in loaded if module not in ours]
    if foreign:
        kernels = sorted({what for kind, what in calls if kind == "launch" and what.split("/")[0] in foreign})
        print(f"error: not ours: {', '.join(foreign)}; their kernels: {', '.join(kernels)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
