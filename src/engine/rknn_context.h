// SPDX-License-Identifier: Apache-2.0
// An rknn_context and its owner: every call has its log lines read and its failure explained.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/rknn_abi.h"
#include "engine/rknn_file.h"
#include "engine/rknn_session.h"

namespace anynpu::engine::rknn {

class LoadedContext {
 public:
  /// Reads the file's head, then lets the runtime load it from memory (files over 4 GB: by name).
  static Result<std::unique_ptr<LoadedContext>> load(const Runtime& runtime,
                                                     const std::filesystem::path& artifact,
                                                     const LoadOptions& options);
  ~LoadedContext();
  LoadedContext(const LoadedContext&) = delete;
  LoadedContext& operator=(const LoadedContext&) = delete;

  const Runtime& runtime() const { return runtime_; }
  const RknnFile& model() const { return model_; }
  Context handle() const { return handle_; }

  /// Calls, and turns a code or a line that tells of refused memory into an error.
  Result<> call(const char* what, const std::function<int()>& function) const;

  /// For questions whose failure is an answer, too.
  template <typename Info>
  bool ask(Query query, Info& info) const {
    return runtime_.api.query(handle_, query, &info, sizeof info) == kSuccess;
  }
  /// The attributes of all inputs or outputs, in the way that `query` says.
  Result<std::vector<TensorAttr>> attributes(Query query, std::uint32_t count) const;

  /// "driver 0.9.8, core 0, 4.3 MB of weights": what is known once it is loaded.
  std::string note() const;

 private:
  LoadedContext(const Runtime& runtime, RknnFile model, std::string node)
      : runtime_(runtime), model_(std::move(model)), node_(std::move(node)) {}
  Result<> init(const std::filesystem::path& artifact);
  Result<> choose_cores(unsigned mask);

  const Runtime& runtime_;
  RknnFile model_;
  std::string node_;
  Context handle_ = 0;
  std::string cores_;
};

}  // namespace anynpu::engine::rknn
