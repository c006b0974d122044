// SPDX-License-Identifier: Apache-2.0
// rknn_init of the simulated librknnrt: the device, the driver, the model, the memory, in the order
// in which the real one looks at them.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>

#include "engine/library.h"
#include "sim/rknn/artifact.h"
#include "sim/rknn/context.h"

namespace anynpu::sim {
namespace {

constexpr std::size_t kSmallest = 72;

bool happens(const char* fault) {
  return rknn_faults().strikes(fault).has_value();
}

std::string title_of_platform(const std::string& platform) {
  std::string title;
  for (const char c : platform)
    title += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return title;
}

/// As the runtime calls the board that it is on.
std::string title_of_board(const std::string& soc) {
  return engine::same_platform("rk3566", soc) ? "RK3566/RK3568" : title_of_platform(soc);
}

unsigned hardware_version(const std::string& soc) {
  return engine::same_platform("rk3566", soc) ? 0 : 0x46495245;
}

/// The device and its driver. 0 when both will do.
int look_at_device(const RknnBoard& board) {
  const int version = runtime_version();
  if (rknn_faults().active("vanish") || happens("no-device")) {
    say('E', "failed to open rknpu module, need to insmod rknpu dirver!");
    say('E', "failed to open rknn device!");
    return rk::kFail;
  }
  if (happens("init-crash")) crash();
  if (happens("init-hang")) hang();
  if (happens("unknown-soc")) {
    if (version < 10400) {
      say('E', "This shared library is for RK3588/RK3588s platforms only!");
      return rk::kFail;
    }
    say('E', "Meet unsupported target type: 0xffffffff");
    say('E', version < 10600 ? "Meet unsupported target type: 0xffffffff"
                             : "Meet unsupported rknn target type");
    crash();
  }
  const std::string driver = happens("old-driver") ? "0.5.1" : board.driver;
  const std::string least = version < 10500 ? "0.6.2" : "0.7.0";
  if (version_number(driver) < version_number(least)) {
    say('E', fmt::format("Mismatch driver version, librknnrt version: {} requires driver version "
                         ">= {}, but you have driver version: {} which is incompatible!",
                         runtime_version_text(), least, driver));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    say('E', "invalid device fd!");
    return rk::kFail;
  }
  return rk::kSuccess;
}

/// The model's frame, format and platform. 0 when it will do.
int look_at_model(const RknnBoard& board, RknnContext& context) {
  const int version = runtime_version();
  const std::vector<std::byte>& bytes = *context.model;
  auto refuse = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) say('E', line);
    if (version >= 10500) say('E', "Import rknn model failed!");
    say('E', "rknn_init, load model failed!");
    return model_refused();
  };
  if (bytes.size() < kSmallest)
    return refuse(
        {"parseRKNN: rknn model is too small!", "parseRKNN from buffer: Invalid RKNN format!"});
  if (!engine::looks_like_rknn(bytes))
    return refuse(
        {"parseRKNN: invalid RKNN_MAGIC!", "parseRKNN from buffer: Invalid RKNN format!"});
  std::uint64_t numbers[2] = {};
  std::memcpy(numbers, bytes.data() + 8, sizeof numbers);
  if (numbers[1] > bytes.size() - kSmallest)
    return refuse({fmt::format("parseRKNN: exportDataSize large then model size: {} vs {}!",
                               numbers[1], bytes.size())});
  if (numbers[0] >= 6 && version < 10502)
    return refuse({fmt::format("{}, {}", numbers[0], version < 10500 ? 1 : 4),
                   fmt::format("Invalid RKNN model version {}", numbers[0])});
  auto file = engine::read_rknn(bytes, "model");
  if (!file) return refuse({"Verify ModelBuffer failed!"});
  context.file = std::move(*file);
  const std::string made_for = context.file.platforms.empty() ? "" : context.file.platforms[0];
  if (!engine::same_platform(made_for, board.soc)) {
    const std::string hardware =
        fmt::format("failed to check rknpu hardware version: {:#x}", hardware_version(board.soc));
    if (version < 10400)
      return refuse({hardware, "The rknn model does not match the RKNPU hardware version!"});
    return refuse({hardware, fmt::format("This rknn model is for {}, but current platform is {}",
                                         title_of_platform(made_for), title_of_board(board.soc))});
  }
  const std::string toolkit = engine::plain_version(context.file.toolkit);
  if (version_number(toolkit) > version)
    say('W', fmt::format("RKNN Model version: {} not match with rknn runtime version: {}", toolkit,
                         engine::plain_version(runtime_version_text())));
  return rk::kSuccess;
}

/// The memory for the weights. 0 when there is enough, or when its lack is swallowed.
int take_memory(const RknnContext& context) {
  const int version = runtime_version();
  const auto size = static_cast<std::uint32_t>(context.model->size());
  if (happens("retry")) {
    say('E',
        "failed to allocate handle, ret: -1, errno: 12, errstr: Cannot allocate memory, sleep "
        "one second and try again!");
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  if (happens("init-swallowed")) say_no_memory(size, 0xa);
  if (happens("no-memory")) {
    say_no_memory(size, 0x2);
    if (version >= 10500) say('E', "Import rknn model failed!");
    say('E', "rknn_init, load model failed!");
    return model_refused();
  }
  if (happens("no-descriptors")) {
    say('E',
        version < 10500
            ? "failed to convert handle to fd, ret: -1, errno: 24, errstr: Too many open files"
            : "failed to convert handle(1) to fd, ret: -1, errno: 24, errstr: Too many open files");
    if (version >= 10600) crash();
    return model_refused();
  }
  return rk::kSuccess;
}

void introduce(const RknnBoard& board, const RknnContext& context) {
  const bool colon = runtime_version() < 10600;
  say('I', fmt::format("RKNN Runtime Information{} librknnrt version: {}", colon ? ":" : ",",
                       runtime_version_text()));
  say('I', fmt::format("RKNN Driver Information{} version: {}", colon ? ":" : ",", board.driver));
  const engine::RknnFile& file = context.file;
  say('I',
      fmt::format("RKNN Model Information{} version: {}, toolkit version: {}(compiler version: "
                  "{}), target: {}, target platform: {}, framework name: {}, framework layout: "
                  "NHWC, model inference type: {}",
                  colon ? ":" : ",", file.format, file.toolkit, file.compiler, file.arch,
                  file.platforms.empty() ? "" : file.platforms[0], file.framework,
                  file.dynamic ? "dynamic_shape" : "static_shape"));
}

int load_network(RknnContext& context) {
  auto network = RknnNetwork::load(*context.model, context.file);
  if (!network) {
    say('E', network.error().message);
    return model_refused();
  }
  context.network = std::move(*network);
  return rk::kSuccess;
}

std::shared_ptr<const std::vector<std::byte>> model_bytes(const void* model, std::uint32_t size) {
  if (size != 0) {
    const auto* data = static_cast<const std::byte*>(model);
    return std::make_shared<const std::vector<std::byte>>(data, data + size);
  }
  std::ifstream file(static_cast<const char*>(model), std::ios::binary);
  if (!file) return nullptr;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return std::make_shared<const std::vector<std::byte>>(data, data + text.size());
}

}  // namespace

RKNN_EXPORT int rknn_init(rk::Context* handle, void* model, std::uint32_t size, std::uint32_t flags,
                          rk::InitExtend*) {
  if (handle == nullptr || model == nullptr) return rk::kParamInvalid;
  *handle = 0;
  const RknnBoard board = rknn_board();
  if (const int refused = look_at_device(board); refused != 0) return refused;
  auto context = std::make_shared<RknnContext>();
  context->flags = flags;
  context->model = model_bytes(model, size);
  *handle = add_context(context);  // from here on it is to be destroyed, whatever comes
  if (context->model == nullptr) {
    say('E', "rknn_init, load model failed!");
    return model_refused();
  }
  if (const int refused = look_at_model(board, *context); refused != 0) return refused;
  if (const int refused = take_memory(*context); refused != 0) return refused;
  if (const int refused = load_network(*context); refused != 0) return refused;
  if ((flags & rk::kEnableSram) != 0)
    context->sram = std::min(board.sram, context->network->weight_bytes());
  introduce(board, *context);
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_dup_context(rk::Context* from, rk::Context* to) {
  if (from == nullptr || to == nullptr) return rk::kParamInvalid;
  const auto original = context_of(*from);
  if (original == nullptr || original->network == nullptr) return rk::kContextInvalid;
  auto copy = std::make_shared<RknnContext>();
  copy->model = original->model;
  copy->file = original->file;
  copy->flags = original->flags;
  if (const int refused = load_network(*copy); refused != 0) return refused;
  *to = add_context(std::move(copy));
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_destroy(rk::Context handle) {
  return remove_context(handle) ? rk::kSuccess : rk::kContextInvalid;
}

}  // namespace anynpu::sim
