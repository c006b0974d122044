// SPDX-License-Identifier: Apache-2.0
// Loads artifacts from memory and runs them, for tests of engines.
#pragma once

#include <cstddef>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engines.h"
#include "temporary_folder.h"

namespace anynpu::test {

/// The engine, or a failed test that says what to do.
inline engine::Engine* engine_or_fail(const std::string& name) {
  auto opened = engine::open_engine(name);
  if (!opened) {
    ADD_FAILURE() << opened.error().message
                  << "\nThe tests need this library: run `make test`, which fetches it.";
    return nullptr;
  }
  return *opened;
}

/// Writes the artifact to a file of its own and loads it.
inline Result<std::unique_ptr<engine::Session>> load(const std::string& engine,
                                                     const std::vector<std::byte>& artifact,
                                                     const engine::LoadOptions& options = {}) {
  engine::Engine* opened = engine_or_fail(engine);
  if (opened == nullptr) return Error{Code::kNotFound, "no engine"};
  const TemporaryFolder folder;
  const auto file = folder / ("tiny" + std::string(engine == "tflite" ? ".tflite" : ".onnx"));
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(artifact.data()),
             static_cast<std::streamsize>(artifact.size()));
  return opened->load(file, options);
}

/// The same for an artifact that must load.
inline std::unique_ptr<engine::Session> loaded(const std::string& engine,
                                               const std::vector<std::byte>& artifact,
                                               const engine::LoadOptions& options = {}) {
  auto session = load(engine, artifact, options);
  if (session) return std::move(*session);
  ADD_FAILURE() << session.error().message << "\n" << session.error().hint;
  return nullptr;
}

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename T>
std::vector<T> values_of(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

/// Sets one input, runs, and returns the bytes of the first output; a failure fails the test.
inline std::vector<std::byte> run_once(engine::Session& session,
                                       const std::vector<std::byte>& input) {
  auto done = session.set_input(0, input);
  if (done) done = session.run();
  if (!done) {
    ADD_FAILURE() << done.error().message;
    return {};
  }
  auto output = session.output(0);
  if (!output) {
    ADD_FAILURE() << output.error().message;
    return {};
  }
  return {output->bytes.begin(), output->bytes.end()};
}

}  // namespace anynpu::test
