// SPDX-License-Identifier: Apache-2.0
// The table of the checks of a machine's models. They are of no NPU's family: a model that does not
// fit says nothing against the NPU.
#include "doctor/machine_model_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "doctor/machine_models.h"
#include "npu/remedies.h"

namespace anynpu::doctor {
namespace {

using npu::Check;
using npu::CheckContext;
using npu::Layer;
using npu::Severity;
using npu::Verdict;

constexpr std::size_t kMostShown = 5;

Verdict models_with(const CheckContext& context, ModelFault fault) {
  const auto& all = context.facts<MachineModels>();
  if (all.models.empty()) return npu::skip("this machine has no model for its NPU");
  npu::Problem problem;
  std::size_t found = 0;
  for (const JudgedModel& model : all.models) {
    if (model.fault != fault) continue;
    if (++found <= kMostShown) problem.evidence.push_back(model.path + ": " + model.says);
    // The first one's word for it; all of one fault have the same remedy.
    if (problem.remedy.text.empty()) problem.remedy.text = model.advice;
    if (!model.replace.empty() && problem.remedy.commands.empty()) {
      problem.remedy.text = "replace the runtime by librknnrt.so 2.3.2 or later";
      problem.remedy.commands = {fmt::format("sudo install -m 755 librknnrt.so {} && sudo ldconfig",
                                             npu::shell_quoted(model.replace))};
      problem.remedy.needs_root = !context.container();
    }
  }
  if (found == 0) return npu::pass();
  if (found > kMostShown)
    problem.evidence.push_back(fmt::format("and {} more models", found - kMostShown));
  if (all.left_out > 0)
    problem.evidence.push_back(fmt::format("{} more files were not looked at", all.left_out));
  return npu::fail(std::move(problem));
}

template <ModelFault kFault>
Verdict has_fault(const CheckContext& context) {
  return models_with(context, kFault);
}

constexpr std::string_view kNeedsOneRuntime[] = {"RK-LIB-SHADOWED"};
constexpr std::string_view kNeedsFormat[] = {"RK-LIB-SHADOWED", "MODEL-FORMAT"};
constexpr std::string_view kNeedsMesa[] = {"ROCKET-MUSL",           "ROCKET-VENDOR-RUNTIME",
                                           "ROCKET-TEFLON-MISSING", "ROCKET-TEFLON-DANGLING",
                                           "ROCKET-TEFLON-ARCH",    "ROCKET-MESA-NO-ROCKET",
                                           "ROCKET-MESA-LEAK",      "ROCKET-MESA-WRONG"};

constexpr std::string_view kFormatLinks[] = {
    "https://github.com/rockchip-linux/rknn-toolkit2/issues/212"};
constexpr std::string_view kToolkitLinks[] = {
    "https://github.com/airockchip/rknn-toolkit2/issues/405"};
constexpr std::string_view kMagicLinks[] = {
    "https://github.com/airockchip/rknn-toolkit2/issues/254"};
constexpr std::string_view kTeflonLinks[] = {"https://docs.mesa3d.org/teflon.html"};

}  // namespace

std::span<const Check> machine_model_checks() {
  static constexpr Check kChecks[] = {
      {.id = "MODEL-FILE",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "Each model file is a model",
       .symptom = "invalid RKNN_MAGIC!; Invalid RKNN format; Model provided has model identifier "
                  "'...', should be 'TFL3'",
       .cause = "a model file holds something else: a pointer of Git LFS, a web page, another kind "
                "of model, or half of the model",
       .fix = "fetch the file again, or convert the network for this NPU",
       .links = kMagicLinks,
       .run = has_fault<ModelFault::kFile>},
      {.id = "MODEL-TARGET",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "Each .rknn model was made for this chip",
       .symptom =
           "This rknn model is for RK3588, but current platform is RK3576; rknn_init answers "
           "-13 or -1",
       .cause = "a model was made for another Rockchip chip; each chip needs its own conversion",
       .fix = "convert the network again with target_platform set to this chip",
       .run = has_fault<ModelFault::kTarget>},
      {.id = "MODEL-FORMAT",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "The runtime knows the format of each .rknn model",
       .symptom = "E RKNN: 6, 4; Invalid RKNN model version 6; rknn_init answers -6 or -1",
       .cause = "a model has a newer file format than librknnrt.so can read, so that it does not "
                "load",
       .fix = "install librknnrt.so 2.3.2: it reads models of all toolkits until now",
       .links = kFormatLinks,
       .depends_on = kNeedsOneRuntime,
       .run = has_fault<ModelFault::kFormat>},
      {.id = "MODEL-TOOLKIT",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "The runtime is as new as the toolkit that made each .rknn model",
       .symptom = "RKNN Model version ... not match with rknn runtime version; odd results; "
                  "Unsupport CPU op",
       .cause = "a model was made by a newer toolkit than librknnrt.so belongs to: it may load and "
                "then give odd results",
       .fix = "install the librknnrt.so of the toolkit's version, or a later one (2.3.2)",
       .links = kToolkitLinks,
       .depends_on = kNeedsFormat,
       .run = has_fault<ModelFault::kToolkit>},
      {.id = "MODEL-COLUMNS",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "Each .xclbin design fits on this NPU",
       .symptom = "the xclbin loads on no device; CREATE_HWCTX fails",
       .cause = "a design was built for an NPU with more columns than this one has",
       .fix = "build the design again for this NPU (npu1: at most 4 columns, npu2: 8)",
       .run = has_fault<ModelFault::kColumns>},
      {.id = "MODEL-CRASH",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "Mesa's Teflon can load each .tflite model",
       .symptom = "Segmentation fault while the model is loaded",
       .cause =
           "Mesa's Teflon crashes on a model: an addition in it does not follow a convolution, "
           "or its weights are not constants. anynpu leaves these parts to the CPU, other "
           "programs crash",
       .fix = "run it with anynpu, or change the network so that each addition follows a "
              "convolution",
       .links = kTeflonLinks,
       .depends_on = kNeedsMesa,
       .run = has_fault<ModelFault::kCrash>},
      {.id = "MODEL-WRONG-RESULTS",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "Each .tflite model for the NPU is of unsigned 8-bit",
       .symptom = "noise in the place of results, without an error; on some models a crash",
       .cause = "Mesa's Teflon takes a model's float or signed 8-bit numbers for unsigned ones. "
                "anynpu runs such a model on the CPU, other programs get wrong results",
       .fix = "quantise the network to unsigned 8-bit with one scale per tensor",
       .links = kTeflonLinks,
       .depends_on = kNeedsMesa,
       .run = has_fault<ModelFault::kWrong>},
      {.id = "MODEL-NO-SPEEDUP",
       .family = "",
       .layer = Layer::kModel,
       .severity = Severity::kNote,
       .title = "Some of each .tflite model can go to the NPU",
       .symptom = "the model works and is no faster than on the CPU",
       .cause = "nothing of a model can run on this NPU, so that all of it stays on the CPU",
       .fix = "quantise the network to unsigned 8-bit with one scale per tensor, without dilated "
              "convolutions",
       .links = kTeflonLinks,
       .depends_on = kNeedsMesa,
       .run = has_fault<ModelFault::kNoSpeedup>},
  };
  return kChecks;
}

}  // namespace anynpu::doctor
