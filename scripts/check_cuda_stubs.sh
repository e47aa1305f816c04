#!/usr/bin/env bash
# Builds the programs for CUDA and runs them on stub libraries, without a GPU. The CPU must work, and asking for a CUDA
# device must give an error that names the cause. The first build takes about ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/build_cuda.sh
stubs=${CUDA_HOME:-$PWD/cuda-toolkit}/lib
export LD_LIBRARY_PATH="$stubs/stubs:$stubs"
programs=$PWD/${CUDA_TARGET_DIR:-target/cuda}/release
case ${CUDA_TARGET_DIR:-} in /*) programs=$CUDA_TARGET_DIR/release ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# passes NAME CODE PATTERN COMMAND...: runs a command and checks its exit code and its messages.
passes() {
  local name=$1 code=$2 pattern=$3 found=0
  shift 3
  "$@" >"$folder/out" 2>"$folder/err" </dev/null || found=$?
  if [ "$found" = "$code" ] && cat "$folder/out" "$folder/err" | grep -qE -- "$pattern"; then
    echo "pass: $name"
  else
    echo "FAIL: $name: exit code $found, expected $code with \`$pattern\`"
    sed 's/^/    /' "$folder/err" | tail -20
    failures=$((failures + 1))
  fi
}

for split in train val; do
  for class in one two; do
    mkdir -p "$folder/data/$split/$class"
    i=0
    for image in examples/images/*.png examples/images/*.jpg; do
      [ -f "$image" ] || continue
      i=$((i + 1))
      cp "$image" "$folder/data/$split/$class/$i.${image##*.}"
    done
  done
done
train=("$programs/mbn-train" --data "$folder/data" --alpha 0.25 --size 64 --epochs 1 --batch-size 4 --no-publish)

passes "mbn-train prints its version" 0 "^mbn-train [0-9]" "$programs/mbn-train" --version
passes "mbn-train trains on the CPU" 0 "Best test accuracy" "${train[@]}" --device cpu --out "$folder/cpu"
passes "the run folder has weights" 0 safetensors ls "$folder/cpu"
passes "without --device mbn-train takes the CPU and says why" 0 "Training on the CPU: .*driver" "${train[@]}" --out "$folder/auto"
passes "mbn-train --device cuda names the cause" 1 "\`--device cuda:0\` is not available: .*driver.*STUB_LIBRARY" "${train[@]}" --device cuda
passes "mbn-train --device cuda gives a hint" 1 "^hint: .*nvidia-smi" "${train[@]}" --device cuda
passes "TF32 with --device cpu is a contradiction" 2 "tf32.*--device cpu" "${train[@]}" --device cpu --precision tf32
passes "TF32 without a CUDA device is an error" 1 "needs a CUDA device" "${train[@]}" --precision tf32
passes "mbn-export writes a model" 0 "" "$programs/mbn-export" --random-weights 1 --alpha 0.25 --no-verify "$folder/model.onnx"
passes "mbn-infer classifies on the CPU" 0 "." "$programs/mbn-infer" --engine candle --device cpu --parity off examples/images
passes "mbn-infer --device cuda is an error with a hint" 1 "hint:" "$programs/mbn-infer" --device cuda examples/images

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
