// SPDX-License-Identifier: Apache-2.0
// Running a worker on inputs, and comparing what came out with what ought to.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/tensor.h"
#include "model/package.h"
#include "runtime/served_model.h"
#include "runtime/worker.h"

namespace anynpu::runtime {

/// How an artifact takes several requests in one run.
struct BatchRule {
  int most = 1;        // requests in one run
  bool fixed = false;  // always exactly `most`: free places are filled with the first request again
};
BatchRule batch_rule(const model::Artifact& artifact, const engine::SessionInfo& session);

/// One run for all sources together. The result has the outputs of each, its leading dimension its
/// own.
struct BatchOutput {
  double infer_ms = 0;
  std::vector<std::vector<engine::Tensor>> outputs;
  engine::Session::Remarks remarks = {};
  std::vector<std::uint64_t> inputs = {};  // fingerprints, of each request
};
/// An error of an input is marked by `input_error`: it is the request's fault and not the worker's.
struct RunFailure {
  Error error;
  bool input_error = false;
};
tl::expected<BatchOutput, RunFailure> run_batch(Worker& worker,
                                                std::span<const InputSource* const> sources,
                                                const BatchRule& rule, TimePoint give_up);

/// After how long a run that usually takes `usual_ms` counts as a hang: 50 times that, or
/// `hang_limit` when that is more; but of those 50 times no more than 10 s or, for what is slow by
/// nature, 5 times what is usual.
Duration patience_for(Duration hang_limit, double usual_ms);

/// The other canary: the same input with the elements of each tensor in reverse order. A device
/// that hands out stale answers gives one of the two the other's.
class ReversedSource : public InputSource {
 public:
  explicit ReversedSource(const InputSource& source) : source_(source) {}
  Result<engine::Shape> shape(std::size_t index, const engine::TensorInfo& tensor) const override {
    return source_.shape(index, tensor);
  }
  Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override;
  std::size_t string_bytes(std::size_t index) const override { return source_.string_bytes(index); }

 private:
  const InputSource& source_;
};

/// Both are the same to the last bit.
bool same_bytes(const std::vector<engine::Tensor>& a, const std::vector<engine::Tensor>& b);

/// How well outputs agree with the reference's. Detections are compared by their scores, everything
/// else by its worst output.
struct Agreement {
  double cosine = 0;  // -1 to 1; 0 when something is not a number
  bool same_top1 = false;
};
Result<Agreement> compare(const model::Package& package,
                          const std::vector<engine::Tensor>& reference,
                          const std::vector<engine::Tensor>& outputs);

}  // namespace anynpu::runtime
