#!/usr/bin/env bash
# Stands in for nvcc to type-check the Rust code for CUDA: answers what build scripts ask, and where they expect a compiled
# source, writes a file with the source's name. Programs built with it run on `scripts/cuda_calls/driver.c` alone.
set -euo pipefail

folder=.
output=
sources=()
while [ $# -gt 0 ]; do
  case $1 in
    --version) printf 'nvcc: a stand-in\n\n\nCuda compilation tools, release 13.0, V13.0.88\n'; exit ;;
    --list-gpu-code) printf 'sm_80\nsm_90\n'; exit ;;
    --output-directory) folder=$2; shift ;;
    -o) output=$2; shift ;;
    *.cu) sources+=("$1") ;;
  esac
  shift
done
if [ -n "$output" ]; then
  : >"$output"
  for source in "${sources[@]}"; do
    echo "// $(basename "$source" .cu)" >"$output"
  done
else
  for source in "${sources[@]}"; do
    echo "// $(basename "$source" .cu)" >"$folder/$(basename "$source" .cu).ptx"
  done
fi
