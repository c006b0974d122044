// SPDX-License-Identifier: Apache-2.0
// The peer of anynpu's speech models: what one writes over ONNX Runtime in an afternoon. Default
// session options on one thread, the whole clip at once, the likeliest token each time, the
// runtime's own values handed on as the cache. No rules of time, no guards, no rewriting of models.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/package.h"

namespace anynpu::bench {

class PlainLoop {
 public:
  static Result<std::unique_ptr<PlainLoop>> open(const model::Package& package);
  ~PlainLoop();

  /// Of one clip of at most 30 s, in English.
  Result<std::string> transcribe(const std::vector<float>& samples);

 private:
  struct State;
  explicit PlainLoop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace anynpu::bench
