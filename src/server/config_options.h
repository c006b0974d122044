// SPDX-License-Identifier: Apache-2.0
// The table of all options: key, range, unit, help and the place of the value. The reader of
// anynpu.toml, the environment's names, the flags, `config show` and docs/configuration.md all come
// from it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "server/config.h"

namespace anynpu::server {

enum class Unit { kNone, kBytes, kSeconds, kMilliseconds };

/// Where an option's value is; its alternative is the option's type.
using Slot =
    std::variant<bool*, int*, std::uint64_t*, double*, Duration*, std::string*, runtime::Policy*,
                 std::vector<std::string>*, VersionPolicy*, LabelNumbers*>;

struct OptionInfo {
  std::string key;  // "server.port"; "model.policy" for a key of every [[model]]
  std::string help;
  Unit unit = Unit::kNone;
  double least = 0, most = 0;           // of numbers, in the unit
  std::vector<std::string> words = {};  // of texts: the only ones; empty: any
  std::string flag = {};                // "--port"; empty: there is none
  std::string flag_sets = {};           // a flag without a value: what it sets, "true" or "false"
  std::string flag_help = {};           // of such a flag, when it does the contrary of `help`
  std::string zero_means = {};          // what 0, or an empty text, stands for
  bool secret = false;                  // never shown

  /// "port"
  std::string name() const;
  /// "server"
  std::string section() const;
  /// "ANYNPU_SERVE_PORT"; empty for a key of [[model]].
  std::string environment_name() const;
};

template <typename Target>
struct Option {
  OptionInfo info;
  std::function<Slot(Target&)> slot;
};

/// What flags and the environment can set as well as the file.
std::span<const Option<ServerConfig>> server_options();
/// The keys of a [[model]]; those about running it have their defaults from [models].
std::span<const Option<ModelConfig>> model_options();

}  // namespace anynpu::server
