#!/usr/bin/env python3
"""Packs a check of the CUDA builds for a machine with a GPU, which then needs neither Rust nor a network: stripped
programs, tests and benchmarks, models, pictures, `gpu-check.sh`. Writes `gpu-bundle-N.tar.xz` of at most 40 MB each.

python3 make_bundle.py [--data DIR] [--sm SM] [--reference DIR] [--output target/gpu-bundle]

DIR after `--data` is an image folder; the script packs the first pictures of each class. Without it, the script draws
pictures. With SM (90 for compute capability 9.0) it also packs ONNX Runtime's CUDA provider, with the code for that chip
only, and its Python package. It packs reference tensors if it finds them.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import archives
import fetched
import pictures

ROOT = Path(__file__).resolve().parent.parent.parent
GPU = ROOT / "scripts" / "gpu"
# What cargo builds: package, kind and name of the target, and its place in the bundle.
PROGRAMS = {
    ("mbn-train", "bin", "mbn-train"): "bin/mbn-train",
    ("mbn-export", "bin", "mbn-export"): "bin/mbn-export",
    ("mbn-infer", "bin", "mbn-infer"): "bin/mbn-infer",
    ("mbn-ops", "test", "cuda"): "tests/kernels",
    ("mbn-model", "test", "cuda"): "tests/training-step",
    ("mbn-model", "bench", "step"): "benches/step",
    ("mbn-infer", "bench", "engines"): "benches/engines",
    ("mbn-data", "bench", "throughput"): "benches/loader",
}
PYTHON = {"benches/pytorch.py": "python/pytorch.py", "benches/pytorch_network.py": "python/pytorch_network.py",
          "scripts/gpu/onnxruntime_python.py": "python/onnxruntime_python.py"}


def build():
    """Builds with cargo and returns the executables' paths, by place in the bundle."""
    command = [ROOT / "scripts" / "build_cuda.sh", "--test", "cuda", "--bench", "step", "--bench", "engines", "--bench", "throughput",
               "--message-format=json-render-diagnostics"]
    cargo = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if cargo.returncode != 0:
        sys.exit("error: the CUDA build failed, see its messages above")
    built = {}
    for line in cargo.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            package = Path(message["manifest_path"]).parent.name
            target = message["target"]
            built[package, target["kind"][0], target["name"]] = Path(message["executable"])
    missing = [" ".join(key) for key in PROGRAMS if key not in built]
    if missing:
        sys.exit(f"error: cargo built no executable for {', '.join(missing)} (package, kind, target)")
    return {place: built[key] for key, place in PROGRAMS.items()}


def strip(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "-o", target, source], check=True)


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def copy_folder(source, target, pattern):
    found = sorted(source.glob(pattern))
    if not found:
        sys.exit(f"error: `{source}` has no `{pattern}`")
    for path in found:
        copy(path, target / path.name)


def version():
    """Returns the commit that is packed."""
    command = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown\n"


def stage(options, folder):
    """Fills the folder to pack."""
    for place, executable in build().items():
        strip(executable, folder / place)
    for source, place in PYTHON.items():
        copy(ROOT / source, folder / place)
    copy_folder(ROOT / "models", folder / "models", "*.safetensors")
    copy_folder(GPU / "check", folder / "check", "*.sh")
    copy(GPU / "gpu-check.sh", folder / "gpu-check.sh")
    copy(GPU / "BUNDLE.md", folder / "README.md")
    (folder / "VERSION").write_text(version())
    if options.data:
        pictures.subset(options.data, folder / "images")
    else:
        pictures.synthetic(folder / "images")
    if options.reference.is_dir():
        copy_folder(options.reference / "alpha_0.25", folder / "reference" / "alpha_0.25", "*.safetensors")
    if options.sm:
        fetched.onnx_runtime(options.sm, folder / "onnxruntime" / "cuda" / "lib", folder / "python" / "packages")
    fetched.sanitizer(folder / "sanitizer")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="image folder whose pictures to pack")
    parser.add_argument("--sm", type=int, help="pack ONNX Runtime's CUDA provider for this chip")
    parser.add_argument("--reference", type=Path, metavar="DIR", help="folder with reference tensors",
                        default=ROOT / "tests" / "reference")
    parser.add_argument("--output", type=Path, metavar="DIR", default=ROOT / "target" / "gpu-bundle")
    options = parser.parse_args()
    folder = options.output.resolve() / "gpu-bundle"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stage(options, folder)
    for archive in archives.pack(folder, folder):
        print(f"{archive.stat().st_size / 1e6:5.1f} MB  {os.path.relpath(archive)}")


if __name__ == "__main__":
    main()
