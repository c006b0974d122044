// SPDX-License-Identifier: Apache-2.0
// The models that a machine has, and whether its NPU can run them.
#include "doctor/machine_models.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "doctor/model_check.h"
#include "doctor/model_digest.h"
#include "engine/rknn_file.h"
#include "model/package_toml.h"
#include "npu/rknpu/facts.h"
#include "npu/rocket/facts.h"
#include "npu/sysfs.h"

namespace anynpu::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 32;
constexpr std::size_t kMostPackages = 256;
constexpr unsigned kAmd = 0x1022;

struct Candidate {
  std::string path;
  std::vector<std::string> families;
};

std::string family_of_ending(const std::string& path) {
  const std::string ending = to_lower(fs::path(path).extension().string());
  if (ending == ".rknn") return "rknpu";
  if (ending == ".tflite") return "rocket";
  if (ending == ".axmodel") return "axcl";
  return ending == ".xclbin" ? "xdna" : "";
}

/// The newest version's files; none when model.toml cannot be read, which is the store's matter.
std::vector<Candidate> files_of_package(const host::Machine& machine, const std::string& folder) {
  std::vector<Candidate> files;
  auto text = machine.read_text(folder + "/model.toml", model::kMostModelTomlBytes);
  if (!text) return files;
  auto package = model::parse_package(*text, folder + "/model.toml",
                                      fs::path(folder).filename().string(), model::resolve_by_name);
  if (!package || package->package.versions.empty()) return files;
  for (const model::Artifact& artifact : package->package.latest().artifacts)
    files.push_back({fmt::format("{}/{}", folder, artifact.path.string()), artifact.families});
  return files;
}

/// Where `anynpu models` and the system's service keep packages, as environment and home say.
std::vector<std::string> store_folders(const host::Machine& machine) {
  std::vector<std::string> folders =
      split(host::environment_variable(machine, "ANYNPU_MODELS"), ':');
  const std::string data = host::environment_variable(machine, "XDG_DATA_HOME");
  const std::string home = host::environment_variable(machine, "HOME");
  if (!data.empty())
    folders.push_back(data + "/anynpu/models");
  else if (!home.empty())
    folders.push_back(home + "/.local/share/anynpu/models");
  for (const char* fixed :
       {"/usr/local/share/anynpu/models", "/usr/share/anynpu/models", "/var/lib/anynpu/models"})
    folders.emplace_back(fixed);
  std::erase_if(folders, [](const std::string& folder) { return !folder.starts_with('/'); });
  return folders;
}

/// Paths that the server's configuration names: name = "/srv/models/yolo.rknn". Names without a
/// path are packages of the store.
std::vector<std::string> configured_paths(const host::Machine& machine) {
  std::vector<std::string> files = {host::environment_variable(machine, "ANYNPU_CONFIG")};
  const std::string config = host::environment_variable(machine, "XDG_CONFIG_HOME");
  const std::string home = host::environment_variable(machine, "HOME");
  if (!config.empty())
    files.push_back(config + "/anynpu/anynpu.toml");
  else if (!home.empty())
    files.push_back(home + "/.config/anynpu/anynpu.toml");
  files.emplace_back("/etc/anynpu/anynpu.toml");
  for (const std::string& file : files) {
    if (!file.starts_with('/')) continue;
    auto text = machine.read_text(file);
    if (!text) continue;
    std::vector<std::string> paths;
    for (const std::string& line : split(*text, '\n')) {
      const std::string_view key = trim(std::string_view(line).substr(0, line.find('=')));
      const std::size_t begin = line.find("\"/"), end = line.rfind('"');
      if (key == "name" && begin != std::string::npos && end > begin + 1)
        paths.push_back(line.substr(begin + 1, end - begin - 1));
    }
    return paths;  // the first that there is
  }
  return {};
}

/// One list for each package or lone file, of all that is meant for an NPU that is here.
std::vector<std::vector<Candidate>> candidates(const npu::CheckContext& context) {
  const host::Machine& machine = context.machine();
  std::vector<std::vector<Candidate>> all;
  std::set<std::string> seen;
  auto add = [&](const std::string& name, std::vector<Candidate> files) {
    std::erase_if(files, [&](const Candidate& file) {
      return std::none_of(file.families.begin(), file.families.end(), [&](const auto& family) {
        return family != "cpu" && context.has(family);
      });
    });
    if (!files.empty() && all.size() < kMostPackages && seen.insert(name).second)
      all.push_back(std::move(files));
  };
  for (const std::string& path : configured_paths(machine)) {
    if (machine.exists(path + "/model.toml"))
      add(path, files_of_package(machine, path));
    else if (std::string family = family_of_ending(path); !family.empty())
      add(path, {{path, {family}}});
  }
  for (const std::string& folder : store_folders(machine))
    for (const std::string& name : machine.list(folder))
      if (!name.starts_with('.')) add(name, files_of_package(machine, folder + "/" + name));
  return all;
}

class Judge {
 public:
  explicit Judge(const npu::CheckContext& context)
      : context_(context), digest_(model_digest(mesa())) {}

  JudgedModel judge(const std::string& path) const {
    JudgedModel model{path, ModelFault::kNone, {}, {}, {}};
    auto text = context_.machine().digest(path, digest_);
    // A file that is not there or may not be read is the store's matter.
    if (!text) return model;
    auto digest = read_model_digest(*text);
    if (!digest) return model;
    if (!digest->problem.empty()) {
      const std::string hint = digest->hint.empty() ? "fetch the file again" : digest->hint;
      return {path, ModelFault::kFile, digest->problem, hint, {}};
    }
    if (digest->kind == "rknn") judge_rknn(*digest, model);
    if (digest->kind == "tflite") judge_tflite(*digest, model);
    if (digest->kind == "xclbin") judge_xclbin(*digest, model);
    return model;
  }

 private:
  engine::teflon::MesaVersion mesa() const {
    if (!context_.has("rocket")) return {};
    return engine::teflon::mesa_version_from(context_.facts<npu::rocket::Facts>().mesa)
        .value_or(engine::teflon::MesaVersion{});
  }

  void judge_rknn(const ModelDigest& digest, JudgedModel& model) const {
    if (!context_.has("rknpu")) return;
    const auto& facts = context_.facts<npu::rknpu::Facts>();
    const std::string soc = facts.soc();
    const std::string made = "made by toolkit " + (digest.toolkit.empty() ? "?" : digest.toolkit);
    if (!soc.empty() && !digest.platforms.empty() &&
        std::none_of(digest.platforms.begin(), digest.platforms.end(),
                     [&](const auto& one) { return engine::same_platform(one, soc); })) {
      model.fault = ModelFault::kTarget;
      model.says = fmt::format("made for {}; this is an {}", join(digest.platforms, ", "), soc);
      model.advice = fmt::format("convert the network again with target_platform='{}'", soc);
      return;
    }
    const npu::LibraryCopy* runtime = npu::winner(context_.machine(), facts.runtime);
    if (runtime == nullptr || runtime->version.empty()) return;
    auto needs = [&](const std::string& least) {
      return !least.empty() && npu::compare_versions(runtime->version, least) < 0;
    };
    const std::string have = fmt::format("{} is {}", runtime->path, runtime->version);
    if (needs(digest.format_runtime)) {
      model.replace = runtime->path;
      model.fault = ModelFault::kFormat;
      model.says = fmt::format("format {}, which needs librknnrt.so {} or later; {}", digest.format,
                               digest.format_runtime, have);
    } else if (needs(digest.least_runtime)) {
      model.replace = runtime->path;
      model.fault = ModelFault::kToolkit;
      model.says = fmt::format("{}; {}", made, have);
    }
  }

  void judge_tflite(const ModelDigest& digest, JudgedModel& model) const {
    if (!context_.has("rocket")) return;
    auto count = [&](std::string_view word) {
      int sum = 0;
      for (const auto& [reason, times] : digest.kept_back)
        if (reason.find(word) != std::string::npos) sum += times;
      return sum;
    };
    if (mentions(digest.kept_back, "unsigned 8-bit")) {
      model.fault = ModelFault::kWrong;
      model.says = fmt::format(
          "{} of {} operators are convolutions or additions of tensors that "
          "are not unsigned 8-bit",
          count("unsigned 8-bit"), digest.operators);
      model.advice = "quantise it to unsigned 8-bit with one scale per tensor";
    } else if (mentions(digest.kept_back, "fused into") ||
               mentions(digest.kept_back, "constants of the model")) {
      model.fault = ModelFault::kCrash;
      const int additions = count("fused into"), weights = count("constants of the model");
      model.says = additions > 0
                       ? fmt::format("{} of {} operators are additions that follow no convolution",
                                     additions, digest.operators)
                       : fmt::format("{} of {} operators are convolutions without constant weights",
                                     weights, digest.operators);
      model.advice = "change the network so that each addition follows a convolution";
    } else if (digest.taken == 0 && digest.operators > 0) {
      model.fault = ModelFault::kNoSpeedup;
      std::vector<std::string> reasons;
      for (const auto& [reason, times] : digest.kept_back)
        reasons.push_back(fmt::format("{} because {}", times, reason));
      model.says = fmt::format("none of its {} operators can go to the NPU{}{}", digest.operators,
                               reasons.empty() ? "" : ": ", join(reasons, ", "));
      model.advice = "quantise it to unsigned 8-bit with one scale per tensor";
    }
  }

  void judge_xclbin(const ModelDigest& digest, JudgedModel& model) const {
    unsigned columns = 0;
    for (const npu::PciFunction& function : npu::pci_functions(context_.machine()))
      if (function.vendor == kAmd)
        columns = function.device == 0x1502 ? 4 : function.device == 0x17f0 ? 8 : columns;
    if (columns == 0 || digest.columns <= columns) return;
    model.fault = ModelFault::kColumns;
    model.says = fmt::format("needs {} columns; this NPU has {}", digest.columns, columns);
    model.advice = fmt::format("build the design again for at most {} columns", columns);
  }

  const npu::CheckContext& context_;
  host::Digest digest_;
};

}  // namespace

MachineModels MachineModels::read(const npu::CheckContext& context) {
  MachineModels all;
  if (std::none_of(context.devices().begin(), context.devices().end(),
                   [](const npu::Device& device) { return device.family != "cpu"; }))
    return all;
  const Judge judge(context);
  std::size_t files = 0;
  for (const std::vector<Candidate>& package : candidates(context)) {
    std::optional<JudgedModel> best;
    for (const Candidate& file : package) {
      if (files >= kMostFiles) {
        ++all.left_out;
        continue;
      }
      ++files;
      JudgedModel model = judge.judge(file.path);
      if (!best || best->fault < model.fault) best = std::move(model);
    }
    if (best) all.models.push_back(*std::move(best));
  }
  return all;
}

}  // namespace anynpu::doctor
