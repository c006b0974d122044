// SPDX-License-Identifier: Apache-2.0
// anynpu.toml, variables and flags from untrusted bytes. Whatever they are: a configuration or
// problems, each of them printable, and every value that was taken within its range.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "model/toml_document.h"
#include "server/config_checks.h"
#include "server/config_toml.h"
#include "server/config_value.h"

using namespace anynpu::server;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kMostConfigBytes) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  LoadedConfig loaded;

  // As a file.
  if (auto table = anynpu::model::parse_toml(text, "anynpu.toml")) {
    read_config_sections(*table, "anynpu.toml", loaded);
    read_config_models(*table, "anynpu.toml", loaded);
  }
  // As a value of every option, the way variables and flags are read.
  for (const auto& option : server_options())
    (void)set_from_text(option.info, option.slot(loaded.config), text.substr(0, 200));
  check_config(loaded);

  if (loaded.problems.size() > kMostProblems) std::abort();
  for (const auto& option : server_options()) {
    Slot slot = option.slot(loaded.config);
    anynpu::Json value = value_json(option.info, slot);
    bool is_limited = option.info.most > option.info.least && value.is_number();
    if (is_limited && (value.get<double>() < option.info.least * (1 - 1e-9) ||
                       value.get<double>() > option.info.most * (1 + 1e-9)))
      std::abort();
    (void)value_toml(option.info, slot).size();
  }
  for (ModelConfig& model : loaded.config.models)
    for (const auto& option : model_options())
      (void)value_toml(option.info, option.slot(model)).size();
  return 0;
}
