# SPDX-License-Identifier: Apache-2.0
# The commands of daily work. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run build test stress bench bench-http bench-mel soak format lint clean asan tsan clang fuzz test-arm64 test-rocket

PORT ?= 8080
FUZZ_SECONDS ?= 30
REQUESTS ?= 10000
MINUTES ?= 30
anynpu := build/release/bin/anynpu

# A folder with models and images beside the checkout spares the downloads.
ifeq ($(ANYNPU_MIRROR),)
ifneq ($(wildcard ../shared/data/.),)
export ANYNPU_MIRROR := $(abspath ../shared/data)
endif
endif

# A build folder that is new gets no tests when only the program is wanted: that needs fewer packages.
program := tools/build release $(if $(wildcard build/release/build.ninja),,ANYNPU_TESTS=OFF) $(SETTINGS) anynpu

# ThreadSanitizer of GCC 12 does not start where the kernel spreads addresses widely.
fixed_addresses = $(shell setarch -R true 2>/dev/null && echo setarch -R)

# What the engines and the default models need, into the user's data folder; nothing when it is there.
define pull
@$(anynpu) engines pull
@$(anynpu) models pull --default
endef

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^\#]*\#\# /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

run: ## build what is needed, fetch the models, serve the page on http://localhost:8080 (PORT=...)
	@tools/setup run
	@$(program)
	$(pull)
	@exec $(anynpu) serve --port $(PORT)

build: ## the program, and what lies in build/release/lib/anynpu: simulators, AMD's plugin
	@tools/setup build
	@$(program) anynpu_parts

test: ## build everything, run all tests
	@tools/setup test
	@tools/build release ANYNPU_TESTS=ON $(SETTINGS)
	$(pull)
	@$(anynpu) models pull whisper_base
	@ctest --preset release

stress: ## REQUESTS=10000 at 100 connections while workers are killed and stopped
	@tools/setup test
	@tools/build release ANYNPU_TESTS=ON anynpu e2e_test
	$(pull)
	@ANYNPU_CHAOS_REQUESTS=$(REQUESTS) build/release/bin/e2e_test --gtest_filter='Chaos.*'

bench: ## run the benchmarks
	@tools/setup bench
	@tools/build release ANYNPU_BENCH=ON $(if $(wildcard build/release/build.ninja),,ANYNPU_TESTS=OFF) anynpu bench_programs
	$(pull)
	@for program in build/release/bin/*_bench; do [ ! -x "$$program" ] || "$$program" || exit 1; done

bench-http: ## engine alone, anynpu serve, Flask and gunicorn side by side
	@tools/setup bench
	@tools/build release ANYNPU_BENCH=ON $(if $(wildcard build/release/build.ninja),,ANYNPU_TESTS=OFF) anynpu load_client baseline added_cost
	$(pull)
	@python3 bench/http/compare.py --build build/release

bench-mel: ## the mel front end, a loop over FFTW, whisper.cpp, kaldi-native-fbank and torchaudio side by side
	@tools/setup bench
	@tools/mel-peers
	@tools/build release ANYNPU_BENCH=ON $(if $(wildcard build/release/build.ninja),,ANYNPU_TESTS=OFF) mel_peers
	@python3 bench/mel/compare.py --build build/release

soak: ## MINUTES=30 at full load while models are replaced, then 6,000 slow and idle clients
	@tools/setup bench
	@tools/build release ANYNPU_BENCH=ON $(if $(wildcard build/release/build.ninja),,ANYNPU_TESTS=OFF) anynpu load_client
	$(pull)
	@python3 bench/http/hardship.py --build build/release soak --minutes $(MINUTES)
	@python3 bench/http/hardship.py --build build/release slow

format: ## format the C++ sources
	@tools/setup format
	@tools/format

lint: ## clang-format, clang-tidy, shellcheck
	@tools/setup lint
	@tools/format --check
	@tools/lint

asan: ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup test clang
	@$(program)
	$(pull)
	@tools/build asan $(SETTINGS) unit_tests fuzz_targets
# LeakSanitizer takes memory of thread-local variables of a loaded library that lies 16 bytes behind the start of a page
# for the memory of an old glibc, and crashes on what it reads before it.
	@ASAN_OPTIONS=intercept_tls_get_addr=0 ctest --preset asan

tsan: ## the tests of what has threads, under ThreadSanitizer
	@tools/setup test
	@$(program)
	$(pull)
	@tools/build tsan $(SETTINGS) base_test runtime_test server_test
	@$(fixed_addresses) ctest --preset tsan

clang: ## build with Clang 14, warnings are errors
	@tools/setup clang
	@tools/build clang $(SETTINGS)

fuzz: ## run every fuzz target (FUZZ_SECONDS=30 each)
	@tools/setup fuzz
	@tools/build fuzz $(SETTINGS) fuzz_targets
	@tools/fuzz fuzz $(FUZZ_SECONDS)

test-arm64: ## cross-compile the program for arm64, run the unit tests under qemu-user
	@tools/setup arm64 test
	@$(program)
	$(pull)
	@$(anynpu) engines pull --arch arm64
	@tools/build arm64 $(SETTINGS) anynpu unit_tests
	@ctest --preset arm64

test-rocket: ## Mesa's real arm64 delegate on the simulated RK3588 NPU, under qemu-user
	@tools/setup arm64 test
	@tools/mesa-arm64 forky sid
	@tools/mesa-models
	@$(program)
	@$(anynpu) engines pull --arch arm64
	@tools/build arm64 $(SETTINGS) rocket_compare rocket_guarded rocket_faults anynpu_sim_rocket_preload
	@ctest --preset rocket

clean: ## remove everything that was built
	rm -rf build
