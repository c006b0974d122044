// SPDX-License-Identifier: Apache-2.0
// A ModelHost, with versions as text.
#include "server/oip/model_directory.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server::oip {
namespace {

Result<int> version_number(const std::string& name, const std::string& version) {
  if (version.empty()) return 0;
  int number = 0;
  const char* end = version.data() + version.size();
  const auto read = std::from_chars(version.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end && number > 0) return number;
  return Error{Code::kNotFound,
               fmt::format("{} has no version '{}'", printable(name, 64), printable(version, 40))}
      .with_hint("versions are whole numbers from 1");
}

class HostDirectory : public ModelDirectory {
 public:
  explicit HostDirectory(ModelHost& host) : host_(host) {}

  Hosted loaded(const std::string& name, const std::string& version) const override {
    const Result<int> number = version_number(name, version);
    return number ? host_.ready(name, *number) : nullptr;
  }

  void find(const std::string& name, const std::string& version, Done done) override {
    Result<int> number = version_number(name, version);
    if (!number) return done(std::move(number).error());
    host_.find(name, *number, std::move(done));
  }

  std::vector<ModelEntry> index() const override {
    std::vector<ModelEntry> entries;
    std::set<std::pair<std::string, int>> listed;
    std::vector<model::Package> packages = host_.available();
    for (const ModelStatus& status : host_.status()) {
      ModelEntry entry{status.package.name, std::to_string(status.version), status.state, true, ""};
      if (status.state == ModelState::kLoading) entry.reason = "loading";
      if (status.error) entry.reason = status.error->message;
      entries.push_back(std::move(entry));
      listed.emplace(status.package.name, status.version);
      packages.push_back(status.package);
    }
    for (const model::Package& package : packages)
      for (const model::Version& version : package.versions)
        if (listed.emplace(package.name, version.number).second)
          entries.push_back({package.name, std::to_string(version.number), ModelState::kFailed,
                             false, "not loaded"});
    std::sort(entries.begin(), entries.end(), [](const ModelEntry& a, const ModelEntry& b) {
      return std::tuple(std::string_view(a.name), a.version.size(), std::string_view(a.version)) <
             std::tuple(std::string_view(b.name), b.version.size(), std::string_view(b.version));
    });
    return entries;
  }

  Result<> unload(const std::string& name) override {
    return Error{Code::kUnsupported,
                 fmt::format("{} stays loaded until the server ends", printable(name, 64))};
  }

  bool ready() const override {
    if (host_.draining()) return false;
    const std::vector<ModelStatus> all = host_.status();
    std::size_t ready = 0;
    std::size_t failed = 0;
    for (const ModelStatus& model : all) {
      if (!model.named_at_start) continue;
      if (model.state == ModelState::kLoading) return false;
      ++(model.state == ModelState::kReady ? ready : failed);
    }
    return failed == 0 || ready > 0;
  }

 private:
  ModelHost& host_;
};

}  // namespace

std::unique_ptr<ModelDirectory> directory_of(ModelHost& host) {
  return std::make_unique<HostDirectory>(host);
}

}  // namespace anynpu::server::oip
