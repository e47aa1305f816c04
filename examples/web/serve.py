#!/usr/bin/env python3
"""Serves the page in this folder on this machine, with the headers that WebAssembly threads need.

    serve.py [MODEL.onnx] [--port 8000]

MODEL is `model.onnx` in the current folder by default. The page also takes a model that is dropped on it.
"""
import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PAGE = Path(__file__).resolve().parent
RUNTIME = PAGE / "node_modules" / "onnxruntime-web" / "dist"


class Handler(SimpleHTTPRequestHandler):
    """The files of the page, `model.onnx`, and ONNX Runtime's in `ort/`."""

    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
    }

    def __init__(self, *arguments, model, **options):
        self.model = model
        super().__init__(*arguments, directory=PAGE, **options)

    def translate_path(self, path):
        name = urlsplit(path).path
        if name == "/model.onnx":
            return str(self.model)
        local = super().translate_path(path)
        runtime = PAGE / "ort"
        return str(RUNTIME / Path(local).relative_to(runtime)) if Path(local).is_relative_to(runtime) else local

    def end_headers(self):
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        """A line for each file would hide the address."""


def main():
    parser = argparse.ArgumentParser(description="Serves the page that classifies pictures in the browser.")
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL.onnx", help="default: model.onnx")
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free (default: 8000)")
    arguments = parser.parse_args()
    model = arguments.model or Path("model.onnx")
    if arguments.model and not model.is_file():
        sys.exit(f"error: model file `{model}` does not exist\nhint: `mbn-export --input uint8 --resize-inside {model}` writes one")
    if not RUNTIME.is_dir():
        sys.exit(f"error: onnxruntime-web is not installed in `{PAGE}`\nhint: run `npm ci --prefix {PAGE}`")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", arguments.port), partial(Handler, model=model.resolve()))
    except OSError as error:
        sys.exit(f"error: cannot listen on port {arguments.port}: {error.strerror}\nhint: choose another with `--port`")
    if not model.is_file():
        print("There is no `model.onnx` here: drop a model on the page.", flush=True)
    print(f"http://localhost:{server.server_port}/ (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
