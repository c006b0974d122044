// SPDX-License-Identifier: Apache-2.0
// Will this model run on that NPU.
#include "doctor/model_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/file_mapping.h"
#include "engine/library.h"
#include "engine/rknn_file.h"
#include "model/xclbin_file.h"
#include "npu/check.h"
#include "npu/rknpu/facts.h"
#include "npu/rocket/facts.h"
#include "npu/sysfs.h"

namespace anynpu::doctor {
namespace {

namespace teflon = engine::teflon;

constexpr std::size_t kMostModelBytes = std::size_t{4} << 30;
// The Mesa whose rules are taken where none is installed: what to install is the newest.
constexpr teflon::MesaVersion kNewestMesa{26, 2, 6};
constexpr teflon::MesaVersion kFirstUsable{26, 1, 5};

// "3 of them: REASON", the most frequent reason first.
void list_counts(const std::map<std::string, int>& counts, std::string_view what,
                 std::vector<std::string>& lines) {
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [name, count] : sorted)
    lines.push_back(fmt::format("{} {}{}: {}", count, what, count == 1 ? "" : "s", name));
}

void advise(const GraphShare& share, const teflon::MesaVersion& version,
            std::vector<std::string>& advice) {
  // Signed ones with one scale would be claimed, and computed wrongly.
  if (mentions(share.kept_back, "unsigned 8-bit") || mentions(share.kept_back, "per channel"))
    advice.emplace_back(
        "quantise to unsigned 8-bit with one scale per tensor (quantisation-aware training of "
        "TensorFlow 1 does; post-training quantisation of TensorFlow 2 makes signed ones)");
  if (mentions(share.kept_back, "per channel"))
    advice.emplace_back(
        "quantise per tensor: with the converter's _experimental_disable_per_channel = True");
  if (mentions(share.kept_back, "not square"))
    advice.emplace_back("give the model a square input, such as 224 x 224");
  if (mentions(share.kept_back, "one channel"))
    advice.emplace_back("feed three channels: repeat the grey one");
  if (mentions(share.kept_back, "dilated"))
    advice.emplace_back("replace dilated convolutions, or leave them to the CPU");
  if (mentions(share.kept_back, "ReLU"))
    advice.emplace_back("use ReLU, or ReLU6 with an output range that ends at 6");
  if (version.before(26, 2) && mentions(share.kept_back, "before Mesa 26.2"))
    advice.emplace_back("install Mesa 26.2 or later: it computes these rightly");
  if (share.partitions > 3)
    advice.emplace_back(
        "each partition costs a way to the CPU and back: replace the operators between them");
}

constexpr std::uint64_t kMostAddresses = std::uint64_t{4} << 30;  // of one IOMMU domain

void refuse(ModelVerdict& verdict, std::string reason, std::string advice) {
  verdict.fit = Fit::kRefused;
  verdict.reasons.push_back(std::move(reason));
  verdict.advice.push_back(std::move(advice));
}

// Of an NPU that works in the machine's own memory.
void judge_memory(const npu::CheckContext& context, ModelVerdict& verdict) {
  verdict.memory_free = host::memory_figure(context.machine(), "MemAvailable");
  if (verdict.memory_free && verdict.memory_least > *verdict.memory_free)
    refuse(verdict,
           fmt::format("it needs at least {} of memory, and {} are free",
                       human_bytes(verdict.memory_least), human_bytes(*verdict.memory_free)),
           "end what else runs, or take a smaller model");
}

// Without its IOMMU the NPU sees only what the kernel has set aside in one piece.
void judge_rknpu_memory(const npu::CheckContext& context, ModelVerdict& verdict) {
  judge_memory(context, verdict);
  if (verdict.memory_least > kMostAddresses)
    refuse(verdict,
           fmt::format("it is larger than the {} of addresses that the NPU has for one program",
                       human_bytes(kMostAddresses)),
           "take a smaller model, or a shorter context");
  if (host::log_lines(context.kernel_log(), "using non-iommu mode", 1).empty()) return;
  const auto set_aside = host::memory_figure(context.machine(), "CmaFree");
  if (!set_aside) return;
  verdict.memory_free = *set_aside;
  if (verdict.memory_least > *set_aside)
    refuse(verdict,
           fmt::format("the NPU's IOMMU is off, and of the memory that the kernel has set aside "
                       "(CMA) {} are free, it needs at least {}",
                       human_bytes(*set_aside), human_bytes(verdict.memory_least)),
           "switch the IOMMU on (anynpu explain RK-IOMMU-OFF)");
}

Result<ModelVerdict> on_rocket(const npu::CheckContext& context, const std::filesystem::path& file,
                               std::span<const std::byte> bytes) {
  const auto& facts = context.facts<npu::rocket::Facts>();
  const auto installed = teflon::mesa_version_from(facts.mesa);
  const teflon::MesaVersion version = installed.value_or(kNewestMesa);
  ANYNPU_TRY(share, share_on_rocket(bytes, file.filename().string(), version));
  ModelVerdict verdict;
  verdict.family = "rocket";
  if (installed && installed->before(kFirstUsable.major, kFirstUsable.minor, kFirstUsable.patch))
    verdict.advice.push_back(fmt::format(
        "Mesa {} {}; install 26.2 or later", installed->text(),
        installed->before(25, 3) ? "has no driver for this NPU" : "leaks memory with each run"));
  verdict.fit = share.taken == 0                 ? Fit::kCpuOnly
                : share.taken == share.operators ? Fit::kRuns
                                                 : Fit::kPartly;
  verdict.summary =
      fmt::format("{} of {} operators go to the NPU in {} partition{} (by the rules of Mesa {}{})",
                  share.taken, share.operators, share.partitions, share.partitions == 1 ? "" : "s",
                  version.text(), installed ? ", which is installed" : ", none is installed");
  std::map<std::string, int> kept_back;
  for (const auto& [reason, count] : share.kept_back)
    kept_back[reason + (teflon::refused_by_mesa(reason)
                            ? ""
                            : " (the real delegate would crash or be wrong)")] = count;
  list_counts(kept_back, "operator", verdict.reasons);
  list_counts(share.others, "operator", verdict.reasons);
  advise(share, version, verdict.advice);
  verdict.memory_least = bytes.size();
  judge_memory(context, verdict);
  return verdict;
}

Result<ModelVerdict> on_rknpu(const npu::CheckContext& context, const std::filesystem::path& file,
                              std::span<const std::byte> bytes) {
  ANYNPU_TRY(model, engine::read_rknn(bytes, file.filename().string()));
  const auto& facts = context.facts<npu::rknpu::Facts>();
  ModelVerdict verdict;
  verdict.family = "rknpu";
  verdict.fit = Fit::kRuns;
  verdict.summary = fmt::format(
      "made by toolkit {} for {}, format {}", model.toolkit.empty() ? "?" : model.toolkit,
      model.platforms.empty() ? "?" : join(model.platforms, ", "), model.format);
  const std::string soc = facts.soc();
  if (!context.has("rknpu")) {
    verdict.fit = Fit::kUnknown;
    verdict.reasons.emplace_back(context.has("rocket")
                                     ? "this kernel's driver is rocket, which takes .tflite; a "
                                       ".rknn needs the vendor's kernel"
                                     : "this machine has no NPU with the vendor's driver rknpu");
  }
  if (soc.empty()) {
    verdict.fit = Fit::kUnknown;
    verdict.reasons.emplace_back("this machine does not say which Rockchip SoC it is");
  } else if (!model.platforms.empty() &&
             std::none_of(
                 model.platforms.begin(), model.platforms.end(),
                 [&](const std::string& one) { return engine::same_platform(one, soc); })) {
    refuse(verdict,
           fmt::format("the model is for {}, this is {}", join(model.platforms, ", "), soc),
           fmt::format("convert it again with target_platform='{}'", soc));
  }
  const std::string least = engine::least_runtime(model);
  const npu::LibraryCopy* library = npu::winner(context.machine(), facts.runtime);
  const std::string runtime = library == nullptr ? "" : library->version;
  if (runtime.empty()) {
    if (verdict.fit == Fit::kRuns) verdict.fit = Fit::kUnknown;
    verdict.reasons.emplace_back(
        "librknnrt.so is not installed here, or does not tell its version");
  } else if (!least.empty() && engine::compare_versions(runtime, least) < 0) {
    refuse(verdict,
           fmt::format("it needs librknnrt {} or later, {} is {}", least, library->path, runtime),
           fmt::format("install librknnrt {} or later", least));
  }
  verdict.memory_least = bytes.size();
  judge_rknpu_memory(context, verdict);
  return verdict;
}

Result<ModelVerdict> on_xdna(const npu::CheckContext& context, const std::filesystem::path& file,
                             std::span<const std::byte> bytes) {
  ANYNPU_TRY(model, model::read_xclbin(bytes, file.filename().string()));
  ModelVerdict verdict;
  verdict.family = "xdna";
  if (!model.partition) {
    verdict.fit = Fit::kRefused;
    verdict.summary = "has no AIE_PARTITION section: it is for another kind of card";
    verdict.advice.emplace_back("build it for the NPU (mlir-aie: aiecc --get-xclbin)");
    return verdict;
  }
  const unsigned width = model.partition->column_width;
  std::vector<std::string> starts;
  for (unsigned start : model.partition->start_columns) starts.push_back(std::to_string(start));
  verdict.summary = fmt::format("needs {} column{}{}", width, width == 1 ? "" : "s",
                                starts.empty() ? "" : ", from column " + join(starts, " or "));
  unsigned columns = 0;
  for (const npu::PciFunction& function : npu::pci_functions(context.machine()))
    if (function.vendor == 0x1022)
      columns = function.device == 0x1502 ? 4 : function.device == 0x17f0 ? 8 : columns;
  // Phoenix has five, of which the first is not given out.
  const std::uint64_t end = columns == 4 ? 5 : columns;
  verdict.fit = Fit::kUnknown;
  if (columns == 0) verdict.reasons.emplace_back("no Ryzen AI NPU is on this machine");
  if (columns != 0 && width > columns) {
    refuse(verdict, fmt::format("this NPU has {} columns", columns),
           fmt::format("build it for at most {} columns", columns));
  } else if (columns != 0 && !starts.empty() &&
             std::none_of(model.partition->start_columns.begin(),
                          model.partition->start_columns.end(),
                          [&](std::uint64_t start) { return start + width <= end; })) {
    refuse(verdict, "from none of its first columns on is there room for it on this NPU",
           "build it for this NPU");
  } else if (columns != 0) {
    // The sections do not name the generation, and the code of one does not run on the other. Only
    // what is wider than Phoenix must be of the later one.
    if (width > 4 && !starts.empty())
      verdict.fit = Fit::kRuns;
    else
      verdict.reasons.emplace_back(
          "the file does not say for which generation it was built (npu1: Phoenix, Hawk Point; "
          "npu2: "
          "Strix and later)");
  }
  if (columns == 4)
    verdict.advice.emplace_back(
        "build all designs that run at the same time for one width: others cannot share columns");
  verdict.memory_least = bytes.size();
  judge_memory(context, verdict);
  return verdict;
}

// A card of 8 GB keeps 1152 MB for itself.
constexpr std::uint64_t kLargestCard = std::uint64_t{7040} << 20;
constexpr std::uint64_t kSmallCard = std::uint64_t{2944} << 20;

ModelVerdict on_axcl(std::span<const std::byte> bytes) {
  ModelVerdict verdict;
  verdict.family = "axcl";
  verdict.fit = Fit::kUnknown;
  verdict.summary =
      "an .axmodel does not say in a documented way which chip it is for: the card's runtime tells "
      "when it is loaded";
  verdict.memory_least = bytes.size();
  if (verdict.memory_least > kLargestCard)
    refuse(verdict,
           fmt::format("it needs at least {}, and the largest card has {} for models",
                       human_bytes(verdict.memory_least), human_bytes(kLargestCard)),
           "take a smaller model, or split it over several cards");
  else if (verdict.memory_least > kSmallCard)
    verdict.reasons.push_back(fmt::format(
        "it needs at least {}: a card of 4 GB has {} for models, one of 8 GB has {}",
        human_bytes(verdict.memory_least), human_bytes(kSmallCard), human_bytes(kLargestCard)));
  verdict.advice.emplace_back("compile with pulsar2 for AX650 (npu_mode NPU1 to NPU3)");
  verdict.advice.emplace_back("only the card tells what is free: anynpu top --ask-cards");
  return verdict;
}

}  // namespace

bool mentions(const std::map<std::string, int>& reasons, std::string_view word) {
  return std::any_of(reasons.begin(), reasons.end(), [&](const auto& entry) {
    return entry.first.find(word) != std::string::npos;
  });
}

std::string_view to_string(Fit fit) {
  switch (fit) {
    case Fit::kRuns:
      return "runs";
    case Fit::kPartly:
      return "partly";
    case Fit::kCpuOnly:
      return "cpu_only";
    case Fit::kRefused:
      return "refused";
    case Fit::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Result<std::vector<ModelVerdict>> check_model(const host::Machine& machine,
                                              const std::vector<npu::Device>& devices,
                                              const std::filesystem::path& file) {
  ANYNPU_TRY(mapping, engine::FileMapping::open(file, kMostModelBytes));
  ANYNPU_TRY(kind, model::kind_of(mapping.bytes(), file));
  const npu::CheckContext context(machine);
  ModelVerdict verdict;
  switch (kind) {
    case model::FileKind::kTflite: {
      ANYNPU_TRY(made, on_rocket(context, file, mapping.bytes()));
      verdict = std::move(made);
      break;
    }
    case model::FileKind::kRknn: {
      ANYNPU_TRY(made, on_rknpu(context, file, mapping.bytes()));
      verdict = std::move(made);
      break;
    }
    case model::FileKind::kXclbin: {
      ANYNPU_TRY(made, on_xdna(context, file, mapping.bytes()));
      verdict = std::move(made);
      break;
    }
    case model::FileKind::kAxmodel:
      verdict = on_axcl(mapping.bytes());
      break;
    case model::FileKind::kOnnx:
      verdict.family = "cpu";
      verdict.device = "cpu";
      verdict.fit = Fit::kCpuOnly;
      verdict.summary = "no NPU takes ONNX as it is";
      verdict.advice.emplace_back(
          "convert it with the vendor's tool: .rknn (rknn-toolkit2), .axmodel (pulsar2), or a "
          ".tflite for Rockchip's mainline driver");
      return std::vector<ModelVerdict>{verdict};
  }
  std::vector<ModelVerdict> verdicts;
  for (const npu::Device& device : devices)
    if (device.family == verdict.family) {
      verdicts.push_back(verdict);
      verdicts.back().device = device.id;
    }
  if (verdicts.empty()) verdicts.push_back(std::move(verdict));
  return verdicts;
}

}  // namespace anynpu::doctor
