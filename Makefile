# `make demo` shows the pipeline, `make test` runs every test. Both need Rust and Python 3 with pip; `make test` wants Python 3.11 or newer.
CARGO ?= cargo
PYTHON ?= python3
VENV := .venv
ALPHA ?= 0.25
BENCH_PYTHON ?= .venv-bench/bin/python
REFERENCE_PYTHON ?= .venv-reference/bin/python
FAMILIES_PYTHON ?= .venv-families/bin/python
FOREIGN_PYTHON ?= .venv-foreign/bin/python
KERAS_PYTHON ?= .venv-keras/bin/python
WEB_MODULES := examples/web/node_modules/.package-lock.json
# The server has Python backends for 3.8 to 3.13; NumPy 1, which it needs, has wheels up to 3.12.
SERVING_PYTHON ?= python3.11
# Ray has wheels up to 3.13.
SCALE_PYTHON ?= $(PYTHON)
# Ends a target whose pinned packages have no wheels for an older Python.
WANTS_PYTHON_3_11 = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: `$(PYTHON)` is Python %d.%d, expected 3.11 or newer\nhint: make PYTHON=python3.11 ..." % sys.version_info[:2])'

.PHONY: help demo test reference families foreign-models check bench bench-export microbench build onnxruntime onnxruntime-cuda clean
.PHONY: export-matrix interop fuzz fuzz-corpora serving web-test wheel wheel-test resume-test html-test scale scale-train scale-throughput cloud-test
.PHONY: cuda cuda-toolkit cuda-check cuda-stub-check cuda-calls gpu-bundle

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: onnxruntime build ## Export the model in models/, classify examples/images, check ONNX Runtime against candle
	target/release/mbn-export --alpha $(ALPHA) model.onnx
	target/release/mbn-infer --model model.onnx --parity all --top-k 3 examples/images

build: ## Build the three programs
	$(CARGO) build --release --locked --workspace --bins

test: onnxruntime $(VENV)/ready ## Run every test, and print how many were skipped and why
	CARGO="$(CARGO)" $(PYTHON) scripts/run_tests.py

reference: $(REFERENCE_PYTHON) ## Write the data in tests/reference anew
	for maker in tests/reference/make_*.py; do $(REFERENCE_PYTHON) $$maker || exit 1; done

families: build $(FAMILIES_PYTHON) ## Compare exports with timm, transformers and pytorchcv, and write the table in docs/pretrained.md
	$(FAMILIES_PYTHON) scripts/families.py target/release/mbn-export docs/pretrained.md

foreign-models: onnxruntime build $(FOREIGN_PYTHON) $(KERAS_PYTHON) ## Compare mbn-infer with timm, transformers, torchvision, Ultralytics and Keras, and write the table in docs/foreign-models.md
	$(FOREIGN_PYTHON) scripts/foreign_models.py target/release/mbn-infer docs/foreign-models.md --keras $(KERAS_PYTHON)

resume-test: ## Kill mbn-infer at 200 instants and continue its output each time
	MBN_RESUME_KILLS=200 $(CARGO) test --locked -p mbn-infer --test program resume -- --nocapture

# The pipe must not hide that the first program fails.
export-matrix: $(VENV)/ready ## Check exports of every combination of options with ONNX's own library (takes minutes)
	bash -o pipefail -c '$(CARGO) run --release --locked -p mbn-export --example export_matrix | $(VENV)/bin/python scripts/export_matrix.py'

interop: onnxruntime build $(WEB_MODULES) .venv-interop/ready interop/oldest/node_modules ## Run exported models in other engines, and write the tables in docs/interop.md (takes minutes)
	$(CARGO) build --locked --manifest-path interop/Cargo.toml
	.venv-interop/bin/python scripts/interop/run.py target/release/mbn-export docs/interop.md

web-test: onnxruntime build $(WEB_MODULES) ## Test the page in examples/web in Chromium (needs Node, and Debian's chromium)
	PYTHON="$(PYTHON)" node examples/web/test.mjs target/release/mbn-export target/release/mbn-infer

html-test: onnxruntime build ## Test the page of `mbn-infer --html` in Chromium (needs Node, and Debian's chromium)
	@command -v node > /dev/null || { echo "error: node is missing: install Debian's package \`nodejs\`" >&2; exit 1; }
	node tests/html/test.mjs target/release/mbn-infer

scale: onnxruntime build .venv-scale/ready ## Run the examples in examples/scale with Spark, Ray, Slurm, MPI and GNU parallel, and compare their results with one process's
	.venv-scale/bin/python scripts/scale/check.py target/release/mbn-infer $(ENGINE)

cloud-test: .venv-cloud/ready .cloud-node/node_modules/.bin/azurite-blob ## Classify objects in S3 and Azure (emulated) and on a web server, and compare with files (needs Node)
	$(CARGO) build --release --locked --workspace --bins --features mbn-infer/cloud
	.venv-cloud/bin/python scripts/cloud/check.py target/release/mbn-infer

scale-train: build ## Train with two ranks of MPI in a real Slurm, and kill one (needs Debian's openmpi-bin, slurm-wlm, munge and libpmix-dev)
	$(PYTHON) scripts/scale/train.py target/release/mbn-train

scale-throughput: build ## Compare two ranks of MPI of one thread with one process of two threads
	$(PYTHON) scripts/scale/throughput.py target/release/mbn-train

serving: onnxruntime build .venv-serving/ready ## Serve exported models with Triton on the CPU, and compare clients' answers with mbn-infer's
	.venv-serving/bin/python scripts/serving/check.py target/release/mbn-export target/release/mbn-infer

wheel: .venv-wheel/ready ## Build a Python wheel with the three programs, man pages and completions, in target/wheel/dist/ (takes minutes)
	CARGO="$(CARGO)" .venv-wheel/bin/python scripts/wheel/build.py

wheel-test: wheel ## Install the wheel with pip, pip --user, pipx and uv, and classify pictures with it
	.venv-wheel/bin/python scripts/wheel/check.py

check: $(VENV)/ready ## Formatting, lints and documentation
	files=$$(git ls-files '*.py') && test -n "$$files" && $(VENV)/bin/python -m pyflakes $$files
	$(CARGO) fmt --all --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --check --manifest-path interop/Cargo.toml
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --features mbn-infer/cloud --all-targets -- -D warnings
	@# Nothing else builds the fuzz targets, whose lock file must follow the crates.
	$(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml > /dev/null
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

bench: onnxruntime $(BENCH_PYTHON) ## Compare with PyTorch and ONNX Runtime, write docs/benchmarks.md (DATA=DIR: the loader too)
	$(PYTHON) scripts/bench.py --pytorch $(BENCH_PYTHON) $(if $(DATA),--data $(DATA))

bench-export: onnxruntime build $(BENCH_PYTHON) ## Compare exports with PyTorch's exporter and ONNX Runtime's quantiser, and write the table in docs/export.md (CALIBRATION=DIR: photos)
	$(BENCH_PYTHON) benches/export.py target/release/mbn-export docs/export.md $(if $(CALIBRATION),--calibration $(CALIBRATION))

microbench: ## Benchmark single operations and data loading
	$(CARGO) bench --locked -p mbn-ops --bench operations
	$(CARGO) bench --locked -p mbn-data --bench loader

fuzz: ## Fuzz the readers of files (TARGET=NAME: one of them, TIME=SECONDS for each, default 1800)
	$(PYTHON) scripts/fuzz.py $(if $(TIME),--time $(TIME)) $(TARGET)

fuzz-corpora: $(VENV)/ready ## Write the files that fuzzing starts from anew
	$(VENV)/bin/python fuzz/make_pictures.py
	$(CARGO) run --locked -p mbn-fuzz --example make_corpora

onnxruntime: ## Get ONNX Runtime into onnxruntime/
	$(PYTHON) scripts/get_onnxruntime.py

onnxruntime-cuda: ## Get ONNX Runtime with its CUDA provider into onnxruntime/cuda/ (256 MB)
	$(PYTHON) scripts/get_onnxruntime.py --cuda

cuda-toolkit: ## Get a CUDA toolkit for building into cuda-toolkit/ (100 MB); needs no GPU
	$(PYTHON) scripts/get_cuda_toolkit.py

cuda: ## Build the three programs for CUDA into target/cuda/release
	CARGO="$(CARGO)" PYTHON="$(PYTHON)" scripts/build_cuda.sh

# Type-checks with a stand-in for nvcc: compiling candle's kernels would take minutes.
cuda-check: cuda-toolkit ## Check the CUDA code: types, lints, and the resources of each kernel
	NVCC="$(CURDIR)/scripts/nvcc_stand_in.sh" CUDA_COMPUTE_CAP=80 CUDARC_CUDA_VERSION=13000 \
	  $(CARGO) clippy --locked --workspace --features cuda,nccl --all-targets -- -D warnings
	. ./cuda-toolkit/env.sh && $(PYTHON) scripts/check_kernels.py

cuda-stub-check: ## Build for CUDA and run it without a GPU, on stub libraries (takes minutes)
	CARGO="$(CARGO)" PYTHON="$(PYTHON)" scripts/check_cuda_stubs.sh

cuda-calls: cuda-toolkit ## Count what a training step asks of a CUDA device, without a GPU (takes minutes)
	CARGO="$(CARGO)" $(PYTHON) scripts/cuda_calls/count.py --kernels

gpu-bundle: ## Pack programs and tests for a machine with a GPU (DATA=DIR: its pictures, SM=90: the provider for that chip)
	CARGO="$(CARGO)" PYTHON="$(PYTHON)" $(PYTHON) scripts/gpu/make_bundle.py $(if $(DATA),--data $(DATA)) $(if $(SM),--sm $(SM))

# The Python of an environment, which is a link to an older file. The file `ready` says that all was installed.
.venv-%/bin/python: .venv-%/ready ;

# Downloads PyTorch (several gigabytes). To use a Python that has it, set BENCH_PYTHON, and REFERENCE_PYTHON below, to its path.
.venv-bench/ready: benches/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benches/requirements.txt
	touch $@

.venv-reference/ready: tests/reference/requirements.txt
	$(PYTHON) -m venv .venv-reference
	.venv-reference/bin/python -m pip install --quiet --disable-pip-version-check -r tests/reference/requirements.txt
	touch $@

.venv-families/ready: tests/reference/requirements.txt
	$(PYTHON) -m venv .venv-families
	.venv-families/bin/python -m pip install --quiet --disable-pip-version-check -r tests/reference/requirements.txt onnxruntime==1.31.1
	touch $@

.venv-foreign/ready: scripts/foreign_models_requirements.txt
	$(PYTHON) -m venv .venv-foreign
	.venv-foreign/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/foreign_models_requirements.txt
	touch $@

# TensorFlow needs other versions of what it shares with PyTorch.
.venv-keras/ready:
	$(PYTHON) -m venv .venv-keras
	.venv-keras/bin/python -m pip install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 tf2onnx==1.17.0 pillow==13.0.0
	touch $@

.venv-interop/ready: scripts/interop_requirements.txt
	$(PYTHON) -m venv .venv-interop
	.venv-interop/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/interop_requirements.txt
	touch $@

# An ONNX Runtime older than any wheel for current Pythons is in the package for Node.js.
interop/oldest/node_modules: interop/oldest/package-lock.json
	@command -v npm >/dev/null || { echo "error: 'make interop' needs Node.js and npm (Debian: nodejs, npm)" >&2; exit 1; }
	cd interop/oldest && npm ci --silent
	touch $@

# onnxruntime-web, for the page and for its programs in interop/web/.
$(WEB_MODULES): examples/web/package-lock.json
	@command -v npm > /dev/null || { echo "error: npm is missing: install Debian's packages \`nodejs\` and \`npm\`" >&2; exit 1; }
	npm ci --prefix examples/web --ignore-scripts --no-audit --no-fund
	touch $@

.venv-serving/ready: scripts/serving/requirements.txt
	@command -v $(SERVING_PYTHON) > /dev/null || { \
	  echo "error: \`$(SERVING_PYTHON)\` is missing: install python3.11, python3.11-venv and libpython3.11, or set SERVING_PYTHON to another of 3.9 to 3.12" >&2; exit 1; }
	$(SERVING_PYTHON) -m venv .venv-serving
	.venv-serving/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/serving/requirements.txt
	touch $@

.venv-scale/ready: scripts/scale/requirements.txt
	@command -v $(SCALE_PYTHON) > /dev/null && $(SCALE_PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 14))' || { \
	  echo "error: \`$(SCALE_PYTHON)\` is missing or not Python 3.9 to 3.13, which Ray needs: set SCALE_PYTHON to one" >&2; exit 1; }
	$(SCALE_PYTHON) -m venv .venv-scale
	.venv-scale/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/scale/requirements.txt
	touch $@

.venv-cloud/ready: scripts/cloud/requirements.txt
	$(PYTHON) -m venv .venv-cloud
	.venv-cloud/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/cloud/requirements.txt
	touch $@

.cloud-node/node_modules/.bin/azurite-blob:
	@command -v npm > /dev/null || { echo "error: npm is missing: install Debian's packages \`nodejs\` and \`npm\`" >&2; exit 1; }
	npm install --prefix .cloud-node --no-save --no-audit --no-fund --loglevel=error azurite@3.37.0

.venv-wheel/ready: scripts/wheel/requirements.txt
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/wheel/requirements.txt
	touch $@

# ONNX's own checker, for the tests of the exporter, and Pillow, for those of decoding.
$(VENV)/ready: scripts/requirements.txt
	@$(WANTS_PYTHON_3_11)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
	touch $@

clean: ## Remove everything that was built or downloaded
	$(CARGO) clean
	rm -rf $(VENV) .fuzz-tools fuzz/target .venv-bench .venv-reference .venv-families .venv-foreign .venv-keras .venv-interop interop/target interop/oldest/node_modules .venv-scale .venv-serving .venv-cloud .cloud-node .venv-wheel onnxruntime cuda-toolkit examples/web/node_modules model.onnx
	rm -rf packaging/wheel/Cargo.lock packaging/wheel/LICENSE-* packaging/wheel/THIRD-PARTY-NOTICES.txt packaging/wheel/data
