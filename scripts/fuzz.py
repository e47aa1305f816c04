#!/usr/bin/env python3
"""Fuzzes the readers of files, one target after the other, and prints what each run did.

    scripts/fuzz.py [--time SECONDS] [TARGET...]      without targets: all of them

Each run starts from `fuzz/corpora/TARGET` and keeps what it finds in `fuzz/corpus/TARGET`, which git ignores. An input that
crashes, takes too long or too much memory lies in `fuzz/artifacts/TARGET`; the fuzzer then goes on, until the time is over or
ten inputs are found. Exits with 1 if it found any.

Installs cargo-fuzz into `.fuzz-tools/` if there is none. Needs a nightly toolchain, or else lets the stable one pretend to be
one.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"
TOOLS = ROOT / ".fuzz-tools"
CARGO_FUZZ = "0.13.2"
# Inputs that fail before a run ends.
MOST_FAILURES = 10
# `#1234  REDUCE cov: 987 ft: 4321 corp: 65/4kb ...`
STATUS = re.compile(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/")
EXECUTED = re.compile(r"^stat::number_of_executed_units: (\d+)")
ARTIFACT = re.compile(r"Test unit written to (\S+)")


class Run:
    """The counts of one target."""

    def __init__(self, target):
        self.target = target
        self.seconds = 0.0
        self.executions = self.edges = self.features = self.files = 0
        self.failures = []

    def read(self, line, before):
        """Takes the counts from a line of the fuzzer's output. `before` are the executions of earlier processes."""
        if found := STATUS.match(line):
            executions, edges, features, files = map(int, found.groups())
            self.executions = before + executions
            self.edges, self.features = max(self.edges, edges), max(self.features, features)
            self.files = files
        elif found := EXECUTED.match(line):
            self.executions = before + int(found[1])
        elif found := ARTIFACT.search(line):
            self.failures.append(found[1])

    def line(self):
        return (
            f"{self.target:10} {self.seconds:7.0f} {self.executions:12,} {self.edges:8,} {self.features:9,}"
            f" {self.files:7,} {len(self.failures):9}"
        )


HEADER = f"{'target':10} {'seconds':>7} {'executions':>12} {'edges':>8} {'features':>9} {'corpus':>7} {'failures':>9}"


def targets():
    return sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))


def cargo_fuzz():
    """The path of cargo-fuzz, installed if there is none."""
    if path := shutil.which("cargo-fuzz"):
        return path
    path = TOOLS / "bin" / "cargo-fuzz"
    if not path.exists():
        command = ["cargo", "install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked", "--root", str(TOOLS)]
        subprocess.run(command, check=True)
    return str(path)


def toolchain():
    """The environment that gives cargo-fuzz the compiler's unstable options."""
    nightly = subprocess.run(["cargo", "+nightly", "--version"], capture_output=True, check=False)
    if nightly.returncode == 0:
        return {"RUSTUP_TOOLCHAIN": "nightly"}
    return {"RUSTC_BOOTSTRAP": "1"}


def fuzz(tool, environment, target, options):
    """Builds and runs a target for `options.time` seconds."""
    run = Run(target)
    found, seeds = FUZZ / "corpus" / target, FUZZ / "corpora" / target
    found.mkdir(parents=True, exist_ok=True)
    host = host_of(environment)
    build = [tool, "build", "--fuzz-dir", str(FUZZ), "--target", host, target]
    subprocess.run(build, cwd=FUZZ, env=environment, check=True)
    program = FUZZ / "target" / host / "release" / target
    artifacts = FUZZ / "artifacts" / target
    artifacts.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    while (left := options.time - (time.monotonic() - start)) >= 1 and len(run.failures) < MOST_FAILURES:
        command = [
            program,
            f"-artifact_prefix={artifacts}/",
            f"-max_total_time={int(left)}",
            f"-rss_limit_mb={options.memory}",
            f"-timeout={options.timeout}",
            "-print_final_stats=1",
            found,
            seeds,
        ]
        before, known = run.executions, len(run.failures)
        # The sanitizer keeps freed memory for a while, which is not the program's.
        sanitizer = {"ASAN_OPTIONS": "detect_odr_violation=0:quarantine_size_mb=16:" + os.environ.get("ASAN_OPTIONS", "")}
        with subprocess.Popen(
            command, cwd=FUZZ, env={**environment, **sanitizer}, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            for line in process.stderr:
                print(line, end="", flush=True)
                run.read(line, before)
        if process.returncode != 0 and len(run.failures) == known:
            run.failures.append(f"exit code {process.returncode}")
    run.seconds = time.monotonic() - start
    return run


def host_of(environment):
    version = subprocess.run(["rustc", "-vV"], env=environment, capture_output=True, text=True, check=True)
    return re.search(r"^host: (\S+)$", version.stdout, re.MULTILINE)[1]


def main():
    parser = argparse.ArgumentParser(description="Fuzzes the readers of files.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(targets())}; default: all")
    parser.add_argument("--time", type=int, default=1800, metavar="SECONDS", help="for each target (default: 1800)")
    parser.add_argument("--timeout", type=int, default=5, metavar="SECONDS", help="for one input (default: 5)")
    parser.add_argument("--memory", type=int, default=512, metavar="MB", help="for one input (default: 512)")
    options = parser.parse_args()
    unknown = sorted(set(options.targets) - set(targets()))
    if unknown:
        parser.error(f"no target `{unknown[0]}`: the targets are {', '.join(targets())}")
    tool = cargo_fuzz()
    environment = {**os.environ, **toolchain()}
    runs = []
    for target in options.targets or targets():
        runs.append(fuzz(tool, environment, target, options))
        print(f"\n{HEADER}\n{runs[-1].line()}\n", flush=True)
    print("\n".join([HEADER, *(run.line() for run in runs)]))
    failures = [failure for run in runs for failure in run.failures]
    for failure in failures:
        print(f"failure: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
