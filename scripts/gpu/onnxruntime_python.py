"""Measures ONNX Runtime's Python API on a CUDA device, to compare with `mbn-infer`. Prints one JSON object.

python onnxruntime_python.py MODEL.onnx [--device 0] [--batch 64] [--steps 50] [--tf32] [--cudnn-search heuristic]
    [--cuda-graph] [--resident]

Python needs onnxruntime-gpu and numpy. Input and output are bound to device memory that is allocated once. As in
`mbn-infer`, each batch is copied from the host and its logits back; with `--resident` the batch stays on the device, which
measures the network alone. If there is no such device, the object is {"skipped": REASON}.
"""
import argparse
import contextlib
import json
import statistics
import sys
import time

WARM_UP = 3
PROVIDER = "CUDAExecutionProvider"


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="ONNX file, input float32 [batch, 3, size, size]")
    parser.add_argument("--device", type=int, default=0, help="index of the CUDA device")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--size", type=int, default=224, help="height and width, if the file does not fix them")
    parser.add_argument("--tf32", action="store_true", help="allow float32 products to round to TF32")
    parser.add_argument("--cudnn-search", choices=["heuristic", "exhaustive"], default="heuristic")
    parser.add_argument("--cuda-graph", action="store_true")
    parser.add_argument("--resident", action="store_true", help="copy nothing between batches")
    return parser.parse_args()


def skip(reason):
    print(json.dumps({"skipped": reason}))
    sys.exit(0)


def session(ort, args):
    """Returns a session on the device; without one, prints the reason and exits."""
    if PROVIDER not in ort.get_available_providers():
        skip(f"this Python's onnxruntime {ort.__version__} has no {PROVIDER}")
    settings = {
        "device_id": str(args.device),
        "use_tf32": str(int(args.tf32)),
        "cudnn_conv_algo_search": args.cudnn_search.upper(),
        "enable_cuda_graph": str(int(args.cuda_graph)),
    }
    try:
        # ONNX Runtime prints messages for people; stdout is for the JSON object.
        with contextlib.redirect_stdout(sys.stderr):
            if hasattr(ort, "preload_dlls"):
                # Loads NVIDIA's libraries from the environment's packages.
                ort.preload_dlls()
            found = ort.InferenceSession(args.model, providers=[(PROVIDER, settings)])
    except Exception as error:  # ONNX Runtime's errors have no other common class.
        if "CUDA failure" not in str(error):
            raise
        skip(" ".join(str(error).split()))
    # ONNX Runtime falls back to the CPU without an error.
    if found.get_providers()[0] != PROVIDER:
        skip(f"ONNX Runtime took {found.get_providers()[0]}; its messages above say why")
    return found


def images(shape):
    import numpy as np

    count = int(np.prod(shape))
    return ((np.arange(count, dtype=np.int64) * 7919 % 1009) / 504.5 - 1.0).astype(np.float32).reshape(shape)


def main():
    args = options()
    try:
        import numpy as np
        import onnxruntime as ort
    except ImportError as error:
        skip(f"this Python has no {error.name}")
    network = session(ort, args)
    source, sink = network.get_inputs()[0], network.get_outputs()[0]
    size = source.shape[2] if isinstance(source.shape[2], int) else args.size
    host = images((args.batch, 3, size, size))
    logits_shape = (args.batch, sink.shape[1])
    device_input = ort.OrtValue.ortvalue_from_numpy(host, "cuda", args.device)
    device_output = ort.OrtValue.ortvalue_from_shape_and_type(logits_shape, np.float32, "cuda", args.device)
    binding = network.io_binding()
    binding.bind_ortvalue_input(source.name, device_input)
    binding.bind_ortvalue_output(sink.name, device_output)

    times = []
    for _ in range(WARM_UP + args.steps):
        start = time.perf_counter()
        if not args.resident:
            device_input.update_inplace(host)
        network.run_with_iobinding(binding)
        if not args.resident:
            device_output.numpy()
        times.append(time.perf_counter() - start)
    if not np.isfinite(device_output.numpy()).all():
        sys.exit("error: the network's outputs are not finite")
    result = {
        "engine": f"ONNX Runtime {ort.__version__} in Python, {PROVIDER} on cuda:{args.device}",
        "batch": args.batch,
        "copies": not args.resident,
        "images_per_s": args.batch / statistics.median(times[WARM_UP:]),
    }
    print(json.dumps(result))


main()
