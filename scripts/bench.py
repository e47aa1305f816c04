"""Compares training and inference on the CPU with PyTorch and ONNX Runtime, and writes docs/benchmarks.md.

python bench.py --pytorch PYTHON [--data DIR] [--rounds 5] [--steps 5] [--output FILE]

PYTHON is an interpreter with torch. DIR is an image folder; with it, the script also measures training on photos. Each
round runs ours and then the peer and computes the ratio, so that other load on the machine affects both alike.
"""
import argparse
import csv
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# Makes glibc's allocator keep freed memory, so that large tensors do not need fresh pages in every step.
KEPT = {"MALLOC_MMAP_THRESHOLD_": str(1 << 33), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
# Limits PyTorch and its oneDNN to AVX2, and ours, as on a processor without AVX-512. ONNX Runtime has no such limit.
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MBN_SIMD": "avx2"}
ROOT = Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")


def lines(*command, env=None):
    """Returns the standard output of a command, which must succeed."""
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True).stdout


def built(package, kind, name):
    """Builds a target with cargo and returns the path of its executable."""
    command = [CARGO, "build", "--locked", "--profile", "bench", "-p", package, f"--{kind}", name, "--message-format=json"]
    for line in lines(*command).splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name:
            return message["executable"]
    sys.exit(f"error: cargo built no executable `{name}` in package `{package}`")


class Bench:
    def __init__(self, options):
        self.options = options
        self.step = built("mbn-model", "bench", "step")
        self.engines = built("mbn-infer", "bench", "engines")
        self.train = built("mbn-train", "bin", "mbn-train")
        self.versions = {}

    def run(self, *command, env=None):
        result = json.loads(lines(*command, "--steps", str(self.options.steps), env=env).splitlines()[-1])
        if "skipped" in result:
            sys.exit(f"error: {result['skipped']}")
        return result

    def ours(self, mode, *flags, env=None):
        result = self.run(self.step, f"--{mode}-only", *flags, env=env)
        return {"images_per_s": result[f"{mode}_images_per_s"], "peak_mib": result["peak_mib"]}

    def pytorch(self, mode, *flags, env=None):
        result = self.run(self.options.pytorch, "benches/pytorch.py", mode, *flags, env=env)
        self.versions["PyTorch"] = result["version"]
        return result

    def engine(self, name, *flags):
        result = self.run(self.engines, "--engine", name, *flags)
        if name == "ort":
            self.versions["ONNX Runtime"] = result["engine"].removeprefix("ONNX Runtime ")
        return result

    def photos(self, per_class, *flags):
        """Trains on the first photos of each class; images/s of the second epoch, when the decoded photos are in memory."""
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for kind in sorted((Path(self.options.data) / "train").resolve().iterdir()):
                for split, count in [("train", per_class), ("val", 2)]:
                    target = folder / "data" / split / kind.name
                    target.mkdir(parents=True)
                    for photo in sorted(kind.iterdir())[:count]:
                        (target / photo.name).symlink_to(photo)
            lines(self.train, "--data", str(folder / "data"), *flags, "--epochs", "2", "--no-publish", "--quiet",
                  "--out", str(folder / "run"))
            with open(folder / "run" / "history.csv", newline="") as file:
                return {"images_per_s": float(list(csv.DictReader(file))[-1]["images_per_s"])}

    def comparisons(self):
        """Yields the title, the key of the figure, and the functions that measure ours and the peer's."""
        a1, a025 = ("--alpha", "1.0"), ("--alpha", "0.25")
        speed, memory = "images_per_s", "peak_mib"
        yield from [
            ("training step, alpha 1, f32; PyTorch", speed, lambda: self.ours("train", *a1), lambda: self.pytorch("train", *a1)),
            ("peak memory of training, alpha 1, f32, in MiB; PyTorch", memory, None, None),
            ("training step, alpha 1, f32; PyTorch, freed memory kept", speed,
             lambda: self.ours("train", *a1), lambda: self.pytorch("train", *a1, env=KEPT)),
            ("training step, alpha 0.25, f32; PyTorch", speed, lambda: self.ours("train", *a025), lambda: self.pytorch("train", *a025)),
            ("training step, alpha 0.25, f32; PyTorch, freed memory kept", speed,
             lambda: self.ours("train", *a025), lambda: self.pytorch("train", *a025, env=KEPT)),
            ("training step, alpha 1, bf16; PyTorch with bf16 autocast", speed,
             lambda: self.ours("train", *a1, "--precision", "bf16"), lambda: self.pytorch("train", *a1, "--amp")),
            ("peak memory of training, alpha 1, bf16, in MiB; PyTorch", memory, None, None),
            ("inference, alpha 1, f32; PyTorch, freed memory kept", speed,
             lambda: self.ours("infer", *a1), lambda: self.pytorch("infer", *a1, env=KEPT)),
            ("inference, alpha 0.25, f32; PyTorch, freed memory kept", speed,
             lambda: self.ours("infer", *a025), lambda: self.pytorch("infer", *a025, env=KEPT)),
            ("inference by candle, alpha 1; ONNX Runtime", speed,
             lambda: self.engine("candle", *a1), lambda: self.engine("ort", *a1)),
            ("inference by candle, alpha 0.25; ONNX Runtime", speed,
             lambda: self.engine("candle", *a025), lambda: self.engine("ort", *a025)),
            ("training step, alpha 1, f32, two threads; one thread", speed,
             lambda: self.ours("train", *a1, env=threads(2)), lambda: self.ours("train", *a1, env=threads(1))),
        ]
        kept = {**AVX2, **KEPT}
        yield from [
            (f"training step, {name}, f32, AVX2 alone; PyTorch with AVX2, freed memory kept", speed,
             lambda flags=flags: self.ours("train", *flags, env=AVX2),
             lambda flags=flags: self.pytorch("train", *flags, env=kept))
            for name, flags in [("alpha 1", a1), ("alpha 0.25", a025)]
        ]
        yield ("training step, alpha 1, bf16, AVX2 alone; f32, AVX2 alone", speed,
               lambda: self.ours("train", *a1, "--precision", "bf16", env=AVX2), lambda: self.ours("train", *a1, env=AVX2))
        if self.options.data:
            yield ("training on photos, alpha 1; the same step on noise", speed,
                   lambda: self.photos(64, *a1, "--batch-size", "32"), lambda: self.ours("train", *a1))
            yield ("training on photos, alpha 0.25, batch 64; the same step on noise", speed,
                   lambda: self.photos(320, *a025, "--batch-size", "64"),
                   lambda: self.ours("train", *a025, "--batch", "64"))


def threads(count):
    return {"RAYON_NUM_THREADS": str(count)}


def processor():
    """Its name, with family and model: one name may stand for several generations."""
    path = Path("/proc/cpuinfo")
    first = path.read_text().split("\n\n")[0] if path.exists() else ""
    fields = dict(re.findall(r"^(.*?)\s*: (.*)$", first, re.MULTILINE))
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    widest = "AVX-512" if "avx512f" in fields.get("flags", "").split() else "no AVX-512"
    return f"{fields['model name']} (family {fields.get('cpu family')}, model {fields.get('model')}, {widest})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pytorch", required=True, metavar="PYTHON")
    parser.add_argument("--data", metavar="DIR")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    bench = Bench(options)
    samples = {}
    for number in range(options.rounds):
        results = None
        for title, key, ours, peer in bench.comparisons():
            if ours:
                results = ours(), peer()
            found = results[0][key], results[1][key]
            samples.setdefault((title, key), []).append(found)
            print(f"round {number + 1}/{options.rounds}: {title}: {found[0]:.1f} / {found[1]:.1f} = {found[0] / found[1]:.2f}",
                  file=sys.stderr, flush=True)
    rows = []
    for (title, _), found in samples.items():
        what, peer = title.split("; ")
        ratios = [ours / theirs for ours, theirs in found]
        ours, theirs = (statistics.median(column) for column in zip(*found))
        rows.append(f"| {what} | {ours:.1f} | {peer} | {theirs:.1f} | {statistics.median(ratios):.2f} | "
                    f"{min(ratios):.2f} to {max(ratios):.2f} |")
    versions = ", ".join(f"{name} {version}" for name, version in sorted(bench.versions.items()))
    commit = lines("git", "describe", "--always", "--dirty").strip()
    text = "\n".join([
        "# Benchmarks on the CPU", "",
        f"Written by `make bench` on {datetime.date.today()}, commit {commit}: {processor()}, {os.cpu_count()} threads, "
        f"{platform.system()}; {versions}.", "",
        "Figures are images per second at batch 32 and 224 x 224, unless a row says otherwise.", "",
        f"- **Method.** Each of {options.rounds} rounds runs {options.steps} steps of ours and then of the peer. The figures are medians "
        "over the rounds. The ratio is computed in each round; the table gives its median, and as spread the smallest and the largest.",
        "- **Freed memory kept** means that glibc's `MALLOC_MMAP_THRESHOLD_` and `MALLOC_TRIM_THRESHOLD_` are set so high that "
        "PyTorch's large tensors need no fresh pages. By default they do, and PyTorch's speed varies with them.",
        "- **AVX2 alone** means that both use no wider instructions, as on processors without AVX-512.", "",
        "| what | ours | compared with | theirs | ours / theirs | spread |", "| --- | ---: | --- | ---: | ---: | --- |", *rows, "",
    ])
    options.output.write_text(text)
    print(text)


main()
