# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Times ONNX Runtime's CUDA provider with each combination of its options for convolutions, checks the parity of each, and
# says which defaults the figures suggest.

OPTION_ROUNDS=3
# A combination must be faster than the default by this factor to be worth another default.
WORTH=1.03
# In the order of the table. The case `fp16-no-tensor-cores` shows what `CudaOptions::suited_to` avoids.
COMBINATIONS="default prefer-nhwc fuse-conv-bias prefer-nhwc+fuse-conv-bias"

# combination_flags COMBINATION [VALUE]: prints its options as `mbn-infer` takes them, or with a value as the benchmark does.
combination_flags() {
  local name
  [ "$1" != default ] || return 0
  for name in ${1//+/ }; do
    printf '%s\n' "--$name" ${2:+"$2"}
  done
}

# combination_parity PRECISION COMBINATION: sets `parity_of` and `parity_detail` by case.
combination_parity() {
  local weights=models/mobilenet_v1_0.25.safetensors model=$scratch/options-$1.onnx flags status case="$1 $2"
  mapfile -t flags < <(combination_flags "$2")
  if [ ! -f "$model" ]; then
    run "${ours[@]}" bin/mbn-export --weights "$weights" --precision "$1" "$model" || { status=$?; }
  fi
  if [ -z "${status:-}" ]; then
    run "${ours[@]}" bin/mbn-infer --model "$model" --engine ort --device cuda --parity all --weights "$weights" \
      --format json --output "$scratch/predictions.jsonl" "${flags[@]}" images/val
    status=$?
  fi
  parity_detail[$case]=$(last_output | sed -nE 's/.*parity passed: /parity passed: /p' | tail -n 1)
  parity_of[$case]=pass
  if [ "$status" != 0 ]; then
    explain "$status"
    parity_of[$case]=$result parity_detail[$case]=$detail
  elif [ -z "${parity_detail[$case]}" ]; then
    parity_of[$case]=fail parity_detail[$case]="parity was not checked, see $step.log"
  fi
}

# time_combination FILE PRECISION COMBINATION
time_combination() {
  local flags
  mapfile -t flags < <(combination_flags "$3" true)
  case $2 in
    fp16-no-tensor-cores) flags+=(--precision fp16 --tf32 false) ;;
    *) flags+=(--precision "$2") ;;
  esac
  capture "$1" "${ours[@]}" benches/engines --engine ort --device cuda --alpha 1.0 --batch "$INFER_BATCH" --steps 100 "${flags[@]}"
}

check_onnxruntime_options() {
  local precision combination case rate result detail status round file=$scratch/engine.json cases=()
  # By case, `PRECISION COMBINATION`.
  declare -A parity_of=() parity_detail=() broken=()
  for precision in fp32 fp16; do
    for combination in $COMBINATIONS; do
      cases+=("$precision $combination")
      combination_parity "$precision" "$combination"
    done
  done
  cases+=("fp16-no-tensor-cores default")
  for ((round = 1; round <= OPTION_ROUNDS; round++)); do
    for case in "${cases[@]}"; do
      [ -z "${broken[$case]:-}" ] && [ "${parity_of[$case]:-pass}" != skipped ] && [ $((step_end - SECONDS)) -gt 5 ] || continue
      # shellcheck disable=SC2086  # two words
      time_combination "$file" $case
      status=$?
      if [ "$status" != 0 ]; then
        explain "$status"
        broken[$case]=$detail
      elif ! rate=$(number images_per_s "$file"); then
        broken[$case]="no \`images_per_s\` in the output: $(skipped_reason "$file")$(why)"
      else
        echo "$rate" >>"$scratch/$step-${case// /-}.ours"
      fi
    done
  done
  for case in "${cases[@]}"; do
    report_combination "$case"
  done
  combinations_table >"$scratch/$step.md"
  for precision in fp32 fp16; do
    detail=$(suggested "$precision") && report "$step, suggested for $precision" pass "$detail"
  done
}

# combination_rate CASE: prints the median of its samples; nothing without any.
combination_rate() {
  local samples=$scratch/$step-${1// /-}.ours
  [ ! -s "$samples" ] || median <"$samples"
}

report_combination() {
  local rate figures=() result=${parity_of[$1]:-pass} detail=${parity_detail[$1]:-}
  rate=$(combination_rate "$1")
  if [ -n "${broken[$1]:-}" ]; then
    [ "$result" = skipped ] || result=fail
    detail=${broken[$1]}${detail:+; $detail}
  elif [ -n "$rate" ]; then
    detail="$(printf %.0f "$rate") images/s${detail:+; $detail}"
    figures=(images_per_s "$rate")
  elif [ "$result" = pass ]; then
    result=skipped detail="no time was left to measure it; $detail"
  fi
  report "$step ${1// /, }" "$result" "$detail" "${figures[@]}"
}

combinations_table() {
  local combination precision case row rate
  echo "ONNX Runtime's options, alpha 1.0, batch $INFER_BATCH, copies included, in images/s; parity on the bundle's pictures:"
  echo
  echo "| options | float32 | parity | float16 | parity |"
  echo "| --- | ---: | --- | ---: | --- |"
  for combination in $COMBINATIONS; do
    row="| $combination |"
    for precision in fp32 fp16; do
      case="$precision $combination"
      rate=$(combination_rate "$case")
      row="$row $(printf %.0f "${rate:-0}") | ${parity_of[$case]} |"
    done
    echo "$row"
  done
}

# suggested PRECISION: the fastest combination that passed parity; fails if the default was not measured.
suggested() {
  local default_rate combination rate best=default best_rate
  default_rate=$(combination_rate "$1 default")
  [ -n "$default_rate" ] || return 1
  best_rate=$default_rate
  for combination in $COMBINATIONS; do
    rate=$(combination_rate "$1 $combination")
    if [ "${parity_of[$1 $combination]}" = pass ] && awk "BEGIN { exit !(${rate:-0} > $best_rate) }"; then
      best=$combination best_rate=$rate
    fi
  done
  if awk "BEGIN { exit !($best_rate < $WORTH * $default_rate) }"; then
    echo "keep the default: nothing that passes parity is $WORTH times as fast"
  else
    awk "BEGIN { printf \"%s, %.2f times as fast as the default\", \"$best\", $best_rate / $default_rate }"
  fi
}
