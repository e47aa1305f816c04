"""Joins what the engines answer with the cases, and says what is not as it should be."""
from dataclasses import dataclass

from cases import TRAINED

# Largest difference that is allowed, as a part of the largest logit.
# float32: other orders of summation round otherwise, over 28 layers. `mbn-infer --parity` allows as much (docs/numerics.md).
FP32 = 1e-4
# float16 has 11 bits, and the answer is float32's: what mbn-export's own proof allows.
FP16 = 0.05
# int8: engines that scale the integer sums in another order of float32 operations round some values to the other side of a half, and the
# next layers carry that on. The logits of trained weights differ by up to 1.1 % with OpenVINO, those of random ones, which react more to
# every step, by 5.4 %. Sums that saturate would be no such step, but these files cannot have them (docs/int8.md).
INT8, INT8_RANDOM = 0.02, 0.1


def allowed(case):
    """What a logit may differ by, for each input.

    Where pictures are resized inside, engines round some pixels to the next byte. How much that changes the logits depends on the
    weights: mbn-export's own proof measures it with candle, and states what it allows. That comes on top of the other differences.
    """
    int8 = INT8 if case["alpha"] in TRAINED else INT8_RANDOM
    part = {"fp32": FP32, "fp16": FP16, "int8": int8}[case["precision"]]
    proof = case["allowed"] if case["input"] == "resize" else 0
    return [part * logit + proof for logit in case["largest_logits"]]


@dataclass(frozen=True)
class Refusal:
    """Cases that an engine is known not to take, or to compute wrongly (`says` is None)."""

    engine: str
    # In plain words, for the page: the files, why not, and what to do.
    files: str
    why: str
    instead: str
    # A part of the engine's own message.
    says: str | None
    # Tells of a case whether it is one of them.
    covers: object

    def expects(self, record):
        return self.engine == record["engine"] and self.covers(record)


def records(cases, answers, engine, ended):
    """One record for each case; `ended` says how the runner ended, for the cases it did not come to."""
    by_name = {answer["name"]: answer for answer in answers}
    for case in cases:
        answer = by_name.get(case["name"], {"error": f"no answer: {ended}"})
        record = {
            "engine": engine,
            "version": answer.get("version", "?"),
            **{key: case[key] for key in ("name", "alpha", "precision", "input", "opset")},
            "batch": "any" if case["batch_dynamic"] else 1,
        }
        if "error" in answer:
            yield {**record, "reason": answer["error"]}
        else:
            largest, bounds = answer["largest"], allowed(case)
            within = len(largest) == len(bounds) and all(found <= bound for found, bound in zip(largest, bounds))
            yield {**record, "largest_difference": max(largest), "allowed": max(bounds), "within": within}


def problems(found, refusals):
    """What contradicts the expectations, a line each."""
    used = set()
    for record in found:
        place = f"{record['engine']} {record['version']}: {record['name']}"
        refusal = next((refusal for refusal in refusals if refusal.expects(record)), None)
        used.add(refusal)
        if "reason" in record:
            if refusal is None or refusal.says is None:
                yield f"{place} fails: {record['reason']}"
            elif refusal.says not in record["reason"]:
                yield f"{place} was to fail with `{refusal.says}`, and fails with: {record['reason']}"
        elif refusal is not None and refusal.says is not None:
            yield f"{place} was to fail with `{refusal.says}`, and runs: update refusals.py"
        elif record["within"] and refusal is not None:
            yield f"{place} was to differ, and agrees: update refusals.py"
        elif not record["within"] and refusal is None:
            yield f"{place} differs by {record['largest_difference']:.1e}, allowed are {record['allowed']:.1e}"
    engines = {record["engine"] for record in found}
    for refusal in refusals:
        if refusal.engine in engines and refusal not in used:
            yield f"{refusal.engine}: no case is covered by the refusal of {refusal.files}"
