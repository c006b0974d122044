// SPDX-License-Identifier: Apache-2.0
// The xclbin engine and its session.
//
// A session has slots: buffers with a run that is ready. A batch of n requests takes n slots and
// goes to the NPU as one run list. The first call after five idle seconds costs 120 ms, because the
// driver lets the NPU sleep and loads its firmware again: a keep-alive repeats the last run while
// requests are expected ($ANYNPU_XDNA_KEEP_ALIVE seconds after the last one; 30, 0 for never).
#include "engine/xclbin.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/keep_alive.h"
#include "engine/library.h"
#include "engine/session_inputs.h"
#include "engine/xclbin_plugin.h"
#include "engine/xclbin_tensors.h"

namespace anynpu::engine {
namespace xclbin {
namespace {

constexpr const char* kPluginFile = "libanynpu_xrt.so";
// The driver ends a command after two seconds; what is not answered long after that hangs in it.
constexpr std::uint32_t kRunTimeoutMs = 10'000;
constexpr std::size_t kMostSlots = 64;
constexpr auto kTouchAfter = milliseconds(3000);  // the driver lets it sleep after five seconds
constexpr int kKeepAliveSeconds = 30;

const char* state_title(int state) {
  switch (state) {
    case 5:
      return "the NPU reported an error";
    case 6:
      return "the command was aborted";
    case 8:
      return "the driver stopped the command, which took too long";
    case 9:
      return "the NPU did not respond";
    default:
      return nullptr;
  }
}

const char* hint_of(const AnynpuXrtError& error) {
  const std::string_view said = error.message;
  auto says = [&](const char* words) { return said.find(words) != std::string_view::npos; };
  if (error.state == 8 || error.state == 9)
    return "a command must end within tdr_timeout_ms (2 s): split the work, or look for a deadlock "
           "in the design; dmesg | grep amdxdna";
  if (error.state != 0)
    return "dmesg | grep amdxdna says more; other models running well means "
           "that this xclbin and its instructions do not fit";
  if (says("len=67108864") || says("err=-11"))
    return "the NPU's heap needs 64 MiB of locked memory: ulimit -l unlimited, "
           "LimitMEMLOCK=infinity "
           "for a service, --ulimit memlock=-1 for a container";
  if (says("No such device with index"))
    return "XRT sees no NPU: is libxrt-npu2 of the same version installed, and does dmesg | grep "
           "amdxdna show that the firmware fits the driver?";
  if (says("CREATE_HWCTX")) {
    if (error.number == ENODEV || error.number == ENOSPC)
      return "no columns are free: all xclbins on Phoenix must have one column width, and few "
             "contexts may be open; close other users of the NPU (anynpu doctor lists them)";
    return "the NPU's firmware has no context left or is stuck: close other users of the NPU; a "
           "reload of the driver (modprobe -r amdxdna && modprobe amdxdna) clears it";
  }
  if (error.number == ENODEV)
    return "the driver has lost the NPU: reload it (modprobe -r amdxdna && modprobe amdxdna); "
           "never "
           "reset the device through sysfs";
  if (error.number == EACCES)
    return "become a member of the group render: sudo usermod -aG render \"$USER\"";
  return "";
}

Error plugin_error(std::string_view doing, const AnynpuXrtError& error) {
  const std::string said = printable(error.message, 300);
  const char* state = state_title(error.state);
  return Error{error.state == 8 ? Code::kTimeout : Code::kDevice,
               state != nullptr ? fmt::format("{}: {} ({})", doing, state, said)
                                : fmt::format("{}: {}", doing, said),
               error.number}
      .with_hint(hint_of(error));
}

struct Owned {
  const AnynpuXrtPlugin* plugin;
  AnynpuXrtSession* session;
  ~Owned() { plugin->close(session); }
};

Duration keep_alive() {
  const char* text = std::getenv("ANYNPU_XDNA_KEEP_ALIVE");
  const int wanted = text != nullptr ? std::atoi(text) : kKeepAliveSeconds;
  return seconds(std::clamp(wanted, 0, 86'400));
}

class XclbinSession : public Session {
 public:
  XclbinSession(const AnynpuXrtPlugin* plugin, AnynpuXrtSession* session, SessionInfo info)
      : owned_(new Owned{plugin, session}),
        info_(std::move(info)),
        keep_alive_([this] { touch(); }, kTouchAfter, keep_alive()) {
    for (const TensorInfo& input : info_.inputs) shapes_.push_back(input.shape);
  }

  const SessionInfo& info() const override { return info_; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    if (shapes == shapes_) return {};
    ANYNPU_CHECK(check_input_shapes(info_, shapes, 1));
    const std::int64_t batch = shapes.front().front() / info_.inputs.front().shape.front();
    for (std::size_t i = 0; i < shapes.size(); ++i)
      if (batch < 1 || shapes[i].front() != batch * info_.inputs[i].shape.front())
        return Error{Code::kInvalid, fmt::format("input '{}': the shape {} is no whole batch of {}",
                                                 info_.inputs[i].name, to_string(shapes[i]),
                                                 to_string(info_.inputs[i].shape))};
    if (static_cast<std::size_t>(batch) > kMostSlots)
      return Error{Code::kTooLarge,
                   fmt::format("a batch of {}: {} are possible", batch, kMostSlots)};
    const KeepAlive::Use use(keep_alive_);
    AnynpuXrtError error;
    if (plugin().grow(owned_->session, static_cast<std::uint32_t>(batch), &error) != 0)
      return plugin_error(fmt::format("taking buffers for a batch of {}", batch), error);
    slots_ = static_cast<std::uint32_t>(batch);
    shapes_ = shapes;
    return {};
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    ANYNPU_CHECK(
        check_input(info_, index, index < shapes_.size() ? shapes_[index] : Shape{}, bytes));
    const KeepAlive::Use use(keep_alive_);
    const std::size_t share = bytes.size() / slots_;
    for (std::uint32_t slot = 0; slot < slots_; ++slot) {
      void* to = plugin().buffer(owned_->session, slot, static_cast<std::uint32_t>(index));
      if (to == nullptr) return Error{Code::kDevice, "a buffer of the NPU cannot be reached"};
      std::memcpy(to, bytes.data() + slot * share, share);
    }
    return {};
  }

  Result<> run() override {
    const KeepAlive::Use use(keep_alive_);
    AnynpuXrtError error;
    if (plugin().run(owned_->session, slots_, static_cast<std::uint32_t>(info_.inputs.size()),
                     kRunTimeoutMs, &error) != 0)
      return plugin_error("running on the NPU", error);
    results_.resize(info_.outputs.size());
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const std::size_t share = info_.outputs[i].byte_size();
      results_[i].resize(share * slots_);
      for (std::uint32_t slot = 0; slot < slots_; ++slot) {
        const void* from = plugin().buffer(owned_->session, slot,
                                           static_cast<std::uint32_t>(info_.inputs.size() + i));
        if (from == nullptr) return Error{Code::kDevice, "a buffer of the NPU cannot be reached"};
        std::memcpy(results_[i].data() + slot * share, from, share);
      }
    }
    ran_ = true;
    return {};
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= info_.outputs.size()) return no_such_output(info_, index);
    if (results_.empty()) return Error{Code::kInternal, "there is no output before the first run"};
    OutputView view{info_.outputs[index].shape, results_[index]};
    view.shape.front() *= slots_;
    return view;
  }

 private:
  const AnynpuXrtPlugin& plugin() const { return *owned_->plugin; }

  /// The last run once more: its inputs are still in the buffers, and its outputs have been copied.
  void touch() {
    AnynpuXrtError ignored;
    if (ran_)
      plugin().run(owned_->session, 1, static_cast<std::uint32_t>(info_.inputs.size()),
                   kRunTimeoutMs, &ignored);
  }

  std::unique_ptr<Owned> owned_;
  SessionInfo info_;
  std::vector<Shape> shapes_;
  std::uint32_t slots_ = 1;
  bool ran_ = false;
  std::vector<std::vector<std::byte>> results_;
  KeepAlive keep_alive_;  // last: its thread ends before what it touches
};

class XclbinEngine : public Engine {
 public:
  XclbinEngine(std::filesystem::path library, std::string version, const AnynpuXrtPlugin* plugin)
      : library_(std::move(library)), version_(std::move(version)), plugin_(plugin) {}

  std::string name() const override { return "xclbin"; }
  std::string version() const override { return version_; }
  std::filesystem::path library() const override { return library_; }
  std::vector<std::string> variants() const override { return {""}; }

  Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                        const LoadOptions& options) override {
    auto session = load_session(artifact, options);
    if (!session) return std::move(session).error().within(artifact.filename().string());
    return session;
  }

 private:
  Result<std::unique_ptr<Session>> load_session(const std::filesystem::path& artifact,
                                                const LoadOptions& options) {
    auto text = read_text(tensors_file(artifact), kMostTensorsText);
    if (!text)
      return std::move(text).error().with_hint(
          "an .xclbin does not tell its tensors: describe them in this file (docs/npu-xdna.md)");
    auto tensors = parse_tensors(*text);
    if (!tensors)
      return std::move(tensors).error().within(tensors_file(artifact).filename().string());
    ANYNPU_TRY(instructions, read_instructions(instructions_file(artifact)));
    std::vector<std::size_t> sizes;
    for (const auto* side : {&tensors->inputs, &tensors->outputs})
      for (const TensorInfo& tensor : *side) sizes.push_back(tensor.byte_size());
    const std::string path = artifact.string();
    const AnynpuXrtRequest request{static_cast<std::uint32_t>(std::max(options.device_index, 0)),
                                   path.c_str(),
                                   tensors->kernel.c_str(),
                                   instructions.data(),
                                   static_cast<std::uint32_t>(instructions.size()),
                                   sizes.data(),
                                   static_cast<std::uint32_t>(sizes.size())};
    AnynpuXrtSession* session = nullptr;
    AnynpuXrtError error;
    if (plugin_->open(&request, &session, &error) != 0)
      return plugin_error("opening it on the NPU", error);
    SessionInfo info{std::move(tensors->inputs), std::move(tensors->outputs)};
    info.batchable = true;
    info.note = fmt::format("XRT{}, {} instructions", version_.empty() ? "" : " " + version_,
                            instructions.size());
    return std::unique_ptr<Session>(
        std::make_unique<XclbinSession>(plugin_, session, std::move(info)));
  }

  std::filesystem::path library_;
  std::string version_;
  const AnynpuXrtPlugin* plugin_;
};

Result<std::filesystem::path> find_plugin() {
  if (const char* chosen = std::getenv("ANYNPU_XRT_PLUGIN"); chosen != nullptr && *chosen != '\0')
    return std::filesystem::path(chosen);
  const LibraryPlaces places = library_places();
  for (const auto* list : {&places.chosen, &places.own, &places.system})
    for (const std::filesystem::path& folder : *list)
      if (const auto found = find_files(folder, {kPluginFile}); !found.empty())
        return found.front();
  return Error{Code::kNotFound,
               fmt::format("no {}: this build of anynpu has no plugin for XRT", kPluginFile)}
      .with_hint(
          "build anynpu where XRT's headers are (libxrt-dev 2.21 or newer), or name a plugin "
          "in $ANYNPU_XRT_PLUGIN");
}

}  // namespace
}  // namespace xclbin

Result<std::unique_ptr<Engine>> open_xclbin(const EngineStatus& found) {
  ANYNPU_TRY(plugin_file, xclbin::find_plugin());
  // Its symbols must be seen by the plugin, which is not linked to it: the one that was found
  // counts.
  ANYNPU_TRY(xrt, SharedLibrary::open(found.library, SharedLibrary::Symbols::kGlobal));
  ANYNPU_TRY(plugin_library, SharedLibrary::open(plugin_file));
  AnynpuXrtPluginFunction* plugin = nullptr;
  if (!resolve(plugin_library, kAnynpuXrtSymbol, plugin) || plugin()->version != kAnynpuXrtPlugin)
    return Error{Code::kUnsupported,
                 plugin_file.string() + ": is no plugin of this version of anynpu"}
        .with_hint("build anynpu again, or put the plugin of the same build there");
  return std::unique_ptr<Engine>(
      std::make_unique<xclbin::XclbinEngine>(xrt.path(), found.version, plugin()));
}

}  // namespace anynpu::engine
