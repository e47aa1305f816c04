"""`run_tests.py`: how it counts tests and skips."""
import contextlib
import io
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import run_tests  # noqa: E402


class Summary(unittest.TestCase):
    def test_a_test_counts_once_by_its_first_reason(self):
        results = run_tests.Results()
        results.passed = 5
        results.skipped(["7\ta\tgpu\tno device", "7\ta\tgpu\tno device", "7\tb\tdownload\tlarge", "8\ta\tgpu\tno device"])
        self.assertEqual(results.passed, 2)
        summary = "ran 2 tests, skipped 3: 2 need a GPU or a machine without one, 1 need a large download"
        self.assertEqual(results.summary().splitlines(), [summary, "  2 x gpu: no device", "  1 x download: large"])
        self.assertEqual(results.forbidden(), [])

    def test_ci_forbids_other_skips_and_ignored_tests(self):
        results = run_tests.Results()
        results.skipped(["7\ta\tother\tno compiler"])
        results.ignored("cargo test", 1)
        self.assertEqual(results.forbidden(), ["a: no compiler", "cargo test: marked `#[ignore]`"])

    def test_a_run_without_a_test_fails(self):
        harness = "test result: ok. {} passed; 0 failed; 0 ignored; 0 measured; 999 filtered out; finished in 0.01s"
        for passed, failed in ((0, ["kernels (it has no tests)"]), (1, [])):
            results = run_tests.Results()
            run_tests.CARGO = ["echo", harness.format(passed), "#"]
            with contextlib.redirect_stdout(io.StringIO()):
                results.cargo("kernels", ["--", "renamed::"], {})
            self.assertEqual((results.passed, results.failed), (passed, failed))

    def test_the_harness_is_understood(self):
        line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s"
        self.assertEqual(run_tests.PASSED.match(line).groups(), ("12", "0", "1"))
        self.assertEqual(run_tests.Results().summary(), "ran 0 tests, skipped 0")


if __name__ == "__main__":
    unittest.main()
