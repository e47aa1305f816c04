"""Downloads wheels from the package index and verifies their hash, for the scripts that fetch libraries."""
import hashlib
import subprocess
import sys
from pathlib import Path


def fail(message, hint):
    sys.exit(f"error: {message}\nhint: {hint}")


def download(package, version, platforms, folder, hint="see pip's message above"):
    """Downloads the one wheel for these platforms into the folder with pip, and returns its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.12", "--dest", str(folder)]
    command += [word for tag in platforms for word in ("--platform", tag)] + [f"{package}=={version}"]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        fail(f"pip could not download the wheel of {package} {version}", hint)
    wheels = list(Path(folder).glob("*.whl"))
    if len(wheels) != 1:
        fail(f"pip downloaded {len(wheels)} wheels, expected one", "try `python3 -m pip install --upgrade pip`")
    return wheels[0]


def check(wheel, expected):
    """Exits with an error unless the file has this SHA-256."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != expected:
        fail(
            f"`{wheel.name}` has SHA-256 {found}, expected {expected}",
            "the download is damaged or is another file than this script expects; nothing was installed",
        )
