// SPDX-License-Identifier: Apache-2.0
// Values of options: from text (a flag, a variable) into their place, and back for people and JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "server/config_options.h"

namespace anynpu::server {

// Each checks the type and the range. Errors name the key and say what it must be.
Result<> set_bool(const OptionInfo& info, const Slot& slot, bool value);
Result<> set_whole(const OptionInfo& info, const Slot& slot, std::int64_t value);
Result<> set_real(const OptionInfo& info, const Slot& slot, double value);
/// Also a quantity with its unit, "64 MiB" or "250 ms", where the option has one.
Result<> set_words(const OptionInfo& info, const Slot& slot, std::string_view value);
Result<> set_list(const OptionInfo& info, const Slot& slot, std::vector<std::string> values);
Result<> set_numbers(const OptionInfo& info, const Slot& slot,
                     const std::vector<std::int64_t>& values);
Result<> set_label(const OptionInfo& info, const Slot& slot, const std::string& label,
                   std::int64_t number);

/// Text as a flag or a variable has it: "true", "8080", "64MiB", "a,b".
Result<> set_from_text(const OptionInfo& info, const Slot& slot, std::string_view text);

/// What the option must be: "a whole number from 0 to 65535".
std::string must_be(const OptionInfo& info, const Slot& slot);
Error wrong_value(const OptionInfo& info, const Slot& slot, std::string_view value);

/// A secret is null, or "(set)".
Json value_json(const OptionInfo& info, const Slot& slot);
/// As it would stand in anynpu.toml; a secret as value_json.
std::string value_toml(const OptionInfo& info, const Slot& slot);

/// " s", " ms", or nothing.
std::string_view unit_words(Unit unit);

/// "latest", "latest 2", "all", "1, 3"
std::string to_string(const VersionPolicy& policy);

}  // namespace anynpu::server
