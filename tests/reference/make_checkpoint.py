"""Writes checkpoint/: what training scripts save with `torch.save`, and the tensors of the state dict in each.

The state dict has a tensor of each type, views with strides and offsets, and tensors that share a storage.
"""
import argparse
import collections
from pathlib import Path

import common
import numpy as np
import torch
from safetensors.torch import save_file

OUT = Path(common.__file__).parent / "checkpoint"
TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
         torch.uint8)


def state_dict(first):
    grid = first + torch.arange(24.0).reshape(2, 3, 4)
    tensors = collections.OrderedDict()
    tensors["whole"] = grid
    tensors["part"] = grid[1:, :, ::2]
    tensors["transposed"] = grid.permute(2, 0, 1)
    tensors["channels_last"] = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    tensors["expanded"] = torch.arange(3.0).expand(2, 3)
    tensors["parameter"] = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
    tensors["counter"] = torch.tensor(7)
    tensors["nothing"] = torch.zeros(0, 3)
    tensors["flags"] = torch.tensor([True, False, True])
    for dtype in TYPES:
        tensors[str(dtype)] = torch.tensor([1, 2, 100]).to(dtype)
    return tensors


def checkpoint():
    layer = torch.nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.fill_(0.25)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    return {
        "epoch": 90,
        "arch": "mobilenet",
        "best_acc1": torch.tensor(70.5),
        "best_loss": np.float64(1.25),
        "args": argparse.Namespace(lr=0.1, data=Path("data"), seed=None),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "history": [0.5] * 5 + [2**40, 2**80],
        "state_dict": state_dict(0),
        "state_dict_ema": state_dict(100),
    }


OUT.mkdir(exist_ok=True)
torch.save(checkpoint(), OUT / "training.pth")
torch.save(state_dict(100), OUT / "protocol_4.pth", pickle_protocol=4)
torch.serialization.set_crc32_options(False)
torch.save(state_dict(100), OUT / "no_checksums.pth")
torch.serialization.set_crc32_options(True)
torch.save(torch.nn.Sequential(torch.nn.ReLU()), OUT / "whole_model.pth")
save_file({name: tensor.detach().contiguous().clone() for name, tensor in state_dict(100).items()}, OUT / "tensors.safetensors")
