// SPDX-License-Identifier: Apache-2.0
// InferPlan: what one request of the protocol becomes for a served model.
//
// The runtime takes requests of leading dimension 1 and batches them itself, so a request of N rows
// (or N pictures) becomes N of the runtime's requests, and their answers are joined.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/served_model.h"
#include "server/oip/request.h"
#include "vision/image_model.h"

namespace anynpu::server::oip {

inline constexpr std::size_t kMostRows = 128;  // of one request

/// A request with the body that it refers to. Stays where it is made.
struct SentRequest {
  std::string body;
  InferRequest request;
};

struct InferPlan {
  std::vector<std::shared_ptr<const runtime::InputSource>> rows;
  double decode_ms = 0;  // of all pictures
  double preprocess_ms = 0;
};

/// Whether the request's leading dimension counts rows that can be answered one by one: where the
/// artifact takes one request at a time, and where it takes several in one run.
bool splits_rows(const runtime::ServedModel& model);

/// Makes the bytes of a raw request the model's only input; its one open dimension, if any, is what
/// the bytes allow. Does nothing to other requests.
Result<> resolve_raw(InferRequest& request, const runtime::ServedModel& model);

/// A shape as metadata says it: -1 in front where an artifact takes several rows in one run.
engine::Shape advertised_shape(const engine::TensorInfo& tensor, const runtime::ServedModel& model);

/// Checks names, types and shapes against what the model declares, and decodes pictures: one input
/// of BYTES [N] where the model has a picture input holds N encoded pictures. Not for raw requests
/// that are not resolved. `image` is null where the model takes no pictures. `goes_on` is asked
/// before each picture; its error ends it.
Result<InferPlan> plan_inference(const std::shared_ptr<const SentRequest>& sent,
                                 const runtime::ServedModel& model, const vision::ImageModel* image,
                                 const std::function<Result<>()>& goes_on);

/// One answer from those of all rows, as the model declares its outputs: joined along the leading
/// dimension when there are several.
Result<std::vector<engine::Tensor>> join_answers(const engine::SessionInfo& declared,
                                                 std::vector<runtime::Reply>& replies);

}  // namespace anynpu::server::oip
