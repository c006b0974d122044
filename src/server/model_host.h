// SPDX-License-Identifier: Apache-2.0
// ModelHost: the models that a server answers with. Those named at its start are loaded at once and
// side by side; other packages of the store are loaded when somebody first asks for them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/package.h"
#include "runtime/served_model.h"
#include "server/work_pool.h"
#include "vision/image_model.h"

namespace anynpu::server {

/// One version of a model, loaded. Shared by the requests that use it.
struct HostedModel {
  std::unique_ptr<runtime::ServedModel> served;
  Result<vision::ImageModel> image;  // or why it does not take pictures
};

enum class ModelState { kLoading, kReady, kFailed };
std::string_view to_string(ModelState state);

struct ModelStatus {
  model::Package package;
  int version = 0;
  ModelState state = ModelState::kLoading;
  bool named_at_start = false;
  double load_ms = 0;
  std::optional<Error> error;                 // why it failed
  std::shared_ptr<const HostedModel> hosted;  // when ready
};

struct ModelHostOptions {
  std::vector<std::string> models;  // names, folders or files, "@2" after it for a version; the
                                    // first one is the default
  runtime::ServeOptions runtime;
  std::size_t most_models = 16;  // loaded at one time
  int parallel_loads = 0;        // 0: one per core, at most 4
  /// How a model is placed and started, how a user's name is found, and which packages there are;
  /// tests put their own.
  std::function<Result<std::unique_ptr<runtime::ServedModel>>(const model::Package&, int version,
                                                              const runtime::ServeOptions&)>
      start;
  std::function<Result<model::Package>(const std::string&)> open;
  std::function<std::vector<model::Package>()> inventory;
};

class ModelHost {
 public:
  using Hosted = std::shared_ptr<const HostedModel>;
  using Done = std::function<void(Result<Hosted>)>;

  explicit ModelHost(ModelHostOptions options);
  ~ModelHost();
  ModelHost(const ModelHost&) = delete;
  ModelHost& operator=(const ModelHost&) = delete;

  /// Finds the packages that were named, without loading them. Names come from the user who starts
  /// the server and may be paths.
  Result<> open();

  /// Starts to load what was named, or the default when nothing was. `loaded` is called once, on
  /// any thread, when each of them is ready or has failed; with an error only when all of them
  /// failed; at once when none was named.
  void start_loading(std::function<void(Result<>)> loaded);

  /// The model when it is loaded already, nothing otherwise. Never waits.
  Hosted ready(const std::string& name, int version) const;

  /// May read the store's folders. Calls `done` exactly once, on this thread or another: with the
  /// model when it is loaded, which this may cause. The name comes from a stranger and is only ever
  /// a package's name; empty: the default. Version 0: the latest.
  void find(const std::string& name, int version, Done done);

  /// Everything that is loaded, being loaded or failed; by name.
  std::vector<ModelStatus> status() const;
  /// Packages of the store that nobody has asked for yet.
  std::vector<model::Package> available() const;
  /// The first one that was named; without any, the first classifier of the store, or else its
  /// first package. Empty when there is none.
  std::string default_name() const;
  bool draining() const;

  /// Takes no more requests, answers those accepted until `deadline`, ends the workers. The first
  /// call counts.
  void drain(TimePoint deadline);

 private:
  using Key = std::pair<std::string, int>;
  struct Entry {
    ModelStatus status;
    TimePoint retry_after = {};  // a failed model is tried again, but not at once
    std::vector<Done> waiting;
  };

  Result<Key> choose(const std::string& name, int version);
  void read_inventory();
  Result<> begin_load_locked(const Key& key, const model::Package& package);
  void load(const Key& key);
  void finish(const Key& key, Result<Hosted> result, double ms);
  int version_locked(const model::Package& package, int wanted) const;
  Error unknown_locked(const std::string& name) const;

  ModelHostOptions options_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::map<std::string, model::Package> known_;  // by name: those named at start, then the store's
  std::vector<std::string> named_;               // names of those named at start, each once
  std::vector<Key> at_start_;                    // their versions
  std::map<std::string, int> version_;           // that is meant when a request names none
  std::optional<TimePoint> inventory_time_;
  std::size_t still_loading_ = 0;  // of those named at start
  std::function<void(Result<>)> loaded_;
  bool draining_ = false;
  std::unique_ptr<WorkPool> loaders_;
};

}  // namespace anynpu::server
