// SPDX-License-Identifier: Apache-2.0
// ModelDirectory: the models of a server as the protocol sees them: by name and version, with a
// state, loaded and unloaded by request.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/model_host.h"

namespace anynpu::server::oip {

/// One version of a model, loaded or not.
struct ModelEntry {
  std::string name;
  std::string version;  // "1"
  ModelState state = ModelState::kLoading;
  bool loaded_or_loading = false;  // false: in the store, and nobody has asked for it
  std::string reason;              // why it is not ready; empty when it is
};

class ModelDirectory {
 public:
  using Hosted = ModelHost::Hosted;
  using Done = std::function<void(Result<Hosted>)>;

  virtual ~ModelDirectory() = default;

  /// Which version answers a request: `version` is a number, a label, or empty, where a split by
  /// weights decides; `header` finds a header of the request. A number as text, or empty for the
  /// model's own default. Never waits.
  virtual Result<std::string> pick(
      const std::string& name, const std::string& version,
      const std::function<std::string_view(std::string_view)>& header) const = 0;

  /// The model when it is loaded already, nothing otherwise. Never waits. `version` is as in an
  /// address: a number or a label, or empty for the model's own default.
  virtual Hosted loaded(const std::string& name, const std::string& version) const = 0;

  /// Loads the model when it has to. May read the disk. Calls `done` exactly once, on any thread.
  virtual void find(const std::string& name, const std::string& version, Done done) = 0;

  /// Everything there is, by name and version. May read the disk.
  virtual std::vector<ModelEntry> index() const = 0;

  /// Reads a model's package again and loads what is new or has changed, in place of what is there.
  /// May read the disk. Calls `done` exactly once, on any thread.
  virtual void load(const std::string& name, std::function<void(Result<>)> done) = 0;

  /// Lets go of every version of a model: accepted requests are answered.
  virtual Result<> unload(const std::string& name) = 0;

  /// Whether all that was named at the start is loaded, and the server is not ending.
  virtual bool ready() const = 0;
};

/// The models of a ModelHost, which is borrowed.
std::unique_ptr<ModelDirectory> directory_of(ModelHost& host);

}  // namespace anynpu::server::oip
