"""Compares `mbn-export` with timm, transformers and pytorchcv, on random weights that these libraries save themselves.

    python families.py MBN_EXPORT [PAGE.md]

For each library, and for each form in which people have its weights, it exports the file, runs the model with ONNX Runtime, and
compares its logits with those that the library computes in float64 from the same weights. It prints a table, and writes it to
the page, between the lines that mark its place. Needs torch, safetensors, timm, transformers, pytorchcv and onnxruntime.
"""
import copy
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import torch
from pytorchcv.model_provider import get_model
from safetensors.torch import save_file
from timm.models._hub import save_config_for_hf
from timm.models.efficientnet import _gen_mobilenet_v1
from torch import nn
from transformers import MobileNetV1Config, MobileNetV1ForImageClassification, MobileNetV1ImageProcessor

# Largest difference that is allowed, as a part of the spread of the logits.
ALLOWED = 1e-4
PICTURES = 4
PREFIX = "module._orig_mod."
START, END = "<!-- written by scripts/families.py -->", "<!-- end -->"


@dataclass(frozen=True)
class Case:
    library: str
    alpha: float
    classes: int
    size: int = 224

    def build(self, folder):
        """The library's network; writes to the folder what the library writes beside its weights."""
        match self.library:
            case "timm":
                net = _gen_mobilenet_v1("mobilenetv1_100", self.alpha, num_classes=self.classes)
                save_config_for_hf(net, folder / "config.json")
                return net
            case "transformers":
                config = MobileNetV1Config(depth_multiplier=self.alpha, num_labels=self.classes, image_size=self.size)
                config.save_pretrained(folder)
                sides = {"height": self.size, "width": self.size}
                processor = MobileNetV1ImageProcessor(size={"shortest_edge": self.size + 32}, crop_size=sides)
                processor.save_pretrained(folder)
                return MobileNetV1ForImageClassification(config)
            case "pytorchcv":
                width = {0.25: "wd4", 0.5: "wd2", 0.75: "w3d4", 1.0: "w1"}[self.alpha]
                return get_model(f"mobilenet_{width}", num_classes=self.classes)


CASES = [
    Case("timm", 0.25, 10),
    Case("timm", 1.0, 1000),
    Case("transformers", 0.25, 1001),
    Case("transformers", 0.75, 1001, 192),
    Case("pytorchcv", 0.25, 10),
    Case("pytorchcv", 0.5, 1000),
]


def logits(net, x):
    with torch.no_grad():
        out = net(x)
    return out.logits if hasattr(out, "logits") else out


def fill(net, x):
    """Random weights whose signal survives all layers, with batch norm's statistics measured on `x`."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                module.weight *= 10 ** torch.empty(module.out_channels, 1, 1, 1).uniform_(-1, 0)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=3 * module.in_features**-0.5)
                nn.init.normal_(module.bias, std=0.2)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.8, 1.2)
                nn.init.normal_(module.bias, std=0.3)
                module.weight[::16] *= 3
                module.momentum = 1.0
    logits(net.train(), x)
    return net.eval()


def forms(net):
    """The forms of a file: name, file name, tensors, and the network with the values that the file has."""
    state = {name: tensor.detach().clone().contiguous() for name, tensor in net.state_dict().items()}
    yield "safetensors", "model.safetensors", state, net
    yield "checkpoint", "model.pth", state, net
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    rounded = copy.deepcopy(net)
    rounded.load_state_dict({name: tensor.to(state[name].dtype) for name, tensor in half.items()})
    yield "half precision", "model.safetensors", half, rounded
    yield f"prefix `{PREFIX}`", "model.safetensors", {PREFIX + name: tensor for name, tensor in state.items()}, net


def save(tensors, path):
    """Writes a file as people have them: a checkpoint has more than the weights."""
    if path.suffix == ".pth":
        torch.save({"epoch": 3, "state_dict": tensors, "optimizer": {"param_groups": [{"lr": 0.1}]}}, path)
    else:
        save_file(tensors, path, metadata={"format": "pt"})


def difference(program, weights, x, expected):
    """The exported model's largest difference, as a part of the spread."""
    model = weights.with_suffix(".onnx")
    subprocess.run([program, "--quiet", "--no-verify", "--weights", weights, model], check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"input": x.numpy()})[0]).double()
    return ((found - expected).abs().max() / (expected.max() - expected.min())).item()


def main(program, page=None):
    columns, rows = [], []
    for seed, case in enumerate(CASES):
        torch.manual_seed(seed)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            net = case.build(folder)
            x = torch.nn.functional.interpolate(torch.randn(16, 3, 7, 7), size=(case.size,) * 2, mode="bilinear")
            fill(net, x)
            row = []
            columns.clear()
            for form, file, tensors, values in forms(net):
                columns.append(form)
                save(tensors, folder / file)
                expected = logits(copy.deepcopy(values).double(), x[:PICTURES].double())
                row.append(difference(program, folder / file, x[:PICTURES].contiguous(), expected))
            rows.append((f"{case.library}, alpha {case.alpha}, {case.classes:,} classes, {case.size} pixels", row))
            print(rows[-1], flush=True)
    table = [f"| weights | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    table += [f"| {name} | {' | '.join(f'{value:.1e}' for value in row)} |" for name, row in rows]
    print("\n".join(table))
    assert max(value for _, row in rows for value in row) < ALLOWED
    if page:
        before, rest = Path(page).read_text().split(START)
        Path(page).write_text("\n".join([before + START, "", *table, "", END + rest.split(END)[1]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
