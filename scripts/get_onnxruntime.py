#!/usr/bin/env python3
"""Puts the ONNX Runtime library into `onnxruntime/lib/` of the repository, where the programs look for it. With
`--cuda`, puts a library with the CUDA provider into `onnxruntime/cuda/lib/` and lists NVIDIA's libraries that it needs.
With `--cuda --python`, also puts the Python package of the same wheel into `onnxruntime/cuda/python/`, without the provider.

The libraries come from the package index's wheel for this machine; this script pins its SHA-256. The script skips
libraries that are there already. It needs Python 3.8 with pip, and works from any folder.
"""
import argparse
import ctypes
import glob
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from wheels import check, download, fail

VERSION = "1.31.1"
ROOT = Path(__file__).resolve().parent.parent / "onnxruntime"
LIB_FOLDER = ROOT / "lib"
CUDA_FOLDER = ROOT / "cuda" / "lib"
PYTHON_FOLDER = ROOT / "cuda" / "python"

# Of the wheels' tags for Linux.
GLIBC = (2, 28)

# (system, machine): the wheel's platform tag, its SHA-256, the library's name inside.
# The wheel's Python version does not matter, because this script copies only the C library.
WHEELS = {
    ("Linux", "x86_64"): (
        "manylinux_2_28_x86_64",
        "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        f"libonnxruntime.so.{VERSION}",
    ),
    ("Linux", "aarch64"): (
        "manylinux_2_28_aarch64",
        "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        f"libonnxruntime.so.{VERSION}",
    ),
    ("Darwin", "arm64"): (
        "macosx_14_0_arm64",
        "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
        f"libonnxruntime.{VERSION}.dylib",
    ),
    ("Windows", "AMD64"): (
        "win_amd64",
        "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
        "onnxruntime.dll",
    ),
}

# The same for the package with the CUDA provider. ONNX Runtime loads the provider from its own folder.
CUDA_PACKAGE = "onnxruntime-gpu"
CUDA_WHEELS = {
    ("Linux", "x86_64"): (
        "manylinux_2_28_x86_64",
        "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7",
        (
            "libonnxruntime_providers_shared.so",
            "libonnxruntime_providers_cuda.so",
            f"libonnxruntime.so.{VERSION}",
        ),
    ),
}
# What `import onnxruntime` reads, for CPython 3.12, and the licences. The package looks for the provider beside its module.
PYTHON_PARTS = ("onnxruntime/__init__.py", "onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt")
PYTHON_PLACE = "onnxruntime/capi/"
PYTHON_SUFFIXES = (".py", ".cpython-312-x86_64-linux-gnu.so")

# What else the provider needs: library, and the Python package that has it.
DRIVER = "libcuda.so.1"
NVIDIA = (
    ("libcudart.so.13", "nvidia-cuda-runtime~=13.0"),
    ("libcublasLt.so.13", "nvidia-cublas~=13.0"),
    ("libcublas.so.13", "nvidia-cublas~=13.0"),
    ("libcurand.so.10", "nvidia-curand~=10.0"),
    ("libcudnn.so.9", "nvidia-cudnn-cu13~=9.0"),
)
OLDEST_DRIVER = 580


def extract(wheel, name, target):
    """Copies a file of the wheel to `target`, which gets its name only after everything is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as source:
            with os.fdopen(handle, "wb") as sink:
                shutil.copyfileobj(source, sink)
        os.chmod(part, 0o755)
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise


def extract_python(wheel):
    """Copies the Python package."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    # `__init__.py` comes last: it shows that the package is whole.
    for name in sorted(names, key=lambda name: name == PYTHON_PARTS[0]):
        inside = name[len(PYTHON_PLACE):]
        if name in PYTHON_PARTS or name.startswith(PYTHON_PLACE) and "/" not in inside and inside.endswith(PYTHON_SUFFIXES):
            extract(wheel, name, PYTHON_FOLDER / name)


def wheel_for_this_machine(wheels):
    system = (platform.system(), platform.machine())
    if system not in wheels:
        known = ", ".join(" ".join(key) for key in wheels)
        fail(
            f"this script has no wheel for {' '.join(system)}, only for {known}",
            f"install ONNX Runtime {VERSION} yourself and name its library in `ORT_DYLIB_PATH` or `--ort-lib`",
        )
    libc, found = platform.libc_ver()
    if system[0] == "Linux" and (libc != "glibc" or tuple(map(int, found.split(".")[:2])) < GLIBC):
        needed = ".".join(map(str, GLIBC))
        has = f"{libc} {found}" if libc else "another C library"
        fail(
            f"ONNX Runtime's library for Linux needs glibc {needed} or newer, this system has {has}",
            "build ONNX Runtime for this system and name its library in `ORT_DYLIB_PATH` or `--ort-lib`, or use `--engine candle`",
        )
    return wheels[system]


def get(package, tag, sha256, names, target, python=False):
    """Puts the libraries `names` into the folder; the last is the one that the programs look for. If `python`, also puts the
    Python package into its folder."""
    python = python and not (PYTHON_FOLDER / PYTHON_PARTS[0]).is_file()
    if all((target / name).is_file() for name in names) and not python:
        return
    with tempfile.TemporaryDirectory() as folder:
        hint = "see pip's message above; or name a library that you have in `ORT_DYLIB_PATH` or `--ort-lib`"
        wheel = download(package, VERSION, [tag], folder, hint)
        check(wheel, sha256)
        for name in names:
            extract(wheel, f"onnxruntime/capi/{name}", target / name)
        if python:
            extract_python(wheel)
    print(f"ONNX Runtime {VERSION}: {target / names[-1]}", file=sys.stderr)


def loads(name, folders):
    """Returns where the programs would find the library, or None."""
    for folder in folders:
        if (folder / name).is_file():
            return str(folder)
    try:
        ctypes.CDLL(name)
        return "the system's libraries"
    except OSError:
        return None


def nvidia_folders():
    """Returns the folders in MBN_CUDA_LIBS and those of the active Python environment."""
    roots = [root for root in os.environ.get("MBN_CUDA_LIBS", "").split(os.pathsep) if root]
    roots += [os.environ[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if os.environ.get(name)]
    folders = []
    for root in roots:
        folders.append(Path(root))
        for pattern in ("nvidia/*/lib", "lib/python*/site-packages/nvidia/*/lib"):
            folders += [Path(found) for found in sorted(glob.glob(os.path.join(glob.escape(root), pattern)))]
    return folders


def report_nvidia():
    """Prints which of NVIDIA's libraries are there, and how to get the others."""
    folders, packages = nvidia_folders(), []
    print("The CUDA provider also needs:", file=sys.stderr)
    for name, package in NVIDIA:
        found = loads(name, folders)
        if not found and package not in packages:
            packages.append(package)
        print(f"  {name:18} {found or 'missing'}", file=sys.stderr)
    driver = loads(DRIVER, [])
    print(f"  {DRIVER:18} {driver or 'missing'} (the NVIDIA driver, {OLDEST_DRIVER} or newer)", file=sys.stderr)
    if packages:
        quoted = " ".join(f"'{package}'" for package in packages)
        print(
            f"hint: `python3 -m pip install {quoted}` installs the missing ones. The programs look in the folders of "
            "`--cuda-libs` and MBN_CUDA_LIBS (folders of libraries or Python environments), in LD_LIBRARY_PATH and "
            "the system's folders, and in the active Python environment (VIRTUAL_ENV, CONDA_PREFIX)",
            file=sys.stderr,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuda", action="store_true", help="get the library with the CUDA provider")
    parser.add_argument("--python", action="store_true", help="with --cuda: get its Python package too")
    options = parser.parse_args()
    if options.python and not options.cuda:
        parser.error("--python needs --cuda")
    if options.cuda:
        tag, sha256, names = wheel_for_this_machine(CUDA_WHEELS)
        get(CUDA_PACKAGE, tag, sha256, names, CUDA_FOLDER, options.python)
        report_nvidia()
    else:
        tag, sha256, name = wheel_for_this_machine(WHEELS)
        get("onnxruntime", tag, sha256, (name,), LIB_FOLDER)


main()
