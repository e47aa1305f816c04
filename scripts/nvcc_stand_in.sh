#!/usr/bin/env bash
# Stands in for nvcc to type-check the Rust code for CUDA: answers what build scripts ask, and writes empty files where
# they expect compiled ones. Programs built with it do not run.
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
else
  for source in "${sources[@]}"; do
    : >"$folder/$(basename "$source" .cu).ptx"
  done
fi
