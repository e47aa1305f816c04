#!/usr/bin/env bash
# Tests gpu-check.sh on programs that pass, fail, hang, skip or do not start: what it reports, and its exit code.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

bundle=$folder/gpu-bundle
mkdir -p "$bundle"/{bin,tests,benches,models,images/val/{a,b},check} "$bundle"/python/packages/onnxruntime/capi \
  "$bundle"/onnxruntime/cuda/lib "$folder/path"
cp ../gpu-check.sh "$bundle"
cp ../check/*.sh "$bundle/check"
for program in bin/mbn-{train,export,infer} tests/{kernels,training-step} benches/{step,engines,loader}; do
  cp fake.sh "$bundle/$program"
done
cp fake.sh "$folder/path/nvidia-smi"
cp fake.sh "$folder/path/python"
cp fake.sh "$folder/path/compute-sanitizer"
# As the real one, it is too large for an archive.
printf lib >"$bundle/onnxruntime/cuda/lib/libonnxruntime_providers_cuda.so.part-00"
echo rary >"$bundle/onnxruntime/cuda/lib/libonnxruntime_providers_cuda.so.part-01"
for i in {1..30}; do : | tee "$bundle/images/val/a/$i.png" >"$bundle/images/val/b/$i.png"; done
: | tee "$bundle/models/mobilenet_v1_0.25.safetensors" >"$bundle/models/mobilenet_v1_0.75.safetensors"
echo commit >"$bundle/VERSION"
printf half- >"$bundle/joined.part-00"
printf other >"$bundle/joined.part-01"
(cd "$bundle" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS)

# checks NAME CODE FAKE OPTIONS PATTERN...: runs the script; it must print each pattern, but not those that begin with `!`.
checks() {
  local name=$1 code=$2 fake=$3 options=$4 found=0 pattern problem=''
  shift 4
  # shellcheck disable=SC2086  # words
  env FAKE="$fake" PATH="$folder/path:$PATH" GPU_CHECK_STEP="${limit:-60}" \
    bash "$bundle/gpu-check.sh" --python python --out "$folder/results" --time "${total:-500}" $options >"$folder/out" 2>"$folder/err" || found=$?
  [ "$found" = "$code" ] || problem="exit code $found, expected $code"
  for pattern in "$@"; do
    case $pattern in
      !*) ! grep -qE -- "${pattern#!}" "$folder/out" "$folder/err" || problem="$problem; has \`${pattern#!}\`" ;;
      *) grep -qE -- "$pattern" "$folder/out" "$folder/err" || problem="$problem; lacks \`$pattern\`" ;;
    esac
  done
  if [ -z "$problem" ]; then
    echo "pass: $name"
  else
    echo "FAIL: $name: $problem"
    sed 's/^/    /' "$folder/err" "$folder/out"
    failures=$((failures + 1))
  fi
}

checks "all passes" 0 "" "" "^\| bundle \| pass \|" "^\| device \| pass .*Fake GPU" "^\| kernels \| pass .* 3 tests" \
  "^\| resume \| pass .*differ by 0 " "parity-fp16 \| pass" "train-throughput bf16 \| pass .*ratio 1\.5[01].*allows 27174" \
  "infer-throughput fp16 \| pass .*PyTorch 100, ratio 1\.20, median of 5" "compiled-train-throughput bf16 \| pass .*torch\.compile" \
  "compiled-infer-throughput fp16 \| pass" "onnxruntime-throughput cuda-graph \| pass .*ratio 1\.20, median of 5" \
  "^\| memcheck \| pass .*3 tests, ERROR SUMMARY: 0 errors" "^\| racecheck \| pass .*RACECHECK SUMMARY: 0 hazards" \
  "^\| synccheck \| pass" "onnxruntime-options fp16, prefer-nhwc\+fuse-conv-bias \| pass .*120 images/s; parity passed" \
  "suggested for fp32 \| pass .*keep the default" "^\| prefer-nhwc \| 120 \| pass \| 120 \| pass \|" \
  "loader 16 workers \| pass .*900 images/s .*500 x 375.*a step in bf16 takes 140" \
  "recipe-throughput bf16, batch 64 \| pass .*140 images/s.*launches: 7" " 0 failed, 0 skipped"
python3 - "$folder/results/results.jsonl" <<'EOT' || failures=$((failures + 1))
import json
import sys

results = [json.loads(line) for line in open(sys.argv[1])]
assert {result["result"] for result in results} == {"pass"}, results
assert (results[1]["device"], results[1]["driver"]) == ("Fake GPU", "580.1"), results
assert any(result.get("ratio") == 1.2 for result in results), results
EOT
[ "$(cat "$bundle/python/packages/onnxruntime/capi/libonnxruntime_providers_cuda.so")" = library ] ||
  { echo "FAIL: the provider is not beside its Python package"; failures=$((failures + 1)); }
grep -q "bundle/python/packages" "$bundle/state/logs/onnxruntime-throughput.log" ||
  { echo "FAIL: the Python package was not used"; failures=$((failures + 1)); }
if [ "$(ls "$folder/results")" != "$(printf 'logs.tar.gz\nresults.jsonl\nsummary.md')" ] ||
  ! tar -tzf "$folder/results/logs.tar.gz" | grep -x logs/kernels.log >/dev/null || ! grep -q "^| kernels |" "$folder/results/summary.md"; then
  echo "FAIL: the results are not three files"
  failures=$((failures + 1))
fi
grep -qx half-other "$bundle/joined" || { echo "FAIL: parts were not joined"; failures=$((failures + 1)); }

checks "a test fails" 1 "kernels=fail" "--only kernels" "^\| kernels \| fail .*test one \.\.\. FAILED" \
  "^2 passed, 1 failed, 0 skipped"
limit=2 checks "a test hangs" 1 "kernels=hang" "--only kernels" "^\| kernels \| fail .*not done after 2 seconds"
total=15 checks "time is short" 0 "kernels=hang" "--only kernels resume" "^\| kernels \| skipped .*cut off" "^\| resume \| skipped .*no time"
checks "tests skip themselves" 0 "kernels=skip-all" "--only kernels" "^\| kernels \| skipped .*one: no tensors" "!kernels \| pass"
checks "one test skips itself" 0 "kernels=skip-one" "--only kernels" "^\| kernels \| pass .* 2 tests" "^\| kernels, 1 more \| skipped"
checks "the driver is missing" 0 "mbn-train=missing=libcuda.so.1 nvidia-smi=crash" "" "device \| skipped .*driver is missing" \
  "kernels \| skipped" "memcheck \| skipped" "compiled-train-throughput \| skipped" "^[34] passed, 0 failed"
checks "the driver is old" 1 "mbn-train=symbol" "--only kernels" "device \| fail .*driver 580\.1 is older than 580.*cuNewThing_v2" \
  "kernels \| skipped"
checks "a library is missing" 0 "mbn-train=missing=libcublas.so.13" "" "device \| skipped .*libcublas.so.13.*--cuda-libs"
checks "there is no device" 0 "step=skip nvidia-smi=crash" "" "device \| skipped .*there is no \"device\"" "training-f32 \| skipped"
checks "a device that programs do not see" 1 "step=skip" "" "device \| fail .*Fake GPU.*there is no" "training-f32 \| skipped"
checks "the first step fails" 1 "step=crash" "" "device \| fail .*step crashed" "training-f32 \| skipped"
checks "no ONNX Runtime" 0 "engines=skip" "--only parity-f32" "onnxruntime \| skipped" "parity-f32 \| skipped"
checks "the loss grows" 1 "mbn-train=grow" "--only training-f32" "training-f32 \| fail .*loss 2\.000 to 3\.000"
checks "a resumed run forgets" 1 "mbn-train=forget" "--only training-f32 resume" "resume \| fail .*differ by 0\.5"
checks "memory is short for a run to be stopped" 0 "mbn-train=short" "--only resume" "resume \| skipped .*free memory"
checks "resuming makes its own run" 0 "" "--only resume" "resume \| pass .*differ by 0 " "!training-f32"
checks "parity fails" 1 "mbn-infer=unlike" "--only parity-f32" "parity-f32 \| fail .*parity failed: 9\.0"
checks "parity of the second model is not checked" 1 "mbn-infer=unchecked" "--only parity-f32" \
  "parity-f32 \| fail .*parity of mobilenet_v1_0\.75\.safetensors was not checked"
checks "a kernel reads a wrong place" 1 "compute-sanitizer=memcheck" "--only memcheck racecheck" \
  "memcheck \| fail .*ERROR SUMMARY: 1 error, first: .*Invalid __global__ read" "racecheck \| pass"
checks "the tool does not work" 0 "compute-sanitizer=unsupported" "--only racecheck" "racecheck \| skipped .*Device not supported"
checks "the tool checks nothing" 1 "compute-sanitizer=silent" "--only synccheck" "synccheck \| fail .*did not report"
rm "$folder/path/compute-sanitizer"
checks "there is no tool" 0 "" "--only memcheck" "memcheck \| skipped .*no .compute-sanitizer"
checks "options are faster" 0 "engines=fast" "--only onnxruntime-options" "suggested for fp16 \| pass .*prefer-nhwc\+fuse-conv-bias, 1\.50 times" \
  "suggested for fp32 \| pass .*keep the default" "\| prefer-nhwc\+fuse-conv-bias \| 120 \| pass \| 180 \| pass \|"
checks "fast but wrong options" 1 "engines=fast mbn-infer=fused-unlike" "--only onnxruntime-options" \
  "fp16, prefer-nhwc\+fuse-conv-bias \| fail .*180 images/s; .*parity failed" "suggested for fp16 \| pass .*keep the default"
checks "an option is refused" 1 "engines=refuses" "--only onnxruntime-options" "fp32, prefer-nhwc \| fail .*does not support NHWC" \
  "fp32, default \| pass .*120 images/s"
checks "a peer skips itself" 0 "python=skip" "--only train-throughput" "train-throughput f32 \| pass" \
  "train-throughput f32 against PyTorch \| skipped .*no \"device\""
checks "a peer crashes" 0 "python=crash" "--only train-throughput" "train-throughput f32 against PyTorch \| skipped .*crashed"
checks "memory is short" 0 "engines=memory" "--only onnxruntime" "onnxruntime \| skipped .*free memory"
checks "a benchmark without the recipe" 0 "step=old" "--only recipe-throughput loader" "recipe-throughput \| skipped .*whole recipe" \
  "loader 2 workers \| pass .*a step in bf16 takes 150"
checks "no number" 1 "engines=garbage" "--only infer-throughput" "infer-throughput fp16 \| fail .*no .images_per_s"
for options in "--what" "--device x" "--device" "--only" "--only kernels nothing" "--time x" "--cuda-libs /none" "--ort-lib /none" "--python /none"; do
  checks "wrong use: $options" 2 "" "$options" "^error: .*${options%% *}" "!\| step"
done
checks "programs of a newer system" 1 "mbn-train=old-system" "--only kernels" "bundle \| fail .*GLIBC 2\.39 or newer, this machine has glibc"
echo damage >>"$bundle/VERSION"
checks "a damaged file" 1 "" "--only kernels" "bundle \| fail .*VERSION"

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
