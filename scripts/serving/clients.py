"""The ways to ask a server: HTTP with JSON, HTTP with binary data, gRPC."""
import json
import urllib.request

import numpy as np
import tritonclient.grpc
import tritonclient.http

DTYPES = {"UINT8": np.uint8, "FP32": np.float32}


def dtype_name(images):
    return {"uint8": "UINT8", "float32": "FP32"}[str(images.dtype)]


def ask_json(server, name, images, outputs):
    """HTTP with JSON, without any library of NVIDIA's."""
    body = {
        "inputs": [
            {
                "name": "input",
                "shape": list(images.shape),
                "datatype": dtype_name(images),
                "data": images.ravel().tolist(),
            }
        ],
        "outputs": [{"name": output} for output in outputs],
    }
    request = urllib.request.Request(
        server.url(f"v2/models/{name}/infer"), json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)["outputs"]
    return {each["name"]: np.array(each["data"], DTYPES[each["datatype"]]).reshape(each["shape"]) for each in found}


def ask_http(server, name, images, outputs, class_count=0):
    """NVIDIA's client, binary data over HTTP."""
    module = tritonclient.http
    given = module.InferInput("input", list(images.shape), dtype_name(images))
    given.set_data_from_numpy(images, binary_data=True)
    wanted = [module.InferRequestedOutput(output, binary_data=True, class_count=class_count) for output in outputs]
    with module.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
        result = client.infer(name, [given], outputs=wanted)
    return {output: result.as_numpy(output) for output in outputs}


def ask_grpc(server, name, images, outputs, class_count=0):
    """NVIDIA's client over gRPC."""
    module = tritonclient.grpc
    given = module.InferInput("input", list(images.shape), dtype_name(images))
    given.set_data_from_numpy(images)
    wanted = [module.InferRequestedOutput(output, class_count=class_count) for output in outputs]
    with module.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
        result = client.infer(name, [given], outputs=wanted)
    return {output: result.as_numpy(output) for output in outputs}


CLIENTS = {"HTTP JSON": ask_json, "HTTP binary": ask_http, "gRPC": ask_grpc}
