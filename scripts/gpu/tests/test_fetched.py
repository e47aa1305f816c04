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

    def test_the_program_and_its_libraries_lie_in_one_folder(self):
        files = ["nvidia/cu13/bin/compute-sanitizer", "nvidia/cu13/bin/libsanitizer-collection.so",
                 "nvidia/cu13/lib/libsanitizer-collection.so", "nvidia/cu13/lib/libInterceptor.so",
                 "nvidia/cu13/include/sanitizer.h", "sanitizer.dist-info/licenses/License.txt", "sanitizer.dist-info/RECORD"]
        self.assertEqual(self.packed(files), {
            "compute-sanitizer": "nvidia/cu13/bin/compute-sanitizer",
            "libsanitizer-collection.so": "nvidia/cu13/lib/libsanitizer-collection.so",
            "libInterceptor.so": "nvidia/cu13/lib/libInterceptor.so",
            "License.txt": "sanitizer.dist-info/licenses/License.txt",
        })

    def test_a_wheel_without_the_program_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "has no compute-sanitizer"):
            self.packed(["nvidia/cu13/lib/libInterceptor.so"])


if __name__ == "__main__":
    unittest.main()
