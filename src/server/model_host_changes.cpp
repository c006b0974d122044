// SPDX-License-Identifier: Apache-2.0
// What changes while the server runs: models loaded again, replaced, unloaded, and found changed on
// the disk.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "base/without_throwing.h"
#include "server/model_host.h"

namespace anynpu::server {

std::string ModelHost::files_fingerprint(const model::Package& package, int number) {
  std::vector<std::filesystem::path> files = {package.folder / "model.toml", package.canary};
  if (const model::Version* version = package.find(number))
    for (const model::Artifact& artifact : version->artifacts) files.push_back(artifact.path);
  std::string text;
  for (const std::filesystem::path& file : files) {
    std::error_code missing;
    auto size = std::filesystem::file_size(file, missing);
    auto time = std::filesystem::last_write_time(file, missing);
    text += missing ? "-;" : fmt::format("{}:{};", size, time.time_since_epoch().count());
  }
  // Labels are in a file of their own, whose name the package does not keep.
  std::size_t labels = package.labels.size();
  for (const std::string& label : package.labels)
    labels = labels * 31 + std::hash<std::string>()(label);
  return text + fmt::format("{:x}", labels);
}

Error ModelHost::unloaded_error(const std::string& name) {
  return Error{Code::kNotFound, fmt::format("the model '{}' is unloaded", printable(name, 64))}
      .with_hint(fmt::format("load it with: POST /v2/repository/models/{}/load", name));
}

Result<model::Package> ModelHost::read_again(const std::string& name) {
  std::string source;
  for (bool looked = false;; looked = true) {
    {
      std::lock_guard lock(mutex_);
      auto known = known_.find(name);
      if (known != known_.end()) source = known->second.source;
      if (source.empty() && looked) return unknown_locked(name);
    }
    if (!source.empty()) break;
    read_inventory();
  }
  ANYNPU_TRY(package, options_.open(source));
  if (package.name != name)
    return Error{Code::kNotFound,
                 fmt::format("{} is the model '{}' now", printable(source, 100), package.name)};
  return std::move(package);
}

void ModelHost::load(const std::string& name, std::function<void(Result<>)> done) {
  Result<model::Package> package = without_throwing([&] { return read_again(name); });
  if (!package) return done(std::move(package).error());
  {
    std::lock_guard lock(mutex_);
    unloaded_.erase(name);
  }
  Result<std::vector<Key>> begun = without_throwing([&] { return reconcile(*package, false); });
  if (!begun) return done(std::move(begun).error());
  // The first error counts, and `done` is called when the last one is settled.
  struct Joined {
    std::mutex mutex;
    std::size_t missing = 0;
    Result<> outcome;
    std::function<void(Result<>)> done;
    void settle(const Result<Hosted>& one) {
      Result<> last;
      {
        std::lock_guard lock(mutex);
        if (!one && outcome) outcome = one.error();
        if (--missing > 0) return;
        last = outcome;
      }
      done(std::move(last));
    }
  };
  auto joined = std::make_shared<Joined>();
  joined->missing = begun->size() + 1;
  joined->done = std::move(done);
  for (const Key& key : *begun) {
    Result<Hosted> now = Hosted();
    {
      std::lock_guard lock(mutex_);
      auto at = entries_.find(key);
      if (at != entries_.end() && at->second.load != 0) {
        at->second.waiting.emplace_back(
            [joined](const Result<Hosted>& one) { joined->settle(one); });
        continue;
      }
      if (at == entries_.end())
        now = unloaded_error(name);
      else if (at->second.status.error)
        now = *at->second.status.error;
    }
    joined->settle(now);
  }
  joined->settle(Hosted());
}

Result<std::vector<ModelHost::Key>> ModelHost::reconcile(const model::Package& package,
                                                         bool watching) {
  std::map<int, std::string> fingerprints;  // files are looked at outside of the lock
  for (const model::Version& version : package.versions)
    fingerprints[version.number] = options_.fingerprint(package, version.number);
  std::vector<Key> under_way;
  std::vector<Hosted> dropped;
  std::lock_guard lock(mutex_);
  if (draining_) return Error{Code::kCancelled, "the server is ending"};
  if (watching && unloaded_.contains(package.name)) return under_way;
  Known& known = learn_locked(package, package.name);
  std::vector<int> wanted = wanted_versions(known.config, package);
  if (wanted.empty())
    return Error{Code::kNotFound, fmt::format("{} has none of the versions that model.versions "
                                              "asks for",
                                              package.name)};
  for (int number : wanted) {
    Key key{package.name, number};
    auto at = entries_.find(key);
    if (at != entries_.end() && at->second.load != 0) {
      under_way.push_back(key);
      continue;
    }
    const std::string& fingerprint = fingerprints[number];
    bool failed = at != entries_.end() && at->second.status.state == ModelState::kFailed;
    bool same = at != entries_.end() && at->second.fingerprint == fingerprint;
    if (same && (!failed || watching)) continue;
    if (watching && !settled_twice_locked(key, fingerprint)) continue;
    ANYNPU_CHECK(begin_load_locked(key));
    under_way.push_back(key);
  }
  if (under_way.empty()) drop_unwanted_locked(package.name, dropped);
  return under_way;
}

bool ModelHost::settled_twice_locked(const Key& key, const std::string& fingerprint) {
  auto [at, is_new] = seen_.try_emplace(key, fingerprint);
  if (is_new || at->second != fingerprint) {
    at->second = fingerprint;
    return false;
  }
  seen_.erase(at);
  return true;
}

void ModelHost::drop_unwanted_locked(const std::string& name, std::vector<Hosted>& dropped) {
  const Known& known = known_.at(name);
  std::vector<int> wanted = wanted_versions(known.config, known.package);
  bool is_served = false;
  for (int number : wanted) {
    auto at = entries_.find({name, number});
    if (at != entries_.end() && at->second.load != 0) return;
    is_served = is_served || ready_locked(name, number);
  }
  if (!is_served) return;
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto& [key, entry] = *at;
    bool goes = key.first == name && entry.load == 0 && !contains(wanted, key.second) &&
                (entry.wanted || known.package.find(key.second) == nullptr);
    if (goes) log::info("{} version {} is not wanted any more", name, key.second);
    at = goes ? let_go_locked(at, dropped) : std::next(at);
  }
}

std::map<ModelHost::Key, ModelHost::Entry>::iterator ModelHost::let_go_locked(
    std::map<Key, Entry>::iterator entry, std::vector<Hosted>& dropped) {
  dropped.push_back(std::move(entry->second.status.hosted));
  return entries_.erase(entry);
}

Result<> ModelHost::unload(const std::string& name) {
  std::vector<Hosted> dropped;
  std::vector<Done> waiting;
  std::vector<std::function<void()>> settled;
  {
    std::lock_guard lock(mutex_);
    if (!known_.contains(name)) return unknown_locked(name);
    if (draining_) return Error{Code::kCancelled, "the server is ending"};
    bool any = false;
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (at->first.first != name) {
        ++at;
        continue;
      }
      Entry& entry = at->second;
      any = true;
      std::move(entry.waiting.begin(), entry.waiting.end(), std::back_inserter(waiting));
      const bool at_start = entry.at_start;
      at = let_go_locked(at, dropped);
      if (at_start) settled.push_back(settled_locked());
    }
    if (!any)
      return Error{Code::kNotFound,
                   fmt::format("the model '{}' is not loaded", printable(name, 64))};
    unloaded_.insert(name);
  }
  log::info("{} is unloaded", name);
  for (Done& done : waiting) done(unloaded_error(name));
  for (const std::function<void()>& each : settled)
    if (each) each();
  return {};
}

void ModelHost::look_for_changes() {
  std::set<std::string> names;
  {
    std::lock_guard lock(mutex_);
    names.insert(named_.begin(), named_.end());
    for (const auto& [key, entry] : entries_) names.insert(key.first);
    for (const std::string& name : unloaded_) names.erase(name);
  }
  for (const std::string& name : names) {
    Result<model::Package> package = without_throwing([&] { return read_again(name); });
    if (!package && package.error().code == Code::kNotFound) {
      forget_if_gone(name);
      continue;
    }
    if (!package) {  // half written, perhaps
      log::debug("{}: {}", name, package.error().message);
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      seen_.erase({name, 0});
    }
    auto begun = without_throwing([&] { return reconcile(*package, true); });
    if (begun)
      told_.erase(name);
    else
      tell_once(name, begun.error());
  }
}

void ModelHost::tell_once(const std::string& name, const Error& error) {
  std::string& told = told_[name];
  if (std::exchange(told, error.message) == error.message) return;
  log::failure(Error(error).within(name));
}

// A package that is gone twice in a row is unloaded, and comes back when it is there again. Of what
// was named at the start it is said that it is missing.
void ModelHost::forget_if_gone(const std::string& name) {
  std::vector<Hosted> dropped;
  std::lock_guard lock(mutex_);
  if (!settled_twice_locked({name, 0}, "gone")) return;
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    const bool missed = entry.status.state == ModelState::kFailed && entry.fingerprint.empty();
    const bool goes = at->first.first == name && entry.load == 0 && !missed;
    if (goes)
      log::warn("{} version {} is gone from the disk and is unloaded", name, at->first.second);
    if (!goes || !entry.status.named_at_start) {
      at = goes ? let_go_locked(at, dropped) : std::next(at);
      continue;
    }
    dropped.push_back(std::move(entry.status.hosted));
    entry.status.state = ModelState::kFailed;
    entry.status.error = Error{Code::kNotFound, name + " is gone from the disk"};
    entry.fingerprint.clear();
    ++at;
  }
}

void ModelHost::keep_watch() {
  std::unique_lock lock(mutex_);
  while (!draining_) {
    watch_changed_.wait_for(lock, options_.watch_interval, [this] { return draining_; });
    if (draining_) return;
    lock.unlock();
    look_for_changes();
    lock.lock();
  }
}

}  // namespace anynpu::server
