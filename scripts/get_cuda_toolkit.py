#!/usr/bin/env python3
"""Makes a CUDA toolkit for building in `cuda-toolkit/` of the repository; needs no GPU.

The compiler, its headers and the runtime come from wheels of the package index; this script pins their SHA-256. A CUDA
build also links the driver, cuBLAS, cuRAND and NVRTC. Stub libraries stand in for them, made from the entry points that
cudarc declares. With the stubs a CUDA build links, and starts on a machine without a GPU; to run on a GPU, it needs
NVIDIA's driver and libraries.

`. cuda-toolkit/env.sh` sets what cargo needs. The script does nothing if the toolkit is there already. It needs Python 3.8
with pip, cargo and a C compiler, and works from any folder.
"""
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from wheels import check, download, fail

REPOSITORY = Path(__file__).resolve().parent.parent
TOOLKIT = REPOSITORY / "cuda-toolkit"
CUDA_VERSION = (13, 0)

# Package, version, and the wheel's SHA-256.
WHEELS = [
    ("nvidia-cuda-nvcc", "13.0.88", "56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03"),
    ("nvidia-nvvm", "13.0.88", "c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0"),
    ("nvidia-cuda-crt", "13.0.88", "2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4"),
    ("nvidia-cuda-runtime", "13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
    ("nvidia-cuda-cccl", "13.0.85", "e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649"),
]
PLATFORMS = ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64", "manylinux2010_x86_64"]
# The folder in the wheels that has a toolkit's layout.
WHEEL_FOLDER = "nvidia/cu13"

# cudarc's module, the library that it links, and the number in the library's name.
STUBS = [
    ("driver", "cuda", 1),
    ("cublas", "cublas", 13),
    ("cublaslt", "cublasLt", 13),
    ("curand", "curand", 10),
    ("nvrtc", "nvrtc", 13),
]
# CUDA_ERROR_STUB_LIBRARY: what each entry point of a stub returns.
STUB_ANSWER = 34

ENVIRONMENT = """\
# What cargo needs to build with `--features cuda`. With CUDA_COMPUTE_CAP=80 the programs run on every card from compute
# capability 8.0 on; with a larger number, only on newer cards.
export CUDA_HOME="{toolkit}"
export PATH="$CUDA_HOME/bin:$PATH"
export CUDA_COMPUTE_CAP="${{CUDA_COMPUTE_CAP:-80}}"
export CUDARC_CUDA_VERSION={major}{minor:02}0
export CUDAFORGE_THREADS="${{CUDAFORGE_THREADS:-$(nproc)}}"
"""


def run(command, purpose, hint):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=REPOSITORY)
    except FileNotFoundError:
        fail(f"`{command[0]}`, which {purpose}, is missing", hint)
    if done.returncode != 0:
        fail(f"`{command[0]}`, which {purpose}, failed", hint)
    return done.stdout


def unpack(wheel, target):
    """Copies the toolkit's files from a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inside = name[len(WHEEL_FOLDER) + 1 :]
            if not name.startswith(f"{WHEEL_FOLDER}/") or name.endswith("/") or ".." in inside.split("/"):
                continue
            path = target / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(path, "wb") as sink:
                shutil.copyfileobj(source, sink)
            # Wheels do not record which files are programs.
            if path.parent.name == "bin":
                path.chmod(0o755)


def cudarc():
    """Returns the folder with cudarc's sources, in the version of Cargo.lock."""
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version", "1", "--locked", "--features", "cuda"]
    output = run(command, "finds cudarc's sources", "see its message above")
    found = [package for package in json.loads(output)["packages"] if package["name"] == "cudarc"]
    if len(found) != 1:
        fail(f"Cargo.lock has {len(found)} versions of cudarc, expected one", "run `cargo update -p cudarc`")
    return Path(found[0]["manifest_path"]).parent


def entry_points(source):
    """Returns the names of the functions that a module of cudarc declares."""
    text = (source / "sys" / "mod.rs").read_text()
    names = sorted(set(re.findall(r"pub unsafe fn ((?:cu|nvrtc)\w+)", text)))
    if not names:
        fail(f"`{source}` declares no entry points", "this script does not support this version of cudarc")
    return names


def make_stub(names, library, number, folder):
    """Compiles a library whose functions all return CUDA_ERROR_STUB_LIBRARY."""
    code = "".join(f"int {name}(void) {{ return {STUB_ANSWER}; }}\n" for name in names)
    path = folder / f"lib{library}.so"
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "stub.c"
        source.write_text(code)
        command = [os.environ.get("CC", "cc"), "-w", "-fno-builtin", "-shared", "-fPIC", "-O1"]
        command += [f"-Wl,-soname,{path.name}.{number}", "-o", str(path), str(source)]
        run(command, "compiles the stub libraries", "install a C compiler, or name one in `CC`")
    (folder / f"{path.name}.{number}").symlink_to(path.name)


def build(target):
    for package, version, sha256 in WHEELS:
        with tempfile.TemporaryDirectory() as folder:
            wheel = download(package, version, PLATFORMS, folder)
            check(wheel, sha256)
            unpack(wheel, target)
    (target / "lib64").symlink_to("lib")
    (target / "lib" / "libcudart.so").symlink_to("libcudart.so.13")
    stubs = target / "lib" / "stubs"
    stubs.mkdir()
    sources = cudarc() / "src"
    for module, library, number in STUBS:
        make_stub(entry_points(sources / module), library, number, stubs)
    major, minor = CUDA_VERSION
    (target / "env.sh").write_text(ENVIRONMENT.format(toolkit=TOOLKIT, major=major, minor=minor))


def main():
    system = (platform.system(), platform.machine())
    if system != ("Linux", "x86_64"):
        fail(
            f"this script has no wheels for {' '.join(system)}, only for Linux x86_64",
            "install NVIDIA's toolkit, set `CUDA_HOME` to its folder and build with `--features cuda`",
        )
    # Identifies what the toolkit is made from: with other wheels or in another place, the script makes it again.
    recipe = hashlib.sha256(Path(__file__).read_bytes() + bytes(TOOLKIT)).hexdigest()
    stamp = TOOLKIT / "recipe.sha256"
    if stamp.is_file() and stamp.read_text() == recipe:
        return
    part = Path(tempfile.mkdtemp(dir=REPOSITORY, prefix=".cuda-toolkit-"))
    try:
        build(part)
        (part / stamp.name).write_text(recipe)
        part.chmod(0o755)
        shutil.rmtree(TOOLKIT, ignore_errors=True)
        os.replace(part, TOOLKIT)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    version = ".".join(map(str, CUDA_VERSION))
    print(f"CUDA {version}: {TOOLKIT}; run `. cuda-toolkit/env.sh` before `cargo build --features cuda`", file=sys.stderr)


main()
