# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Compares results on the device with the CPU's and the reference's, and trains.

# Training must beat chance on the bundle's images by this many standard deviations.
ABOVE_CHANCE=2
# Training options: small enough for seconds, large enough to learn something in three epochs.
TRAINING=(--data images --alpha 0.25 --size 128 --batch-size 8 --lr 0.05 --recipe plain --epochs 3 --no-publish)
# Largest relative difference between the losses of a whole run and of a resumed one, because sums on a device may be
# added in another order after a stop.
RESUMED=0.01
# Share of the images with the same first class on both devices, and the largest difference of a probability. Logits
# agree to 1e-3, and a probability changes by at most a quarter of that.
SAME_CLASS=0.99
PROBABILITY=0.001

# run_tests EXECUTABLE: runs its tests, and reports tests that skip themselves as skipped.
run_tests() {
  local status passed skipped reason reference=()
  [ ! -d reference ] || reference=("MBN_REFERENCE=$here/reference")
  run "${ours[@]}" "${reference[@]}" "$1" --test-threads=1 --nocapture
  status=$?
  if [ "$status" != 0 ]; then
    failed "$status"
    return
  fi
  passed=$(sed -nE 's/^test result: ok\. ([0-9]+) passed.*/\1/p' "$log" | tail -n 1)
  # `skipped: TEST: REASON` is on stderr and may come before or after the test harness's own line.
  skipped=$(sed -nE 's/.*skipped: ([^ ]+): .*/\1/p' "$log" | sort -u | wc -l)
  reason=$(sed -n 's/.*skipped: //p' "$log" | head -n 1)
  if [ -z "$passed" ] || [ "$passed" = 0 ]; then
    report "$step" fail "no test ran"
  elif [ "$skipped" = 0 ]; then
    report "$step" pass "$passed tests"
  elif [ "$skipped" -ge "$passed" ]; then
    report "$step" skipped "$reason"
  else
    report "$step" pass "$((passed - skipped)) tests"
    report "$step, $skipped more" skipped "$reason"
  fi
}

check_kernels() {
  run_tests tests/kernels
}

check_training_step() {
  run_tests tests/training-step
}

# train NAME OPTION...: trains three epochs; the loss must fall, and the accuracy on held-out pictures must beat chance.
train() {
  local run_folder=$scratch/$1 classes images
  run_epochs "$@" || {
    failed $?
    return
  }
  classes=$(find images/val -mindepth 1 -maxdepth 1 -type d | wc -l)
  images=$(find images/val -type f | wc -l)
  if awk -F, -v classes="$classes" -v images="$images" -v above="$ABOVE_CHANCE" '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    { loss = $column["train_loss"]; speed = $column["images_per_s"] }
    NR == 2 { first = loss }
    $column["test_accuracy"] > best { best = $column["test_accuracy"] }
    END {
      chance = 1 / classes
      wanted = 100 * (chance + above * sqrt(chance * (1 - chance) / images))
      printf "loss %.3f to %.3f, best accuracy %.1f %% (expected more than %.1f %%), %.0f images/s", first, loss, best, wanted, speed
      exit !(NR == 4 && loss < first && best > wanted)
    }' "$run_folder/history.csv" >"$scratch/summary"; then
    report "$step" pass "$(cat "$scratch/summary")"
  else
    report "$step" fail "$(cat "$scratch/summary")"
  fi
}

# run_epochs NAME OPTION...: trains three epochs.
run_epochs() {
  run "${ours[@]}" bin/mbn-train "${TRAINING[@]}" --device cuda --out "$scratch/$1" "${@:2}"
}

check_training_f32() {
  train f32
}

check_training_bf16() {
  train bf16 --precision bf16
}

# Repeats the run of `training-f32` (or its own, without one), stops it after its first epoch, and resumes it: the losses must
# be the same.
check_resume() {
  local whole=$scratch/f32/history.csv stopped=$scratch/stopped child status
  if [ ! -f "$whole" ]; then
    run_epochs f32 || {
      failed $?
      return
    }
  fi
  # `timeout` passes SIGTERM on; the program then saves and exits with 130.
  timeout --kill-after=20 $((step_end - SECONDS)) "${ours[@]}" bin/mbn-train "${TRAINING[@]}" --device cuda \
    --out "$stopped" </dev/null >>"$log" 2>&1 &
  child=$!
  while kill -0 "$child" 2>/dev/null && ! grep -qs '^1,' "$stopped/history.csv"; do
    sleep 0.02
  done
  kill -TERM "$child" 2>/dev/null
  wait "$child"
  status=$?
  case $status in
    130) ;;
    0) report "$step" skipped "the run ended before it could be stopped"; return ;;
    *) failed "$status"; return ;;
  esac
  run "${ours[@]}" bin/mbn-train --resume "$stopped" --no-publish --device cuda || {
    failed $?
    return
  }
  if paste -d, "$whole" "$stopped/history.csv" | awk -F, -v allowed="$RESUMED" '
    NR == 1 { width = NF / 2; for (i = 1; i <= width; i++) column[$i] = i; next }
    {
      whole = $column["train_loss"]
      part = ($(column["train_loss"] + width) - whole) / whole
      if (part < 0) part = -part
      if (part > largest) largest = part
    }
    END {
      printf "stopped in the second epoch; losses differ by %.2g of their size", largest
      exit !(NR == 4 && largest <= allowed)
    }' >"$scratch/summary"; then
    report "$step" pass "$(cat "$scratch/summary")"
  else
    report "$step" fail "$(cat "$scratch/summary"), expected at most $RESUMED"
  fi
}

# parity PRECISION: exports every model and compares ONNX Runtime on the device with candle.
parity() {
  local weights model found details=
  for weights in models/*.safetensors; do
    model=$scratch/$(basename "$weights" .safetensors)-$1.onnx
    run "${ours[@]}" bin/mbn-export --weights "$weights" --precision "$1" "$model" || {
      failed $?
      return
    }
    run "${ours[@]}" bin/mbn-infer --model "$model" --engine ort --device cuda --parity all --weights "$weights" \
      --format json --output "$scratch/predictions.jsonl" images/val || {
      failed $?
      return
    }
    found=$(last_output | sed -n 's/.*parity passed: //p' | tail -n 1)
    if [ -z "$found" ]; then
      report "$step" fail "parity of $(basename "$weights") was not checked, see $step.log"
      return
    fi
    details="$details; $(basename "$weights"): $found"
  done
  report "$step" pass "${details#; }"
}

check_parity_f32() {
  parity fp32
}

check_parity_fp16() {
  parity fp16
}

# Compares candle's own inference on the device with the CPU's.
check_candle() {
  local weights=models/mobilenet_v1_0.25.safetensors where
  for where in cuda cpu; do
    run "${ours[@]}" bin/mbn-infer --model "$weights" --engine candle --device "$where" --top-k 1 --format csv \
      --output "$scratch/$where.csv" images/val || {
      failed $?
      return
    }
  done
  # The pictures' names contain no comma.
  if paste -d, "$scratch/cuda.csv" "$scratch/cpu.csv" | awk -F, -v same_class="$SAME_CLASS" -v allowed="$PROBABILITY" '
    NR == 1 { width = NF / 2; for (i = 1; i <= width; i++) column[$i] = i; next }
    NF != 2 * width { damaged = 1 }
    {
      images++
      if ($column["index"] != $(column["index"] + width)) next
      same++
      difference = $column["probability"] - $(column["probability"] + width)
      if (difference < 0) difference = -difference
      if (difference > largest) largest = difference
    }
    END {
      printf "%d of %d images have the same class, probabilities differ by at most %.2g", same, images, largest
      exit !(images > 0 && !damaged && same >= same_class * images && largest <= allowed)
    }' >"$scratch/summary"; then
    report "$step" pass "$(cat "$scratch/summary")"
  else
    report "$step" fail "$(cat "$scratch/summary")"
  fi
}
