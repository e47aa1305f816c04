#!/usr/bin/env python3
"""Builds the Python wheel with the three programs, their man pages and completions, and the notices of what is built into them.

    scripts/wheel/build.py         `make wheel` first gets what this needs; the wheel gets into target/wheel/dist/

On Linux, Zig compiles the C code and links for glibc 2.28, so that the wheel installs on distributions since 2018; maturin refuses a
program that needs a newer one. Cargo's variables change the build, for a quick try:
`CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1`.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import notices

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "packaging" / "wheel"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target" / "wheel")).resolve()
DIST = TARGET / "dist"
CARGO = shlex.split(os.environ.get("CARGO", "cargo"))
PROGRAMS = ("mbn-train", "mbn-export", "mbn-infer")
TAG = "manylinux_2_28"
# What `--generate` prints, and where an environment has it: pip puts `share/` beside `bin/`.
SHARED = {
    "man": "share/man/man1/{}.1",
    "complete-bash": "share/bash-completion/completions/{}",
    "complete-zsh": "share/zsh/site-functions/_{}",
    "complete-fish": "share/fish/vendor_completions.d/{}.fish",
    "complete-powershell": "share/powershell/completions/{}.ps1",
}


def fail(message, hint):
    sys.exit(f"error: {message}\nhint: {hint}")


def cargo_home(variables):
    """Returns the folder in which cargo keeps the sources of crates."""
    return variables.get("CARGO_HOME", Path.home() / ".cargo")


def rust_flags(variables):
    """Returns the compiler's options of these variables, as cargo separates them, and others with which programs name neither this
    machine's folders nor whoever built them."""
    encoded = variables.get("CARGO_ENCODED_RUSTFLAGS")
    flags = encoded.split("\x1f") if encoded else variables.get("RUSTFLAGS", "").split()
    return "\x1f".join([*flags, f"--remap-path-prefix={cargo_home(variables)}=/cargo", f"--remap-path-prefix={ROOT}=/mbn"])


def environment():
    """Returns the variables of the build: the tools beside this Python, and a target folder of its own, because the profile differs."""
    tools = str(Path(sys.executable).parent)
    own = {"PATH": os.pathsep.join((tools, os.environ["PATH"])), "CARGO_TARGET_DIR": str(TARGET)}
    return {**os.environ, **own, "CARGO_ENCODED_RUSTFLAGS": rust_flags(os.environ)}


def run(command, **options):
    done = subprocess.run(command, env=environment(), **options)
    if done.returncode != 0:
        fail(f"`{shlex.join(map(str, command))}` failed with exit code {done.returncode}", "its messages stand above")
    return done


def host():
    """Returns the target that Rust builds for."""
    told = run(["rustc", "--version", "--verbose"], stdout=subprocess.PIPE, text=True).stdout
    return re.search(r"^host: (.+)$", told, re.MULTILINE)[1]


def zig():
    """Returns the folder of Zig, or None where the system's linker does."""
    if not sys.platform.startswith("linux"):
        return None
    import ziglang

    return Path(ziglang.__file__).parent


def lock():
    """Writes the package's Cargo.lock: the workspace's, with the package itself and without what it does not need."""
    shutil.copyfile(ROOT / "Cargo.lock", PACKAGE / "Cargo.lock")
    run([*CARGO, "update", "--quiet", "--workspace", "--manifest-path", str(PACKAGE / "Cargo.toml")])


def maturin(out):
    """Builds the programs if they are not there, packs them, and returns the wheel."""
    command = ["maturin", "build", "--release", "--locked", "--out", str(out), "--manifest-path", str(PACKAGE / "Cargo.toml")]
    if zig():
        command += ["--zig", "--compatibility", TAG, "--auditwheel", "check"]
    run(command)
    [wheel] = Path(out).glob("*.whl")
    return wheel


def share(wheel):
    """Has the programs in the wheel print their man pages and completions, and puts them where the next wheel is packed from."""
    data = PACKAGE / "data"
    shutil.rmtree(data, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        for program in PROGRAMS:
            name = next((name for name in archive.namelist() if Path(name).stem == program and "/scripts/" in name), None)
            if name is None:
                fail(f"`{wheel.name}` has no program `{program}`", f"see `[[bin]]` in `{PACKAGE / 'Cargo.toml'}`")
            path = Path(archive.extract(name, folder))
            path.chmod(0o755)
            for what, place in SHARED.items():
                file = data / "data" / place.format(program)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(run([path, "--generate", what], stdout=subprocess.PIPE).stdout)


def main():
    lock()
    for licence in ("LICENSE-APACHE", "LICENSE-MIT"):
        shutil.copyfile(ROOT / licence, PACKAGE / licence)
    try:
        text = notices.collect(PACKAGE / "Cargo.toml", host(), ROOT, zig(), CARGO)
    except notices.Missing as error:
        fail(str(error), "see `scripts/wheel/notices.py`")
    (PACKAGE / "THIRD-PARTY-NOTICES.txt").write_text(text, encoding="utf-8")
    # The first wheel is only a way to the programs: the second has what they print.
    (PACKAGE / "data" / "data").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        share(maturin(folder))
    shutil.rmtree(DIST, ignore_errors=True)
    wheel = maturin(DIST)
    print(f"{wheel.relative_to(Path.cwd()) if wheel.is_relative_to(Path.cwd()) else wheel}: {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
