// SPDX-License-Identifier: Apache-2.0
// The options about placement that run, bench and serve share.
#include "command/serve_options.h"

#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::command {
namespace {

constexpr int kMostThreads = 256;  // engine::LoadOptions

const std::map<std::string, runtime::Policy>& policies() {
  static const std::map<std::string, runtime::Policy> words = [] {
    std::map<std::string, runtime::Policy> map;
    for (auto policy :
         {runtime::Policy::kNpuRequired, runtime::Policy::kNpuPreferred, runtime::Policy::kCpuOnly})
      map.emplace(runtime::to_string(policy), policy);
    return map;
  }();
  return words;
}

}  // namespace

void add_placement_options(CLI::App& command, runtime::ServeOptions& options) {
  command
      .add_option_function<std::string>(
          "--policy", [&options](const std::string& word) { options.policy = policies().at(word); },
          "npu-required, npu-preferred (the default) or cpu-only")
      ->check(CLI::IsMember(policies()))
      ->type_name("POLICY");
  command
      .add_option(
          "--placement", options.only,
          "try only placements whose id contains this, such as 'float32' or 'cpu/tflite+xnnpack'")
      ->type_name("TEXT");
  command.add_option("--threads", options.threads, "threads of one CPU session (1)")
      ->check(CLI::Range(1, kMostThreads))
      ->type_name("N");
}

void add_isolation_options(CLI::App& command, runtime::ServeOptions& options) {
  command.add_flag_callback(
      "--in-process", [&options] { options.isolated = false; },
      "run the model in this process instead of a worker process");
}

ModelName parse_model_name(const std::string& text) {
  std::size_t at = text.rfind('@');
  if (at == std::string::npos || at == 0) return {text, 0};
  int version = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data() + at + 1, end, version);
  if (error != std::errc() || stop != end || version <= 0) return {text, 0};
  return {text.substr(0, at), version};
}

Result<int> version_of(const model::Package& package, int wanted) {
  if (wanted == 0) return package.latest().number;
  if (package.find(wanted) != nullptr) return wanted;
  std::vector<std::string> numbers;
  for (const model::Version& version : package.versions)
    numbers.push_back(std::to_string(version.number));
  return Error{Code::kNotFound, fmt::format("{} has no version {}", package.name, wanted)}
      .with_hint("its versions: " + join(numbers, ", "));
}

std::string placement_words(const std::string& device, const std::string& engine,
                            const std::string& artifact) {
  return fmt::format("{} by {} ({})", device, engine, artifact);
}

}  // namespace anynpu::command
