"""What each engine is known not to take. `make interop` fails if one of these runs, or fails otherwise, so that the page stays true."""
from judge import Refusal

REFUSALS = [
    Refusal(
        engine="onnxruntime-oldest",
        files="`--resize-inside`, `--opset 18`",
        why="1.12 knows opsets up to 17.",
        instead="the default opset, and pictures resized before; or ONNX Runtime as listed below",
        says="Current official support for domain ai.onnx is till opset 17",
        covers=lambda case: case["opset"] == 18,
    ),
    Refusal(
        engine="onnxruntime-oldest",
        files="`--opset 19` and above",
        why="Their IR is newer than 8, the newest one that 1.12 reads.",
        instead="the default opset",
        says="max supported IR version: 8",
        covers=lambda case: case["opset"] > 18,
    ),
    Refusal(
        engine="onnx.reference",
        files="int8",
        why="It has `DequantizeLinear` only as of opset 19.",
        instead="`--opset 19`",
        says="No implementation for operator 'DequantizeLinear'",
        covers=lambda case: case["precision"] == "int8" and case["opset"] < 19,
    ),
    Refusal(
        engine="rten",
        files="`--resize-inside`",
        why="Its `Resize` has no antialiasing.",
        instead="pictures resized before (`--input uint8`)",
        says='error in attribute "antialias": unsupported value',
        covers=lambda case: case["input"] == "resize",
    ),
    Refusal(
        engine="tract",
        files="fp16",
        why="It takes the float16 `Gemm` of the classifier for one of float32.",
        instead="`--precision fp32`",
        says='"fc" Gemm ToTypedTranslator: Output mismatch',
        covers=lambda case: case["precision"] == "fp16",
    ),
    Refusal(
        engine="tract",
        files="`--resize-inside` with `--resize crop`",
        why="It does not follow how the size is computed from the picture's.",
        instead="`--resize square`, or pictures resized before (`--input uint8`)",
        says="Resize: Neither sizes nor scales makes sense",
        covers=lambda case: case["name"].endswith("resize-crop-bicubic"),
    ),
]
