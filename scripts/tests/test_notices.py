"""`wheel/notices.py`: which licence texts are found, and what is done without one."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "wheel"))
import notices  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent


def crate(folder, name="some", licence="MIT", **files):
    folder = Path(folder) / name
    for path, text in files.items():
        path = folder / path.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder.mkdir(exist_ok=True)
    return {"name": name, "version": "1.0.0", "license": licence, "authors": ["A. Author"], "manifest_path": str(folder / "Cargo.toml")}


class Texts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_texts_of_c_code_inside_are_found_but_not_those_of_tests_and_sources(self):
        package = crate(
            self.folder,
            LICENSE_MIT="mit",
            vendor__lib__COPYING="copying",
            tests__LICENSE="of a test picture",
            **{"src__license.rs": "fn main() {}"},
        )
        [(_, _, texts)] = notices.of_crates([package], ROOT)
        self.assertEqual(texts, [("LICENSE-MIT", "mit"), ("vendor/lib/COPYING", "copying")])

    def test_a_crate_without_text_gets_the_one_that_it_names_with_its_authors(self):
        [(_, _, [(_, text)])] = notices.of_crates([crate(self.folder, licence="Zlib OR MIT")], ROOT)
        self.assertIn("Copyright (c) A. Author", text)
        self.assertIn("Permission is hereby granted", text)
        self.assertNotIn("MobileNet", text)
        [(_, _, [(name, text)])] = notices.of_crates([crate(self.folder, licence="BSD-3-Clause")], ROOT)
        self.assertEqual(name, "BSD-3-Clause.txt")
        self.assertTrue(text.startswith("Copyright (c) A. Author\n\nRedistribution and use"))

    def test_a_crate_without_any_licence_is_an_error_that_names_it(self):
        for licence in ("Nonsense-1.0", None):
            with self.assertRaisesRegex(notices.Missing, "some 1.0.0"):
                notices.of_crates([crate(self.folder, licence=licence)], ROOT)

    def test_a_text_stands_once_with_all_who_use_it(self):
        entries = [("a 1", "MIT", [("LICENSE", "one\n text")]), ("b 2", "MIT", [("c/LICENSE", "one text\n")]), ("c 3", "ISC", [("L", "two")])]
        document = notices.document(entries)
        self.assertEqual(document.count("one"), 1)
        self.assertIn("a 1\nb 2 (c/LICENSE)\n---", document)
        self.assertIn("a 1: MIT\nb 2: MIT\nc 3: ISC\n", document)
        self.assertIn("Independent JPEG Group", document)


if __name__ == "__main__":
    unittest.main()
