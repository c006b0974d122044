// SPDX-License-Identifier: Apache-2.0
// A split by weights.
//
// A request's place between 0 and 1 decides for a label: labels have intervals as wide as their
// shares. A sticky key's place is its hash. Without a key the places are the multiples of the
// golden ratio, which fill the interval more evenly than chance does: after n requests each label
// is within a few requests of its share.
#include "server/version_choice.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server {
namespace {

constexpr int kMostVersion = 1'000'000'000;
constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15U;  // 2^64 / phi

// FNV-1a, with the finish of SplitMix64 so that the high bits depend on every byte.
std::uint64_t hash_of(std::string_view model, std::string_view key) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  auto add = [&hash](std::string_view text) {
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  };
  add(model);
  add(std::string_view("\0", 1));
  add(key);
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9U;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBU;
  return hash ^ (hash >> 31);
}

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool good = error == std::errc() && end == text.data() + text.size();
  if (!good || number < 1 || number > kMostVersion) return std::nullopt;
  return number;
}

}  // namespace

std::vector<int> versions_of(const VersionPolicy& policy, const model::Package& package) {
  std::vector<int> numbers;
  for (const model::Version& version : package.versions) numbers.push_back(version.number);
  if (policy.kind == VersionPolicy::Kind::kLatest) {
    auto most = static_cast<std::size_t>(std::max(policy.latest, 1));
    if (numbers.size() > most)
      numbers.erase(numbers.begin(), numbers.end() - static_cast<std::ptrdiff_t>(most));
  } else if (policy.kind == VersionPolicy::Kind::kSpecific) {
    std::erase_if(numbers, [&](int number) { return !contains(policy.numbers, number); });
  }
  return numbers;
}

std::vector<int> wanted_versions(const ModelConfig& config, const model::Package& package) {
  std::vector<int> numbers = versions_of(config.versions, package);
  for (const auto& [label, number] : config.labels)
    if (package.find(number) != nullptr) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

VersionChoice::VersionChoice(const ModelConfig& config)
    : name_(config.name),
      labels_(config.labels),
      weights_(config.weights),
      sticky_header_(config.sticky_header) {}

Result<PickedVersion> VersionChoice::pick(std::string_view wanted, std::string_view key,
                                          const std::function<bool(int)>& ready) const {
  if (!wanted.empty()) {
    if (auto number = number_in(wanted)) return PickedVersion{*number, ""};
    auto label = labels_.find(std::string(wanted));
    if (label != labels_.end()) return PickedVersion{label->second, label->first};
    std::vector<std::string> names;
    for (const auto& [each, number] : labels_) names.push_back(each);
    return Error{Code::kNotFound,
                 fmt::format("{} has no version '{}'", printable(name_, 64), printable(wanted, 40))}
        .with_hint(names.empty() ? "versions are whole numbers from 1"
                                 : "its labels: " + join(names, ", "));
  }
  if (!weights_.empty()) return split(key, ready);
  auto stable = labels_.find("stable");
  if (stable != labels_.end()) return PickedVersion{stable->second, stable->first};
  return PickedVersion{};
}

PickedVersion VersionChoice::split(std::string_view key,
                                   const std::function<bool(int)>& ready) const {
  std::uint64_t place = key.empty() ? (turn_.fetch_add(1) + 1) * kGoldenRatio : hash_of(name_, key);
  auto label_at = [&](bool only_ready) {
    auto counts = [&](const auto& each) {
      return each.second > 0 && (!only_ready || ready(labels_.at(each.first)));
    };
    double all = 0;
    for (const auto& each : weights_)
      if (counts(each)) all += each.second;
    double at = static_cast<double>(place >> 11) * 0x1p-53 * all;
    PickedVersion picked;
    for (const auto& each : weights_) {
      if (!counts(each)) continue;
      picked = {labels_.at(each.first), each.first};
      at -= each.second;
      if (at < 0) break;
    }
    return picked;
  };
  // Only the requests of a label that does not answer go to another one; keys of the others stay.
  PickedVersion picked = label_at(false);
  if (ready(picked.number)) return picked;
  PickedVersion other = label_at(true);
  return other.number != 0 ? other : picked;
}

}  // namespace anynpu::server
