"""Runs MobileNetV1 in PyTorch on synthetic images, for comparison. Prints one JSON object with images/s, the median over
the steps after two of warm-up, and the peak resident memory.

python pytorch.py train|infer [--device cpu] [--alpha 1.0] [--batch 32] [--size 224] [--steps 8] [--amp] [--tf32]
    [--compile] [--copies]

With `--device cuda:N` it times each step until the device has finished. If this Python or this machine cannot do that,
the object is {"skipped": REASON}. With `--copies`, inference copies each batch from page-locked memory and the logits back, as
`mbn-infer` does; otherwise the batch stays on the device.
"""
import argparse
import json
import resource
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from pytorch_network import mobilenet_v1
except ImportError as error:
    print(json.dumps({"skipped": f"this Python has no {error.name}"}))
    sys.exit()

WARM_UP = 2

parser = argparse.ArgumentParser()
parser.add_argument("mode", choices=["train", "infer"])
parser.add_argument("--device", default="cpu")
parser.add_argument("--alpha", type=float, default=1.0)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--steps", type=int, default=8)
parser.add_argument("--amp", action="store_true", help="use bfloat16 autocast")
parser.add_argument("--tf32", action="store_true", help="allow float32 products to round to TF32")
parser.add_argument("--compile", action="store_true", help="run the network through torch.compile")
parser.add_argument("--copies", action="store_true", help="copy each batch to the device and its logits back")
args = parser.parse_args()
if args.copies and (args.mode != "infer" or args.device == "cpu"):
    parser.error("--copies needs `infer` and a CUDA device")

device = torch.device(args.device)
if device.type == "cuda":
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        print(json.dumps({"skipped": f"PyTorch {torch.__version__} finds {count} CUDA devices, expected {device}"}))
        sys.exit()
    torch.cuda.set_device(device)
    torch.backends.cuda.matmul.allow_tf32 = args.tf32
    torch.backends.cudnn.allow_tf32 = args.tf32
    torch.backends.cudnn.benchmark = True
synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None

# PyTorch is fastest here in this layout.
layout = torch.channels_last
network = mobilenet_v1(args.alpha).to(device, memory_format=layout)
forward = torch.compile(network) if args.compile else network
images = torch.randn(args.batch, 3, args.size, args.size, device=device).to(memory_format=layout)
host = torch.randn(args.batch, 3, args.size, args.size).pin_memory() if args.copies else None
labels = torch.randint(0, 10, (args.batch,), device=device)
optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)


def train():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=args.amp):
        loss = nn.functional.cross_entropy(forward(images), labels)
    loss.backward()
    optimizer.step()


def infer():
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=args.amp):
        if host is None:
            forward(images)
        else:
            forward(host.to(device, non_blocking=True).to(memory_format=layout)).float().cpu()


network.train()
step = train
if args.mode == "infer":
    network.eval()
    step = infer
times = []
for _ in range(args.steps + WARM_UP):
    start = time.perf_counter()
    step()
    synchronize()
    times.append(time.perf_counter() - start)
print(json.dumps({
    "version": torch.__version__, "threads": torch.get_num_threads(),
    "images_per_s": args.batch / statistics.median(times[WARM_UP:]),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
