// SPDX-License-Identifier: Apache-2.0
// A ModelHost, with versions as text.
#include "server/oip/model_directory.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "server/health.h"

namespace anynpu::server::oip {
namespace {

class HostDirectory : public ModelDirectory {
 public:
  explicit HostDirectory(ModelHost& host) : host_(host) {}

  Result<std::string> pick(
      const std::string& name, const std::string& version,
      const std::function<std::string_view(std::string_view)>& header) const override {
    ANYNPU_TRY(picked, host_.pick(name, version, header));
    return picked.number == 0 ? std::string() : std::to_string(picked.number);
  }

  Hosted loaded(const std::string& name, const std::string& version) const override {
    const Result<int> number = version_number(name, version);
    return number ? host_.ready(name, *number) : nullptr;
  }

  void find(const std::string& name, const std::string& version, Done done) override {
    Result<int> number = version_number(name, version);
    if (!number) return done(std::move(number).error());
    host_.find(name, *number, std::move(done));
  }

  void load(const std::string& name, std::function<void(Result<>)> done) override {
    host_.load(name, std::move(done));
  }

  std::vector<ModelEntry> index() const override {
    std::vector<ModelEntry> entries;
    std::set<std::pair<std::string, int>> listed;
    std::vector<model::Package> packages = host_.available();
    for (const ModelStatus& status : host_.status()) {
      ModelEntry entry{status.package.name, std::to_string(status.version), status.state, true, ""};
      if (status.state == ModelState::kLoading) entry.reason = "loading";
      // One that could not be replaced answers all the same.
      if (status.error && status.state == ModelState::kFailed) entry.reason = status.error->message;
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

  Result<> unload(const std::string& name) override { return host_.unload(name); }

  bool ready() const override { return health_of(host_).ready; }

 private:
  // A number, a label's, or 0 for the model's own default.
  Result<int> version_number(const std::string& name, const std::string& version) const {
    if (version.empty()) return 0;
    ANYNPU_TRY(picked,
               host_.pick(name, version, [](std::string_view) { return std::string_view(); }));
    return picked.number;
  }

  ModelHost& host_;
};

}  // namespace

std::unique_ptr<ModelDirectory> directory_of(ModelHost& host) {
  return std::make_unique<HostDirectory>(host);
}

}  // namespace anynpu::server::oip
