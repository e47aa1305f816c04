#!/usr/bin/env bash
# Checks the CUDA builds in this folder on a machine with a GPU, within nine minutes. Needs bash, coreutils, sed, awk and tar.
# Compares with PyTorch and ONNX Runtime's Python API if a Python has them. Reports steps that cannot run as skipped.
set -uo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=$here/state
# shellcheck source=check/results.sh
. "$here/check/results.sh"
# shellcheck source=check/libraries.sh
. "$here/check/libraries.sh"
# shellcheck source=check/device.sh
. "$here/check/device.sh"
# shellcheck source=check/correctness.sh
. "$here/check/correctness.sh"
# shellcheck source=check/sanitizer.sh
. "$here/check/sanitizer.sh"
# shellcheck source=check/throughput.sh
. "$here/check/throughput.sh"
# shellcheck source=check/provider_options.sh
. "$here/check/provider_options.sh"
# shellcheck source=check/loader.sh
. "$here/check/loader.sh"

# Step, time limit in seconds, function, and what it needs: nothing, a device, or ONNX Runtime on the device. What tells the
# most comes first. `device` and `kernels` are the first to use the device, for which the driver compiles the kernels.
STEPS="\
bundle 60 check_bundle nothing
device 150 check_device nothing
kernels 150 check_kernels device
training-step 90 check_training_step device
training-f32 60 check_training_f32 device
training-bf16 60 check_training_bf16 device
onnxruntime 60 check_onnxruntime device
parity-f32 60 check_parity_f32 onnxruntime
parity-fp16 60 check_parity_fp16 onnxruntime
resume 90 check_resume device
candle 60 check_candle device
memcheck 100 check_memcheck device
racecheck 100 check_racecheck device
synccheck 100 check_synccheck device
train-throughput 150 check_train_throughput device
recipe-throughput 60 check_recipe_throughput device
infer-throughput 120 check_infer_throughput onnxruntime
compiled-train-throughput 150 check_compiled_train_throughput device
compiled-infer-throughput 120 check_compiled_infer_throughput onnxruntime
onnxruntime-throughput 120 check_onnxruntime_throughput onnxruntime
onnxruntime-options 240 check_onnxruntime_options onnxruntime
loader 60 check_loader nothing"
# In seconds. By default the whole check ends within nine minutes, because killing the last step may take some seconds more.
DEFAULT_TIME=525
# The tests of this script shorten it.
MOST_OF_A_STEP=${GPU_CHECK_STEP:-$DEFAULT_TIME}

usage() {
  cat <<EOT
gpu-check.sh [--device N] [--python PYTHON] [--ort-lib FILE] [--cuda-libs DIR] [--only STEP...] [--time SECONDS] [--out DIR]

  --device N       index of the GPU in nvidia-smi's order, or in CUDA_VISIBLE_DEVICES if that is set [default: 0]
  --python PYTHON  Python with PyTorch, ONNX Runtime or NVIDIA's libraries [default: python3]
  --ort-lib FILE   ONNX Runtime's library, or its folder, with its CUDA provider [default: the bundle's, else the Python's]
  --cuda-libs DIR  folder of NVIDIA's libraries, or a Python environment that has them
  --only STEP...   run only these steps, after bundle and device (and onnxruntime for those that need it):
                   $(awk '{ printf "%s%s", separator, $1; separator = " " }' <<<"$STEPS" | fold -s -w 70 | sed '2,$s/^/                   /')
  --time SECONDS   begin no step, and end the last one, after so long [default: $DEFAULT_TIME]
  --out DIR        folder for results.jsonl, summary.md and logs.tar.gz [default: gpu-check-results]

Exit code: 0 if no step failed, 1 if a step failed, 2 for a mistake in the command line.
EOT
}

wrong() {
  echo "error: $1" >&2
  echo "hint: \`gpu-check.sh --help\` lists the options" >&2
  exit 2
}

# need STEP: what the step needs; fails if there is no such step.
need() {
  awk -v step="$1" '$1 == step { print $4; found = 1 } END { exit !found }' <<<"$STEPS"
}

device=0 python=python3 ort_lib='' cuda_libs='' only='' TOTAL=$DEFAULT_TIME out=gpu-check-results
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --only)
      shift
      [ $# -gt 0 ] && [[ $1 != -* ]] || wrong "\`--only\` needs a step"
      while [ $# -gt 0 ] && [[ $1 != -* ]]; do
        needed=$(need "$1") || wrong "\`--only $1\` is not a step"
        [ "$needed" != onnxruntime ] || only="$only onnxruntime "
        only="$only $1 "
        shift
      done ;;
    --device | --python | --ort-lib | --cuda-libs | --time | --out)
      [ $# -ge 2 ] && [ -n "$2" ] || wrong "\`$1\` needs a value"
      case $1 in
        --device) device=$2 ;;
        --python) python=$2; command -v "$2" >/dev/null || wrong "\`--python $2\` is not a program" ;;
        --ort-lib) ort_lib=$2; [ -e "$2" ] || wrong "\`--ort-lib $2\` is not there" ;;
        --cuda-libs) cuda_libs=$2; [ -d "$2" ] || wrong "\`--cuda-libs $2\` is not a folder" ;;
        --time) TOTAL=$2; [[ $2 =~ ^[0-9]{1,6}$ ]] || wrong "\`--time $2\` is not a number of seconds" ;;
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
# The programs look for models/ in the current folder.
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
