"""`packaging/wheel/`: what it repeats of other files, because neither Cargo nor Python's packages can refer to them; and how it is built."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts" / "wheel"))
import build  # noqa: E402

PROJECT = (ROOT / "packaging" / "wheel" / "pyproject.toml").read_text(encoding="utf-8")


def only(pattern, file):
    """Returns what the pattern's group matches in the file; it must match once."""
    [found] = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return found


class Repeated(unittest.TestCase):
    def test_the_version_is_the_programs(self):
        pattern = r'^version = "([^"]+)"$'
        self.assertEqual(only(pattern, "packaging/wheel/Cargo.toml"), only(pattern, "Cargo.toml"))

    def test_the_oldest_onnx_runtime_is_the_one_whose_interface_is_used(self):
        oldest = only(r'^ort = .*"api-(\d+)"', "Cargo.toml")
        self.assertIn(f'dependencies = ["onnxruntime>=1.{oldest},<2"]', PROJECT)
        self.assertEqual(only(r'^OLDEST = "([^"]+)"$', "scripts/wheel/check.py"), f"1.{oldest}.0")

    def test_the_cuda_provider_is_the_one_that_is_checked(self):
        version = only(r'^VERSION = "([^"]+)"$', "scripts/get_onnxruntime.py")
        self.assertIn(f'"onnxruntime-gpu=={version};', PROJECT)
        self.assertIn(f'"onnxruntime!={version};', PROJECT)

    def test_nvidias_packages_are_those_that_the_provider_needs(self):
        source = (ROOT / "crates" / "mbn-engine" / "src" / "cuda" / "packages.rs").read_text(encoding="utf-8")
        needed = set(re.findall(r'"(nvidia-[^"]+)", true', source))
        self.assertTrue(needed)
        self.assertEqual(set(re.findall(r'"(nvidia-[^;"]+);', PROJECT)), needed)


class Flags(unittest.TestCase):
    def test_the_users_flags_are_kept_and_folders_renamed(self):
        remaps = ["--remap-path-prefix=/home/a b/.cargo=/cargo", f"--remap-path-prefix={ROOT}=/mbn"]
        flags = {"CARGO_HOME": "/home/a b/.cargo"}
        self.assertEqual(build.rust_flags(flags).split("\x1f"), remaps)
        flags["RUSTFLAGS"] = "-C target-cpu=native"
        self.assertEqual(build.rust_flags(flags).split("\x1f"), ["-C", "target-cpu=native", *remaps])
        flags["CARGO_ENCODED_RUSTFLAGS"] = "--cfg\x1fa b"
        self.assertEqual(build.rust_flags(flags).split("\x1f"), ["--cfg", "a b", *remaps])


if __name__ == "__main__":
    unittest.main()
