// SPDX-License-Identifier: Apache-2.0
// ModelConfig: how one model is served: its versions, their labels and shares, and how it is run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/served_model.h"

namespace anynpu::server {

/// Which versions of a package are loaded.
struct VersionPolicy {
  enum class Kind { kLatest, kAll, kSpecific };
  Kind kind = Kind::kLatest;
  int latest = 1;                 // kLatest: how many of the highest numbers
  std::vector<int> numbers = {};  // kSpecific
};

/// A label's version, or a label's share of the requests.
using LabelNumbers = std::map<std::string, int>;

/// One [[model]].
struct ModelConfig {
  std::string name;  // a package, a folder or an artifact file
  runtime::ServeOptions runtime;
  VersionPolicy versions;
  LabelNumbers labels;        // {stable = 1, canary = 2}: versions
  LabelNumbers weights;       // {stable = 90, canary = 10}: shares; empty: no split
  std::string sticky_header;  // requests with the same value of it get the same label; empty: none
};

}  // namespace anynpu::server
