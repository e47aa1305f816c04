"""Compares `mbn-infer` with timm, transformers, torchvision, Ultralytics and Keras, on models that their users export.

    python foreign_models.py MBN_INFER [PAGE.md] [--keras PYTHON]

Each library makes a network with random weights, exports it, and classifies photos of odd sizes with its own pipeline. Then
`mbn-infer` classifies the same photos with the exported model. The program prints a table with the largest difference of a
probability and with the line that `mbn-infer` printed about the preprocessing, and writes it to the page, between the lines
that mark its place. Needs torch, onnxscript, torchvision, timm, transformers and ultralytics. Keras's models need PYTHON, another
interpreter, with tensorflow and tf2onnx.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

# Largest difference that is allowed between probabilities.
ALLOWED = 1e-3
CLASSES = 40
# How far the logits of a network are spread, so that probabilities depend on the photo.
SPREAD = 3.0
# Sizes of photos; none is a square of a network's size, and both orientations occur.
SIZES = [(333, 257), (219, 401), (640, 427), (301, 301), (97, 211), (500, 179)]
EXAMPLES = Path(__file__).parent.parent / "examples" / "images"
START, END = "<!-- written by scripts/foreign_models.py -->", "<!-- end -->"


def photos(folder):
    """Photos of odd sizes, and two JPEG files as they are."""
    examples = sorted(EXAMPLES.glob("*.jpg"))
    paths = []
    for i, size in enumerate(SIZES):
        image = Image.open(examples[i % len(examples)]).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        paths.append(folder / f"{i}_{size[0]}x{size[1]}.png")
        image.save(paths[-1])
    return paths + examples[:2]


def opened(paths):
    return [Image.open(path).convert("RGB") for path in paths]


def softmax(logits):
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)


class Case:
    """A network of a library: `name`, `options` for `mbn-infer`, and `expected`, the probabilities [photos, classes]."""

    def __init__(self, library, name, options=""):
        self.library, self.name, self.options = library, name, options


def enliven(net, x):
    """Makes the logits of a network with random weights depend on the photo: batch norm's statistics are measured on the
    photos, and the classifier's outputs are centred and spread."""
    import torch
    from torch import nn

    with torch.no_grad():
        norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
        for module in norms:
            module.momentum = 1.0
            module.train()
        net(x)
        net.eval()
        classifier = [module for module in net.modules() if isinstance(module, (nn.Linear, nn.Conv2d))][-1]
        found = []
        handle = classifier.register_forward_hook(lambda _, inputs, output: found.append(output))
        net(x)
        handle.remove()
        logits = found[0].flatten(2).mean(2) if found[0].dim() == 4 else found[0]
        factor = SPREAD / (logits - logits.mean(0)).std()
        shape = [-1] + [1] * (classifier.weight.dim() - 1)
        classifier.weight *= factor.expand(len(classifier.weight)).reshape(shape)
        classifier.bias.copy_((classifier.bias - logits.mean(0)) * factor)
    return net


def first(output):
    """The logits of a library's output."""
    return output if hasattr(output, "shape") else output[0]


def probabilities(net, x):
    import torch

    with torch.no_grad():
        return torch.softmax(first(net(x)), 1).numpy()


def timm_case(name, pictures, folder):
    import timm
    import torch
    from timm.models._hub import save_config_for_hf

    name, *kinds = name.split(", ")
    channels = 1 if "grey" in kinds else 3
    overlay = {"interpolation": "lanczos"} if "lanczos" in kinds else None
    net = timm.create_model(name, num_classes=CLASSES, in_chans=channels, pretrained_cfg_overlay=overlay).eval()
    settings = timm.data.resolve_model_data_config(net)
    if channels == 1:
        # What timm writes to `config.json` of such a network; its own configuration keeps three.
        settings.update(mean=[0.449], std=[0.226])
    transform = timm.data.create_transform(**settings, is_training=False)
    # As timm's data sets open pictures for such a network.
    x = torch.stack([transform(picture.convert("L") if channels == 1 else picture) for picture in pictures])
    enliven(net, x)
    # As timm publishes it beside its weights.
    save_config_for_hf(net, folder / "config.json")
    return net, x


def transformers_case(name, pictures, folder):
    import transformers as hf

    match name:
        case "resnet":
            config = hf.ResNetConfig(embedding_size=32, hidden_sizes=[32, 64, 96, 128], depths=[1, 1, 1, 1])
            net, processor = hf.ResNetForImageClassification, hf.ConvNextImageProcessorPil(size={"shortest_edge": 224})
        case "vit":
            config = hf.ViTConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=192)
            net, processor = hf.ViTForImageClassification, hf.ViTImageProcessorPil()
        case "mobilenet_v2":
            config = hf.MobileNetV2Config(depth_multiplier=0.5)
            net, processor = hf.MobileNetV2ForImageClassification, hf.MobileNetV2ImageProcessorPil()
    config.num_labels = CLASSES
    config.id2label = {i: f"thing {i}" for i in range(CLASSES)}
    net = net(config).eval()
    x = processor(pictures, return_tensors="pt")["pixel_values"]
    enliven(net, x)
    net.config.save_pretrained(folder)
    processor.save_pretrained(folder)
    return net, x


def torchvision_case(name, pictures, folder):
    import torch
    import torchvision

    weights = torchvision.models.get_model_weights(name)
    transform = weights[case_weights(name)].transforms()
    net = torchvision.models.get_model(name, weights=None, num_classes=CLASSES).eval()
    x = torch.stack([transform(picture) for picture in pictures])
    enliven(net, x)
    return net, x


def case_weights(name):
    return "IMAGENET1K_V2" if name == "resnet50" else "IMAGENET1K_V1"


def export(net, x, path, exporter):
    """Exports as users do: the newer exporter with a fixed batch of one, as it does unasked; the older one with a batch of any
    size."""
    import torch

    if exporter == "dynamo":
        torch.onnx.export(net, (x[:1],), path, dynamo=True, verbose=False)
    else:
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        names = {"input_names": ["input"], "output_names": ["output"]}
        torch.onnx.export(net, (x[:1],), path, dynamo=False, opset_version=17, dynamic_axes=axes, **names)


LIBRARIES = {"timm": timm_case, "transformers": transformers_case, "torchvision": torchvision_case}
CASES = [
    Case("timm", "resnet18"),
    Case("timm", "resnet18, grey"),
    Case("timm", "resnet18, lanczos"),
    Case("timm", "vit_tiny_patch16_224"),
    Case("timm", "mobilenetv3_small_050"),
    Case("transformers", "resnet"),
    Case("transformers", "vit"),
    Case("transformers", "mobilenet_v2"),
    Case("torchvision", "mobilenet_v3_small"),
    Case("torchvision", "squeezenet1_1"),
    Case("torchvision", "resnet50", "--shorter 232 --resize crop"),
]


def pytorch_models(paths, root):
    """The models of the three libraries: library, network, exporter, model file, options, expected probabilities."""
    import torch

    torch.manual_seed(0)
    pictures = opened(paths)
    for case in CASES:
        folder = root / f"{case.library}_{case.name}"
        folder.mkdir()
        net, x = LIBRARIES[case.library](case.name, pictures, folder)
        expected = probabilities(net, x)
        for exporter in ["dynamo", "TorchScript"]:
            model = folder / f"{exporter}.onnx"
            export(net, x, model, exporter)
            yield case.library, case.name, exporter, model, case.options, expected


def ultralytics_models(paths, root):
    """A classifier of Ultralytics, exported by its own exporter, and by PyTorch's, which writes no metadata."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    folder = root / "ultralytics"
    folder.mkdir()
    yolo = YOLO("yolo11n-cls.yaml")
    from ultralytics.data.augment import classify_transforms

    transform = classify_transforms(224)
    x = torch.stack([transform(picture) for picture in opened(paths)])
    enliven(yolo.model.eval(), x)
    classes = yolo.model.model[-1].linear.out_features
    yolo.model.names = {i: f"thing's {i}" for i in range(classes)}
    weights = folder / "net.pt"
    torch.save({"model": yolo.model, "train_args": {"task": "classify"}}, weights)
    results = YOLO(weights).predict([str(path) for path in paths], imgsz=224, verbose=False)
    expected = torch.stack([result.probs.data for result in results]).numpy()
    for name, settings in [("its own", {}), ("its own, dynamic", {"dynamic": True})]:
        made = YOLO(weights).export(format="onnx", imgsz=224, simplify=False, **settings)
        model = folder / f"{name.replace(', ', '_').replace(' ', '_')}.onnx"
        Path(made).rename(model)
        yield "Ultralytics", "yolo11n-cls", name, model, "", expected
    net = YOLO(weights).model.float().eval()
    for exporter in ["dynamo", "TorchScript"]:
        model = folder / f"{exporter}.onnx"
        export(Probabilities(net), x, model, exporter)
        yield "Ultralytics", "yolo11n-cls", exporter, model, "--preprocess ultralytics", expected


def Probabilities(net):
    """The first of a network's outputs."""
    from torch import nn

    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return first(self.net(x))

    return First().eval()


def make_keras(folder, paths):
    """Run by the interpreter that has TensorFlow: writes models of Keras, and what they give, to the folder."""
    import keras
    import tensorflow as tf
    import tf2onnx

    def load_img(path, size=(224, 224), **options):
        # With Pillow's filters, of which `nearest` is the usual one.
        return keras.utils.img_to_array(keras.utils.load_img(path, target_size=size, **options))

    def bilinear(path):
        return load_img(path, interpolation="bilinear")

    def resized(path):
        # As the layer `Resizing` and Keras' data sets resize: to floats, which `mbn-infer` rounds to bytes.
        floats = tf.image.resize(keras.utils.img_to_array(keras.utils.load_img(path)), (56, 56)).numpy()
        return np.floor(floats + 0.5) / 255

    def grey(path):
        return load_img(path, (28, 28), color_mode="grayscale", interpolation="bilinear")[..., 0] / 255

    keras.utils.set_random_seed(0)
    made = []
    for name, load, options in [
        ("MobileNetV2", bilinear, "--preprocess keras"),
        ("MobileNetV2, nearest", load_img, "--preprocess keras --interpolation nearest"),
        ("DenseNet121", bilinear, "--preprocess imagenet --resize square"),
        ("two dense layers, grey", grey, "--full-decode"),
        (
            "two dense layers on means, tf.image.resize",
            resized,
            "--preprocess unit --resize square --interpolation bilinear-no-antialias --full-decode",
        ),
    ]:
        kind = name.split(", ")[0]
        if load in (grey, resized):
            hidden = keras.layers.Dense(64, activation="relu")
            shape = load(paths[0]).shape
            # One value in a thousand is rounded the other way, since TensorFlow computes positions in float32; means react less.
            pool = [keras.layers.AveragePooling2D(4)] if load is resized else []
            layers = [keras.Input(shape), *pool, keras.layers.Flatten(), hidden, keras.layers.Dense(CLASSES, activation="softmax")]
            net, scaled = keras.Sequential(layers), lambda x: x
        else:
            net = getattr(keras.applications, kind)(weights=None, classes=CLASSES, input_shape=(224, 224, 3))
            module = {"MobileNetV2": "mobilenet_v2", "DenseNet121": "densenet"}[kind]
            scaled = getattr(keras.applications, module).preprocess_input
        x = np.stack([scaled(load(path)) for path in paths])
        for layer in net.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        net(x, training=True)
        top = net.layers[-1]
        features = keras.Model(net.inputs[0], top.input).predict(x, verbose=0)
        kernel, bias = top.get_weights()
        logits = features @ kernel
        factor = SPREAD / (logits - logits.mean(0)).std()
        top.set_weights([kernel * factor, -logits.mean(0) * factor])
        model = Path(folder) / f"{len(made)}.onnx"
        signature = [tf.TensorSpec((None, *x.shape[1:]), tf.float32, name="input")]
        function = tf.function(lambda input: net(input, training=False), input_signature=signature)
        tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(model))
        expected = net.predict(x, verbose=0)
        made.append({"name": name, "options": options, "model": str(model), "expected": expected.tolist()})
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "tf2onnx": tf2onnx.__version__}
    (Path(folder) / "made.json").write_text(json.dumps({"models": made, "versions": versions}))


def keras_models(python, paths, root, versions):
    folder = root / "keras"
    folder.mkdir()
    command = [python, __file__, "--make-keras", folder, *paths]
    subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""})
    made = json.loads((folder / "made.json").read_text())
    versions.update(made["versions"])
    for model in made["models"]:
        expected = np.array(model["expected"])
        yield "Keras", model["name"], "tf2onnx", Path(model["model"]), model["options"], expected


def classify(program, model, paths, options):
    """Probabilities [photos, classes], and the lines about the preprocessing."""
    command = [program, "--device", "cpu", "--format", "json", "--top-k", "100000", "--model", model]
    done = subprocess.run([*command, *options.split(), *paths], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{model}: exit code {done.returncode}\n{done.stderr}")
    rows = []
    for line in done.stdout.splitlines():
        classes = sorted(json.loads(line)["predictions"], key=lambda found: found["index"])
        rows.append([found["probability"] for found in classes])
    said = [line for line in done.stderr.splitlines() if line.startswith("preprocessing")]
    return np.array(rows), said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?")
    parser.add_argument("page", nargs="?")
    parser.add_argument("--keras", metavar="PYTHON")
    parser.add_argument("--only", metavar="LIBRARY")
    parser.add_argument("--make-keras", nargs="+")
    arguments = parser.parse_args()
    if arguments.make_keras:
        folder, *paths = arguments.make_keras
        return make_keras(folder, paths)
    names = ["torch", "onnxscript", "torchvision", "timm", "transformers", "ultralytics"]
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in names}
    rows = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "photos").mkdir()
        paths = photos(root / "photos")
        makers = {"pytorch": lambda: pytorch_models(paths, root), "ultralytics": lambda: ultralytics_models(paths, root)}
        if arguments.keras:
            makers["keras"] = lambda: keras_models(arguments.keras, paths, root, versions)
        for made in [make for key, make in makers.items() if arguments.only in (None, key)]:
            for library, network, exporter, model, options, expected in made():
                found, said = classify(arguments.program, model, paths, options)
                largest = np.abs(found - expected).max()
                given = f"given: `{options}`" if options else ""
                lines = "<br>".join(filter(None, [given, *(f"`` {line} ``" for line in said)]))
                spread = expected.max(1).mean()
                print(f"{library} {network} {exporter}: {largest:.1e} (likeliest {spread:.2f})", *said, flush=True)
                rows.append((library, network, exporter, largest, lines))
    table = ["| tool | network | exporter | largest difference | what `mbn-infer` is given and prints |"]
    table += ["| --- | --- | --- | --- | --- |"]
    table += [f"| {tool} | {net} | {by} | {value:.1e} | {lines} |" for tool, net, by, value, lines in rows]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    written = f"Run on {datetime.date.today():%d %B %Y} with {listed}."
    print("\n".join([written, *table]))
    if arguments.page:
        page = Path(arguments.page)
        before, rest = page.read_text().split(START)
        page.write_text("\n".join([before + START, "", written, "", *table, "", END + rest.split(END)[1]]))
    worst = max(value for *_, value, _ in rows)
    if worst >= ALLOWED:
        sys.exit(f"a probability differs by {worst:.1e}, allowed are {ALLOWED:.0e}")


if __name__ == "__main__":
    main()
