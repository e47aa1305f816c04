#!/usr/bin/env bash
# Checks the CUDA builds in this folder on a machine with a GPU, within nine minutes. Needs bash, coreutils, sed and awk.
# Compares with PyTorch and ONNX Runtime's Python API if a Python has them. Reports steps that cannot run as skipped.
set -uo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=check/results.sh
. "$here/check/results.sh"
# shellcheck source=check/libraries.sh
. "$here/check/libraries.sh"
# shellcheck source=check/device.sh
. "$here/check/device.sh"
# shellcheck source=check/correctness.sh
. "$here/check/correctness.sh"
# shellcheck source=check/throughput.sh
. "$here/check/throughput.sh"

# Step, time limit in seconds, function, and what it needs: nothing, a device, or ONNX Runtime on the device.
STEPS="\
bundle 60 check_bundle nothing
device 60 check_device nothing
kernels 90 check_kernels device
training-step 90 check_training_step device
training-f32 60 check_training_f32 device
training-bf16 60 check_training_bf16 device
resume 60 check_resume device
onnxruntime 60 check_onnxruntime device
parity-f32 60 check_parity_f32 onnxruntime
parity-fp16 60 check_parity_fp16 onnxruntime
candle 60 check_candle device
train-throughput 150 check_train_throughput device
infer-throughput 120 check_infer_throughput onnxruntime
compiled-throughput 90 check_compiled_throughput device"
# In seconds. The whole check ends within nine minutes, because killing the last step may take some seconds more. The tests
# of this script shorten both limits.
TOTAL=${GPU_CHECK_TOTAL:-525}
MOST_OF_A_STEP=${GPU_CHECK_STEP:-$TOTAL}

usage() {
  cat <<EOT
gpu-check.sh [--device N] [--python PYTHON] [--ort-lib FILE] [--cuda-libs DIR] [--only STEP]... [--out DIR]

  --device N       index of the GPU in nvidia-smi's order [default: 0]
  --python PYTHON  Python with PyTorch, ONNX Runtime or NVIDIA's libraries [default: python3]
  --ort-lib FILE   ONNX Runtime's library, with its CUDA provider beside it [default: the bundle's, else the Python's]
  --cuda-libs DIR  folder of NVIDIA's libraries, or a Python environment that has them
  --only STEP      run only this step, after bundle and device; may be repeated:
                   $(awk '{ printf "%s%s", separator, $1; separator = " " }' <<<"$STEPS" | fold -s -w 70 | sed '2,$s/^/                   /')
  --out DIR        folder for the logs and results.jsonl [default: gpu-check-results]

Exit code: 0 if no step failed, 1 if a step failed, 2 for a mistake in the command line.
EOT
}

wrong() {
  echo "error: $1" >&2
  echo "hint: \`gpu-check.sh --help\` lists the options" >&2
  exit 2
}

device=0 python=python3 ort_lib='' cuda_libs='' only='' out=gpu-check-results
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --device | --python | --ort-lib | --cuda-libs | --only | --out)
      [ $# -ge 2 ] && [ -n "$2" ] || wrong "\`$1\` needs a value"
      case $1 in
        --device) device=$2 ;;
        --python) python=$2; command -v "$2" >/dev/null || wrong "\`--python $2\` is not a program" ;;
        --ort-lib) ort_lib=$2; [ -f "$2" ] || wrong "\`--ort-lib $2\` is not a file" ;;
        --cuda-libs) cuda_libs=$2; [ -d "$2" ] || wrong "\`--cuda-libs $2\` is not a folder" ;;
        --only) grep -q "^$2 " <<<"$STEPS" || wrong "\`--only $2\` is not a step"; only="$only $2 " ;;
        --out) out=$2 ;;
      esac
      shift 2 ;;
    *) wrong "unknown option \`$1\`" ;;
  esac
done
[[ $device =~ ^[0-9]+$ ]] || wrong "\`--device $device\` is not an index"

mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
[ -z "$ort_lib" ] || ort_lib=$(realpath "$ort_lib")
[ -z "$cuda_libs" ] || cuda_libs=$(realpath "$cuda_libs")
case $python in */*) python=$(realpath -s "$python") ;; esac
# The programs look for models/ and onnxruntime/ in the current folder.
cd "$here" || exit 2
start_results

select_device
find_python
find_libraries
find_onnxruntime
find_environment
while read -r name limit function needs; do
  case "${only:- $name } bundle device " in
    *" $name "*) run_step "$name" "$limit" "$function" "$needs" ;;
  esac
done <<<"$STEPS"
finish_results
