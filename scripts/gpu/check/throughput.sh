# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Measures images per second. Each round runs ours and then the peer, so that other load affects both alike.

ROUNDS=5
# Megabytes that a training step of alpha 1 in bfloat16 moves for each 224 x 224 image: docs/cuda-kernels.md, "Bytes of a step".
MEGABYTES=110.4
TRAIN_BATCH=256
INFER_BATCH=64

# Each function below measures one side of a case and writes the command's JSON to the file.
train_ours() { # FILE PRECISION [BATCH]
  capture "$1" "${ours[@]}" benches/step --device cuda --alpha 1.0 --batch "${3:-$TRAIN_BATCH}" --steps 10 --train-only \
    --precision "$2"
}

train_peer() { # FILE PRECISION [OPTION]...
  local flags=()
  case $2 in
    tf32) flags=(--tf32) ;;
    bf16) flags=(--amp) ;;
  esac
  capture "$1" "$python" python/pytorch.py train --device cuda:0 --alpha 1.0 --batch "$TRAIN_BATCH" --steps 10 "${flags[@]}" "${@:3}"
}

compiled_train_peer() { # FILE PRECISION
  train_peer "$@" --compile
}

infer_ours() { # FILE CASE
  local flags=()
  case $2 in
    fp16) flags=(--precision fp16) ;;
    tf32) flags=(--tf32 true) ;;
    cuda-graph) flags=(--cuda-graph true) ;;
  esac
  capture "$1" "${ours[@]}" benches/engines --engine ort --device cuda --alpha 1.0 --batch "$INFER_BATCH" --steps 100 "${flags[@]}"
}

# PyTorch's autocast computes in bfloat16 where our model computes in float16; tensor cores take both at one speed.
infer_peer() { # FILE CASE [OPTION]...
  local flags=()
  case $2 in
    fp16) flags=(--amp) ;;
    tf32) flags=(--tf32) ;;
  esac
  capture "$1" "$python" python/pytorch.py infer --device cuda:0 --alpha 1.0 --batch "$INFER_BATCH" --steps 50 --copies \
    "${flags[@]}" "${@:3}"
}

compiled_infer_peer() { # FILE CASE
  infer_peer "$@" --compile
}

onnxruntime_peer() { # FILE CASE
  local precision=fp32 flags=() model
  case $2 in
    # Without TF32 ONNX Runtime takes the tensor cores from float16 too; `mbn-infer` sets it by itself.
    fp16) precision=fp16 flags=(--tf32) ;;
    tf32 | cuda-graph) flags=("--$2") ;;
  esac
  model=$scratch/throughput-$precision.onnx
  [ -f "$model" ] ||
    run "${ours[@]}" bin/mbn-export --random-weights 0 --alpha 1.0 --precision "$precision" "$model" || return
  capture "$1" "${onnxruntime_python[@]}" python/onnxruntime_python.py "$model" --batch "$INFER_BATCH" --steps 50 "${flags[@]}"
}

# compare OURS PEER KEY PEER_NAME CASE...: runs rounds over all cases while there is time, then reports each case.
compare() {
  local ours_function=$1 peer_function=$2 key=$3 peer_name=$4 round case start
  shift 4
  # By case: the result that ended our measurements, why the peer is not, or no longer, measured, and how long a pair took
  # the last time. The first takes longest, where kernels are compiled.
  declare -A ours_result=() ours_detail=() peer_reason=() took=()
  for ((round = 1; round <= ROUNDS; round++)); do
    for case in "$@"; do
      [ -z "${ours_result[$case]:-}" ] || continue
      start=$SECONDS
      # Does not start a pair that would be cut off.
      [ $((step_end - SECONDS)) -gt $((${took[$case]:-0} + 2)) ] || continue
      if ! measure ours "$ours_function" "$case" "$key"; then
        ours_result[$case]=$result ours_detail[$case]=$detail
        continue
      fi
      if [ -n "$no_python" ]; then
        peer_reason[$case]=$no_python
      elif [ -z "${peer_reason[$case]:-}" ]; then
        measure peer "$peer_function" "$case" images_per_s || peer_reason[$case]=$detail
      fi
      took[$case]=$((SECONDS - start))
    done
  done
  for case in "$@"; do
    if [ -n "${ours_result[$case]:-}" ]; then
      report "$step $case" "${ours_result[$case]}" "${ours_detail[$case]}"
    else
      compared "$case" "$peer_name" "${peer_reason[$case]:-}"
    fi
  done
}

# measure SIDE FUNCTION CASE KEY: adds one figure to its samples; without one, sets `result` and `detail` and returns 1.
measure() {
  local file=$scratch/$1.json found status
  "$2" "$file" "$3"
  status=$?
  if [ "$status" != 0 ]; then
    explain "$status"
    return 1
  fi
  detail=$(skipped_reason "$file")
  if [ -n "$detail" ]; then
    result=skipped
    return 1
  fi
  if ! found=$(number "$4" "$file"); then
    result=fail
    detail="no \`$4\` in the output: $(why)"
    return 1
  fi
  echo "$found" >>"$scratch/$step-$3.$1"
}

# compared CASE PEER PEER_REASON: reports the samples of one case.
compared() {
  local name="$step $1" ours_rates=$scratch/$step-$1.ours peer_rates=$scratch/$step-$1.peer
  local rate peer ratio detail figures=()
  if [ ! -s "$ours_rates" ]; then
    report "$name" skipped "no time was left"
    return
  fi
  rate=$(median <"$ours_rates")
  detail="$(printf %.0f "$rate") images/s"
  figures=(images_per_s "$rate" rounds "$(wc -l <"$ours_rates")")
  if [ -s "$peer_rates" ]; then
    peer=$(median <"$peer_rates")
    # The ratio is computed in each round.
    ratio=$(paste "$ours_rates" "$peer_rates" | awk 'NF == 2 { print $1 / $2 }' | median)
    detail="$detail, $2 $(printf %.0f "$peer"), ratio $(printf %.2f "$ratio")"
    figures+=(peer_images_per_s "$peer" ratio "$ratio")
  fi
  detail="$detail, median of $(wc -l <"$ours_rates")"
  if [ "$name" = "train-throughput bf16" ]; then
    local limit
    limit=$(awk -v bandwidth="$bandwidth" -v megabytes="$MEGABYTES" 'BEGIN { print bandwidth * 1000 / megabytes }')
    detail="$detail; memory allows $(printf %.0f "$limit") ($MEGABYTES MB an image at $(printf %.0f "$bandwidth") GB/s)"
    figures+=(memory_bound_images_per_s "$limit")
  fi
  report "$name" pass "$detail" "${figures[@]}"
  [ -s "$peer_rates" ] || report "$name against $2" skipped "${3:-no time was left}"
}

median() {
  sort -g | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

check_train_throughput() {
  compare train_ours train_peer train_images_per_s PyTorch bf16 f32 tf32
}

# recipe_step FILE PRECISION BATCH: the whole step of the default recipe; 2 if this build's benchmark does not know it.
recipe_step() {
  capture "$1" "${ours[@]}" benches/step --device cuda --alpha 1.0 --batch "$3" --steps 20 --recipe-only --precision "$2"
  local status=$?
  [ "$status" = 0 ] || ! output_has 'unknown option .--recipe-only' || status=2
  return "$status"
}

check_recipe_throughput() {
  local precision batch status rate work file=$scratch/recipe.json
  while read -r precision batch; do
    recipe_step "$file" "$precision" "$batch"
    status=$?
    if [ "$status" = 2 ]; then
      report "$step" skipped "this build's benchmark does not measure the whole recipe"
      return
    elif [ "$status" != 0 ]; then
      explain "$status"
      report "$step $precision, batch $batch" "$result" "$detail"
    elif ! rate=$(number recipe_images_per_s "$file"); then
      report "$step $precision, batch $batch" fail "no \`recipe_images_per_s\` in the output: $(why)"
    else
      work=$(sed -nE 's/.*"work_per_step": *(\{[^}]*\}).*/\1/p' "$file" | tr -d '{}"')
      report "$step $precision, batch $batch" pass "$(printf %.0f "$rate") images/s with moving average, meter and upload${work:+; in a step: $work}" \
        images_per_s "$rate" batch "$batch"
    fi
  done <<<"bf16 64
f32 64
bf16 256"
}

check_infer_throughput() {
  compare infer_ours infer_peer images_per_s PyTorch fp16 fp32 tf32
}

check_compiled_train_throughput() {
  compare train_ours compiled_train_peer train_images_per_s "torch.compile" bf16
}

check_compiled_infer_throughput() {
  compare infer_ours compiled_infer_peer images_per_s "torch.compile" fp16
}

check_onnxruntime_throughput() {
  compare infer_ours onnxruntime_peer images_per_s "ONNX Runtime in Python" fp16 fp32 tf32 cuda-graph
}
