"""Tests `archives.py` on a small folder with small limits: unpacked and joined, every file is there once."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import archives  # noqa: E402


@unittest.skipUnless(shutil.which("xz"), "`xz` is missing")
class Pack(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        noise = random.Random(1)
        self.contents = {
            "bin/large": noise.randbytes(250_000),  # three parts
            "bin/zeros": bytes(500_000),
            **{f"images/{number}": noise.randbytes(9_000) for number in range(20)},
        }
        limits = {"LIMIT": 100_000, "PART": 90_000, "SMALL": 10_000}
        patch = mock.patch.multiple(archives, **limits)
        patch.start()
        self.addCleanup(patch.stop)

    def pack(self, name):
        folder = self.root / name / "bundle"
        for path, content in self.contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return archives.pack(folder, folder)

    def test_what_is_packed_comes_out(self):
        found = self.pack("a")
        self.assertGreater(len(found), 3)
        self.assertTrue(all(path.stat().st_size <= 100_000 for path in found))
        out = self.root / "out"
        out.mkdir()
        for path in found:
            subprocess.run(["tar", "-xJf", path, "-C", out], check=True)
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out / "bundle", check=True)
        large = b"".join(path.read_bytes() for path in sorted((out / "bundle" / "bin").glob("large.part-*")))
        self.assertEqual(large, self.contents.pop("bin/large"))
        for path, content in self.contents.items():
            self.assertEqual((out / "bundle" / path).read_bytes(), content)

    def test_the_same_files_give_the_same_archives(self):
        first = self.pack("a")
        for path in (self.root / "a" / "bundle").rglob("*"):
            os.utime(path, (1, 1))
        second = self.pack("b")
        self.assertEqual([path.read_bytes() for path in first], [path.read_bytes() for path in second])


if __name__ == "__main__":
    unittest.main()
