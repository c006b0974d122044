// SPDX-License-Identifier: Apache-2.0
// The families of NPUs with their simulated libraries, the faults of each and what anynpu says of
// them; and one small network that all of them can run.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "sim/axcl/artifact.h"
#include "sim/rknn/artifact.h"
#ifdef ANYNPU_HAS_XRT
#include "sim/xrt/artifact.h"
#endif
#include "tiny_tflite.h"

namespace anynpu::test {

/// One fault of a family: what the simulated library is told, and what anynpu says of it.
struct Fault {
  std::string words;
  std::string said;
  /// How long the device itself takes until the fault can be known, or anynpu waits for it.
  int known_after_ms = 0;
};

/// How long a run may take in these tests.
inline constexpr int kHangMs = 500;

struct Family {
  std::string name;                   // "rknpu"
  std::string machine, root_machine;  // of sim/machines: for whole commands
  std::string artifact, engine;       // "model.rknn", "rknn"
  /// Variables of worker processes that name files below the folder of simulators.
  std::vector<std::pair<std::string, std::string>> files;
  /// Writes the artifact; nothing where the .tflite itself is it.
  void (*write)(const std::filesystem::path& file, const std::vector<std::byte>& tflite) = nullptr;
  std::vector<Fault> of_load;  // while a model is loaded
  std::vector<Fault> of_run;   // while requests are answered
  std::string at_random;       // several of them, now and then
  std::string mending_step;    // of the recovery ladder, that a simulated machine can be mended by
};

inline void write_rknn(const std::filesystem::path& file, const std::vector<std::byte>& tflite) {
  ASSERT_TRUE(write_file(file, sim::make_rknn(tflite, {})));
}
inline void write_axmodel(const std::filesystem::path& file, const std::vector<std::byte>& tflite) {
  ASSERT_TRUE(write_file(file, sim::axcl::write_axmodel(tflite)));
}
#ifdef ANYNPU_HAS_XRT
inline void write_xclbin(const std::filesystem::path& file, const std::vector<std::byte>& tflite) {
  ASSERT_TRUE(sim::xrt_device::write_xclbin(file, tflite));
}
#endif

inline std::vector<Family> npu_families() {
  std::vector<Family> all;
  all.push_back({"rknpu",
                 "rk3588-vendor",
                 "rk3588-vendor-as-root",
                 "model.rknn",
                 "rknn",
                 {{"ANYNPU_RKNN", "rknn/librknnrt.so"}},
                 write_rknn,
                 {{"no-device", "no rknpu device"},
                  {"old-driver", "rknpu driver 0.5.1 is too old"},
                  {"no-memory", "memory is used up"},
                  {"init-swallowed", "memory is used up"},
                  {"unknown-soc", "signal 11"},
                  {"no-descriptors", "signal 11"},
                  {"init-crash", "signal 11"},
                  {"crash", "signal 11"},
                  {"wrong", "disagrees with the reference"},
                  {"fail", "failed at operator"},
                  {"vanish", "no rknpu device"}},
                 {{"fail", "failed at operator"},
                  {"timeout:ms=50", "did not finish", 50},
                  {"crash", "signal 11"},
                  {"hang", "did not answer within", kHangMs},
                  {"stuck", "did not answer within", kHangMs},
                  {"swallowed", "memory is used up"},
                  {"stale", "its answer was not right (it answered another input"},
                  {"wrong", "its answer was not right: it answers the canary otherwise"},
                  {"vanish", "failed at operator"}},
                 "fail:one-in=100:seed=11+stale:one-in=130:seed=13+crash:one-in=400:seed=12",
                 "driver-reset"});
  all.push_back({"axcl",
                 "rpi5-ax650",
                 "rpi5-ax650-as-root",
                 "model.axmodel",
                 "axmodel",
                 {{"ANYNPU_AXMODEL", "axcl/libaxcl_rt.so"}},
                 write_axmodel,
                 {{"no-module", "/dev/axcl_host cannot be opened"},
                  {"no-permission", "errno: 13"},
                  {"no-card", "no card is connected"},
                  {"ports", "refused the communication ports"},
                  {"full:mib=7030", "of the card's memory"},
                  {"load", "a message could not be decoded"},
                  {"dead", "the card is not active"},
                  {"vanish", "no card is connected"},
                  {"crash", "signal 11"},
                  {"wrong", "disagrees with the reference"},
                  {"fail", "0x8030070c"}},
                 {{"fail", "0x8030070c"},
                  {"timeout:ms=50", "0x80300705: ENGINE, timed out", 50},
                  {"crash", "signal 11"},
                  {"hang", "did not answer within", kHangMs},
                  {"dead", "0 bytes sent"},
                  {"vanish", "0 bytes sent"},
                  {"stale", "its answer was not right (it answered another input"},
                  {"wrong", "its answer was not right: it answers the canary otherwise"}},
                 "fail:one-in=100:seed=11+stale:one-in=130:seed=13+crash:one-in=400:seed=12",
                 "card-reboot"});
#ifdef ANYNPU_HAS_XRT
  all.push_back({"xdna",
                 "phoenix",
                 "phoenix-as-root",
                 "model.xclbin",
                 "xclbin",
                 {{"ANYNPU_XCLBIN", "xrt/libxrt_coreutil.so.2"},
                  {"ANYNPU_XRT_PLUGIN", "../libanynpu_xrt.so"}},
                 write_xclbin,
                 {{"no-device", "No such device"},
                  {"firmware", "No such device"},
                  {"memlock", "len=67108864"},
                  {"context", "CREATE_HWCTX"},
                  {"wedge", "err=-19"},
                  {"crash", "signal 11"},
                  {"wrong", "disagrees with the reference"},
                  {"fail", "the command was aborted"}},
                 {{"fail", "the command was aborted"},
                  {"timeout:ms=50", "the driver stopped the command", 50},
                  {"crash", "signal 11"},
                  {"hang", "did not answer within", kHangMs},
                  {"wedge", "err=-19"},
                  {"stale", "its answer was not right (it answered another input"},
                  {"wrong", "its answer was not right: it answers the canary otherwise"}},
                 "fail:one-in=100:seed=11+stale:one-in=130:seed=13+crash:one-in=400:seed=12",
                 "module-reload"});
#endif
  all.push_back({"rocket",
                 "rk3588-mainline,teflon=stand-in",
                 "rk3588-mainline-as-root,teflon=stand-in",
                 "model.tflite",
                 "teflon",
                 {{"ANYNPU_TEFLON", "teflon/libteflon.so"}, {"LD_PRELOAD", "teflon/libteflon.so"}},
                 nullptr,
                 {{"open", "cannot open /dev/accel/accel0"},
                  {"version", "does not name its driver"},
                  {"other-driver", "belongs to the driver 'ethosu'"},
                  {"create", "gives no buffer"},
                  {"submit", "the driver refused SUBMIT"},
                  {"crash", "signal 11"},
                  {"corrupt", "disagrees with the reference"}},
                 {{"submit", "the driver refused SUBMIT"},
                  // Its canary takes as long, and is not waited for to its end.
                  {"timeout:ms=450", "its answer was not right (it waited", kHangMs},
                  {"crash", "signal 11"},
                  {"hang", "did not answer within", kHangMs},
                  {"corrupt", "its answer was not right: it answers the canary otherwise"}},
                 "submit:one-in=100:seed=11+crash:one-in=400:seed=12",
                 "rebind"});
  return all;
}

/// The CPU's own workers: faults are signals, because its library is the real one.
inline Family cpu_family() {
  return {.name = "cpu",
          .machine = "no-npu-amd64",
          .root_machine = "",
          .artifact = "model.tflite",
          .engine = "tflite",
          .files = {},
          .of_load = {},
          .of_run = {{"crash", "signal 11"},
                     {"kill", "signal 9"},
                     {"hang", "did not answer within", kHangMs}},
          .at_random = "",
          .mending_step = ""};
}

inline constexpr std::int32_t kSide = 4;
inline constexpr std::int32_t kInputChannels = 3, kOutputChannels = 4;
inline constexpr float kInputScale = 0.05F, kOutputScale = 0.1F;

/// One quantised convolution, which every family can run.
inline std::vector<std::byte> shared_network() {
  TinyTflite model;
  auto activation = [](const char* name, std::int32_t channels, float scale) {
    TinyTensor tensor{name, TfliteType::kUint8, {1, kSide, kSide, channels}};
    tensor.scales = {scale};
    tensor.zero_points = {128};
    return tensor;
  };
  const int x = model.input(activation("x", kInputChannels, kInputScale));
  const int y = model.output(activation("y", kOutputChannels, kOutputScale));
  TinyTensor weights{"w", TfliteType::kUint8, {kOutputChannels, 1, 1, kInputChannels}};
  weights.scales = {0.02F};
  weights.zero_points = {128};
  TinyTensor bias{"b", TfliteType::kInt32, {kOutputChannels}};
  bias.scales = {kInputScale * 0.02F};
  bias.zero_points = {0};
  const std::vector<std::uint8_t> values = {200, 40, 130, 90, 250, 10, 128, 60, 220, 170, 100, 30};
  model.conv_2d(x, model.constant(weights, values),
                model.constant(bias, std::vector<std::int32_t>{10, -300, 250, 0}), y);
  return model.build();
}

}  // namespace anynpu::test
