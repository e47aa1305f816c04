# shellcheck shell=bash disable=SC2034,SC2154  # shared with gpu-check.sh and the other parts
# Finds Python, NVIDIA's libraries and ONNX Runtime: in the places where mbn-infer looks, and in the named Python.

# Python's package folders, one per line; empty without a Python.
site_packages=
# The bundle's Python package of ONNX Runtime with the CUDA provider, and the Python that can import it.
PACKAGES=python/packages
PACKAGES_FOR=3.12

find_python() {
  site_packages=
  if ! command -v "$python" >/dev/null; then
    no_python="there is no \`$python\`"
    return
  fi
  no_python=
  {
    read -r python_version
    site_packages=$(cat)
  } < <(timeout 20 "$python" -c 'import sys
print("%d.%d" % sys.version_info[:2])
print("\n".join(path for path in sys.path if path.endswith("-packages")))' 2>/dev/null)
}

# Prints the folders that may hold NVIDIA's libraries, in order.
library_folders() {
  local root
  while IFS= read -r root; do
    [ -n "$root" ] || continue
    printf '%s\n' "$root" "$root"/nvidia/*/lib "$root"/lib/python*/site-packages/nvidia/*/lib
  done <<<"$cuda_libs
$(tr : '\n' <<<"${MBN_CUDA_LIBS:-}")"
  tr : '\n' <<<"${LD_LIBRARY_PATH:-}"
  while IFS= read -r root; do
    [ -z "$root" ] || printf '%s\n' "$root"/nvidia/*/lib
  done <<<"$site_packages"
  for root in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
    [ -z "$root" ] || printf '%s\n' "$root"/lib/python*/site-packages/nvidia/*/lib
  done
  printf '%s\n' /usr/local/cuda/lib64 /usr/local/nvidia/lib64
}

# Sets `library_path`, in which our programs find the libraries; a Python finds its own.
find_libraries() {
  library_path=$(library_folders | while IFS= read -r folder; do
    [ -n "$folder" ] && [ -d "$folder" ] && printf '%s\n' "$folder"
  done | awk '!seen[$0]++ { printf "%s%s", separator, $0; separator = ":" }')
}

# Sets `ort_lib` to the bundle's library, else to the Python's, unless the user named one. The programs themselves look for none in
# the current folder. The bundle's provider may still be in parts.
find_onnxruntime() {
  local folder provider=onnxruntime/cuda/lib/libonnxruntime_providers_cuda.so
  [ -z "$ort_lib" ] || return 0
  ort_lib=${ORT_DYLIB_PATH:-}
  [ -z "$ort_lib" ] || return 0
  if [ -f "$provider" ] || [ -f "$provider.part-00" ]; then
    ort_lib=$here/${provider%/*}
    return 0
  fi
  while IFS= read -r folder; do
    if [ -n "$folder" ] && [ -f "$folder/onnxruntime/capi/libonnxruntime_providers_cuda.so" ]; then
      ort_lib=$(printf '%s\n' "$folder"/onnxruntime/capi/libonnxruntime.so.* | sort -V | tail -n 1)
      return 0
    fi
  done <<<"$site_packages"
}

# Sets `ours`, the command that starts our programs, and `onnxruntime_python`, the Python that compares with ONNX Runtime.
find_environment() {
  ours=(env "LD_LIBRARY_PATH=$library_path")
  [ -z "$ort_lib" ] || ours+=("ORT_DYLIB_PATH=$ort_lib")
  onnxruntime_python=("$python")
  # The bundle's package comes before the Python's own, and does not find NVIDIA's libraries in that Python's packages.
  if [ -d "$PACKAGES/onnxruntime" ] && [ "${python_version:-}" = "$PACKAGES_FOR" ]; then
    onnxruntime_python=(env "LD_LIBRARY_PATH=$library_path" "PYTHONPATH=$here/$PACKAGES${PYTHONPATH:+:$PYTHONPATH}" "$python")
  fi
}
