"""Writes alpha_0.25/: a random state dict, what PyTorch computes from it in evaluation and in training, and the state dict
after three steps of each optimiser. All arithmetic is float64; values are rounded to float32 once, at the end."""
from pathlib import Path

from common import ALPHA, CLASSES, images, pixels, projected, save, stored
import torch
from torch import nn

from mobilenet_v1 import MobileNetV1

OUT = Path(__file__).parent / "alpha_0.25"
EVAL_SIZE, TRAIN_SIZE, BATCH, STEPS = 224, 56, 8, 3
# Standard deviation of float32's rounding error in the inputs of the first ReLU, and the factor by which it grows per layer.
FIRST_ROUNDING, GROWTH = 1.4e-7, 1.21
# In the training batch, every input of a ReLU is at least this many standard deviations away from zero. If rounding moved
# one across zero, gradients would change by several hundredths.
MARGIN = 3
# Makes a batch that keeps the margin, and for which float32 stays within a tenth of the update after three steps.
BATCH_SEED = 386
OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-4),
    "nesterov": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2),
}


def batch_norms(net):
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def random_state(seed):
    """Random weights that keep activations in range: measures the running statistics, then perturbs them."""
    torch.manual_seed(seed)
    net = MobileNetV1(CLASSES, ALPHA).double().train()
    for norm in batch_norms(net):
        norm.weight.uniform_(0.7, 1.3)
        norm.bias.normal_(0, 0.2)
        norm.momentum = None  # the first batch's statistics
    net(images(pixels(8, 96)))
    for norm in batch_norms(net):
        norm.running_mean += 0.1 * torch.randn_like(norm.running_mean) * norm.running_var.sqrt()
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
        norm.num_batches_tracked.fill_(7)
    net.fc.weight *= 4
    return {name: torch.from_numpy(value) for name, value in stored(net.state_dict()).items()}


def network(state):
    net = MobileNetV1(CLASSES, ALPHA).double()
    net.load_state_dict(state)
    return net


@torch.no_grad()
def margin(state, x):
    """The smallest distance from zero of a ReLU's input in training mode, in standard deviations of its rounding error."""
    net, margins = network(state).train(), []
    for layer, norm in enumerate(batch_norms(net)):
        deviation = FIRST_ROUNDING * GROWTH**layer
        norm.register_forward_hook(lambda module, args, out, d=deviation: margins.append(out.abs().min().item() / d))
    net(x)
    return min(margins)


def batch(state):
    torch.manual_seed(BATCH_SEED)
    batch = pixels(BATCH, TRAIN_SIZE)
    assert margin(state, images(batch)) > MARGIN, "rounding may move an activation across zero: try another BATCH_SEED"
    return batch


def evaluation(state):
    batch = pixels(2, EVAL_SIZE)
    logits = network(state).eval()(images(batch))
    assert (logits[0] - logits[1]).abs().max() > 0.3, "the logits must depend on the picture"
    return {"pixels": batch, "logits": logits}


def training(state, batch, labels):
    net = network(state).train()
    logits = net(images(batch))
    loss = nn.functional.cross_entropy(logits, labels)
    loss.backward()
    gradients = {f"grad.{name}": parameter.grad for name, parameter in net.named_parameters()}
    buffers = {f"buffer.{name}": buffer for name, buffer in net.named_buffers()}
    return {"pixels": batch, "labels": labels, "logits": logits, "loss": loss, **gradients, **buffers}


def after_steps(state, batch, labels, optimizer):
    net, losses = network(state).train(), []
    optimizer = optimizer(net.parameters())
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images(batch)), labels)
        loss.backward()
        losses.append(loss)
        optimizer.step()
    return {**net.state_dict(), "losses": torch.stack(losses)}


def main():
    state = random_state(0)
    save(stored(state), OUT / "state_dict.safetensors")
    save(stored(evaluation(state)), OUT / "eval.safetensors")
    x, labels = batch(state), torch.arange(BATCH) % CLASSES
    save(stored(training(state, x, labels)), OUT / "train.safetensors")
    for name, optimizer in OPTIMIZERS.items():
        save(projected(after_steps(state, x, labels, optimizer)), OUT / f"after_{STEPS}_{name}_steps.safetensors")


if __name__ == "__main__":
    main()
