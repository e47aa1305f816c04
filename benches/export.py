"""Compares exports with those of PyTorch's exporter and of ONNX Runtime's quantiser, and writes the table in docs/export.md.

python export.py MBN_EXPORT DOCS [--rounds 9] [--calibration DIR]

Needs torch, onnx, onnxscript, onnxruntime and Pillow. Each round runs ours and then the peer and computes the ratio, so that other
load on the machine affects both alike. DIR has photos; without it, those in examples/images are varied.
"""
import argparse
import datetime
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import onnxscript
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
SIZE = 224
PICTURES = 100
MARKS = "<!-- speed -->", "<!-- end of speed -->"


def run(*command):
    """Runs a command, which must succeed, and returns its seconds."""
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))} fails:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start


def varied(folder):
    """Crops of the pictures in examples/images, always the same."""
    chance = random.Random(1)
    sources = [Image.open(path).convert("RGB") for path in sorted((ROOT / "examples/images").iterdir())]
    for i in range(PICTURES):
        picture = sources[i % len(sources)]
        width, height = (int(side * chance.uniform(0.6, 1)) for side in picture.size)
        left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        picture.crop((left, top, left + width, top + height)).save(folder / f"{i}.png")


class Photos(CalibrationDataReader):
    def __init__(self, folder):
        self.paths = sorted(path for path in folder.rglob("*") if path.is_file())[:PICTURES]

    def get_next(self):
        if not self.paths:
            return None
        image = Image.open(self.paths.pop()).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
        return {"input": (pixels - MEAN) / STD}


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def speed(*of_ratios):
    """What `ratios` gives in a new process. Where a session's memory lies moves its speed by some percent, and after much else has run in
    this process, it does not lie as in one that only classifies."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(ratios, of_ratios)


def ratios(ours, peer, batch, rounds):
    """The peer's time by ours, in each round; each runs a third of a second at least. Each round opens both anew, in changing order."""
    images = np.random.default_rng(1).standard_normal((batch, 3, SIZE, SIZE), dtype=np.float32)

    def seconds(session):
        runs, start = 0, time.perf_counter()
        while runs < 2 or time.perf_counter() - start < 1 / 3:
            session.run(None, {"input": images})
            runs += 1
        return (time.perf_counter() - start) / runs

    found = []
    for i in range(rounds):
        files = (ours, peer)[:: 1 if i % 2 == 0 else -1]
        sessions = {path: session(path) for path in files}
        for _ in range(2):
            times = {path: seconds(one) for path, one in sessions.items()}
        found.append(times[peer] / times[ours])
    return found


def same(ours, peer):
    """How far the logits of both are apart, as a part of the largest."""
    images = np.random.default_rng(2).standard_normal((2, 3, SIZE, SIZE), dtype=np.float32)
    own, other = (session(path).run(None, {"input": images})[0] for path in (ours, peer))
    return float(np.abs(own - other).max() / np.abs(other).max())


def rows(options, folder):
    """Title, ratios, and what to reach and to aim for."""
    exporter, rounds = options.exporter.resolve(), options.rounds
    calibration = options.calibration
    if calibration is None:
        calibration = folder / "photos"
        calibration.mkdir()
        varied(calibration)
    python, script = sys.executable, ROOT / "benches/torch_export.py"
    for alpha in ["0.25", "0.75", "1.0"]:
        weights = ROOT / f"models/mobilenet_v1_{alpha}.safetensors"
        if not weights.exists():
            weights = folder / f"{alpha}.safetensors"
            run(python, script, "--alpha", alpha, "--save", weights)
        ours, peer = folder / f"{alpha}.onnx", folder / f"{alpha}.torch.onnx"
        of_ours = [exporter, "--weights", weights, ours]
        of_peer = [python, script, "--alpha", alpha, "--weights", weights, peer]
        run(*of_ours)
        run(*of_peer)
        apart = same(ours, peer)
        if apart > 1e-4:
            sys.exit(f"error: the logits of {ours} and {peer} are apart by {apart}: they are not the same network")
        for batch in [1, 32]:
            yield f"float32, alpha {alpha}, batch {batch}: PyTorch's time / ours", speed(ours, peer, batch, rounds), "0.98", "1.0"
    int8, theirs = folder / "int8.onnx", folder / "quantize_static.onnx"
    run(exporter, "--weights", weights, "--precision", "int8", "--calibration", calibration, int8)
    quantize_static(ours, theirs, Photos(calibration), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.MinMax)
    yield "int8, alpha 1.0, batch 32: `quantize_static`'s time / ours", speed(int8, theirs, 32, rounds), "1.0", "1.1"
    yield "alpha 1.0, batch 32: our float32 file's time / our int8 file's", speed(int8, ours, 32, rounds), "", ""
    yield "bytes of int8 / float32, alpha 1.0", [int8.stat().st_size / ours.stat().st_size], "0.29", "0.265"
    pairs = [(run(*of_ours), run(*of_peer)) for _ in range(rounds)]
    yield ("float32 export, alpha 1.0, ours with its proof / PyTorch's, whole processes",
           [own / other for own, other in pairs], "0.1", "0.05")


def processor():
    found = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    flags = set(found.get("flags", "").split())
    sets = [name for name, *any_of in [("AVX2", "avx2"), ("AVX-512", "avx512f"), ("VNNI", "avx512_vnni", "avx_vnni")]
            if flags.intersection(any_of)]
    return f"{found.get('model name', platform.machine())} ({', '.join(sets) or 'no AVX2'})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exporter", type=Path, metavar="MBN_EXPORT")
    parser.add_argument("docs", type=Path, metavar="DOCS")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calibration", type=lambda path: Path(path).resolve())
    options = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for title, found, reach, aim in rows(options, Path(folder)):
            median = statistics.median(found)
            print(f"{title}: {median:.3f} ({min(found):.3f} to {max(found):.3f})", file=sys.stderr, flush=True)
            table.append(f"| {title} | {median:.3f} | {min(found):.3f} to {max(found):.3f} | {reach} | {aim} |")
    text = "\n".join([
        f"Written by `make bench-export` on {datetime.date.today()}: {processor()}, {os.cpu_count()} threads, {platform.system()}; PyTorch "
        f"{torch.__version__} with onnxscript {onnxscript.__version__}, ONNX Runtime {onnxruntime.__version__}. Medians of "
        f"{options.rounds} rounds, in each of which both run in turn.", "",
        "| what | median | spread | to reach | to aim for |", "| --- | ---: | --- | ---: | ---: |", *table])
    page = options.docs.read_text()
    before, rest = page.split(MARKS[0])
    options.docs.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
