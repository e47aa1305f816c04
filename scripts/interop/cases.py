#!/usr/bin/env python3
"""Exports the models that `make interop` gives to every engine, and writes what they must answer.

    cases.py MBN_EXPORT [--reuse] [--out OUT]       OUT is `target/interop` by default

`--reuse` keeps files that an earlier run exported.

OUT gets `NAME.onnx`, the inputs and answers as raw little-endian values, and `cases.json`, a list of
{"name", "file", "alpha", "precision", "input": "float"|"uint8"|"resize", "opset", "batch_dynamic",
"inputs": [{"file", "dtype", "shape"}], "outputs": [{"file", "dtype", "shape"}], "largest_logits", "candle", "allowed"}; files are relative
to OUT. Output i is the logits for input i, and the largest of them is stated. `candle` is the largest difference between ONNX Runtime and
candle in mbn-export's own proof, and `allowed` what that proof allows.

The answers are those of ONNX Runtime, which that proof compares with candle when it writes the file. float16 files must answer what the
float32 file answers. int8 files must answer what the integers of the same file give: candle computes them exactly.
"""
import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ALPHAS = ("0.25", "0.5", "0.75", "1.0")
# Alphas without a file in `models/` get random weights, whose batch norm is measured on noise pictures.
TRAINED = ("0.25", "0.75")
SEED = "7"
PRECISIONS = ("fp32", "fp16", "int8")
INPUTS = ("float", "uint8", "resize")
OPSETS = range(13, 27)


@dataclass(frozen=True)
class Case:
    """A file to export: its options, beside the default ones for its precision and input."""

    alpha: str
    precision: str
    input: str
    opset: int
    batch: int | None = None
    # What the name says beside, and the options that do it.
    variant: str = ""
    options: tuple = ()

    @property
    def name(self):
        return "-".join(filter(None, [f"alpha{self.alpha}", self.precision, self.input, self.variant]))

    def command(self, program, library, calibration):
        """The arguments of mbn-export, without the file to write."""
        weights = [] if self.alpha in TRAINED else ["--random-weights", SEED]
        inputs = {"float": [], "uint8": ["--input", "uint8"], "resize": ["--input", "uint8", "--resize-inside"]}
        return [
            *[program, "--quiet", "--ort-lib", library, "--alpha", self.alpha, *weights],
            *[*inputs[self.input], "--precision", self.precision, "--opset", str(self.opset)],
            *(["--calibration", calibration] if self.precision == "int8" else []),
            *(["--batch", str(self.batch)] if self.batch else []),
            *self.options,
        ]


def default_opset(input):
    """The operator set that mbn-export chooses: only from 18 on has `Resize` antialiasing."""
    return 18 if input == "resize" else 17


def cases():
    """Every alpha, precision and input by default; then, at alpha 0.25, what is tried where an engine refuses that."""
    kinds = [(precision, input) for precision in PRECISIONS for input in INPUTS]
    for precision, input in kinds:
        for alpha in ALPHAS:
            yield Case(alpha, precision, input, default_opset(input))
    for precision, input in kinds:
        yield Case("0.25", precision, input, default_opset(input), batch=1, variant="batch1")
        if input != "resize":
            yield Case("0.25", precision, input, 13, variant="opset13")
        if precision == "int8":
            yield Case("0.25", precision, input, 19, variant="opset19")
    bicubic = ("--resize", "crop", "--interpolation", "bicubic")
    yield Case("0.25", "fp32", "resize", 18, variant="crop-bicubic", options=bicubic)
    for opset in OPSETS:
        if opset not in (13, 17):
            yield Case("0.25", "fp32", "float", opset, variant=f"opset{opset}")


def shown(case, arrays):
    """The names of the inputs that a case gets: noise, and seven photos, or one where the batch is fixed."""
    photos = "photo" if case.batch else "photos"
    return [name for name in arrays[case.input] if name.split("-")[1] in ("noise", photos)]


def export(case, command, file, report):
    """Runs mbn-export, and ends the program if that fails: the reason is printed."""
    done = subprocess.run([*command, "--report", report, file], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{case.name}: {' '.join(map(str, command))}\n{done.stderr}")


def write(program, library, out, reuse=False):
    """Writes everything, and returns the list in `cases.json`."""
    import onnxruntime
    import pictures

    if not reuse:
        shutil.rmtree(out, ignore_errors=True)
    calibration = out / "calibration"
    pictures.write_calibration(ROOT, calibration)
    arrays = pictures.arrays(ROOT)
    described = {name: pictures.write_array(out, name, array) for kind in arrays.values() for name, array in kind.items()}
    written, references = [], {}
    for case in cases():
        file, report = out / f"{case.name}.onnx", out / f"{case.name}-report.json"
        if not (reuse and file.exists() and report.exists()):
            export(case, case.command(program, library, calibration), file, report)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        names, outputs, largest_logits = shown(case, arrays), [], []
        # The float32 file that a float16 one must agree with comes before it, or is not there for its variants.
        key = (case.alpha, case.input, case.variant if case.options else "", case.precision == "int8" and case.name)
        for name in names:
            if (key, name) not in references:
                logits = session.run(["logits"], {"input": arrays[case.input][name]})[0]
                described_logits = pictures.write_array(out, f"{case.name}-{name.split('-')[1]}-logits", logits)
                references[key, name] = described_logits, float(abs(logits).max())
            outputs.append(references[key, name][0])
            largest_logits.append(references[key, name][1])
        proof = json.loads(report.read_text())["cases"]
        written.append(
            {
                "name": case.name,
                "file": file.name,
                "alpha": case.alpha,
                "precision": case.precision,
                "input": case.input,
                "opset": case.opset,
                "batch_dynamic": case.batch is None,
                "inputs": [described[name] for name in names],
                "outputs": outputs,
                "largest_logits": largest_logits,
                "candle": max(part["largest"] for part in proof),
                "allowed": max(part["allowed"] for part in proof),
            }
        )
        print(f"{case.name}: {written[-1]['candle']:.1e} from candle", file=sys.stderr, flush=True)
    (out / "cases.json").write_text(json.dumps(written, indent=1) + "\n")
    return written


def library():
    """The library of the Python package onnxruntime, so that mbn-export's proof is with the one that gives the answers."""
    import onnxruntime

    folder = Path(onnxruntime.__file__).parent / "capi"
    found = [path for pattern in ("libonnxruntime.so.*", "libonnxruntime.*.dylib", "onnxruntime.dll") for path in folder.glob(pattern)]
    if not found:
        sys.exit(f"error: no library of ONNX Runtime in `{folder}`")
    return found[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "interop")
    arguments = parser.parse_args()
    write(arguments.program, library(), arguments.out, arguments.reuse)


if __name__ == "__main__":
    main()
