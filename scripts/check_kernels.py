#!/usr/bin/env python3
"""Compiles the CUDA kernels for sm_80 and sm_90 and prints what each needs; fails if registers spill.

Needs nvcc in `NVCC`, in `CUDA_HOME`, in `cuda-toolkit/` (`make cuda-toolkit`) or in `PATH`. Needs no GPU.

    python3 scripts/check_kernels.py [--markdown]
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "crates" / "mbn-ops" / "src" / "kernels"
ARCHITECTURES = ["sm_80", "sm_90"]
# Registers and largest number of threads of a multiprocessor, the same on both architectures.
REGISTERS, MOST_THREADS = 65536, 2048
# Threads per block, as in the kernels' launch bounds.
THREADS = 256


def find_nvcc():
    """Returns the path of nvcc; without one, exits with a hint how to get it."""
    candidates = [os.environ.get("NVCC")]
    candidates += [os.path.join(home, "bin", "nvcc") for home in (os.environ.get("CUDA_HOME"), ROOT / "cuda-toolkit") if home]
    candidates.append(shutil.which("nvcc"))
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return path
    sys.exit("error: no `nvcc` in `NVCC`, `CUDA_HOME`, `cuda-toolkit/` or `PATH`\nhint: `make cuda-toolkit` makes a toolkit with `nvcc`")


def compile_source(nvcc, source, architecture):
    """Compiles one source and returns the messages of nvcc and ptxas."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, "-std=c++17", "-O3", "-gencode", f"arch=compute_80,code={architecture}", "-cubin", "-Xptxas", "-v"]
        command += ["-Werror", "all-warnings", "-o", os.path.join(folder, "kernel.cubin"), str(source)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {source.name} does not compile for {architecture}:\n{done.stdout}")
    return done.stdout


def parse(messages):
    """Returns registers, bytes of spills and bytes of static shared memory, by kernel."""
    found = {}
    name = None
    for line in messages.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            name = match[1]
            found[name] = {"registers": None, "spills": 0, "shared": 0}
        elif match := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            found[name]["spills"] += int(match[1]) + int(match[2])
        elif match := re.search(r"Used (\d+) registers", line):
            found[name]["registers"] = int(match[1])
            if shared := re.search(r"(\d+) bytes smem", line):
                found[name]["shared"] = int(shared[1])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="print the table for docs/cuda-kernels.md")
    arguments = parser.parse_args()
    nvcc = find_nvcc()
    jobs = [(source, architecture) for source in sorted(SOURCES.glob("*.cu")) for architecture in ARCHITECTURES]
    if not jobs:
        sys.exit(f"error: no `.cu` file in `{SOURCES}`")
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        messages = list(pool.map(lambda job: compile_source(nvcc, *job), jobs))

    kernels = {}
    for (source, architecture), text in zip(jobs, messages):
        found = parse(text)
        if not found or any(kernel["registers"] is None for kernel in found.values()):
            sys.exit(f"error: {source.name}, {architecture}: ptxas printed no registers for some kernels")
        for name, needs in found.items():
            kernels.setdefault((source.stem, name), {})[architecture] = needs

    if arguments.markdown:
        row, rule = "| {} | {} | {} | {} | {} | {} |", ["---", "---"] + ["---:"] * 4
    else:
        row, rule = "{:20} {:36} {:>14} {:>10} {:>10} {:>20}", None
    print(row.format("source", "kernel", "registers", "spills", "static smem", "blocks by registers"))
    if rule:
        print(row.format(*rule))
    spilling = []
    for (source, name), by_architecture in sorted(kernels.items()):
        needs = [by_architecture[architecture] for architecture in ARCHITECTURES]
        both = {key: " / ".join(str(need[key]) for need in needs) for key in ("registers", "spills", "shared")}
        # The hardware allocates registers in steps of eight.
        blocks = [min(MOST_THREADS // THREADS, REGISTERS // (-(-need["registers"] // 8) * 8 * THREADS)) for need in needs]
        print(row.format(source, name, both["registers"], both["spills"], both["shared"], " / ".join(map(str, blocks))))
        if any(need["spills"] for need in needs):
            spilling.append(name)
    print(f"\n{len(kernels)} kernels, each for {' / '.join(ARCHITECTURES)}")
    if spilling:
        print(f"error: registers spill in {', '.join(spilling)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
