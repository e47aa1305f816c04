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

# Package, version, platform and SHA-256 of the wheel with compute-sanitizer. Wheels up to 13.1 lack the launcher.
SANITIZER = ("nvidia-cuda-sanitizer-api", "13.5.25", "manylinux_2_25_x86_64",
             "5df2efbdf605a812c6bac07600dd3d801cb9d334a30376113a6f1e2bc0679f54")
# The folder of the wheel that is packed, and what compute-sanitizer starts a program with.
SANITIZER_FOLDER = "nvidia/cu13/compute-sanitizer"
LAUNCHER = "TreeLauncherSubreaper"
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
            for file in ("compute-sanitizer", LAUNCHER):
                if f"{SANITIZER_FOLDER}/{file}" not in found:
                    sys.exit(f"error: `{wheel.name}` has no {SANITIZER_FOLDER}/{file}")
            target.mkdir(parents=True, exist_ok=True)
            for name in found:
                path = target / Path(name).name
                with archive.open(name) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink)
                path.chmod(0o755)


def wanted(name):
    # Beside programs and libraries the folder has those for 32 bits, headers and documentation, in folders of their own; `bin/` has a
    # script that starts the program.
    folder, _, file = name.rpartition("/")
    return folder == SANITIZER_FOLDER or file == "License.txt"
