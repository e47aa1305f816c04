# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Runs the tests of the kernels under NVIDIA's compute-sanitizer.

# cuBLAS's kernels are NVIDIA's to check; they are many, and some race on purpose.
FOREIGN='regex=(gemm|gemv|cutlass|cublas|nvjet|splitK)'

# Prints the path of compute-sanitizer: the machine's, else the bundle's, else a Python's whose package has the launcher without which
# it starts nothing (older ones lack it).
find_sanitizer() {
  local folder
  command -v compute-sanitizer && return
  for folder in "${CUDA_HOME:-/usr/local/cuda}/bin" /usr/local/cuda/bin "$here/sanitizer"; do
    [ -x "$folder/compute-sanitizer" ] && printf '%s\n' "$folder/compute-sanitizer" && return
  done
  while IFS= read -r folder; do
    folder=$folder/nvidia/cu13/compute-sanitizer
    [ -x "$folder/compute-sanitizer" ] && [ -x "$folder/TreeLauncherSubreaper" ] && printf '%s\n' "$folder/compute-sanitizer" && return
  done <<<"$site_packages"
  return 1
}

# sanitize TOOL SUMMARY: the tests must pass, and the tool's last word must be that it found nothing.
sanitize() {
  local sanitizer status passed
  sanitizer=$(find_sanitizer) || {
    report "$step" skipped "there is no \`compute-sanitizer\`, in this machine's CUDA or in the bundle"
    return
  }
  run "${ours[@]}" "$sanitizer" --tool "$1" --kernel-name-exclude "$FOREIGN" --error-exitcode 86 \
    tests/kernels --test-threads=1
  status=$?
  if output_has 'Device not supported|Unable to launch|not supported on (this|the current)'; then
    report "$step" skipped "compute-sanitizer does not work here: $(last_output | grep -iE 'not supported|Unable to launch' | head -n 1 | cut -c 1-200)"
    return
  fi
  if [ "$status" = 86 ]; then
    report "$step" fail "$(last_output | grep -E 'SUMMARY' | tail -n 1), first: $(last_output | grep -E '^=+ (Error|Warning|Invalid|Program|Barrier|Race)' | head -n 1 | cut -c 1-200), see $step.log"
    return
  fi
  passed=$(last_output | sed -nE 's/.*test result: ok\. ([0-9]+) passed.*/\1/p' | tail -n 1)
  if [ "$status" != 0 ]; then
    failed "$status"
  elif [ "${passed:-0}" = 0 ] || ! output_has "$2"; then
    report "$step" fail "the tool did not report that it checked the tests, see $step.log"
  else
    report "$step" pass "$passed tests, $(last_output | grep -E "$2" | tail -n 1 | sed -E 's/^=+ *//')"
  fi
}

check_memcheck() {
  sanitize memcheck 'ERROR SUMMARY: 0 errors'
}

check_racecheck() {
  sanitize racecheck 'RACECHECK SUMMARY: 0 hazards'
}

check_synccheck() {
  sanitize synccheck 'ERROR SUMMARY: 0 errors'
}
