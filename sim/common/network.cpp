// SPDX-License-Identifier: Apache-2.0
// Runs the .tflite of a simulated artifact, and packs such artifacts.
#include "sim/common/network.h"

#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/engines.h"

namespace anynpu::sim {
namespace {

constexpr std::string_view kMagic = "ANYNPUSIM1";
constexpr std::size_t kHead = 16;  // the magic and, at 12, the length of the facts
constexpr std::size_t kMostFacts = 1 << 20;

std::size_t aligned(std::size_t at) {
  return (at + 15) / 16 * 16;
}

}  // namespace

Result<std::unique_ptr<Network>> Network::from_tflite(std::span<const std::byte> tflite) {
  ANYNPU_TRY(engine, engine::open_engine("tflite"));
  const Fd file(::memfd_create("simulated-network", MFD_CLOEXEC));
  if (!file) return system_error("a simulated network");
  for (std::size_t at = 0; at < tflite.size();) {
    const ssize_t written = ::write(file.get(), tflite.data() + at, tflite.size() - at);
    if (written <= 0) return system_error("a simulated network");
    at += static_cast<std::size_t>(written);
  }
  ANYNPU_TRY(session, engine->load(fmt::format("/proc/self/fd/{}", file.get()), {}));
  return std::unique_ptr<Network>(new Network(std::move(session)));
}

std::vector<engine::Shape> Network::shapes(int batch) const {
  std::vector<engine::Shape> shapes;
  for (const engine::TensorInfo& input : info().inputs) {
    engine::Shape& shape = shapes.emplace_back(input.shape);
    for (std::int64_t& dimension : shape) dimension = dimension < 0 ? 1 : dimension;
    if (batch > 1 && !shape.empty()) shape.front() *= batch;
  }
  return shapes;
}

Result<std::vector<engine::Session::OutputView>> Network::compute(
    const std::vector<std::span<const std::byte>>& inputs,
    const std::vector<engine::Shape>& shapes) {
  ANYNPU_CHECK(session_->set_input_shapes(shapes));
  for (std::size_t i = 0; i < inputs.size(); ++i) ANYNPU_CHECK(session_->set_input(i, inputs[i]));
  ANYNPU_CHECK(session_->run());
  std::vector<engine::Session::OutputView> outputs;
  for (std::size_t i = 0; i < info().outputs.size(); ++i) {
    ANYNPU_TRY(view, session_->output(i));
    outputs.push_back(std::move(view));
  }
  return outputs;
}

std::vector<std::byte> pack_artifact(const Json& facts, std::span<const std::byte> tflite) {
  const std::string text = facts.dump();
  const std::size_t start = aligned(kHead + text.size());
  std::vector<std::byte> bytes(start + tflite.size());
  const auto length = static_cast<std::uint32_t>(text.size());
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  std::memcpy(bytes.data() + 12, &length, sizeof length);
  std::memcpy(bytes.data() + kHead, text.data(), text.size());
  if (!tflite.empty()) std::memcpy(bytes.data() + start, tflite.data(), tflite.size());
  return bytes;
}

Result<SimArtifact> unpack_artifact(std::span<const std::byte> bytes) {
  const Error other{Code::kInvalid, "is no artifact of a simulated device"};
  if (bytes.size() < kHead || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    return other;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 12, sizeof length);
  if (length > kMostFacts || aligned(kHead + length) > bytes.size()) return other;
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + kHead;
  Json facts = Json::parse(text, text + length, nullptr, false);
  if (!facts.is_object()) return other;
  return SimArtifact{std::move(facts), bytes.subspan(aligned(kHead + length))};
}

}  // namespace anynpu::sim
