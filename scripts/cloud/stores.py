"""Stores on this machine that hold a folder: S3 (moto), Azure (azurite), a web server, and a proxy that breaks connections."""
import functools
import http.server
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
from azure.storage.blob import BlobServiceClient

ROOT = Path(__file__).resolve().parents[2]
AZURITE = ROOT / ".cloud-node" / "node_modules" / ".bin" / "azurite-blob"
BUCKET = "photos"
# The account that azurite has from the start; its key is public.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port, process):
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args[0]} does not listen on port {port}")


def files(folder):
    """Paths below the folder, with `/`, and what they hold."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


class Server:
    """A process that serves until it is closed."""

    def __init__(self, command, port, cwd=None):
        self.process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = port
        wait_for(port, self.process)

    def close(self):
        self.process.terminate()
        self.process.wait()


class S3(Server):
    base = f"s3://{BUCKET}/"

    def __init__(self, folder):
        port = free_port()
        super().__init__([str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)], port)
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                              aws_access_key_id="me", aws_secret_access_key="secret")
        client.create_bucket(Bucket=BUCKET)
        for name, content in files(folder):
            client.put_object(Bucket=BUCKET, Key=name, Body=content)

    def environment(self, port=None):
        return {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}"}


class Azure(Server):
    base = f"az://{BUCKET}/"

    def __init__(self, folder, data):
        port = free_port()
        data.mkdir()
        super().__init__([str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(data),
                          "--skipApiVersionCheck", "--silent"], port)
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        container = BlobServiceClient(url, credential=KEY).create_container(BUCKET)
        for name, content in files(folder):
            container.upload_blob(name, content)

    def environment(self, port=None):
        return {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY,
                "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port or self.port}/{ACCOUNT}"}


class Web:
    """Python's own web server, which knows neither parts of files nor tags."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.port = self.server.server_port
        self.base = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def environment(self, port=None):
        return {}

    def close(self):
        self.server.shutdown()


class BreakingProxy:
    """Passes connections on to a port, and ends the first `breaks` of them that carry much, somewhere in their middle."""

    def __init__(self, port, breaks):
        self.target, self.left, self.broken = port, breaks, 0
        self.chance, self.lock = random.Random(1), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.target))
        threading.Thread(target=self.copy, args=(client, server, None), daemon=True).start()
        with self.lock:
            limit = self.chance.randint(10_000, 60_000) if self.left > 0 else None
        self.copy(server, client, limit)

    def copy(self, source, target, limit):
        passed = 0
        try:
            while data := source.recv(8192):
                target.sendall(data)
                passed += len(data)
                if limit is not None and passed > limit:
                    with self.lock:
                        self.left -= 1
                        self.broken += 1
                    break
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
