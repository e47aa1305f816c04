"""Tests `fetched.py` on wheels made here: which files of compute-sanitizer's wheel the bundle gets."""
import os
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import fetched  # noqa: E402


class Sanitizer(unittest.TestCase):
    def packed(self, files):
        """Returns the contents of the files that are packed from a wheel with these, by name."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        wheel, target = Path(scratch.name) / "sanitizer.whl", Path(scratch.name) / "out"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name in files:
                archive.writestr(name, name)
        with mock.patch.object(fetched, "download", return_value=wheel), mock.patch.object(fetched, "check") as check:
            fetched.sanitizer(target)
        check.assert_called_once_with(wheel, fetched.SANITIZER[-1])
        self.assertTrue(os.access(target / "compute-sanitizer", os.X_OK))
        return {path.name: path.read_text() for path in target.iterdir()}

    def test_the_program_its_launchers_and_its_libraries_lie_in_one_folder(self):
        folder = fetched.SANITIZER_FOLDER
        files = ["nvidia/cu13/bin/compute-sanitizer", f"{folder}/compute-sanitizer", f"{folder}/TreeLauncherSubreaper",
                 f"{folder}/libsanitizer-collection.so", f"{folder}/x86/libsanitizer-collection.so", f"{folder}/include/sanitizer.h",
                 f"{folder}/docs/index.html", "sanitizer.dist-info/licenses/License.txt", "sanitizer.dist-info/RECORD"]
        self.assertEqual(self.packed(files), {
            "compute-sanitizer": f"{folder}/compute-sanitizer",
            "TreeLauncherSubreaper": f"{folder}/TreeLauncherSubreaper",
            "libsanitizer-collection.so": f"{folder}/libsanitizer-collection.so",
            "License.txt": "sanitizer.dist-info/licenses/License.txt",
        })

    def test_a_wheel_without_the_program_or_its_launcher_is_refused(self):
        folder = fetched.SANITIZER_FOLDER
        with self.assertRaisesRegex(SystemExit, "has no .*compute-sanitizer/compute-sanitizer"):
            self.packed(["nvidia/cu13/bin/compute-sanitizer", f"{folder}/TreeLauncherSubreaper"])
        with self.assertRaisesRegex(SystemExit, "has no .*TreeLauncherSubreaper"):
            self.packed([f"{folder}/compute-sanitizer"])


if __name__ == "__main__":
    unittest.main()
