"""`interop/`: what its judge notices, and what it writes to the page."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))
import judge  # noqa: E402
import table  # noqa: E402


def case(name="alpha0.25-fp32-float", input="float", allowed=9.0, alpha="0.25", precision="fp32"):
    return {
        "name": name,
        "alpha": alpha,
        "precision": precision,
        "input": input,
        "opset": 17,
        "batch_dynamic": True,
        "inputs": [{}, {}],
        "largest_logits": [2.0, 4.0],
        "allowed": allowed,
    }


def judged(answer, refusals=(), **parts):
    described = case(**parts)
    answers = [{"engine": "e", "version": "1", "name": described["name"], **answer}]
    found = list(judge.records([described], answers, "e", "exit code 0"))
    return found, list(judge.problems(found, refusals))


def refusal(says):
    return judge.Refusal("e", "float files", "it cannot", "`--batch 1`", says, lambda record: record["precision"] == "fp32")


class Judge(unittest.TestCase):
    def test_each_input_has_its_own_bound(self):
        self.assertEqual(judged({"largest": [1.9e-4, 3.9e-4]})[1], [])
        self.assertIn("differs by 3.9e-04", judged({"largest": [3.9e-4, 0]})[1][0])
        self.assertEqual(judged({"largest": [8, 8]}, input="resize")[1], [])

    def test_random_int8_weights_may_differ_more(self):
        self.assertIn("differs by", judged({"largest": [0.06, 0.12]}, precision="int8")[1][0])
        self.assertEqual(judged({"largest": [0.06, 0.12]}, precision="int8", alpha="0.5")[1], [])
        self.assertEqual(judged({"largest": [0.03, 0.07]}, precision="int8")[1], [])

    def test_an_input_without_an_answer_is_a_problem(self):
        self.assertEqual(len(judged({"largest": [0.0]})[1]), 1)

    def test_a_case_without_an_answer_is_a_problem(self):
        found = list(judge.records([case()], [], "e", "exit code -11"))
        self.assertEqual(found[0]["reason"], "no answer: exit code -11")
        self.assertEqual(len(list(judge.problems(found, []))), 1)

    def test_refusals_must_be_as_listed(self):
        no = {"error": "op Resize: antialias"}
        self.assertEqual(judged(no, [refusal("antialias")])[1], [])
        self.assertIn("fails: op Resize", judged(no)[1][0])
        self.assertIn("was to fail with `dtype`", judged(no, [refusal("dtype")])[1][0])
        self.assertIn("and runs", judged({"largest": [0, 0]}, [refusal("antialias")])[1][0])
        other = judge.Refusal("e", "others", "", "", "x", lambda record: False)
        self.assertIn("no case is covered", judged({"largest": [0, 0]}, [other])[1][0])

    def test_wrong_logits_must_be_as_listed(self):
        self.assertEqual(judged({"largest": [1, 1]}, [refusal(None)])[1], [])
        self.assertIn("and agrees", judged({"largest": [0, 0]}, [refusal(None)])[1][0])
        self.assertIn("fails: no", judged({"error": "no"}, [refusal(None)])[1][0])


class Table(unittest.TestCase):
    def test_cells(self):
        good = judged({"largest": [1e-5, 2e-5]})[0]
        large = judged({"largest": [1, 1]}, name="alpha0.25-fp32-float-batch1")[0]
        self.assertEqual(table.main_table(good)[2], "| e 1 | fp32 | float | 2.0e-05 |  |  |  |")
        self.assertEqual(table.variants_table(large)[2], "| fp32 | float | `--batch 1` | **1.0e+00** |")
        self.assertEqual(table.cell({"reason": "no"}), "-")

    def test_refusals_are_those_of_engines_that_ran(self):
        found = judged({"error": "a | b"})[0]
        self.assertEqual(table.refusals_table([refusal("a | b")], found)[2], "| e 1 | float files | it cannot | `` a \\| b `` | `--batch 1` |")
        self.assertEqual(len(table.refusals_table([refusal("a")], [])), 2)

    def test_only_the_lines_between_the_marks_are_replaced(self):
        page = f"before\n{table.START}\nold\n{table.END}\nafter\n"
        self.assertEqual(table.written(page, ["new"]), f"before\n{table.START}\n\nnew\n\n{table.END}\nafter\n")


if __name__ == "__main__":
    unittest.main()
