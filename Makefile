# SPDX-License-Identifier: BSD-3-Clause
# The front door. CMake (CMakeLists.txt, CMakePresets.json) builds user space,
# Kbuild (kmod/Kbuild) the engine as the kernel would.

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
PYTHON := /usr/bin/python3
FUZZ_SECONDS ?= 60
KDIR ?=
KERNEL ?= 6.1

deps := tools/dev/deps

.PHONY: all
all: build/.configured ## Build the programs into build/bin (Release)
	@cmake --build build --parallel $(JOBS)

##@ Set-up and demonstration

.PHONY: deps
deps: ## Install every package that any door needs (root)
	@$(deps) build test lint fuzz bench module vm kernel && echo "All packages are installed."

.PHONY: demo
demo: ## Set up, build what it needs, and run the main job before your eyes
	@$(deps) build demo
	@$(MAKE) build/.configured
	@cmake --build build --target llpdrv llpsim --parallel $(JOBS)
	@tools/demo/run --bin build/bin

.PHONY: install
install: all ## Install programs, units, manuals, the module (PREFIX=/usr/local, DESTDIR=)
	@DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" tools/dev/module-install --if-possible

##@ Tests

.PHONY: check
check: ## Set up and run everything; the last line counts
	@$(deps) build test lint fuzz bench module vm kernel
	@tests/run check

.PHONY: soak
soak: ## The long variants: all tests under TSan, long fuzzing, more seeds
	@$(deps) build test lint fuzz bench module vm kernel
	@tests/run soak

.PHONY: asan
asan: ## Unit tests under AddressSanitizer and UBSan
	@$(deps) --check build test
	@tests/run asan

.PHONY: tsan
tsan: ## Unit and end-to-end tests under ThreadSanitizer
	@$(deps) --check build test
	@tests/run tsan

.PHONY: coverage
coverage: ## Branch coverage of the engine by its unit tests
	@$(deps) --check build test
	@tests/run coverage
	@cat build/results/coverage/coverage.txt

.PHONY: vmcheck
vmcheck: ## The tests that run on Debian's kernels in QEMU
	@$(deps) build test module vm
	@tests/run vm

.PHONY: sanitized
sanitized: ## The module on kernels with KASAN, lockdep, ... (built once)
	@$(deps) build test module vm kernel
	@tests/run sanitized

.PHONY: module-coverage
module-coverage: ## Lines and branches of the module that its tests reach
	@$(deps) --check build module vm kernel
	@tests/vm/coverage

.PHONY: vmshell
vmshell: ## A prompt on Debian's kernel with the modules (KERNEL=6.1)
	@$(deps) --check build module vm
	@tests/vm/vm shell --kernel $(KERNEL)

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZ_SECONDS=60, or FUZZ_RUNS executions
	@$(deps) --check build fuzz
	@$(MAKE) build-fuzz
	@tests/fuzz/run --bin build/fuzz/fuzz --seconds $(FUZZ_SECONDS) $(if $(FUZZ_RUNS),--runs $(FUZZ_RUNS))

.PHONY: fuzz-coverage
fuzz-coverage: ## Lines and branches of the engine that the fuzz targets reach
	@$(deps) --check build fuzz
	@$(MAKE) build-fuzz-coverage
	@tests/fuzz/coverage --bin build/fuzz-coverage/fuzz --found build/fuzz/found

.PHONY: model
model: ## Explore two stations over a faulty line, and broken engines (ARGS=...)
	@$(deps) --check build
	@$(MAKE) build-model
	@build/model/model/llp_model --jobs $(JOBS) $(ARGS)
	@tests/model/mutants/run --tree build/model --jobs $(JOBS)

.PHONY: bench
bench: ## The engine's throughput, many lines of llpd's, and lines of the kernel's and of user space
	@$(deps) --check build bench module vm
	@$(MAKE) build-release
	@build/release/bench/llp_bench $(ARGS)
	@tests/bench/many
	@tests/bench/lines

##@ Code

.PHONY: lint
lint: ## Formatting, static analysis, licences, manuals
	@$(deps) --check build test lint fuzz bench
	@tests/run lint

.PHONY: format
format: ## Reformat C++ (kmod/ keeps the kernel's style by hand)
	@git ls-files -z -- '*.c' '*.h' '*.cpp' '*.hpp' ':!kmod' ':!tests/kmod' | xargs -0 clang-format-19 -i

.PHONY: module
module: ## Compile n_llp for the kernels whose headers are there (KDIR=headers)
	@tools/dev/module $(KDIR)

.PHONY: module-install
module-install: ## Install n_llp and llp.h alone (root; DKMS if there, DESTDIR=)
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" tools/dev/module-install

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf build

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# One configured tree per preset; building is always left to Ninja.
build/.configured: CMakePresets.json
	@$(deps) --check build
	@cmake --preset default --log-level=WARNING
	@touch $@

build/%/.configured: CMakePresets.json
	@cmake --preset $* --log-level=WARNING
	@touch $@

trees := release asan asan-gcc tsan coverage fuzz fuzz-coverage tidy model
.PHONY: $(trees:%=build-%)
$(trees:%=build-%): build-%: build/%/.configured
	@cmake --build build/$* --parallel $(JOBS)
