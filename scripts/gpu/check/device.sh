# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Checks that the bundle is complete, that there is a device, and that ONNX Runtime can use it.

# Hides every device but the selected one, counted in nvidia-smi's order, or within CUDA_VISIBLE_DEVICES; programs see it as index 0.
select_device() {
  export CUDA_DEVICE_ORDER=PCI_BUS_ID
  local visible=${CUDA_VISIBLE_DEVICES:-}
  selected=$device
  # Set and empty, it hides all.
  [ -z "${CUDA_VISIBLE_DEVICES+set}" ] || selected=$(cut -d, -f "$((device + 1))" <<<"$visible,")
  export CUDA_VISIBLE_DEVICES=${selected:-none}
}

# Verifies every file, and joins files that were cut into parts.
check_bundle() {
  run sha256sum --check --quiet SHA256SUMS
  local status=$? part whole detail
  if [ "$status" != 0 ]; then
    detail=$(grep -E ': FAILED' "$log" | head -n 1)
    report bundle fail "files are missing or damaged (${detail:-$(why)}): unpack all archives into one folder"
    return
  fi
  while IFS= read -r part; do
    whole=${part%.part-00}
    if ! cat "$whole".part-?? >"$whole.new" || ! mv "$whole.new" "$whole"; then
      report bundle fail "\`$whole\` cannot be joined from its parts"
      return
    fi
  done < <(find . -name '*.part-00' -not -path './state/*')
  link_provider
  run bin/mbn-train --version
  detail=$(last_output | grep -oE 'GLIBC_[0-9.]+' | sort -V | tail -n 1)
  if [ -n "$detail" ]; then
    report bundle fail "the programs need ${detail/_/ } or newer, this machine has $(getconf GNU_LIBC_VERSION): pack the bundle on an older system"
    return
  fi
  report bundle pass "$(wc -l <SHA256SUMS) files of $(cat VERSION)"
}

# Puts the provider where the Python package looks for it. The archives hold it once.
link_provider() {
  local library place=$PACKAGES/onnxruntime/capi
  [ -d "$place" ] || return 0
  for library in onnxruntime/cuda/lib/libonnxruntime_providers_*.so; do
    ln -sf "$(realpath --relative-to "$place" "$library")" "$place/"
  done
}

# Asks nvidia-smi for the device; if that fails, sets `no_nvidia_smi` to the reason.
ask_nvidia_smi() {
  no_nvidia_smi=
  if ! command -v nvidia-smi >/dev/null; then
    no_nvidia_smi="\`nvidia-smi\` is missing: there is no NVIDIA driver"
    return
  fi
  if ! capture "$scratch/nvidia-smi" nvidia-smi "--id=$selected" --format=csv,noheader \
    --query-gpu=name,driver_version,memory.total,compute_cap || [ ! -s "$scratch/nvidia-smi" ]; then
    no_nvidia_smi="\`nvidia-smi\` shows no device $device: $(tail -n 1 "$log" | cut -c 1-200)"
    return
  fi
  IFS=, read -r gpu driver memory capability < <(sed 's/, /,/g' "$scratch/nvidia-smi")
}

# Prints the library without which a CUDA build does not start, if one is missing.
missing_library() {
  run "${ours[@]}" bin/mbn-train --version && return
  sed -nE 's/.*error while loading shared libraries: ([^:]+): cannot open.*/\1/p' "$log" | tail -n 1
}

check_device() {
  gpu='' driver='' memory='' capability=''
  ask_nvidia_smi
  local library probe=$scratch/probe.json reason
  library=$(missing_library)
  if [ -n "$library" ]; then
    case $library in
      libcuda.so.1) no_device="NVIDIA's driver is missing: the programs need \`$library\`" ;;
      *) no_device="\`$library\` is missing: name its folder with \`--cuda-libs\`, or a Python that has it with \`--python\`" ;;
    esac
    [ -z "$no_nvidia_smi" ] || no_device="$no_device; $no_nvidia_smi"
    report device skipped "$no_device"
    return
  fi
  # cuda* functions are in libcudart; cu* functions in the driver.
  library=$(sed -nE 's/.*symbol lookup error: .*undefined symbol: (cu[A-Z][A-Za-z0-9_]*).*/\1/p' "$log" | head -n 1)
  if [ -n "$library" ]; then
    no_device="the driver${driver:+ $driver} is older than 580: it has no \`$library\`"
    report device fail "$no_device"
    return
  fi
  capture "$probe" "${ours[@]}" benches/step --device cuda --alpha 0.25 --batch 2 --size 32 --steps 1 --train-only
  local status=$?
  reason=$(skipped_reason "$probe")
  if [ "$status" != 0 ]; then
    no_device="the device failed in a first step"
    failed "$status"
  elif [ -n "$reason" ] && [ -n "$no_nvidia_smi" ]; then
    no_device="$reason; $no_nvidia_smi"
    report device skipped "$no_device"
  elif [ -n "$reason" ]; then
    # There is a device, but the programs cannot use it.
    no_device=$reason
    report device fail "nvidia-smi shows $gpu with driver $driver, but: $reason"
  elif ! bandwidth=$(number copy_gb_per_s "$probe"); then
    no_device="the device reported no bandwidth"
    report device fail "$no_device: $(why)"
  else
    [ -n "$gpu" ] || gpu=$(sed -nE 's/.*"device": *"([^"]*)".*/\1/p' "$probe")
    report device pass "$gpu, driver ${driver:-unknown}, ${memory:-memory unknown}, compute capability ${capability:-unknown}, copies at $(printf %.0f "$bandwidth") GB/s" \
      copy_gb_per_s "$bandwidth" device "$(quoted "$gpu")" driver "$(quoted "$driver")"
  fi
}

# Runs a small network in ONNX Runtime on the device.
check_onnxruntime() {
  local probe=$scratch/onnxruntime.json status reason
  capture "$probe" "${ours[@]}" benches/engines --engine ort --device cuda --alpha 0.25 --batch 1 --steps 1
  status=$?
  reason=$(skipped_reason "$probe")
  if [ "$status" != 0 ]; then
    no_onnxruntime="ONNX Runtime failed on the device"
    failed "$status"
  elif [ -n "$reason" ]; then
    no_onnxruntime=$reason
    report "$step" skipped "$reason"
  else
    report "$step" pass "$(sed -nE 's/.*"engine": *"([^"]*)".*/\1/p' "$probe")"
  fi
}
