// SPDX-License-Identifier: Apache-2.0
// The two writers of a report.
#include "base/report.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ostream.h>

namespace anynpu {
namespace {

// The number of columns that UTF-8 text takes on a terminal, close enough for labels and paths.
std::size_t shown_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

class TextReport : public Report {
 public:
  explicit TextReport(std::ostream& out) : out_(out) {}

  void fact(std::string_view, std::string_view title, const Cell& value) override {
    if (!title.empty()) fmt::print(out_, "{}: {}\n", title, value.text);
  }

  void table(std::string_view, const std::vector<Column>& columns,
             const std::vector<std::vector<Cell>>& rows) override {
    if (rows.empty()) return;
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::size_t width = shown_width(columns[c].title);
      for (const auto& row : rows) width = std::max(width, shown_width(row[c].text));
      widths.push_back(width);
    }
    auto print = [&](auto text_of) {
      std::string line;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        if (columns[c].title.empty()) continue;
        std::string_view text = text_of(c);
        std::string pad(widths[c] - shown_width(text), ' ');
        line += columns[c].right ? pad + std::string(text) : std::string(text) + pad;
        line += "  ";
      }
      line.erase(line.find_last_not_of(' ') + 1);
      fmt::print(out_, "{}\n", line);
    };
    print([&](std::size_t c) -> std::string_view { return columns[c].title; });
    for (const auto& row : rows)
      print([&](std::size_t c) -> std::string_view { return row[c].text; });
  }

  void data(std::string_view, const Json&) override {}
  void line(std::string_view text) override { fmt::print(out_, "{}\n", text); }
  void finish() override { out_.flush(); }

 private:
  std::ostream& out_;
};

class JsonReport : public Report {
 public:
  explicit JsonReport(std::ostream& out) : out_(out) {
    document_["schema_version"] = kReportSchemaVersion;
  }

  void fact(std::string_view key, std::string_view, const Cell& value) override {
    if (!key.empty()) document_[std::string(key)] = value.json;
  }

  void table(std::string_view key, const std::vector<Column>& columns,
             const std::vector<std::vector<Cell>>& rows) override {
    Json list = Json::array();
    for (const auto& row : rows) {
      Json record = Json::object();
      for (std::size_t c = 0; c < columns.size(); ++c)
        if (!columns[c].key.empty()) record[columns[c].key] = row[c].json;
      list.push_back(std::move(record));
    }
    document_[std::string(key)] = std::move(list);
  }

  void data(std::string_view key, const Json& value) override {
    document_[std::string(key)] = value;
  }
  void line(std::string_view) override {}
  void finish() override {
    out_ << document_.dump(2, ' ', false, Json::error_handler_t::replace) << std::endl;
  }

 private:
  std::ostream& out_;
  Json document_;
};

}  // namespace

std::unique_ptr<Report> text_report(std::ostream& out) {
  return std::make_unique<TextReport>(out);
}
std::unique_ptr<Report> json_report(std::ostream& out) {
  return std::make_unique<JsonReport>(out);
}

}  // namespace anynpu
