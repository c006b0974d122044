// SPDX-License-Identifier: Apache-2.0
// VersionChoice: which version of a model answers a request: the one that it names, a label's, or
// by weights, where a sticky key always leads to the same label.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/package.h"
#include "server/model_config.h"

namespace anynpu::server {

/// The numbers that a policy loads of a package, ascending.
std::vector<int> versions_of(const VersionPolicy& policy, const model::Package& package);

/// The same, and the versions that have a label.
std::vector<int> wanted_versions(const ModelConfig& config, const model::Package& package);

template <typename T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

struct PickedVersion {
  int number = 0;     // 0: the model's own default
  std::string label;  // empty: it was not chosen by one
};

class VersionChoice {
 public:
  explicit VersionChoice(const ModelConfig& config);

  /// `wanted` is a number, a label, or empty. `key` is the sticky header's value; empty: none.
  /// `ready` says whether a version answers: the shares of those that do not are the others'.
  /// Code::kNotFound when it names neither a number nor a label that there is.
  Result<PickedVersion> pick(std::string_view wanted, std::string_view key,
                             const std::function<bool(int)>& ready) const;

  const std::string& sticky_header() const { return sticky_header_; }
  const LabelNumbers& labels() const { return labels_; }
  const LabelNumbers& weights() const { return weights_; }

 private:
  PickedVersion split(std::string_view key, const std::function<bool(int)>& ready) const;

  std::string name_;
  LabelNumbers labels_, weights_;
  std::string sticky_header_;
  mutable std::atomic<std::uint64_t> turn_ = 0;
};

}  // namespace anynpu::server
