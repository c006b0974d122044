// SPDX-License-Identifier: Apache-2.0
// Report: what a command has to say, written as text for people or as JSON for programs.
//
// Text and JSON are two writers of one interface, so no command asks which one is wanted. Every
// JSON document starts with schema_version.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace anynpu {

using Json = nlohmann::ordered_json;

/// One value with its two faces: `json` for programs, `text` for people.
struct Cell {
  Json json;
  std::string text;

  Cell(const char* value) : json(value), text(value) {}             // NOLINT
  Cell(std::string value) : json(value), text(std::move(value)) {}  // NOLINT
  Cell(std::string_view value) : json(value), text(value) {}        // NOLINT
  Cell(bool value) : json(value), text(value ? "yes" : "no") {}     // NOLINT
  Cell(Json value, std::string shown) : json(std::move(value)), text(std::move(shown)) {}
  template <typename Number>  // NOLINTNEXTLINE(google-explicit-constructor)
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) Cell(Number value)
      : json(value), text(json.dump()) {}
};

struct Column {
  std::string key;     // in JSON
  std::string title;   // in text; empty: not shown as text
  bool right = false;  // aligned to the right
};

class Report {
 public:
  virtual ~Report() = default;
  /// One fact of the document: "key": value, or "Title: value".
  virtual void fact(std::string_view key, std::string_view title, const Cell& value) = 0;
  /// A list of records: "key": [{...}], or a table with a heading line.
  virtual void table(std::string_view key, const std::vector<Column>& columns,
                     const std::vector<std::vector<Cell>>& rows) = 0;
  /// A part of the document that only programs read.
  virtual void data(std::string_view key, const Json& value) = 0;
  /// A line that only people read.
  virtual void line(std::string_view text) = 0;
  /// Writes what is still held back. Nothing may follow.
  virtual void finish() = 0;
};

inline constexpr int kReportSchemaVersion = 1;

std::unique_ptr<Report> text_report(std::ostream& out);
std::unique_ptr<Report> json_report(std::ostream& out);

}  // namespace anynpu
