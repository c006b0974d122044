// SPDX-License-Identifier: Apache-2.0
// Who is loaded, who is being loaded, who waits for it.
#include "server/model_host.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "base/without_throwing.h"
#include "model/store.h"
#include "server/canary.h"
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
  ANYNPU_TRY(canary, canary_of(package));
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
  if (!options_.fingerprint) options_.fingerprint = files_fingerprint;
  retired_ = std::make_unique<WorkPool>(1, 0);
  loaders_ = std::make_unique<WorkPool>(loader_threads(options_.parallel_loads), kMostWaitingLoads);
}

ModelHost::~ModelHost() {
  drain(Clock::now());
  entries_.clear();  // before the thread that takes what is let go
}

Result<> ModelHost::open() {
  for (const std::string& text : options_.models) {
    auto [name, version] = name_and_version(text);
    ANYNPU_TRY(package, options_.open(name));
    if (version != 0 && package.find(version) == nullptr) return no_version(package, version);
    std::lock_guard lock(mutex_);
    bool is_new = !known_.contains(package.name);
    if (!is_new && known_.at(package.name).package.folder != package.folder)
      return Error{
          Code::kInvalid,
          fmt::format("two models have the name '{}': {} and {}", package.name,
                      known_.at(package.name).package.folder.string(), package.folder.string())}
          .with_hint("rename one of them in its model.toml");
    Known& known = learn_locked(package, name);
    if (is_new) named_.push_back(package.name);
    if (version != 0) {  // those that are named are what is wanted
      VersionPolicy& policy = known.config.versions;
      if (policy.kind != VersionPolicy::Kind::kSpecific)
        policy = {VersionPolicy::Kind::kSpecific, 1, {}};
      policy.numbers.push_back(version);
    }
    for (const auto& [label, number] : known.config.labels)
      if (package.find(number) == nullptr)
        return no_version(package, number).within(fmt::format("the label '{}'", label));
    std::vector<int> wanted = wanted_versions(known.config, package);
    if (wanted.empty()) return no_version(package, known.config.versions.numbers.front());
    std::erase_if(at_start_, [&](const Key& key) { return key.first == package.name; });
    for (int number : wanted) at_start_.emplace_back(package.name, number);
  }
  if (options_.models.empty()) read_inventory();
  warn_of_idle_configs();
  return {};
}

// What is said of a model that is not there is said of nothing: a policy, or a label, that nobody
// keeps to.
void ModelHost::warn_of_idle_configs() {
  const auto is_idle = [this](const ModelConfig& config) {
    std::lock_guard lock(mutex_);
    return std::none_of(known_.begin(), known_.end(), [&](const auto& each) {
      return each.first == config.name || each.second.source == config.name;
    });
  };
  const bool any = std::any_of(options_.configs.begin(), options_.configs.end(), is_idle);
  if (any && !options_.models.empty()) read_inventory();
  for (const ModelConfig& config : options_.configs) {
    if (!is_idle(config)) continue;
    std::lock_guard lock(mutex_);
    log::failure(Error(unknown_locked(config.name)).within("[[model]]"));
  }
}

ModelHost::Known& ModelHost::learn_locked(const model::Package& package,
                                          const std::string& source) {
  auto [at, is_new] = known_.try_emplace(package.name);
  Known& known = at->second;
  known.package = package;
  if (!is_new) return known;
  known.source = source;
  known.config.runtime = options_.runtime;
  for (const ModelConfig& config : options_.configs) {
    if (config.name != source && config.name != package.name) continue;
    known.config = config;
    known.configured = true;
  }
  known.config.name = package.name;
  known.choice = std::make_shared<VersionChoice>(known.config);
  return known;
}

void ModelHost::read_inventory() {
  std::vector<model::Package> packages = options_.inventory();
  std::lock_guard lock(mutex_);
  inventory_time_ = Clock::now();
  for (const model::Package& package : packages)
    if (!known_.contains(package.name)) learn_locked(package, package.name);
}

Result<PickedVersion> ModelHost::pick(
    const std::string& name, std::string_view version,
    const std::function<std::string_view(std::string_view)>& header) const {
  std::string wanted = name.empty() ? default_name() : name;
  std::shared_ptr<VersionChoice> choice;
  {
    std::lock_guard lock(mutex_);
    auto known = known_.find(wanted);
    if (known != known_.end()) choice = known->second.choice;
  }
  if (!choice) choice = std::make_shared<VersionChoice>(ModelConfig{.name = wanted});
  std::string_view key =
      choice->sticky_header().empty() ? std::string_view() : header(choice->sticky_header());
  return choice->pick(version, key, [&](int number) {
    std::lock_guard lock(mutex_);
    return ready_locked(wanted, number);
  });
}

bool ModelHost::ready_locked(const std::string& name, int version) const {
  auto entry = entries_.find({name, version});
  return entry != entries_.end() && entry->second.status.state == ModelState::kReady;
}

ModelHost::Hosted ModelHost::ready(const std::string& name, int version) const {
  std::string wanted = name.empty() ? default_name() : name;
  std::lock_guard lock(mutex_);
  auto known = known_.find(wanted);
  if (known == known_.end() || draining_) return nullptr;
  int number = version != 0 ? version : default_version_locked(known->second);
  auto entry = entries_.find({known->first, number});
  return entry == entries_.end() ? nullptr : entry->second.status.hosted;
}

void ModelHost::start_loading(std::function<void(Result<>)> loaded) {
  bool none = false;
  std::string first = default_name();
  {
    std::lock_guard lock(mutex_);
    none = at_start_.empty();
    if (none && !first.empty())  // nobody waits for it, but somebody is about to ask
      (void)begin_load_locked({first, default_version_locked(known_.at(first))});
    loaded_ = std::move(loaded);
    still_loading_ = at_start_.size();
    for (const Key& key : at_start_) {
      Entry& entry = entries_[key];
      entry.status.package = known_.at(key.first).package;
      entry.status.version = key.second;
      entry.status.named_at_start = true;
      entry.at_start = true;
      entry.wanted = true;
      entry.load = ++loads_;
      // Work::kFinish: what was named at the start is never refused.
      (void)loaders_->post(Work::kFinish, [this, key, load = entry.load] { load_now(key, load); });
    }
  }
  if (none && loaded_) loaded_({});
  if (options_.watch) watcher_ = std::thread([this] { keep_watch(); });
}

void ModelHost::find(const std::string& name, int version, Done done) {
  Result<Key> chosen = without_throwing([&] { return choose(name, version); });
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
    } else if (unloaded_.contains(chosen->first)) {
      answer = unloaded_error(chosen->first);
    } else {
      Result<> begun;
      bool loading = at != entries_.end() && at->second.status.state == ModelState::kLoading;
      if (!loading) begun = begin_load_locked(*chosen);
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
    is_known = name.empty() ? !known_.empty() : known_.contains(name);
    is_fresh = inventory_time_ && Clock::now() - *inventory_time_ < kInventoryAge;
  }
  if (!is_known && !is_fresh) read_inventory();
  std::string wanted = name.empty() ? default_name() : name;
  std::lock_guard lock(mutex_);
  auto at = known_.find(wanted);
  if (at == known_.end()) return unknown_locked(wanted);
  const Known& known = at->second;
  int number = version != 0 ? version : default_version_locked(known);
  if (known.package.find(number) == nullptr) return no_version(known.package, number);
  std::vector<int> served = wanted_versions(known.config, known.package);
  if (known.configured && !contains(served, number) && !ready_locked(wanted, number))
    return Error{Code::kNotFound, fmt::format("version {} of {} is not served", number, wanted)}
        .with_hint("model.versions says which are");
  return Key{wanted, number};
}

// The highest that answers, of those that the policy wants or wanted until their successor is
// there.
int ModelHost::default_version_locked(const Known& known) const {
  int best = 0;
  for (const auto& [key, entry] : entries_)
    if (key.first == known.package.name && entry.wanted && entry.status.state == ModelState::kReady)
      best = std::max(best, key.second);
  if (best != 0) return best;
  std::vector<int> wanted = wanted_versions(known.config, known.package);
  return wanted.empty() ? known.package.latest().number : wanted.back();
}

Error ModelHost::unknown_locked(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [each, package] : known_) names.push_back(each);
  if (names.empty())
    return Error{Code::kNotFound, "there is no model on this machine"}.with_hint(
        "get one with: anynpu models pull mobilenet_v1");
  std::string nearest = did_you_mean(name, names);
  return Error{Code::kNotFound, fmt::format("there is no model '{}'", printable(name, 64))}
      .with_hint(nearest.empty() ? "there is " + join(names, ", ")
                                 : fmt::format("did you mean '{}'?", nearest));
}

Result<> ModelHost::begin_load_locked(const Key& key) {
  const Known& known = known_.at(key.first);
  std::size_t others = 0;
  const std::vector<int> wanted = wanted_versions(known.config, known.package);
  for (const auto& [each, entry] : entries_) {
    // Of the same model, what goes as soon as this one is there.
    const bool goes = each.first == key.first && !contains(wanted, each.second);
    if (each != key && !goes && entry.status.state != ModelState::kFailed) ++others;
  }
  if (others >= options_.most_models)
    return Error{Code::kBusy, fmt::format("{} models are loaded, which is the limit", others)}
        .with_hint("unload one, or raise models.limit");
  const std::uint64_t load = loads_ + 1;
  ANYNPU_CHECK(loaders_->post(Work::kStart, [this, key, load] { load_now(key, load); }));
  loads_ = load;
  Entry& entry = entries_[key];
  entry.load = load;
  entry.wanted = contains(wanted, key.second);
  entry.status.package = known.package;
  entry.status.version = key.second;
  entry.status.replacing = entry.status.state == ModelState::kReady;
  entry.status.retrying = entry.status.state == ModelState::kFailed;
  if (!entry.status.replacing) entry.status.state = ModelState::kLoading;
  entry.status.error.reset();
  return {};
}

void ModelHost::load_now(const Key& key, std::uint64_t load) {
  TimePoint start = Clock::now();
  model::Package package;
  runtime::ServeOptions runtime;
  bool cancelled = false;
  {
    std::lock_guard lock(mutex_);
    auto at = entries_.find(key);
    cancelled = draining_ || at == entries_.end() || at->second.load != load;
    if (!cancelled) {
      package = at->second.status.package;
      runtime = known_.at(key.first).config.runtime;
      runtime.stop = stop_loading_;
    }
  }
  if (cancelled) return finish(key, load, Error{Code::kCancelled, "the server is ending"}, "", 0);
  std::string fingerprint;
  Result<Hosted> hosted = without_throwing([&] {  // whoever waits must hear of it
    // Before it is read, so that a change in the meantime is seen as one.
    fingerprint = options_.fingerprint(package, key.second);
    return start_hosted(package, key.second, runtime);
  });
  finish(key, load, std::move(hosted), std::move(fingerprint), ms_since(start));
}

Result<ModelHost::Hosted> ModelHost::start_hosted(const model::Package& package, int version,
                                                  const runtime::ServeOptions& runtime) {
  ANYNPU_TRY(served, options_.start(package, version, runtime));
  Result<vision::ImageModel> image = vision::ImageModel::create(package, served->session());
  return make_hosted(HostedModel{std::move(served), std::move(image)});
}

ModelHost::Hosted ModelHost::make_hosted(HostedModel model) {
  auto owned = std::make_unique<const HostedModel>(std::move(model));
  // Whoever lets go of it last must not wait for its workers to end.
  Hosted hosted(owned.release(), [this](const HostedModel* last) {
    (void)retired_->post(Work::kFinish, [last] { delete last; });
  });
  std::lock_guard lock(mutex_);
  std::erase_if(alive_, [](const auto& each) { return each.expired(); });
  alive_.push_back(hosted);
  return hosted;
}

void ModelHost::finish(const Key& key, std::uint64_t load, Result<Hosted> result,
                       std::string fingerprint, double ms) {
  std::vector<Done> waiting;
  std::vector<Hosted> dropped;  // let go outside of the lock
  std::function<void()> all_settled;
  bool replaced = false;
  {
    std::lock_guard lock(mutex_);
    auto at = entries_.find(key);
    if (at == entries_.end() || at->second.load != load) return;  // unloaded meanwhile
    Entry& entry = at->second;
    replaced = entry.status.replacing;
    // Not what somebody asked for beside it.
    if (entry.wanted && contains(named_, key.first)) entry.status.named_at_start = true;
    entry.load = 0;
    entry.status.retrying = false;
    entry.status.replacing = false;
    entry.status.load_ms = std::max(ms, 0.001);
    entry.fingerprint = std::move(fingerprint);  // of a failed one too: it is not tried for ever
    if (result) {
      dropped.push_back(std::move(entry.status.hosted));
      entry.status.hosted = *result;
      entry.status.state = ModelState::kReady;
    } else {
      entry.status.error = result.error();
      if (!replaced) entry.status.state = ModelState::kFailed;
      entry.retry_after = Clock::now() + kRetryPause;
    }
    waiting.swap(entry.waiting);
    if (result) drop_unwanted_locked(key.first, dropped);
    if (std::exchange(entry.at_start, false)) all_settled = settled_locked();
  }
  drain_changed_.notify_all();
  if (result)
    log::info("{} version {} is {} after {:.0f} ms", key.first, key.second,
              replaced ? "replaced" : "ready", ms);
  else if (result.error().code != Code::kCancelled)
    log::failure(Error(result.error()).within(key.first));
  for (Done& done : waiting) done(result);
  if (all_settled) all_settled();
}

std::function<void()> ModelHost::settled_locked() {
  if (still_loading_ == 0 || --still_loading_ > 0 || !loaded_) return {};
  Result<> outcome;
  bool any = false;
  for (const auto& [key, entry] : entries_) {
    any = any || entry.status.state == ModelState::kReady;
    if (entry.status.state == ModelState::kFailed && outcome) outcome = *entry.status.error;
  }
  if (any) outcome = {};
  return [loaded = std::move(loaded_), outcome = std::move(outcome)] { loaded(outcome); };
}

std::vector<ModelStatus> ModelHost::status() const {
  std::lock_guard lock(mutex_);
  std::vector<ModelStatus> all;
  for (const auto& [key, entry] : entries_) {
    ModelStatus& status = all.emplace_back(entry.status);
    const VersionChoice& choice = *known_.at(key.first).choice;
    double sum = 0;
    double own = 0;
    for (const auto& [label, share] : choice.weights()) sum += share;
    for (const auto& [label, number] : choice.labels()) {
      if (number != key.second) continue;
      status.labels.push_back(label);
      if (auto share = choice.weights().find(label); share != choice.weights().end())
        own += share->second;
    }
    if (sum > 0) status.share = own / sum;
  }
  return all;
}

std::vector<model::Package> ModelHost::available() const {
  std::vector<model::Package> packages = options_.inventory();
  std::lock_guard lock(mutex_);
  // Those that were named by a path are in no store.
  for (const std::string& name : unloaded_)
    if (std::none_of(packages.begin(), packages.end(),
                     [&](const model::Package& each) { return each.name == name; }))
      packages.push_back(known_.at(name).package);
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
  for (const auto& [name, known] : known_)
    if (known.package.task == model::Task::kClassify) return name;
  return known_.empty() ? std::string() : known_.begin()->first;
}

std::string ModelHost::first_of(model::Task task) {
  for (bool looked = false;; looked = true) {
    {
      std::lock_guard lock(mutex_);
      for (const std::string& name : named_)
        if (known_.at(name).package.task == task) return name;
      for (const auto& [name, known] : known_)
        if (known.package.task == task) return name;
      if (looked || (inventory_time_ && Clock::now() - *inventory_time_ < kInventoryAge)) return {};
    }
    read_inventory();
  }
}

std::optional<model::Task> ModelHost::task_of(const std::string& name) const {
  const std::string wanted = name.empty() ? default_name() : name;
  std::lock_guard lock(mutex_);
  const auto known = known_.find(wanted);
  if (known == known_.end()) return std::nullopt;
  return known->second.package.task;
}

bool ModelHost::draining() const {
  std::lock_guard lock(mutex_);
  return draining_;
}

void ModelHost::end_loads() {
  watch_changed_.notify_all();
  if (watcher_.joinable()) watcher_.join();
  {
    std::unique_lock lock(mutex_);
    const auto somebody_waits = [this] {
      return std::any_of(entries_.begin(), entries_.end(),
                         [](const auto& each) { return !each.second.waiting.empty(); });
    };
    while (somebody_waits() && Clock::now() < drain_until_) {
      const TimePoint until = drain_until_;
      drain_changed_.wait_until(lock, until);
    }
  }
  *stop_loading_ = true;
  loaders_.reset();  // waits for what is broken off; loads that wait for a thread are cancelled
}

void ModelHost::drain(TimePoint deadline) {
  std::vector<Hosted> hosted;
  bool is_first = false;
  {
    std::lock_guard lock(mutex_);
    drain_until_ = std::min(drain_until_, deadline);
    is_first = !std::exchange(draining_, true);
    if (drained_) return;
  }
  drain_changed_.notify_all();
  if (is_first) end_loads();
  {
    std::lock_guard lock(mutex_);
    deadline = drain_until_;
    for (const auto& each : alive_)
      if (Hosted still = each.lock()) hosted.push_back(std::move(still));
  }
  std::vector<std::thread> threads;
  for (const Hosted& each : hosted)
    threads.emplace_back([&each, deadline] { each->served->drain(deadline); });
  for (std::thread& thread : threads) thread.join();
  std::lock_guard lock(mutex_);
  drained_ = drained_ || is_first;
}

}  // namespace anynpu::server
