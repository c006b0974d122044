// SPDX-License-Identifier: Apache-2.0
// Who is loaded, who is being loaded, who waits for it.
#include "server/model_host.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "model/store.h"
#include "server/query.h"

namespace anynpu::server {
namespace {

constexpr Duration kInventoryAge = seconds(2);  // a store is not read for every mistyped name
constexpr Duration kRetryPause = seconds(5);
constexpr std::size_t kMostWaitingLoads = 64;
constexpr std::size_t kMostWaitingRequests = 4096;

Result<std::unique_ptr<runtime::ServedModel>> start_served(const model::Package& package,
                                                           int version,
                                                           const runtime::ServeOptions& options) {
  ANYNPU_TRY(canary, vision::ImageModel::canary(package));
  return runtime::ServedModel::start(package, version, canary, options);
}

// "NAME@2" of a user. A path that has an '@' without a number after it is a path.
std::pair<std::string, int> name_and_version(const std::string& text) {
  std::size_t at = text.rfind('@');
  if (at == std::string::npos || at == 0) return {text, 0};
  Result<long> version = parse_integer("version", text.substr(at + 1), 1, 1'000'000'000);
  if (!version) return {text, 0};
  return {text.substr(0, at), static_cast<int>(*version)};
}

Error no_version(const model::Package& package, int version) {
  std::vector<std::string> numbers;
  for (const model::Version& each : package.versions)
    numbers.push_back(std::to_string(each.number));
  return Error{Code::kNotFound, fmt::format("{} has no version {}", package.name, version)}
      .with_hint("there is " + join(numbers, ", "));
}

int loader_threads(int wanted) {
  if (wanted > 0) return wanted;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4);
}

}  // namespace

std::string_view to_string(ModelState state) {
  switch (state) {
    case ModelState::kLoading:
      return "loading";
    case ModelState::kReady:
      return "ready";
    case ModelState::kFailed:
      return "failed";
  }
  return "failed";
}

ModelHost::ModelHost(ModelHostOptions options) : options_(std::move(options)) {
  if (!options_.start) options_.start = start_served;
  if (!options_.open) options_.open = model::open_package;
  if (!options_.inventory) options_.inventory = [] { return model::list_packages().packages; };
  loaders_ = std::make_unique<WorkPool>(loader_threads(options_.parallel_loads), kMostWaitingLoads);
}

ModelHost::~ModelHost() {
  drain(Clock::now());
}

Result<> ModelHost::open() {
  for (const std::string& text : options_.models) {
    auto [name, version] = name_and_version(text);
    ANYNPU_TRY(package, options_.open(name));
    if (version != 0 && package.find(version) == nullptr) return no_version(package, version);
    std::lock_guard lock(mutex_);
    auto [at, is_new] = known_.emplace(package.name, package);
    if (!is_new && at->second.folder != package.folder)
      return Error{Code::kInvalid,
                   fmt::format("two models have the name '{}': {} and {}", package.name,
                               at->second.folder.string(), package.folder.string())}
          .with_hint("rename one of them in its model.toml");
    if (is_new) named_.push_back(package.name);
    Key key{package.name, version != 0 ? version : package.latest().number};
    version_.emplace(key);
    if (std::find(at_start_.begin(), at_start_.end(), key) == at_start_.end())
      at_start_.push_back(key);
  }
  if (options_.models.empty()) read_inventory();
  return {};
}

void ModelHost::read_inventory() {
  std::vector<model::Package> packages = options_.inventory();
  std::lock_guard lock(mutex_);
  inventory_time_ = Clock::now();
  for (model::Package& package : packages) known_.emplace(package.name, std::move(package));
}

ModelHost::Hosted ModelHost::ready(const std::string& name, int version) const {
  std::string wanted = name.empty() ? default_name() : name;
  std::lock_guard lock(mutex_);
  auto package = known_.find(wanted);
  if (package == known_.end() || draining_) return nullptr;
  int number = version_locked(package->second, version);
  auto entry = entries_.find({package->first, number});
  return entry == entries_.end() ? nullptr : entry->second.status.hosted;
}

void ModelHost::start_loading(std::function<void(Result<>)> loaded) {
  bool none = false;
  std::string first = default_name();
  {
    std::lock_guard lock(mutex_);
    none = at_start_.empty();
    if (none && !first.empty()) {
      // Nobody waits for it, but somebody is about to ask.
      const model::Package& package = known_.at(first);
      (void)begin_load_locked({first, version_locked(package, 0)}, package);
    }
    loaded_ = std::move(loaded);
    still_loading_ = at_start_.size();
    for (const Key& key : at_start_) {
      Entry& entry = entries_[key];
      entry.status.package = known_.at(key.first);
      entry.status.version = key.second;
      entry.status.named_at_start = true;
      // Work::kFinish: what was named at the start is never refused.
      (void)loaders_->post(Work::kFinish, [this, key] { load(key); });
    }
  }
  if (none && loaded_) loaded_({});
}

void ModelHost::find(const std::string& name, int version, Done done) {
  Result<Key> chosen = choose(name, version);
  if (!chosen) return done(std::move(chosen).error());
  Result<Hosted> answer = Hosted();
  {
    std::lock_guard lock(mutex_);
    auto at = entries_.find(*chosen);
    if (draining_) {
      answer = Error{Code::kCancelled, "the server is ending"};
    } else if (at != entries_.end() && at->second.status.state == ModelState::kReady) {
      answer = at->second.status.hosted;
    } else if (at != entries_.end() && at->second.status.state == ModelState::kFailed &&
               Clock::now() < at->second.retry_after) {
      answer = *at->second.status.error;
    } else {
      Result<> begun;
      bool loading = at != entries_.end() && at->second.status.state == ModelState::kLoading;
      if (!loading) begun = begin_load_locked(*chosen, known_.at(chosen->first));
      if (begun && entries_.at(*chosen).waiting.size() >= kMostWaitingRequests)
        begun = Error{Code::kBusy, fmt::format("too many requests wait for {}", chosen->first)};
      if (begun) {
        entries_.at(*chosen).waiting.push_back(std::move(done));
        return;
      }
      answer = std::move(begun).error();
    }
  }
  done(std::move(answer));
}

// The name and version that are meant. Reads the store when the name is new and the last look at it
// is old.
Result<ModelHost::Key> ModelHost::choose(const std::string& name, int version) {
  bool is_known = false;
  bool is_fresh = false;
  {
    std::lock_guard lock(mutex_);
    is_known = name.empty() ? !known_.empty() : known_.find(name) != known_.end();
    is_fresh = inventory_time_ && Clock::now() - *inventory_time_ < kInventoryAge;
  }
  if (!is_known && !is_fresh) read_inventory();
  std::string wanted = name.empty() ? default_name() : name;
  std::lock_guard lock(mutex_);
  auto at = known_.find(wanted);
  if (at == known_.end()) return unknown_locked(wanted);
  int number = version_locked(at->second, version);
  if (at->second.find(number) == nullptr) return no_version(at->second, number);
  return Key{wanted, number};
}

int ModelHost::version_locked(const model::Package& package, int wanted) const {
  if (wanted != 0) return wanted;
  auto chosen = version_.find(package.name);
  return chosen != version_.end() ? chosen->second : package.latest().number;
}

Error ModelHost::unknown_locked(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [each, package] : known_) names.push_back(each);
  if (names.empty())
    return Error{Code::kNotFound, "there is no model on this machine"}.with_hint(
        "get one with: anynpu models pull mobilenet-v1");
  std::string nearest = did_you_mean(name, names);
  return Error{Code::kNotFound, fmt::format("there is no model '{}'", printable(name, 64))}
      .with_hint(nearest.empty() ? "there is " + join(names, ", ")
                                 : fmt::format("did you mean '{}'?", nearest));
}

Result<> ModelHost::begin_load_locked(const Key& key, const model::Package& package) {
  std::size_t loaded = 0;
  for (const auto& [each, entry] : entries_)
    if (entry.status.state != ModelState::kFailed) ++loaded;
  if (loaded >= options_.most_models)
    return Error{Code::kBusy, fmt::format("{} models are loaded, which is the limit", loaded)}
        .with_hint("name the models to be served when the server is started");
  ANYNPU_CHECK(loaders_->post(Work::kStart, [this, key] { load(key); }));
  Entry& entry = entries_[key];
  entry.status.package = package;
  entry.status.version = key.second;
  entry.status.state = ModelState::kLoading;
  entry.status.error.reset();
  return {};
}

void ModelHost::load(const Key& key) {
  TimePoint start = Clock::now();
  model::Package package;
  {
    std::lock_guard lock(mutex_);
    package = entries_.at(key).status.package;
    if (draining_) start = TimePoint::min();
  }
  if (start == TimePoint::min())
    return finish(key, Error{Code::kCancelled, "the server is ending"}, 0);
  auto served = options_.start(package, key.second, options_.runtime);
  if (!served) return finish(key, std::move(served).error(), ms_since(start));
  Result<vision::ImageModel> image = vision::ImageModel::create(package, (*served)->session());
  finish(key,
         Hosted(std::make_shared<HostedModel>(HostedModel{std::move(*served), std::move(image)})),
         ms_since(start));
}

void ModelHost::finish(const Key& key, Result<Hosted> result, double ms) {
  std::vector<Done> waiting;
  std::function<void(Result<>)> loaded;
  Result<> outcome;
  {
    std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(key);
    bool first = entry.status.named_at_start && entry.status.load_ms == 0;
    entry.status.load_ms = std::max(ms, 0.001);
    entry.status.state = result ? ModelState::kReady : ModelState::kFailed;
    if (result) {
      entry.status.hosted = *result;
    } else {
      entry.status.error = result.error();
      entry.retry_after = Clock::now() + kRetryPause;
    }
    waiting.swap(entry.waiting);
    if (first && --still_loading_ == 0) {
      loaded = std::move(loaded_);
      bool any = std::any_of(entries_.begin(), entries_.end(), [](const auto& each) {
        return each.second.status.state == ModelState::kReady;
      });
      if (!any) outcome = *entry.status.error;
    }
  }
  if (result)
    log::info("{} version {} is ready after {:.0f} ms", key.first, key.second, ms);
  else if (result.error().code != Code::kCancelled)
    log::failure(Error(result.error()).within(key.first));
  for (Done& done : waiting) done(result);
  if (loaded) loaded(std::move(outcome));
}

std::vector<ModelStatus> ModelHost::status() const {
  std::lock_guard lock(mutex_);
  std::vector<ModelStatus> all;
  for (const auto& [key, entry] : entries_) all.push_back(entry.status);
  return all;
}

std::vector<model::Package> ModelHost::available() const {
  std::vector<model::Package> packages = options_.inventory();
  std::lock_guard lock(mutex_);
  std::erase_if(packages, [this](const model::Package& package) {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const auto& each) { return each.first.first == package.name; });
  });
  return packages;
}

std::string ModelHost::default_name() const {
  std::lock_guard lock(mutex_);
  if (!named_.empty()) return named_.front();
  // What most people try first is a photograph of one thing.
  for (const auto& [name, package] : known_)
    if (package.task == model::Task::kClassify) return name;
  return known_.empty() ? std::string() : known_.begin()->first;
}

bool ModelHost::draining() const {
  std::lock_guard lock(mutex_);
  return draining_;
}

void ModelHost::drain(TimePoint deadline) {
  std::vector<Hosted> hosted;
  {
    std::lock_guard lock(mutex_);
    if (draining_) return;
    draining_ = true;
  }
  loaders_.reset();  // waits for loads under way; those that wait are cancelled
  for (const ModelStatus& model : status())
    if (model.hosted) hosted.push_back(model.hosted);
  std::vector<std::thread> threads;
  for (const Hosted& each : hosted)
    threads.emplace_back([&each, deadline] { each->served->drain(deadline); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace anynpu::server
