#!/usr/bin/env bash
# Stands in for every program that gpu-check.sh runs, under that program's name. FAKE holds `NAME=BEHAVIOUR` words.
set -euo pipefail
name=$(basename "$0")

# option NAME ARGUMENT...: prints the value of an option.
option() {
  local wanted=$1
  shift
  while [ $# -gt 1 ]; do
    [ "$1" != "$wanted" ] || { echo "$2"; return; }
    shift
  done
}

behaviour=pass
for word in ${FAKE:-}; do
  case $word in "$name="*) behaviour=${word#*=} ;; esac
done
case $behaviour in
  hang) sleep 600 ;;
  crash) echo "error: $name crashed" >&2; exit 1 ;;
  memory) echo "error: CUDA_ERROR_OUT_OF_MEMORY" >&2; exit 1 ;;
  symbol) echo "bin/$name: symbol lookup error: bin/$name: undefined symbol: cuNewThing_v2" >&2; exit 127 ;;
  old-system) printf "%s: /lib/libc.so.6: version \`GLIBC_2.%s' not found\n" "$name" 34 "$name" 39 >&2; exit 1 ;;
  missing=*) echo "$name: error while loading shared libraries: ${behaviour#*=}: cannot open shared object file" >&2; exit 127 ;;
  skip) echo '{"skipped":"there is no \"device\""}'; exit ;;
  garbage) echo '{"images_per_s": NaN}'; exit ;;
esac

case $name in
  nvidia-smi) echo "Fake GPU, 580.1, 1 MiB, 9.0" ;;
  python)
    case $* in
      -c*) printf '3.12\n/none/site-packages\n' ;;
      *onnxruntime_python.py*) echo "{\"images_per_s\": 100.0, \"path\": \"${PYTHONPATH:-}\"}" ;;
      *) echo '{"images_per_s": 100.0}' ;;
    esac ;;
  compute-sanitizer)
    echo "========= COMPUTE-SANITIZER"
    tool=$(option --tool "$@")
    case $behaviour in
      unsupported) echo "========= Error: Device not supported"; exit 1 ;;
      silent) ;;
      "$tool")
        printf '========= Invalid __global__ read of size 4 bytes\n========= ERROR SUMMARY: 1 error\n'
        exit 86 ;;
      *)
        while [ "${1:-}" != tests/kernels ]; do shift; done
        "$@"
        case $tool in
          racecheck) echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)" ;;
          *) echo "========= ERROR SUMMARY: 0 errors" ;;
        esac ;;
    esac ;;
  loader) echo '{"workers":1,"first_picture":"500 x 375, 9 bytes","crops_images_per_s":900.5,"images_per_s":300}' ;;
  kernels | training-step)
    echo "running 3 tests"
    case $behaviour in
      fail)
        printf 'test one ... FAILED\ntest result: FAILED. 2 passed; 1 failed\n'
        exit 101 ;;
      skip-one) printf 'test one ... skipped: one: no tensors\nok\ntest two ... ok\n' ;;
      skip-all) printf 'test one ... skipped: one: no tensors\nok\ntest two ... skipped: two: none\nok\ntest three ... skipped: three: none\nok\n' ;;
    esac
    echo "test result: ok. 3 passed; 0 failed; 0 ignored" ;;
  step)
    case "$behaviour $*" in
      old*--recipe-only*) echo 'Error: unknown option `--recipe-only`' >&2; exit 1 ;;
    esac
    echo '{"device":"Fake GPU","copy_gb_per_s":3000.0,"infer_images_per_s":null,"train_images_per_s":150.5,' \
      '"recipe_images_per_s": 140.0,"work_per_step": {"launches": 7, "allocations": 2}}' ;;
  engines)
    # The programs look for ONNX Runtime in no folder of the bundle: they must be told.
    if [ "$(option --engine "$@")" = ort ] && [ ! -f "${ORT_DYLIB_PATH:-none}/libonnxruntime_providers_cuda.so" ]; then
      echo '{"skipped":"ONNX Runtime was not found"}'
      exit
    fi
    rate=120
    case "$behaviour $*" in
      fast*--prefer-nhwc*--fuse-conv-bias*fp16*) rate=180 ;;
      refuses*--prefer-nhwc*) echo "error: this build does not support NHWC" >&2; exit 1 ;;
    esac
    echo "{\"engine\":\"ONNX Runtime\",\"images_per_s\":$rate}" ;;
  mbn-export) : >"${!#}" ;;
  mbn-infer)
    [ -f "${ORT_DYLIB_PATH:-none}/libonnxruntime_providers_cuda.so" ] || { echo "error: ONNX Runtime was not found" >&2; exit 1; }
    case "$behaviour $*" in
      "unlike "* | fused-unlike*--fuse-conv-bias*) echo "error: parity failed: 9.0" >&2; exit 1 ;;
    esac
    printf 'path,rank,label,index,probability,error\nx.png,1,a,0,0.75,\n' >"$(option --output "$@")"
    case "$behaviour $(option --model "$@")" in
      unchecked*0.75*) ;;
      *) echo "info: parity passed: largest difference 1e-5" >&2 ;;
    esac ;;
  mbn-train)
    [ "${1:-}" != --version ] || exit 0
    run=$(option --out "$@")$(option --resume "$@")
    mkdir -p "$run"
    last=1.0
    case $behaviour in
      grow) last=3.0 ;;
      short) case $* in *stopped*) echo "error: CUDA_ERROR_OUT_OF_MEMORY" >&2; exit 1 ;; esac ;;
      forget) case $* in *--resume*) last=1.5 ;; esac ;;
    esac
    echo "epoch,train_loss,train_accuracy,test_loss,test_accuracy,learning_rate,images_per_s" >"$run/history.csv"
    echo "1,2.0,20,2.0,30,0.1,500" >>"$run/history.csv"
    case "$run $*" in
      */stopped\ *--out*)
        trap 'exit 130' TERM
        for _ in {1..100}; do sleep 0.1; done
        exit 1 ;;
    esac
    printf '2,1.5,20,2.0,90,0.1,500\n3,%s,20,2.0,60,0.1,500\n' "$last" >>"$run/history.csv" ;;
esac
