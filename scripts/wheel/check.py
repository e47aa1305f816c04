#!/usr/bin/env python3
"""Installs the wheel as users do, and classifies pictures with it.

    scripts/wheel/check.py [WHEEL]     `make wheel-test` builds the wheel and gets what this needs

Every way of installing gets folders of its own, away from the repository, and no variable names ONNX Runtime. Exits with 1 at the first
difference.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from build import DIST, PROGRAMS, ROOT, SHARED, TAG, cargo_home, fail

PICTURES = ROOT / "examples" / "images"
# The oldest ONNX Runtime that the wheel's metadata allows.
OLDEST = "1.23.0"
# What would lead a program to an ONNX Runtime, or pip to other folders.
CLEARED = re.compile(r"ORT_DYLIB_PATH|VIRTUAL_ENV|CONDA_PREFIX|LD_LIBRARY_PATH|PYTHON.*|PIP_USER|PIP_TARGET|MBN_.*")
SYNTAX = {"complete-bash": ["bash", "-n"], "complete-zsh": ["zsh", "-n"], "complete-fish": ["fish", "--no-execute"]}
ENGINE = re.compile(r"^engine: ONNX Runtime (\S+), .* from `(.+)`$", re.MULTILINE)


class Check:
    """A folder for installations, and how long they took."""

    def __init__(self, wheel, folder):
        self.wheel = wheel
        self.folder = Path(folder).resolve()
        self.environment = {name: value for name, value in os.environ.items() if not CLEARED.fullmatch(name)}
        self.environment |= {"NO_COLOR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_BREAK_SYSTEM_PACKAGES": "1"}
        shutil.copytree(PICTURES, self.folder / "photos")

    def run(self, *command, **variables):
        """Runs a command in the folder, which must succeed; returns its result and the seconds that it took."""
        start = time.monotonic()
        command = [str(word) for word in command]
        done = subprocess.run(command, cwd=self.folder, env={**self.environment, **variables}, capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}", "see its messages above")
        return done, time.monotonic() - start

    def classify(self, way, program, environment, installing):
        """Classifies the pictures; ONNX Runtime must be the one in `environment`, and every label right."""
        done, seconds = self.run(program, "--format", "json", "--parity", "all", "photos")
        results = [json.loads(line) for line in done.stdout.splitlines()]
        wrong = [line["path"] for line in results if line["predictions"][0]["label"].lower() != Path(line["path"]).stem]
        if wrong or len(results) != len(list(PICTURES.iterdir())):
            fail(f"{way}: {len(results)} pictures, wrong: {wrong}", "`examples/images` names each picture after its class")
        found = ENGINE.search(done.stderr)
        # The environment may lie behind a link.
        if not found or not (self.folder / found[2]).resolve().is_relative_to(environment.resolve()) or "parity passed" not in done.stderr:
            fail(f"{way}: expected ONNX Runtime from `{environment}`:\n{done.stderr}", "see `crates/mbn-engine/src/runtime/search.rs`")
        took = f"installed in {installing:.1f} s, " if installing else ""
        print(f"{way}: {took}{len(results)} pictures classified in {seconds:.2f} s by ONNX Runtime {found[1]}", flush=True)
        return seconds


def check_archive(wheel):
    """The wheel has everything, and its tag is true."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        stem = "-".join(wheel.name.split("-")[:2])
        expected = {f"{stem}.data/scripts/{program}" for program in PROGRAMS}
        expected |= {f"{stem}.data/data/{place.format(program)}" for place in SHARED.values() for program in PROGRAMS}
        expected |= {f"{stem}.dist-info/licenses/{name}" for name in ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES.txt")}
        if expected - names:
            fail(f"`{wheel.name}` lacks {', '.join(sorted(expected - names))}", "see `scripts/wheel/build.py`")
        notices = archive.read(f"{stem}.dist-info/licenses/THIRD-PARTY-NOTICES.txt").decode()
        for part in ("Independent JPEG Group", "libjpeg-turbo Project", "Daan Leijen", "Bitstream Vera", "tokenizers", "Rust Standard Library"):
            if part not in notices:
                fail(f"the notices do not mention {part}", "see `scripts/wheel/notices.py`")
        # Paths in the messages of panics, and in lists of what is built in.
        for name in names:
            content = archive.read(name)
            for folder in (cargo_home(os.environ), ROOT):
                if f"{folder}/".encode() in content:
                    fail(f"`{name}` names this machine's folder `{folder}`", "see `rust_flags` in `scripts/wheel/build.py`, and `pyproject.toml`")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)


def check_tag(wheel):
    """auditwheel finds no symbol newer than the tag allows."""
    done = subprocess.run([sys.executable, "-m", "auditwheel", "show", str(wheel)], capture_output=True, text=True)
    told = " ".join(done.stdout.split())
    found = re.search(r'consistent with the following platform tag: "manylinux_2_(\d+)_', told)
    if done.returncode != 0 or not found or int(found[1]) > int(TAG.rsplit("_", 1)[1]):
        fail(f"auditwheel does not confirm {TAG}:\n{done.stdout}{done.stderr}", "see `--zig` in `scripts/wheel/build.py`")
    print(f"auditwheel: glibc 2.{found[1]} or newer", flush=True)


def check_shared(check, prefix):
    """The man pages are shown, and every shell that is here reads its completions."""
    for program in PROGRAMS:
        page = prefix / SHARED["man"].format(program)
        if shutil.which("man"):
            done, _ = check.run("man", "--local-file", page, MANPAGER="cat", MANWIDTH="100")
            # Bold letters may be printed twice, with a backspace between.
            shown = re.sub(".\x08", "", done.stdout)
            if "SYNOPSIS" not in shown or "--log-level" not in shown:
                fail(f"`man` does not show the options of {program}:\n{done.stdout[:2000]}", f"see `{page}`")
        for what, syntax in SYNTAX.items():
            if shutil.which(syntax[0]):
                check.run(*syntax, prefix / SHARED[what].format(program))
    shells = [words[0] for words in SYNTAX.values() if shutil.which(words[0])]
    print(f"man pages {'shown' if shutil.which('man') else 'present'}; completions read by {', '.join(shells) or 'no shell here'}", flush=True)


def check_environment(check):
    """`pip install` into a fresh environment, with the newest ONNX Runtime and with the oldest."""
    venv = check.folder / "venv"
    python = venv / "bin" / "python"
    start = time.monotonic()
    check.run(sys.executable, "-m", "venv", venv)
    check.run(python, "-m", "pip", "install", "--quiet", check.wheel)
    installing = time.monotonic() - start
    total = installing + check.classify("pip, a fresh environment", venv / "bin" / "mbn-infer", venv, installing)
    print(f"  from nothing to the last label: {total:.1f} s", flush=True)
    check_shared(check, venv)
    for program in PROGRAMS:
        check.run(venv / "bin" / program, "--version")
    _, seconds = check.run(venv / "bin" / "mbn-export", "--weights", ROOT / "models" / "mobilenet_v1_0.25.safetensors", "model.onnx")
    print(f"mbn-export: exported and verified in {seconds:.2f} s", flush=True)
    (check.folder / "model.onnx").unlink()
    _, installing = check.run(python, "-m", "pip", "install", "--quiet", f"onnxruntime=={OLDEST}")
    check.classify("pip, the oldest ONNX Runtime", venv / "bin" / "mbn-infer", venv, installing)


def check_user(check):
    """`pip install --user`, by the Python that the environments are made from."""
    base = check.folder / "user"
    python = getattr(sys, "_base_executable", sys.executable)
    _, installing = check.run(python, "-m", "pip", "install", "--quiet", "--user", "--ignore-installed", check.wheel, PYTHONUSERBASE=str(base))
    check.classify("pip --user", base / "bin" / "mbn-infer", base, installing)


def check_tools(check):
    """pipx and `uv tool`, which put links into a folder of PATH."""
    tools, links = check.folder / "pipx", check.folder / "pipx-bin"
    variables = {"PIPX_HOME": tools, "PIPX_BIN_DIR": links, "PIPX_MAN_DIR": check.folder / "man", "PIPX_DEFAULT_PYTHON": sys.executable}
    variables = {name: str(value) for name, value in variables.items()}
    _, installing = check.run(sys.executable, "-m", "pipx", "install", check.wheel, **variables)
    check.classify("pipx", links / "mbn-infer", tools, installing)
    tools, links = check.folder / "uv", check.folder / "uv-bin"
    variables = {"UV_TOOL_DIR": str(tools), "UV_TOOL_BIN_DIR": str(links)}
    _, installing = check.run(sys.executable, "-m", "uv", "tool", "install", "--python", sys.executable, check.wheel, **variables)
    check.classify("uv tool", links / "mbn-infer", tools, installing)


def main():
    wheels = [Path(path).resolve() for path in sys.argv[1:]] or sorted(DIST.glob("*.whl"))
    if len(wheels) != 1:
        fail(f"{len(wheels)} wheels in `{DIST}`, expected one", "`make wheel` builds it")
    [wheel] = wheels
    check_archive(wheel)
    if sys.platform.startswith("linux"):
        check_tag(wheel)
    with tempfile.TemporaryDirectory(prefix="wheel-check-") as folder:
        check = Check(wheel, folder)
        check_environment(check)
        check_user(check)
        check_tools(check)


if __name__ == "__main__":
    main()
