"""Exports MobileNetV1 with PyTorch's own exporter, for comparison.

python torch_export.py --alpha 0.75 [--weights IN.safetensors] [--save OUT.safetensors] [OUT.onnx]

Without --weights the network has PyTorch's own random weights, in which each batch norm's mean and variance are those of noise. With
--save, its weights are written with the names that `mbn-export --weights` reads.
"""
import argparse

import torch
from pytorch_network import mobilenet_v1
from safetensors.torch import load_file, save_file

CLASSES = 10
SIZE = 224


def names(network):
    """The names in a weight file of this project, in the order of the network's own."""
    blocks = [("model.0", 2)] + [(f"model.{i}", 4) for i in range(1, 14)]
    layers = [f"{block}.{i // 2 * 3 + i % 2}" for block, count in blocks for i in range(count)]
    layers = iter([*layers, "fc"])
    own = {}
    for name in network.state_dict():
        layer, tensor = name.rsplit(".", 1)
        own.setdefault(layer, None)
        own[layer] = own[layer] or next(layers)
        yield name, f"{own[layer]}.{tensor}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--weights")
    parser.add_argument("--save")
    parser.add_argument("output", nargs="?")
    options = parser.parse_args()
    torch.manual_seed(1)
    network = mobilenet_v1(options.alpha, CLASSES)
    pairs = list(names(network))
    if options.weights:
        weights = load_file(options.weights)
        network.load_state_dict({own: weights[published] for own, published in pairs})
    else:
        with torch.no_grad():
            for _ in range(50):
                network(torch.randn(8, 3, 64, 64))
    network.eval()
    if options.save:
        state = network.state_dict()
        save_file({published: state[own].contiguous() for own, published in pairs}, options.save)
    if options.output:
        image = torch.randn(2, 3, SIZE, SIZE)
        torch.onnx.export(network, (image,), options.output, dynamo=True, external_data=False, input_names=["input"],
                          output_names=["logits"], dynamic_shapes=({0: torch.export.Dim("batch")},))


main()
