#!/usr/bin/env bash
# Builds the programs for CUDA in target/cuda/release, and says what they run on. Takes the toolkit in CUDA_HOME; where
# that is not set, the one that `make cuda-toolkit` makes. Arguments go to cargo.
set -euo pipefail
cd "$(dirname "$0")/.."

capability=${CUDA_COMPUTE_CAP:-80}
if ! [[ $capability =~ ^[0-9]+$ ]] || [ "$capability" -lt 80 ]; then
  echo "error: CUDA_COMPUTE_CAP is \`$capability\`; the kernels need 80 (Ampere) or more" >&2
  echo "hint: without CUDA_COMPUTE_CAP the build runs on every card from 8.0 on" >&2
  exit 2
fi
if [ -z "${CUDA_HOME:-}" ]; then
  "${PYTHON:-python3}" scripts/get_cuda_toolkit.py
  # shellcheck source=/dev/null
  . cuda-toolkit/env.sh
fi
export CUDA_COMPUTE_CAP=$capability

target=${CUDA_TARGET_DIR:-target/cuda}
"${CARGO:-cargo}" build --release --locked --workspace --bins --features cuda --target-dir "$target" "$@"

version=$("$CUDA_HOME/bin/nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
case $version in
  12.*) driver="525 or newer (for CUDA $version: nvidia-smi names the CUDA version of a driver)" ;;
  13.*) driver="580 or newer" ;;
  *) driver="one for CUDA $version or newer" ;;
esac
case $capability in
  80) cards="every card of compute capability 8.0 or more (Ampere, Ada, Hopper, Blackwell)" ;;
  90) cards="Hopper alone (compute capability 9.0), since CUDA_COMPUTE_CAP=90 was asked for" ;;
  *) cards="cards of compute capability ${capability%?}.${capability: -1} or more, since CUDA_COMPUTE_CAP=$capability was asked for" ;;
esac
cat >&2 <<EOT
Built with CUDA $version:
  $target/release/mbn-train, mbn-export, mbn-infer
  cards: $cards
  driver: $driver
  libraries wanted at start: libcuda.so.1 (the driver's), libcublas.so.${version%%.*}, libcurand.so.10, libcudart.so.${version%%.*}
EOT
