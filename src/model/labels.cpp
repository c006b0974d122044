// SPDX-License-Identifier: Apache-2.0
// Labels: a text file whose line n names class n.
#include "model/labels.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"

namespace anynpu::model {

Result<std::vector<std::string>> parse_labels(std::string_view text, const std::string& file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> labels;
  while (!text.empty()) {
    if (labels.size() == kMostLabels)
      return Error{Code::kTooLarge, fmt::format("{}: has more than {} lines", file, kMostLabels)};
    std::size_t end = std::min(text.find('\n'), text.size());
    labels.push_back(printable(trim(text.substr(0, end)), 500));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return labels;
}

Result<std::vector<std::string>> read_labels(const std::filesystem::path& path) {
  ANYNPU_TRY(text, read_text(path, kMostLabelBytes));
  return parse_labels(text, path.string());
}

}  // namespace anynpu::model
