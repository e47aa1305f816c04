#!/usr/bin/env python3
"""Runs exported models in other engines, and writes the tables in docs/interop.md.

    run.py MBN_EXPORT PAGE.md [--reuse] [--only ENGINE]...

Exports every alpha, precision and input, and some variants, with cases.py; runs them with each engine; compares the logits. Exits with 1
if a difference is too large, or if an engine takes or refuses what it is not expected to (refusals.py). Then it does not write the page.
Nor does it with `--only`, which leaves out the other engines. `--reuse` keeps files that an earlier run exported.
"""
import argparse
import datetime
import json
import platform
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import cases
import judge
import table
from refusals import REFUSALS

OUT = cases.ROOT / "target" / "interop"
HERE = Path(__file__).resolve().parent
WEB = cases.ROOT / "interop" / "web"
RUST = cases.ROOT / "interop" / "target" / "debug" / "mbn-interop"


# The slowest engine takes a tenth of it.
ENGINE_SECONDS = 3600


@dataclass(frozen=True)
class Runner:
    """A program that gets the path of cases.json and prints a line of JSON for each case:
    {"engine", "version", "name", "largest": [difference for each input]}, or "error" in place of "largest"."""

    engine: str
    command: tuple
    # A program that must be there, and how to get it.
    needs: tuple = ()


NODE = ("node", "install Node.js 18 or newer (Debian: `nodejs` and `npm`)")
RUNNERS = [
    Runner("onnxruntime", (sys.executable, HERE / "engines.py", "onnxruntime")),
    Runner("onnxruntime-oldest", ("node", cases.ROOT / "interop" / "oldest" / "run.js"), NODE),
    Runner("onnx.reference", (sys.executable, HERE / "engines.py", "onnx.reference")),
    Runner("openvino", (sys.executable, HERE / "engines.py", "openvino")),
    Runner("onnxruntime-web-node", ("node", WEB / "node.mjs"), NODE),
    Runner("onnxruntime-web-chromium", ("node", WEB / "chromium.mjs"), NODE),
    Runner("rten", (RUST, "rten")),
    Runner("tract", (RUST, "tract")),
]


def answers(runner):
    """What a runner prints, and how it ended."""
    found = []
    command = [*map(str, runner.command), str(OUT / "cases.json")]
    with subprocess.Popen(command, cwd=cases.ROOT, stdout=subprocess.PIPE, text=True) as process:
        limit = threading.Timer(ENGINE_SECONDS, process.kill)
        limit.start()
        for line in process.stdout:
            # What engines themselves print is no answer.
            if line.startswith("{"):
                found.append(json.loads(line))
                print(f"{runner.engine}: {len(found)} files", end="\r", file=sys.stderr, flush=True)
        limit.cancel()
    return found, f"the program ended with exit code {process.returncode}"


def candle(written):
    """mbn-export's own proof as records: how far candle is from ONNX Runtime."""
    locked = (cases.ROOT / "Cargo.lock").read_text()
    version = re.search(r'name = "candle-core"\nversion = "(.+)"', locked)[1]
    answered = [{"name": case["name"], "version": version, "largest": [case["candle"]] * len(case["inputs"])} for case in written]
    # The proof has tolerances of its own, and no file is written that does not pass it.
    return [{**record, "within": True} for record in judge.records(written, answered, "candle", "")]


def processor():
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def finish(found, page):
    """Keeps the records, prints the tables, and writes them to the page if all is as expected; else the program ends."""
    (OUT / "results.jsonl").write_text("".join(json.dumps(record) + "\n" for record in found))
    lines = [f"Run on {datetime.date.today():%d %B %Y} on this processor: {processor()}.", ""]
    lines += [*table.main_table(found), "", *table.variants_table(found), "", *table.refusals_table(REFUSALS, found)]
    print("\n".join(lines))
    wrong = list(judge.problems(found, REFUSALS))
    for problem in wrong:
        print(f"error: {problem}", file=sys.stderr)
    if wrong:
        sys.exit(1)
    if page:
        page.write_text(table.written(page.read_text(), lines))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("page", type=Path)
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--only", action="append", choices=[runner.engine for runner in RUNNERS])
    arguments = parser.parse_args()
    runners = [runner for runner in RUNNERS if not arguments.only or runner.engine in arguments.only]
    for runner in runners:
        if runner.needs and not shutil.which(runner.needs[0]):
            sys.exit(f"error: {runner.engine} needs `{runner.needs[0]}`\nhint: {runner.needs[1]}")
    written = cases.write(arguments.program, cases.library(), OUT, arguments.reuse)
    found = candle(written)
    for runner in runners:
        answered, ended = answers(runner)
        found += judge.records(written, answered, runner.engine, ended)
        print(f"{runner.engine}: done" + " " * 20, file=sys.stderr)
    finish(found, None if arguments.only else arguments.page)


if __name__ == "__main__":
    main()
