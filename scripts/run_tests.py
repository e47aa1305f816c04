#!/usr/bin/env python3
"""Runs every test of the repository and prints at the end how many ran, how many were skipped, and why.

    scripts/run_tests.py [CARGO_OPTION...]      `make test` first fetches what the tests need

The options go to the first `cargo test`; without any, it tests the workspace. Exits with 1 if a test fails. If `CI` is set, a
skipped test is a failure too, unless it needs a GPU, a large download, instructions that the processor
lacks, or a launcher of processes that is not installed.
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARGO = shlex.split(os.environ.get("CARGO", "cargo"))
PYTHON_TESTS = (ROOT / "scripts" / "tests", ROOT / "scripts" / "gpu" / "tests")
SHELL_TESTS = (ROOT / "scripts" / "gpu" / "tests" / "test_gpu_check.sh",)
# The tests of the kernels run once more for each instruction set.
INSTRUCTIONS = ("scalar", "avx2", "avx512")
KERNEL_TESTS = ("instructions", "convolutions", "chain", "reference")
# So do the unit tests of the kernels, which are in this module of `mbn-ops`.
KERNEL_UNIT_TESTS = "cpu::"
# What a skipped test needs. In CI all are allowed but the last.
KINDS = {
    "gpu": "need a GPU or a machine without one",
    "download": "need a large download",
    "processor": "need instructions that this processor lacks",
    "launcher": "need a launcher of processes, such as mpirun",
    "other": "need something else",
}
PASSED = re.compile(r"^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored")


class Results:
    """The counts of all runs."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skips = []  # (kind, test, reason)

    def cargo(self, name, options, environment):
        """Runs `cargo test`, shows its output, and counts."""
        before = self.count()
        with tempfile.NamedTemporaryFile(mode="r", prefix="skipped-tests-") as record:
            environment = {**os.environ, **environment, "MBN_SKIPPED": record.name}
            command = [*CARGO, "test", "--locked", "--no-fail-fast", *options]
            print("$", " ".join(command), flush=True)
            with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
                for line in process.stdout:
                    print(line, end="", flush=True)
                    if found := PASSED.match(line):
                        self.passed += int(found[1])
                        self.ignored(name, int(found[3]))
            if process.returncode != 0:
                self.failed.append(name)
            self.skipped(record.read().splitlines())
            self.require_some(name, before)

    def skipped(self, lines):
        """Counts each skipped test once. A test may give several reasons; its first one counts."""
        first = {}
        for line in lines:
            process, test, kind, reason = line.split("\t", 3)
            first.setdefault((process, test), (kind, test, reason))
        self.skips += first.values()
        self.passed -= len(first)

    def count(self):
        return self.passed + len(self.skips)

    def require_some(self, name, before):
        """A run without a test fails: its filter names tests that are called otherwise by now."""
        if self.count() == before and name not in self.failed:
            self.failed.append(f"{name} (it has no tests)")

    def ignored(self, name, count):
        self.skips += [("other", name, "marked `#[ignore]`")] * count

    def python(self, folder):
        """Runs the unit tests of a folder."""
        before = self.count()
        suite = unittest.TestLoader().discover(str(folder))
        result = unittest.TextTestRunner(verbosity=0).run(suite)
        self.skips += [("other", test.id(), reason) for test, reason in result.skipped]
        self.passed += result.testsRun - len(result.skipped) - len(result.failures) - len(result.errors)
        if not result.wasSuccessful():
            self.failed.append("Python's unit tests")
        self.require_some(f"Python's unit tests in {folder.relative_to(ROOT)}", before)

    def script(self, path):
        """Runs a script that prints `pass: NAME` for each of its checks."""
        before = self.count()
        with subprocess.Popen([path], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                print(line, end="", flush=True)
                self.passed += line.startswith("pass: ")
        if process.returncode != 0:
            self.failed.append(path.name)
        self.require_some(path.name, before)

    def summary(self):
        counts = Counter(kind for kind, _, _ in self.skips)
        parts = [f"{counts[kind]} {what}" for kind, what in KINDS.items() if counts[kind]]
        lines = [f"ran {self.passed} tests, skipped {len(self.skips)}" + (f": {', '.join(parts)}" if parts else "")]
        for kind in KINDS:
            reasons = Counter(reason for k, _, reason in self.skips if k == kind)
            lines += [f"  {count} x {kind}: {reason}" for reason, count in reasons.most_common()]
        if self.failed:
            lines.append(f"FAILED: {', '.join(self.failed)}")
        return "\n".join(lines)

    def forbidden(self):
        """Tests that CI must not skip."""
        return [f"{test}: {reason}" for kind, test, reason in self.skips if kind not in KINDS or kind == "other"]


def main(options):
    results = Results()
    for folder in PYTHON_TESTS:
        results.python(folder)
    for script in SHELL_TESTS:
        results.script(script)
    if not results.failed:
        results.cargo("cargo test", options or ["--workspace"], {})
    kernel_tests = [option for test in KERNEL_TESTS for option in ("--test", test)]
    for instructions in INSTRUCTIONS:
        if not results.failed:
            results.cargo(f"{instructions} kernels", ["--workspace", *kernel_tests], {"MBN_SIMD": instructions})
        if not results.failed:
            # Of the whole workspace, or Cargo would build `mbn-ops` again with other features.
            unit_tests = ["--workspace", "--lib", "--", KERNEL_UNIT_TESTS]
            results.cargo(f"{instructions} kernels, unit tests", unit_tests, {"MBN_SIMD": instructions})
    if not results.failed:
        cloud = ["--workspace", "--features", "mbn-infer/cloud", "--test", "program", "--", "cloud::"]
        results.cargo("inputs from stores", cloud, {})
    print(f"\n{results.summary()}")
    forbidden = results.forbidden() if "CI" in os.environ else []
    for test in forbidden:
        print(f"error: CI must not skip {test}", file=sys.stderr)
    return 1 if results.failed or forbidden else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
