// SPDX-License-Identifier: Apache-2.0
// TFLite's objects with owners: the model of a file, and a graph that is ready to run.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/file_mapping.h"
#include "engine/tensor.h"
#include "engine/tflite_abi.h"
#include "engine/tflite_xnnpack.h"

namespace anynpu::engine::tflite {

/// Collects what TFLite says of an error, in one line of at most 1,000 bytes.
class Complaints {
 public:
  void clear() { text_.clear(); }
  const std::string& text() const { return text_; }
  /// For the C API; `user_data` is a Complaints.
  static void report(void* user_data, const char* format, std::va_list arguments);
  /// "WHAT", or "WHAT: what TFLite said".
  std::string after(const std::string& what) const;

 private:
  std::string text_;
};

/// A model file. Graphs made of it need it as long as they live.
class LoadedModel {
 public:
  static Result<std::shared_ptr<const LoadedModel>> open(const Api& api,
                                                         const std::filesystem::path& path);
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
  const Model* get() const { return model_; }

 private:
  LoadedModel(const Api& api, FileMapping mapping, Model* model)
      : api_(api), mapping_(std::move(mapping)), model_(model) {}
  const Api& api_;
  FileMapping mapping_;
  Model* model_;
};

struct GraphOptions {
  int threads = 1;
  bool xnnpack = false;
};

/// An interpreter with its delegate.
class Graph {
 public:
  /// Not yet allocated: tensors can be described and inputs resized.
  static Result<std::unique_ptr<Graph>> create(const Api& api,
                                               std::shared_ptr<const LoadedModel> model,
                                               const GraphOptions& options);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Gives the inputs these shapes; empty: as declared. With XNNPACK only once, as the graph is
  /// then fixed. After an error the graph must not be used again.
  Result<> allocate(const std::vector<Shape>& shapes);
  Result<> invoke(bool keep_state);

  Interpreter* interpreter() const { return interpreter_; }
  const std::vector<Shape>& shapes() const { return shapes_; }
  std::string note() const { return delegate_ ? delegate_->note() : "plain interpreter"; }

 private:
  Graph(const Api& api, std::shared_ptr<const LoadedModel> model, const GraphOptions& options)
      : api_(api), model_(std::move(model)), options_(options) {}
  const Api& api_;
  std::shared_ptr<const LoadedModel> model_;
  GraphOptions options_;
  Complaints complaints_;
  std::unique_ptr<XnnpackDelegate> delegate_;  // outlives the interpreter
  Interpreter* interpreter_ = nullptr;
  std::vector<Shape> shapes_;
};

}  // namespace anynpu::engine::tflite
