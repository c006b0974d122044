// SPDX-License-Identifier: Apache-2.0
// A checker of Prometheus' text exposition format, version 0.0.4, for tests.
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace anynpu::test {

class Exposition {
 public:
  explicit Exposition(const std::string& text) {
    if (text.empty() || text.back() != '\n') problem("does not end with a line feed");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
    check_histograms();
  }

  /// What is wrong; empty when nothing is.
  const std::string& problems() const { return problems_; }
  /// Of a sample as it is written: `name{label="value"}`. NaN when it is not there.
  double value(const std::string& series) const {
    auto found = samples_.find(series);
    return found == samples_.end() ? std::nan("") : found->second;
  }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& [name, type] : types_) all.insert(name);
    return all;
  }
  std::string type(const std::string& name) const {
    auto found = types_.find(name);
    return found == types_.end() ? "" : found->second;
  }
  std::size_t series() const { return samples_.size(); }

 private:
  void problem(const std::string& text) { problems_ += text + "\n"; }

  void read(const std::string& line) {
    if (line.empty()) return;
    if (line[0] == '#') return read_comment(line);
    std::size_t end = line.find_first_of("{ ");
    if (end == std::string::npos) return problem("no value: " + line);
    std::string name = line.substr(0, end);
    std::string family = family_of(name);
    if (!is_name(name)) problem("no name: " + line);
    if (!types_.count(family)) problem("no TYPE before: " + line);
    if (family != current_) problem("not with its family: " + line);
    std::size_t at = end;
    if (line[at] == '{' && !read_labels(line, at)) return problem("bad labels: " + line);
    if (line[at] != ' ') return problem("no value: " + line);
    std::string number = line.substr(at + 1);
    char* stop = nullptr;
    double value = std::strtod(number.c_str(), &stop);
    if (number.empty() || *stop != '\0') problem("no number: " + line);
    if (!samples_.emplace(line.substr(0, at), value).second) problem("twice: " + line);
    if (types_[family] == "counter" && !(value >= 0)) problem("a counter below 0: " + line);
  }

  void read_comment(const std::string& line) {
    std::istringstream words(line);
    std::string hash, kind, name, type;
    words >> hash >> kind >> name >> type;
    if (kind == "HELP") {
      if (!helped_.insert(name).second) problem("HELP twice: " + name);
      if (type.empty()) problem("HELP says nothing: " + name);
    } else if (kind == "TYPE") {
      if (!types_.emplace(name, type).second) problem("TYPE twice: " + name);
      if (!helped_.count(name)) problem("no HELP: " + name);
      if (type == "counter" && !ends_with(name, "_total")) problem("no _total: " + name);
      if (type != "counter" && ends_with(name, "_total")) problem("_total: " + name);
      current_ = name;
    } else {
      problem("unknown comment: " + line);
    }
  }

  // Moves `at` behind the labels.
  static bool read_labels(const std::string& line, std::size_t& at) {
    std::set<std::string> seen;
    for (++at; at < line.size() && line[at] != '}';) {
      std::size_t equals = line.find("=\"", at);
      if (equals == std::string::npos) return false;
      std::string label = line.substr(at, equals - at);
      if (!is_name(label) || !seen.insert(label).second) return false;
      for (at = equals + 2; at < line.size() && line[at] != '"'; ++at)
        if (line[at] == '\\' && std::string("\\\"n").find(line[++at]) == std::string::npos)
          return false;
      if (at >= line.size()) return false;
      if (line[++at] == ',') ++at;
    }
    return at++ < line.size();
  }

  // Per histogram and labels: cumulative buckets, +Inf equal to the count, a sum.
  void check_histograms() {
    for (const auto& [name, type] : types_) {
      if (type != "histogram") continue;
      std::map<std::string, std::map<double, double>> buckets;
      for (const auto& [series, count] : samples_) {
        std::size_t le = series.find("le=\"");
        if (series.rfind(name + "_bucket{", 0) != 0 || le == std::string::npos) continue;
        std::string bound = series.substr(le + 4, series.find('"', le + 4) - le - 4);
        std::string labels = series.substr(name.size() + 7, le - name.size() - 7);
        if (!labels.empty() && labels.back() == ',') labels.pop_back();
        buckets[labels][bound == "+Inf" ? INFINITY : std::atof(bound.c_str())] = count;
      }
      if (buckets.empty()) problem("a histogram without buckets: " + name);
      for (const auto& [labels, counts] : buckets) {
        std::string tail = labels == "{" ? "" : labels + "}";
        double before = 0;
        for (const auto& [bound, count] : counts) {
          if (count < before) problem("buckets fall: " + name + tail);
          before = count;
        }
        if (!std::isinf(counts.rbegin()->first)) problem("no +Inf: " + name + tail);
        if (before != value(name + "_count" + tail))
          problem("+Inf is not the count: " + name + tail);
        if (std::isnan(value(name + "_sum" + tail))) problem("no sum: " + name + tail);
      }
    }
  }

  std::string family_of(const std::string& name) const {
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      if (!ends_with(name, suffix)) continue;
      std::string base = name.substr(0, name.size() - std::string(suffix).size());
      auto found = types_.find(base);
      if (found != types_.end() && found->second == "histogram") return base;
    }
    return name;
  }
  static bool is_name(const std::string& name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
    return name.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") ==
           std::string::npos;
  }
  static bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
  }

  std::string problems_;
  std::string current_;
  std::set<std::string> helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
};

}  // namespace anynpu::test
