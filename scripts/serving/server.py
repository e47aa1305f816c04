"""A Triton server of the `nvidia-pytriton` wheel on a repository of `mbn-export --triton`.

The wheel has no ONNX Runtime backend. The repository is therefore served as a copy in which one line of each configuration
names the Python backend, and `model.py` beside each model runs it with ONNX Runtime.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
LINE, INSTEAD = 'backend: "onnxruntime"\n', 'backend: "python"\n'
START_SECONDS = 300
STOP_SECONDS = 60


def free_ports(count):
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def swap_backend(repository, served):
    """Copies the repository for a server that has the Python backend alone."""
    shutil.copytree(repository, served)
    for config in served.glob("*/config.pbtxt"):
        text = config.read_text(encoding="utf-8")
        if text.count(LINE) != 1:
            sys.exit(f"{config}: expected the line `{LINE.strip()}` once, found it {text.count(LINE)} times")
        config.write_text(text.replace(LINE, INSTEAD), encoding="utf-8")
        for model in config.parent.glob("*/model.onnx"):
            shutil.copy(HERE / "model.py", model.parent)


def libpython():
    """The folder of the interpreter's shared library, which the Python backend loads."""
    name = sysconfig.get_config_var("INSTSONAME") or ""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if ".so" not in name:
        name = f"libpython{version}.so.1.0"
    folders = [sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LIBPL"), "/usr/lib/x86_64-linux-gnu"]
    for folder in filter(None, folders):
        if (Path(folder) / name).exists():
            return Path(folder)
    sys.exit(f"`{name}` is missing: on Debian the package libpython{version} has it (or build Python with --enable-shared)")


def backends(folder):
    """A folder with the Python backend and its part for this interpreter."""
    package = Path(find_spec("pytriton").origin).parent / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = package / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        have = ", ".join(sorted(path.name for path in (package / "python_backend_stubs").iterdir()))
        sys.exit(f"the server has no Python backend for Python {version}: it has {have}")
    shutil.copytree(package / "backends", folder)
    shutil.copy(stub, folder / "python")
    return package


class Server:
    """A server that runs while the `with` block does."""

    def __init__(self, repository, work):
        served, backend_folder = work / "served", work / "backends"
        self.served = served
        swap_backend(repository, served)
        package = backends(backend_folder)
        self.http_port, self.grpc_port = free_ports(2)
        self.log = work / "server.log"
        self.command = [
            package / "bin" / "tritonserver",
            f"--model-repository={served}",
            f"--backend-directory={backend_folder}",
            "--http-address=127.0.0.1",
            "--grpc-address=127.0.0.1",
            f"--http-port={self.http_port}",
            f"--grpc-port={self.grpc_port}",
            "--allow-metrics=false",
            f"--backend-config=python,shm-region-prefix-name=mbn_serving_{os.getpid()}",
        ]
        # The copied part of the backend no longer finds what lies beside the package.
        libraries = [str(libpython()), str(package.parent.parent / "nvidia_pytriton.libs"), os.environ.get("LD_LIBRARY_PATH", "")]
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
            # The backend's interpreter takes its packages from the environment whose program it finds first.
            "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")]),
        }

    def url(self, path):
        return f"http://127.0.0.1:{self.http_port}/{path}"

    def ready(self):
        try:
            with urllib.request.urlopen(self.url("v2/health/ready"), timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                sys.exit(f"the server did not become ready; its messages:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.5)
        return self

    def stop(self):
        """Ends this server's own process, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __exit__(self, *_):
        self.stop()
