#!/usr/bin/env bash
# Builds the programs for CUDA in target/cuda/release, and prints what they run on. Uses the toolkit in CUDA_HOME or, if
# CUDA_HOME is not set, the one that `make cuda-toolkit` makes. Passes its arguments to cargo.
set -euo pipefail
cd "$(dirname "$0")/.."

capability=${CUDA_COMPUTE_CAP:-80}
if ! [[ $capability =~ ^[0-9]+$ ]] || [ "$capability" -lt 80 ]; then
  echo "error: CUDA_COMPUTE_CAP is \`$capability\`; the kernels need 80 (Ampere) or newer" >&2
  echo "hint: leave CUDA_COMPUTE_CAP unset: the build then runs on every card from 8.0 on" >&2
  exit 2
fi
if [ -z "${CUDA_HOME:-}" ]; then
  "${PYTHON:-python3}" scripts/get_cuda_toolkit.py
  # shellcheck source=/dev/null
  . cuda-toolkit/env.sh
fi
# Some of what is built asks for the `nvcc` in PATH: it must be the same toolkit.
export CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
if ! version=$("$CUDA_HOME/bin/nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p') || [ -z "$version" ]; then
  echo "error: CUDA_HOME is \`$CUDA_HOME\`, where \`bin/nvcc\` does not say its version" >&2
  echo "hint: name the folder of a CUDA toolkit, or leave CUDA_HOME unset: \`make cuda-toolkit\` then gets one" >&2
  exit 2
fi
export CUDA_COMPUTE_CAP=$capability

target=${CUDA_TARGET_DIR:-target/cuda}
# mbn-export runs on the CPU alone; built with the others it shares their candle, and so wants the same libraries.
"${CARGO:-cargo}" build --release --locked --workspace --bins --features cuda --target-dir "$target" "$@"

case $capability in
  80) cards="every card of compute capability 8.0 or newer (Ampere, Ada, Hopper, Blackwell)" ;;
  90) cards="Hopper only (compute capability 9.0), because CUDA_COMPUTE_CAP is 90" ;;
  *) cards="cards of compute capability ${capability%?}.${capability: -1} or newer, because CUDA_COMPUTE_CAP is $capability" ;;
esac
cat >&2 <<EOT
Built with CUDA $version:
  $target/release/mbn-train, mbn-export, mbn-infer
  cards: $cards
  kernels: machine code for compute capability 8.0 to 9.0; the driver compiles them for newer cards at their first run
  driver: one that supports CUDA $version or newer (nvidia-smi shows it)
  libraries needed at start: libcuda.so.1 (from the driver), libcublas.so.${version%%.*}, libcurand.so.10, libcudart.so.${version%%.*}
EOT
