# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages that anynpu needs, by purpose. Sourced by tools/setup and tools/sysroot-arm64.
#
# An entry is a package; "one|other", of which the first that the system offers is taken; or
# "@command:package", needed only where PATH does not have the command already.
# shellcheck disable=SC2034  # the arrays are read by the scripts that source this file

# The libraries of cmake/dependencies.cmake: also unpacked for arm64.
LIBRARY_PACKAGES=(
  "libboost1.81-dev|libboost-dev"
  libexpected-dev
  nlohmann-json3-dev
  libtomlplusplus-dev
  libcli11-dev
  libspdlog-dev
  libfmt-dev
  libturbojpeg0-dev
  libpng-dev
  zlib1g-dev
  libwebp-dev
  libhwy-dev
  libsndfile1-dev
  libsoxr-dev
  libssl-dev
  prometheus-cpp-dev
)

# Libraries that only tests use.
TEST_LIBRARY_PACKAGES=(libgtest-dev libgmock-dev libflatbuffers-dev
  uuid-dev)  # which XRT's headers include

# Purposes of tools/setup.
BUILD_PACKAGES=(@cmake:cmake @ninja:ninja-build @g++:g++ @pkg-config:pkg-config "${LIBRARY_PACKAGES[@]}")
RUN_PACKAGES=("${BUILD_PACKAGES[@]}" ca-certificates @curl:curl @xz:xz-utils @tar:tar @npm:npm)
TEST_PACKAGES=("${RUN_PACKAGES[@]}" "${TEST_LIBRARY_PACKAGES[@]}" @python3:python3 @node:nodejs
  @chromium:chromium fonts-dejavu-core libzmq5 @ffmpeg:ffmpeg)
# A loop over FFTW is the mel front end's peer; the peers of bench/http are Python servers.
BENCH_PACKAGES=("${RUN_PACKAGES[@]}" libbenchmark-dev libfftw3-dev python3-flask gunicorn python3-numpy
  python3-pil)
CLANG_PACKAGES=("${BUILD_PACKAGES[@]}" "${TEST_LIBRARY_PACKAGES[@]}" clang-14 libclang-rt-14-dev)
FUZZ_PACKAGES=("${CLANG_PACKAGES[@]}")
FORMAT_PACKAGES=(@git:git clang-format-14)
LINT_PACKAGES=("${BUILD_PACKAGES[@]}" "${TEST_LIBRARY_PACKAGES[@]}" "${FORMAT_PACKAGES[@]}"
  clang-tidy-14 shellcheck)
ARM64_PACKAGES=("${BUILD_PACKAGES[@]}" gcc-12-aarch64-linux-gnu g++-12-aarch64-linux-gnu qemu-user)
CI_PACKAGES=("${TEST_PACKAGES[@]}" "${CLANG_PACKAGES[@]}" "${LINT_PACKAGES[@]}" "${ARM64_PACKAGES[@]}"
  libbenchmark-dev libfftw3-dev ccache)

# What the folder .cache/sysroot-arm64 holds, with everything that these depend on.
SYSROOT_PACKAGES=(libc6-dev libstdc++-12-dev "${LIBRARY_PACKAGES[@]}" "${TEST_LIBRARY_PACKAGES[@]}" libzmq5)
