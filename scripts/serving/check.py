#!/usr/bin/env python3
"""Serves models of `mbn-export --triton` and compares what clients get with `mbn-infer`.

    scripts/serving/check.py MBN_EXPORT MBN_INFER       `make serving` builds both and gets what this needs

Every model goes through HTTP with JSON, HTTP with binary data, and gRPC. Exits with 1 on any difference.
"""
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from clients import CLIENTS, ask_grpc, ask_http
from server import Server

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = ROOT / "crates" / "mbn-testing" / "python" / "triton_config.py"
PICTURES = sorted((ROOT / "examples" / "images").iterdir())
# Server and `mbn-infer` run the same file with the same release of ONNX Runtime. Only the batches differ, and with them the
# order of sums; logits are near 6.
TOLERANCE = 1e-4
TOP = 3
CALIBRATION_PICTURES = 100
REQUESTS_AT_ONCE = 48
# The server counts a request shortly after it has answered.
SETTLE_SECONDS = 1


@dataclass
class Case:
    """A model: its options, and the version that is served."""

    name: str
    alpha: str
    options: list = field(default_factory=list)
    named: bool = True
    version: int = 1


def cases(calibration):
    return [
        Case("mobilenet_v1_0.75", "0.75", named=False),
        # Exported twice: the newest version is served.
        Case("mobilenet_v1_0.25", "0.25", named=False, version=2),
        Case("outputs", "0.25", ["--softmax", "--features"]),
        Case("float", "0.25", ["--input", "float"]),
        Case("half", "0.25", ["--precision", "fp16"]),
        Case("int8", "0.25", ["--precision", "int8", "--calibration", str(calibration)]),
        Case("any_size", "0.25", ["--dynamic-size"]),
        Case("resized", "0.25", ["--resize-inside"]),
        Case("batch_1", "0.25", ["--batch", "1", "--softmax"]),
        Case("batch_4", "0.25", ["--batch", "4"]),
    ]


def export(program, repository, case):
    for _ in range(case.version):
        command = [program, "--alpha", case.alpha, "--triton", repository, *case.options]
        if case.named:
            command += ["--triton-name", case.name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{case.name}: exit code {done.returncode}\n{done.stderr}")
    print(done.stderr.strip(), flush=True)


def classify(program, model, pictures):
    """The log-probabilities [pictures, classes] and labels that `mbn-infer` gives."""
    command = [program, "--device", "cpu", "--format", "json", "--top-k", "100000", "--full-decode", "--parity", "off"]
    done = subprocess.run([*command, "--model", model, *pictures], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{model}: exit code {done.returncode}\n{done.stderr}")
    rows, labels = [], []
    for line in done.stdout.splitlines():
        found = sorted(json.loads(line)["predictions"], key=lambda each: each["index"])
        rows.append([each["probability"] for each in found])
        labels = [each["label"] for each in found]
    return np.log(np.array(rows)), labels


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def resized(folder, config):
    """The pictures in the size that the server says. Pillow resizes the width first and `mbn-infer` the height, so that bytes may
    be one level apart; both read these files as they are."""
    preprocess = json.loads(config["parameters"]["preprocess"]["string_value"])
    if preprocess["resize"] != "square" or preprocess.get("interpolation", "bilinear") != "bilinear":
        sys.exit(f"{config['name']}: a preprocessing that this client lacks: {preprocess}")
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{path.stem}.png" for path in PICTURES]
    for path, made in zip(PICTURES, paths):
        picture = Image.open(path).convert("RGB")
        picture.resize((preprocess["size"],) * 2, Image.Resampling.BILINEAR).save(made)
    return paths


def tensors(config, pictures):
    """The pictures as this model takes them, by what the server says of it: a list of arrays [1, ...]."""
    preprocess = json.loads(config["parameters"]["preprocess"]["string_value"])
    dims = [int(dim) for dim in config["input"][0]["dims"]]
    images = []
    for path in pictures:
        image = np.asarray(Image.open(path).convert("RGB"))
        if config["input"][0]["data_type"] == "TYPE_FP32":
            image = (image / np.float32(255) - np.array(preprocess["mean"], np.float32)) / np.array(preprocess["std"], np.float32)
            image = np.ascontiguousarray(image.transpose(2, 0, 1).astype(np.float32))
        images.append(image[None])
    if any(dim not in (-1, found) for dim, found in zip(dims[-3:], images[0].shape[1:])):
        sys.exit(f"{config['name']}: the configuration says {dims}, the picture has {images[0].shape}")
    return images


def requests(config, images):
    """The pictures as requests: (indices, array) for single pictures, for several, and for all that may run at once."""
    rest = range(len(images))
    if config["max_batch_size"] == 0:
        batch = int(config["input"][0]["dims"][0])
        places = [[i % len(images) for i in range(start, start + batch)] for start in range(0, len(images), batch)]
    elif config["name"] == "resized":
        places = [[i] for i in rest] + [[0, 0, 0], [5, 5]]
    else:
        places = [[i] for i in rest] + [[3, 1, 4], list(rest)]
    return [(each, np.concatenate([images[i] for i in each])) for each in places]


class Failures(list):
    def expect(self, true, message):
        if not true:
            self.append(message)
            print(f"FAILED: {message}", flush=True)


def get(server, path):
    with urllib.request.urlopen(server.url(path), timeout=60) as answer:
        return json.loads(answer.read() or "null")


def check_answers(server, case, config, expected, images, failures):
    """Asks every client, and compares with `mbn-infer`. Returns the largest difference of each client."""
    outputs = [output["name"] for output in config["output"]]
    largest = {}
    for client, ask in CLIENTS.items():
        worst = 0.0
        for places, batch in requests(config, images):
            found = ask(server, case.name, batch, outputs)
            logits = found["logits"]
            wanted = expected[places]
            failures.expect(logits.shape == wanted.shape, f"{case.name}, {client}: logits {logits.shape}, expected {wanted.shape}")
            worst = max(worst, np.abs(log_softmax(logits) - wanted).max())
            same = (logits.argmax(1) == wanted.argmax(1)).all()
            failures.expect(same, f"{case.name}, {client}: another first class than mbn-infer's")
            if "probabilities" in found:
                apart = np.abs(found["probabilities"] - np.exp(wanted)).max()
                failures.expect(apart <= TOLERANCE, f"{case.name}, {client}: probabilities differ by {apart:.1e}")
            if "features" in found:
                shape = found["features"].shape
                failures.expect(shape[0] == len(places) and len(shape) == 2, f"{case.name}, {client}: features {shape}")
        failures.expect(worst <= TOLERANCE, f"{case.name}, {client}: logits differ by {worst:.1e}, allowed {TOLERANCE:.0e}")
        largest[client] = worst
    return largest


def check_labels(server, case, config, expected, labels, images, failures):
    """Triton's classification extension gives the class names of the labelled outputs."""
    labelled = [output["name"] for output in config["output"] if output.get("label_filename")]
    failures.expect(bool(labelled) or case.name == "batch_4", f"{case.name}: no output has labels")
    for output in labelled:
        for ask in (ask_http, ask_grpc):
            for places, batch in requests(config, images):
                found = ask(server, case.name, batch, [output], class_count=TOP)[output].reshape(len(places), TOP)
                for place, row in zip(places, found):
                    best = np.argsort(-expected[place], kind="stable")[:TOP]
                    said = [text.decode().split(":", 2) for text in row]
                    wanted = [[str(i), labels[i]] for i in best]
                    failures.expect([each[1:] for each in said] == wanted, f"{case.name}: classes {said}, expected {wanted}")


def check_metadata(server, case, config, failures):
    import onnxruntime

    metadata = get(server, f"v2/models/{case.name}")
    failures.expect(metadata["versions"] == [str(case.version)], f"{case.name}: versions {metadata['versions']}")
    path = server.served / case.name / str(case.version) / "model.onnx"
    session = onnxruntime.InferenceSession(path)
    types = {"tensor(uint8)": "UINT8", "tensor(float)": "FP32"}
    for key, values in [("inputs", session.get_inputs()), ("outputs", session.get_outputs())]:
        graph = [(v.name, types[v.type], [d if isinstance(d, int) else -1 for d in v.shape]) for v in values]
        said = [(v["name"], v["datatype"], [int(dim) for dim in v["shape"]]) for v in metadata[key]]
        failures.expect(graph == said, f"{case.name}: {key} {said}, the graph has {graph}")


def check_joined(server, case, config, expected, images, failures):
    """Many requests at once: answers stay with their requests. Returns requests per execution."""
    time.sleep(SETTLE_SECONDS)
    before = get(server, f"v2/models/{case.name}/stats")["model_stats"][0]
    places = [i % len(images) for i in range(REQUESTS_AT_ONCE)]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        answers = list(pool.map(lambda i: ask_grpc(server, case.name, images[i], ["logits"])["logits"], places))
    apart = max(np.abs(log_softmax(logits) - expected[[place]]).max() for place, logits in zip(places, answers))
    failures.expect(apart <= TOLERANCE, f"{case.name}: logits differ by {apart:.1e} among requests at once")
    time.sleep(SETTLE_SECONDS)
    after = get(server, f"v2/models/{case.name}/stats")["model_stats"][0]
    images_run, runs = (int(after[key]) - int(before[key]) for key in ("inference_count", "execution_count"))
    failures.expect(images_run == len(places), f"{case.name}: {images_run} images ran, expected {len(places)}")
    return images_run / runs


def check_page(server, labels, failures):
    """The client in docs/serving.md does what the page says."""
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        code = block.replace("localhost:8000", f"127.0.0.1:{server.http_port}")
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        failures.expect(done.returncode == 0 and "church" in done.stdout, f"docs/serving.md: {done.stdout}{done.stderr}")
        print(f"docs/serving.md's client prints: {done.stdout.strip()}")
    for command in re.findall(r"^curl .*localhost:8000.*$", page, re.M):
        command = command.replace("localhost:8000", f"127.0.0.1:{server.http_port}")
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True)
        failures.expect(done.returncode == 0, f"docs/serving.md: `{command}` gives {done.returncode}: {done.stderr}")
        print(f"docs/serving.md's {command[:90]} prints: {done.stdout[:160].strip()}")


def main(export_program, infer_program):
    failures, rows = Failures(), []
    with tempfile.TemporaryDirectory(prefix="mbn-serving-") as folder:
        work = Path(folder)
        calibration, repository = work / "calibration", work / "repository"
        make_calibration(calibration)
        models = cases(calibration)
        for case in models:
            export(export_program, repository, case)
        configs = [repository / case.name / "config.pbtxt" for case in models]
        done = subprocess.run([sys.executable, SCHEMA, *configs], capture_output=True, text=True)
        failures.expect(done.returncode == 0, f"NVIDIA's schema: {done.stderr}")
        with Server(repository, work) as server:
            print(f"Triton {get(server, 'v2')['version']} serves {repository} on port {server.http_port}", flush=True)
            for case in models:
                get(server, f"v2/models/{case.name}/ready")
                config = get(server, f"v2/models/{case.name}/config")
                model = repository / case.name / str(case.version) / "model.onnx"
                pictures = PICTURES if case.name == "resized" else resized(work / "resized", config)
                images = tensors(config, pictures)
                expected, labels = classify(infer_program, model, pictures)
                original, _ = classify(infer_program, model, PICTURES)
                failures.expect((original.argmax(1) == expected.argmax(1)).all(), f"{case.name}: resizing changes a class")
                check_metadata(server, case, config, failures)
                largest = check_answers(server, case, config, expected, images, failures)
                check_labels(server, case, config, expected, labels, images, failures)
                joined = check_joined(server, case, config, expected, images, failures) if config["max_batch_size"] else 1
                rows.append((case, largest, joined))
            check_page(server, labels, failures)
            most = max(joined for case, _, joined in rows if case.name not in ("resized", "any_size"))
            failures.expect(most > 1, "no requests were joined")
    print(f"\n{len(PICTURES)} pictures, ONNX Runtime {version('onnxruntime')}; largest difference of the logits from mbn-infer's:")
    print(f"| model | options | {' | '.join(CLIENTS)} | images per execution, {REQUESTS_AT_ONCE} requests at once |")
    print("| --- | --- |" + " --- |" * (len(CLIENTS) + 1))
    for case, largest, joined in rows:
        shown = " ".join("DIR" if option == str(calibration) else option for option in case.options)
        cells = " | ".join(f"{value:.1e}" for value in largest.values())
        print(f"| {case.name} | {shown} | {cells} | {joined:.1f} |")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


def make_calibration(folder):
    """Parts of the pictures: enough for a file whose numbers do not matter here."""
    folder.mkdir()
    generator = random.Random(1)
    pictures = [Image.open(path).convert("RGB") for path in PICTURES]
    for i in range(CALIBRATION_PICTURES):
        picture = pictures[i % len(pictures)]
        side = generator.randint(min(picture.size) // 2, min(picture.size))
        x, y = (generator.randint(0, length - side) for length in picture.size)
        picture.crop((x, y, x + side, y + side)).save(folder / f"{i}.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    # Ends the `with` blocks, and so the server, when a job is cancelled.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(*(Path(path).resolve() for path in sys.argv[1:])))
