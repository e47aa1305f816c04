# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Measures how many images the loader decodes on how many threads, next to what a training step takes.

# Threads as on the CPU, and as on a common machine with one fast card.
WORKERS="2 16"
# For each of two figures.
LOADER_SECONDS=4
LOADER_BATCH=64

check_loader() {
  local workers file=$scratch/loader.json images=() what crops whole step_rate=''
  # The bundle's own pictures, if they are photos; else the program makes JPEG files of 500 x 375.
  [ -z "$(find images/train -name '*.jp*g' -print -quit 2>/dev/null)" ] || images=(--images images/train)
  if [ -z "$no_device" ]; then
    # The whole recipe's step, or the bare one.
    if recipe_step "$scratch/step.json" bf16 "$LOADER_BATCH"; then
      step_rate=$(number recipe_images_per_s "$scratch/step.json")
    elif train_ours "$scratch/step.json" bf16 "$LOADER_BATCH"; then
      step_rate=$(number train_images_per_s "$scratch/step.json")
    fi
  fi
  for workers in $WORKERS $(($(nproc) - 1)); do
    [ "$workers" -gt 0 ] && [ ! -e "$scratch/loader-$workers" ] || continue
    : >"$scratch/loader-$workers"
    capture "$file" "${ours[@]}" benches/loader --workers "$workers" --batch "$LOADER_BATCH" --seconds "$LOADER_SECONDS" "${images[@]}" || {
      failed $?
      return
    }
    if ! crops=$(number crops_images_per_s "$file") || ! whole=$(number images_per_s "$file"); then
      report "$step" fail "no \`images_per_s\` in the output: $(why)"
      return
    fi
    what=$(sed -nE 's/.*"first_picture": *"([^"]*)".*/\1/p' "$file")
    report "$step $workers workers" pass "$(printf %.0f "$crops") images/s for a device that resizes, $(printf %.0f "$whole") resized here; $(nproc) cores, pictures of $what${step_rate:+; a step in bf16 takes $(printf %.0f "$step_rate")}" \
      workers "$workers" crops_images_per_s "$crops" images_per_s "$whole"
  done
}
