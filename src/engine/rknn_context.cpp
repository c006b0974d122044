// SPDX-License-Identifier: Apache-2.0
// Loads a model into librknnrt and looks after its context.
#include "engine/rknn_context.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/text.h"
#include "engine/file_mapping.h"
#include "engine/rknn_log.h"

namespace anynpu::engine::rknn {
namespace {

constexpr std::size_t kMostModelBytes = std::size_t{16} << 30;
constexpr std::uint32_t kMostTensors = 256;

std::uint32_t flags_for(const Runtime& runtime) {
  // Both flags came with 1.6. On-chip memory is used as far as some is free. The priority of this
  // process is the operator's business, not the runtime's.
  return runtime.is_at_least("1.6") ? kEnableSram | kNoHighProcessPriority : kPriorHigh;
}

std::string cores_in(unsigned mask) {
  std::vector<std::string> cores;
  for (unsigned core = 0; core < 32; ++core)
    if ((mask >> core & 1U) != 0) cores.push_back(std::to_string(core));
  return (cores.size() == 1 ? "core " : "cores ") + join(cores, "+");
}

}  // namespace

Result<std::unique_ptr<LoadedContext>> LoadedContext::load(const Runtime& runtime,
                                                           const std::filesystem::path& artifact,
                                                           const LoadOptions& options) {
  auto file = FileMapping::open(artifact, kMostModelBytes);
  if (!file) return std::move(file).error();
  ANYNPU_TRY(model, read_rknn(file->bytes(), artifact.filename().string()));
  std::unique_ptr<LoadedContext> context(
      new LoadedContext(runtime, std::move(model), options.device_node));
  auto ready = context->init(artifact);
  if (ready) ready = context->choose_cores(options.core_mask);
  if (!ready) return std::move(ready).error().within(artifact.filename().string());
  return context;
}

Result<> LoadedContext::init(const std::filesystem::path& artifact) {
  ANYNPU_TRY(file, FileMapping::open(artifact, kMostModelBytes));
  const std::span<const std::byte> bytes = file.bytes();
  const std::uint32_t flags = flags_for(runtime_);
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) {
    std::string name = artifact.string();
    return call("load",
                [&] { return runtime_.api.init(&handle_, name.data(), 0, flags, nullptr); });
  }
  // The interface takes a buffer that it may write to. This one is private to the process.
  auto* buffer = const_cast<std::byte*>(bytes.data());
  ::mprotect(buffer, bytes.size(), PROT_READ | PROT_WRITE);
  return call("load", [&] {
    return runtime_.api.init(&handle_, buffer, static_cast<std::uint32_t>(bytes.size()), flags,
                             nullptr);
  });
}

LoadedContext::~LoadedContext() {
  // Also after an init that has failed: some versions hold buffers then.
  if (handle_ != 0) runtime_.api.destroy(handle_);
}

Result<> LoadedContext::call(const char* what, const std::function<int()>& function) const {
  int code = kFail;
  const std::vector<std::string> lines = lines_during([&] { code = function(); });
  if (code == kSuccess && !memory_was_refused(lines)) return {};
  return explain(what, code, lines, {runtime_.version, node_, &model_});
}

Result<> LoadedContext::choose_cores(unsigned mask) {
  if (mask == 0) return {};
  int code = kFail;
  std::vector<std::string> lines;
  if (runtime_.api.set_core_mask != nullptr)
    lines = lines_during(
        [&] { code = runtime_.api.set_core_mask(handle_, static_cast<CoreMask>(mask)); });
  if (code == kSuccess) {
    cores_ = cores_in(mask);
    return {};
  }
  auto said = [&](std::string_view words) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  };
  // A chip with one core has no choice, and old models run on one core whatever is asked for.
  if (mask == kCore0 && said("only valid on")) return {};
  if (said("fallback to single core auto mode")) {
    cores_ = "one core, as the model is too old for more";
    return {};
  }
  return Error{Code::kUnsupported, fmt::format("librknnrt {} does not take {} on this board",
                                               runtime_.version, cores_in(mask))}
      .with_hint("leave the choice of cores to the runtime");
}

Result<std::vector<TensorAttr>> LoadedContext::attributes(Query query, std::uint32_t count) const {
  if (count == 0 || count > kMostTensors)
    return Error{Code::kUnsupported,
                 fmt::format("the model has {} inputs or outputs, 1 to {} are possible", count,
                             kMostTensors)};
  std::vector<TensorAttr> attrs(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    attrs[i].index = i;
    ANYNPU_CHECK(call("describe", [&] {
      return runtime_.api.query(handle_, query, &attrs[i], sizeof(TensorAttr));
    }));
    attrs[i].name[kNameBytes - 1] = '\0';
  }
  return attrs;
}

std::string LoadedContext::note() const {
  std::vector<std::string> facts;
  if (SdkVersion version{}; ask(kQuerySdkVersion, version)) {
    version.driver[sizeof version.driver - 1] = '\0';
    facts.push_back(fmt::format("driver {}", printable(version.driver, 40)));
  }
  if (!cores_.empty()) facts.push_back(cores_);
  if (MemSize memory{}; ask(kQueryMemSize, memory)) {
    facts.push_back(human_bytes(memory.weights) + " of weights");
    if (memory.sram != 0) facts.push_back(human_bytes(memory.sram) + " of them on the chip");
  }
  if (PerfRun run{}; ask(kQueryPerfRun, run) && run.microseconds > 0)
    facts.push_back(fmt::format("{:.1f} ms on the NPU when loaded",
                                static_cast<double>(run.microseconds) / 1000));
  return join(facts, ", ");
}

}  // namespace anynpu::engine::rknn
