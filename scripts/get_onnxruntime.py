#!/usr/bin/env python3
"""Puts the ONNX Runtime library into `onnxruntime/lib/` of the repository, where the programs look for it.

The library is taken out of the wheel that the package index has for this machine, whose SHA-256 is pinned here.
Does nothing when the library is there already. Needs Python 3.8 with pip, and works from any folder.
"""
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.31.1"
LIB_FOLDER = Path(__file__).resolve().parent.parent / "onnxruntime" / "lib"

# (system, machine): the wheel's platform tag, its SHA-256, the library's name inside.
# The wheel's Python version does not matter, since only the C library is taken.
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


def fail(message, hint):
    sys.exit(f"error: {message}\nhint: {hint}")


def download(tag, folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.12", "--abi", "cp312"]
    command += ["--platform", tag, "--dest", folder, f"onnxruntime=={VERSION}"]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        fail(
            f"pip could not download the wheel of ONNX Runtime {VERSION}",
            "see pip's message above; `ORT_DYLIB_PATH` or `--ort-lib` can name a library that you have",
        )
    wheels = list(Path(folder).glob("*.whl"))
    if len(wheels) != 1:
        fail(f"pip left {len(wheels)} wheels, expected one", "try `python3 -m pip install --upgrade pip`")
    return wheels[0]


def check(wheel, expected):
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != expected:
        fail(
            f"`{wheel.name}` has SHA-256 {found}, expected {expected}",
            "the download is damaged or is not the file that this script was written for; nothing was installed",
        )


def extract(wheel, name, target):
    """Copies the library to its place, which gets its name only when all of it is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(f"onnxruntime/capi/{name}") as source:
            with os.fdopen(handle, "wb") as sink:
                shutil.copyfileobj(source, sink)
        os.chmod(part, 0o755)
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise


def main():
    system = (platform.system(), platform.machine())
    if system not in WHEELS:
        known = ", ".join(" ".join(key) for key in WHEELS)
        fail(
            f"no wheel is pinned for {' '.join(system)}, only for {known}",
            f"install ONNX Runtime {VERSION} yourself and name its library in `ORT_DYLIB_PATH` or `--ort-lib`",
        )
    tag, sha256, name = WHEELS[system]
    target = LIB_FOLDER / name
    if target.is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(tag, folder)
        check(wheel, sha256)
        extract(wheel, name, target)
    print(f"ONNX Runtime {VERSION}: {target}", file=sys.stderr)


main()
