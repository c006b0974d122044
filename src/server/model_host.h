// SPDX-License-Identifier: Apache-2.0
// ModelHost: the models that a server answers with: several, each in several versions, loaded,
// replaced and unloaded while requests go on.
//
// A loaded version is shared by the requests that use it. To replace or unload it, the host lets go
// of it: requests that have it are answered, new ones get the next one, and with the last request
// its workers end, on a thread of the host's. So no request is ever dropped for a change.
//
// Models named at the start (or configured) are loaded before the server is ready; other packages
// of the store when somebody first asks for them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/package.h"
#include "runtime/served_model.h"
#include "server/model_config.h"
#include "server/version_choice.h"
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
  bool retrying = false;   // loading, and the last time it failed
  bool replacing = false;  // ready, and a newer one of the same number is being loaded
  double load_ms = 0;
  std::optional<Error> error;                 // why it failed, or could not be replaced
  std::shared_ptr<const HostedModel> hosted;  // when ready
  std::vector<std::string> labels;            // of this version: "stable"
  std::optional<double> share;                // of the requests that name no version, 0 to 1
};

struct ModelHostOptions {
  std::vector<std::string> models;   // names, folders or files, "@2" after it for a version; the
                                     // first one is the default
  std::vector<ModelConfig> configs;  // by name as in `models`; others have `runtime` and no labels
  runtime::ServeOptions runtime;
  std::size_t most_models = 16;  // versions loaded at one time
  int parallel_loads = 0;        // 0: one per core, at most 4
  bool watch = false;            // look for versions that come, change and go
  Duration watch_interval = seconds(2);
  /// How a model is placed and started, how a user's name is found, which packages there are, and
  /// what changes when a version's files do; tests put their own.
  std::function<Result<std::unique_ptr<runtime::ServedModel>>(const model::Package&, int version,
                                                              const runtime::ServeOptions&)>
      start;
  std::function<Result<model::Package>(const std::string&)> open;
  std::function<std::vector<model::Package>()> inventory;
  std::function<std::string(const model::Package&, int version)> fingerprint;
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

  /// Which version answers a request, from what its address says ("2", "canary" or nothing) and,
  /// for a sticky split, the value of a header. Never waits. Code::kNotFound: no such label.
  Result<PickedVersion> pick(const std::string& name, std::string_view version,
                             const std::function<std::string_view(std::string_view)>& header) const;

  /// The model when it is loaded already, nothing otherwise. Never waits.
  Hosted ready(const std::string& name, int version) const;

  /// May read the store's folders. Calls `done` exactly once, on this thread or another: with the
  /// model when it is loaded, which this may cause. The name comes from a stranger and is only ever
  /// a package's name; empty: the default. Version 0: the model's own default.
  void find(const std::string& name, int version, Done done);

  /// Reads the package again and loads the versions that its policy wants: those that are new, and
  /// those whose files have changed, in place of the old ones. `done` is called once, when all of
  /// them are ready or one has failed (the old ones then stay). May read the store's folders.
  void load(const std::string& name, std::function<void(Result<>)> done);

  /// Lets go of every version of a model, until it is loaded again. Code::kNotFound: not loaded.
  Result<> unload(const std::string& name);

  /// Compares what is loaded with what is on the disk, as load() does, for every model that is
  /// loaded; `watch` calls it. Files that are still being written are left for the next time.
  void look_for_changes();

  /// Everything that is loaded, being loaded or failed; by name and version.
  std::vector<ModelStatus> status() const;
  /// Packages of the store that nobody has asked for yet, or that were unloaded.
  std::vector<model::Package> available() const;
  /// The first one that was named; without any, the first classifier of the store, or else its
  /// first package. Empty when there is none.
  std::string default_name() const;
  /// The first one of a task, named ones first; empty when there is none. May read the store.
  std::string first_of(model::Task task);
  /// What a package that is known is for; empty: the default's. Never waits.
  std::optional<model::Task> task_of(const std::string& name) const;
  bool draining() const;

  /// Takes no more requests, answers those accepted until `deadline`, ends the workers. Loads that
  /// nobody waits for are broken off at once, the others at `deadline`. Another call meanwhile can
  /// only bring the deadline forward.
  void drain(TimePoint deadline);

 private:
  using Key = std::pair<std::string, int>;
  struct Known {
    model::Package package;
    std::string source;  // what it is opened by again: a name, a folder, a file
    ModelConfig config;
    bool configured = false;  // only the versions of its policy may be asked for
    std::shared_ptr<VersionChoice> choice;
  };
  struct Entry {
    ModelStatus status;
    bool at_start = false;       // the server's start waits for it
    bool wanted = false;         // by the policy, when its load began
    std::uint64_t load = 0;      // of the load under way; 0: none
    std::string fingerprint;     // of what is loaded
    TimePoint retry_after = {};  // a failed model is tried again, but not at once
    std::vector<Done> waiting;
  };

  Result<Key> choose(const std::string& name, int version);
  void read_inventory();
  void warn_of_idle_configs();
  Known& learn_locked(const model::Package& package, const std::string& source);
  Result<> begin_load_locked(const Key& key);
  void load_now(const Key& key, std::uint64_t load);
  Result<Hosted> start_hosted(const model::Package& package, int version,
                              const runtime::ServeOptions& runtime);
  void finish(const Key& key, std::uint64_t load, Result<Hosted> result, std::string fingerprint,
              double ms);
  /// One of those named at the start is settled. What is to be called when it was the last one.
  std::function<void()> settled_locked();
  Result<model::Package> read_again(const std::string& name);
  /// Begins what the policy wants; the keys that are under way then. `watching`: only what looks as
  /// it did the last time.
  Result<std::vector<Key>> reconcile(const model::Package& package, bool watching);
  bool settled_twice_locked(const Key& key, const std::string& fingerprint);
  /// Lets go of what the policy does not want any more, once something that it wants is ready.
  void drop_unwanted_locked(const std::string& name, std::vector<Hosted>& dropped);
  std::map<Key, Entry>::iterator let_go_locked(std::map<Key, Entry>::iterator entry,
                                               std::vector<Hosted>& dropped);
  void forget_if_gone(const std::string& name);
  /// A reason why what is on the disk is not served: once until there is another.
  void tell_once(const std::string& name, const Error& error);
  Hosted make_hosted(HostedModel model);
  int default_version_locked(const Known& known) const;
  bool ready_locked(const std::string& name, int version) const;
  Error unknown_locked(const std::string& name) const;
  static Error unloaded_error(const std::string& name);
  /// Size and time of each file that a version is made of.
  static std::string files_fingerprint(const model::Package& package, int number);
  void keep_watch();
  void end_loads();

  ModelHostOptions options_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::map<std::string, Known> known_;       // by name: those named at start, then the store's
  std::vector<std::string> named_;           // names of those named at start, each once
  std::vector<Key> at_start_;                // their versions
  std::set<std::string> unloaded_;           // by request: they are not loaded by being asked for
  std::map<Key, std::string> seen_;          // fingerprints of changes that must be seen twice
  std::map<std::string, std::string> told_;  // by the watch, by name
  std::optional<TimePoint> inventory_time_;
  std::size_t still_loading_ = 0;  // of those named at start
  std::uint64_t loads_ = 0;
  std::function<void(Result<>)> loaded_;
  bool draining_ = false, drained_ = false;
  TimePoint drain_until_ = TimePoint::max();
  std::condition_variable drain_changed_;
  const std::shared_ptr<std::atomic<bool>> stop_loading_ =
      std::make_shared<std::atomic<bool>>(false);
  std::condition_variable watch_changed_;
  std::thread watcher_;
  std::vector<std::weak_ptr<const HostedModel>> alive_;
  std::unique_ptr<WorkPool> retired_;  // ends the workers of what was let go
  std::unique_ptr<WorkPool> loaders_;
};

}  // namespace anynpu::server
