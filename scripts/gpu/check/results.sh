# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Runs steps within their time limits and reports them: one line each, results.jsonl, and a table at the end. The folder of
# results gets three files, so that it is easy to carry away: results.jsonl, summary.md, and the logs in one archive.

# Rows of the table, as `STEP|RESULT|SECONDS|DETAIL`.
rows=()
# Why steps that need a device, or ONNX Runtime, cannot run; empty if they can.
no_device=
no_onnxruntime=
# A longer log loses its middle: bytes kept at its start and at its end.
LOG_ENDS=500000

# Creates the folders for logs and scratch files, and caches that nothing else has filled.
start_results() {
  # Most programs use colour only on terminals; some decide by other means.
  export NO_COLOR=1
  : >"$out/results.jsonl" || exit 2
  rm -f "$out/summary.md" "$out/logs.tar.gz"
  rm -rf "$state/scratch" "$state/logs"
  mkdir -p "$state/scratch" "$state/logs" "$state/cuda-cache" || exit 2
  scratch=$state/scratch
  # What the driver compiles from PTX, and what torch.compile compiles: once for all calls of this script.
  export CUDA_CACHE_PATH=$state/cuda-cache CUDA_CACHE_MAXSIZE=$((1 << 30))
  export TORCHINDUCTOR_CACHE_DIR=$state/inductor-cache TRITON_CACHE_DIR=$state/triton-cache
  SECONDS=0
}

# run_step NAME LIMIT FUNCTION NEEDS: calls the function, which reports its results; skips it if something is missing.
run_step() {
  step=$1
  step_start=$SECONDS
  log=$state/logs/$step.log
  : >"$log"
  log_mark=0
  local left=$((TOTAL - SECONDS)) reported=${#rows[@]} reason=
  case $4 in
    device) reason=$no_device ;;
    onnxruntime) reason=${no_device:-$no_onnxruntime} ;;
  esac
  if [ -n "$reason" ]; then
    report "$step" skipped "$reason"
  elif [ "$left" -lt 5 ]; then
    report "$step" skipped "no time left of $TOTAL seconds"
  else
    own_limit=$(($2 < MOST_OF_A_STEP ? $2 : MOST_OF_A_STEP))
    step_limit=$((own_limit < left ? own_limit : left))
    step_end=$((SECONDS + step_limit))
    "$3"
    # A step that reports nothing has not passed.
    [ ${#rows[@]} -gt "$reported" ] || report "$step" fail "the step reported nothing, see $step.log"
  fi
  save_results
}

# Writes the table and packs the logs after every step, so that they are there even if this script is killed.
save_results() {
  summary >"$out/summary.md"
  if [ "$(wc -c <"$log")" -gt $((2 * LOG_ENDS)) ]; then
    { head -c "$LOG_ENDS" "$log"; printf '\n[the middle of this log was cut]\n'; tail -c "$LOG_ENDS" "$log"; } >"$log.cut"
    mv "$log.cut" "$log"
  fi
  tar -czf "$state/logs.tar.gz" -C "$state" logs && mv "$state/logs.tar.gz" "$out/logs.tar.gz"
}

# run COMMAND...: runs a command with its output in the step's log; kills it when the step's time is up (124).
run() {
  capture /dev/null "$@"
}

# capture FILE COMMAND...: like `run`, and also writes standard output to the file.
capture() {
  local file=$1 left=$((step_end - SECONDS))
  shift
  printf '$ %s\n' "$*" >>"$log"
  log_mark=$(wc -c <"$log")
  [ "$left" -gt 0 ] || return 124
  timeout --kill-after=3 "$left" "$@" </dev/null 2>>"$log" | tee "$file" >>"$log"
  local status=${PIPESTATUS[0]}
  [ "$status" != 137 ] || status=124
  return "$status"
}

# report STEP pass|fail|skipped DETAIL [KEY JSON]...: reports one result with its figures.
report() {
  local name=$1 result=$2 detail=$3 seconds=$((SECONDS - step_start)) figures=
  shift 3
  while [ $# -ge 2 ]; do
    figures="$figures, \"$1\": $2"
    shift 2
  done
  rows+=("$name|$result|$seconds|${detail//|/,}")
  printf '%-8s %s: %s\n' "$result" "$name" "$detail" >&2
  printf '{"step": %s, "result": "%s", "seconds": %s, "detail": %s%s}\n' \
    "$(quoted "$name")" "$result" "$seconds" "$(quoted "$detail")" "$figures" >>"$out/results.jsonl"
}

# Prints a text as a JSON string.
quoted() {
  printf '"%s"' "$(printf %s "$1" | tr '\n\t' '  ' | tr -d '\000-\037' | sed 's/[\\"]/\\&/g')"
}

# failed STATUS: reports the step's last command, which exited with this status.
failed() {
  explain "$1"
  report "$step" "$result" "$detail"
}

# explain STATUS: sets `result` and `detail` for the step's last command, which exited with this status.
explain() {
  result=fail
  if [ "$1" = 124 ] && [ "$step_limit" -lt "$own_limit" ]; then
    result=skipped
    detail="cut off after $step_limit seconds: the total of $TOTAL seconds is used up"
  elif [ "$1" = 124 ]; then
    detail="not done after $step_limit seconds: $(last_output | tail -n 1 | cut -c 1-200), see $step.log"
  elif output_has 'out of memory|OUT_OF_MEMORY'; then
    result=skipped
    detail="the device does not have enough free memory, see $step.log"
  else
    detail="exit code $1: $(why), see $step.log"
  fi
}

# Prints the output of the step's last command.
last_output() {
  tail -c +"$((log_mark + 1))" "$log"
}

# output_has PATTERN: whether that output has a line like this, in any case. Reads all of it: with `grep -q`, `tail` would fail
# on a long output, and with it the pipe.
output_has() {
  last_output | grep -aiE -- "$1" >/dev/null
}

# Prints the most informative line of that output.
why() {
  local line
  line=$(last_output | grep -aiE '^(error|thread .* panicked|.*FAILED|parity failed)|: error' | head -n 1)
  [ -n "$line" ] || line=$(last_output | grep -av '^ *$' | tail -n 1)
  printf %s "${line:0:300}"
}

# number KEY FILE: prints the last number with this key in JSON; fails unless it is above 0.
number() {
  local found
  found=$(sed -nE 's/.*"'"$1"'": *([0-9.eE+-]+).*/\1/p' "$2" | tail -n 1)
  awk -v found="$found" 'BEGIN { exit !(found ~ /^[0-9]/ && found + 0 > 0) }' || return 1
  printf %s "$found"
}

# skipped_reason FILE: prints the reason in {"skipped": REASON}; nothing if there is no such object.
skipped_reason() {
  sed -nE 's/.*"skipped": *"(.*)"\}.*/\1/p' "$1" | tail -n 1 | sed 's/\\"/"/g'
}

# Prints the table and exits with the result.
finish_results() {
  cat "$out/summary.md"
  local row
  for row in "${rows[@]}"; do
    [[ $row != *"|fail|"* ]] || exit 1
  done
  exit 0
}

summary() {
  local row name result seconds detail
  declare -A count=([pass]=0 [fail]=0 [skipped]=0)
  echo
  echo "| step | result | seconds | detail |"
  echo "| --- | --- | ---: | --- |"
  for row in "${rows[@]}"; do
    IFS='|' read -r name result seconds detail <<<"$row"
    count[$result]=$((count[$result] + 1))
    echo "| $name | $result | $seconds | $detail |"
  done
  echo
  for detail in "$scratch"/*.md; do
    [ ! -f "$detail" ] || { cat "$detail"; echo; }
  done
  echo "${count[pass]} passed, ${count[fail]} failed, ${count[skipped]} skipped in $SECONDS seconds; results in $out, logs also in $state/logs"
}
