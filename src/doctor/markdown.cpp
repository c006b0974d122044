// SPDX-License-Identifier: Apache-2.0
// docs/findings.md, made of the checks themselves.
#include "doctor/markdown.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "doctor/checks.h"
#include "npu/registry.h"

namespace anynpu::doctor {
namespace {

/// As it stands, whatever signs it holds.
std::string code(std::string_view text) {
  return text.find('`') == std::string_view::npos ? fmt::format("`{}`", text)
                                                  : fmt::format("`` {} ``", text);
}

std::string section(const npu::Check& check) {
  std::string text = fmt::format("### {}\n\n{}.\n\n", check.id, check.title);
  text += fmt::format("- Layer: {}. Severity: {}.\n", npu::to_string(check.layer),
                      npu::to_string(check.severity));
  text += fmt::format("- What you see: {}\n", code(check.symptom));
  text += fmt::format("- Why: {}.\n", check.cause);
  text += fmt::format("- What to do: {}.\n", check.fix);
  if (!check.depends_on.empty()) {
    text += "- Silent after:";
    for (std::string_view premise : check.depends_on) text += fmt::format(" {}", premise);
    text += "\n";
  }
  for (std::string_view link : check.links) text += fmt::format("- See <{}>\n", link);
  return text + "\n";
}

}  // namespace

std::string findings_markdown() {
  std::string text =
      "# Findings\n\nAll that `anynpu doctor` knows to go wrong. This file is written by "
      "`anynpu explain --markdown`.\n\n";
  std::vector<const npu::Check*> checks = all_checks();
  std::sort(checks.begin(), checks.end(),
            [](const npu::Check* a, const npu::Check* b) { return a->id < b->id; });
  auto part = [&](std::string_view family, std::string_view title) {
    std::string sections;
    std::size_t count = 0;
    for (const npu::Check* check : checks) {
      if (check->family != family) continue;
      sections += section(*check);
      ++count;
    }
    if (count != 0) text += fmt::format("## {} ({})\n\n{}", title, count, sections);
  };
  for (const npu::Family& family : npu::families()) part(family.name, family.title);
  part("", "The machine as a whole");
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace anynpu::doctor
