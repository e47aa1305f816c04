"""What the bundle takes from wheels: ONNX Runtime with its CUDA provider, and NVIDIA's checker of kernels."""
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

GPU = Path(__file__).resolve().parent
SCRIPTS = GPU.parent
ONNX_RUNTIME = SCRIPTS.parent / "onnxruntime" / "cuda"
sys.path.insert(0, str(SCRIPTS))
from wheels import check, download  # noqa: E402

# Package, version, platform and SHA-256 of the wheel with compute-sanitizer, of the toolkit that compiles the kernels.
SANITIZER = ("nvidia-cuda-sanitizer-api", "13.0.85", "manylinux_2_25_x86_64",
             "b1efff95f63b6fe40dc83801d598550542364393957775912a1abf396904331c")
PROVIDER = "libonnxruntime_providers_cuda.so"


def onnx_runtime(chip, libraries, packages):
    """Copies ONNX Runtime into the folder `libraries`, its CUDA provider with the code for one chip, and its Python package
    into the folder `packages`."""
    subprocess.run([sys.executable, SCRIPTS / "get_onnxruntime.py", "--cuda", "--python"], check=True)
    libraries.mkdir(parents=True, exist_ok=True)
    for library in sorted((ONNX_RUNTIME / "lib").glob("lib*.so*")):
        if library.name == PROVIDER:
            command = [sys.executable, GPU / "thin_fatbin.py", library, libraries / library.name, str(chip)]
            subprocess.run(command, check=True)
        else:
            shutil.copy(library, libraries / library.name)
    shutil.copytree(ONNX_RUNTIME / "python", packages, ignore=shutil.ignore_patterns("__pycache__"))


def sanitizer(target):
    """Copies compute-sanitizer and its libraries into one folder."""
    package, version, platform, sha256 = SANITIZER
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(package, version, [platform], folder)
        check(wheel, sha256)
        with zipfile.ZipFile(wheel) as archive:
            found = [name for name in archive.namelist() if wanted(name)]
            if not any(name.endswith("/compute-sanitizer") for name in found):
                sys.exit(f"error: `{wheel.name}` has no compute-sanitizer")
            target.mkdir(parents=True, exist_ok=True)
            for name in found:
                path = target / Path(name).name
                with archive.open(name) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink)
                path.chmod(0o755)


def wanted(name):
    # The wheel has a second copy of a library in `bin/`.
    folder, _, file = name.rpartition("/")
    return file == "compute-sanitizer" or folder.endswith("/lib") and file.endswith(".so") or file == "License.txt"
