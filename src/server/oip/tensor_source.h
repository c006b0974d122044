// SPDX-License-Identifier: Apache-2.0
// TensorSource: the tensors of a request as the input of a served model.
//
// A client sends what the serving artifact declares. When a fallback answers, its artifact may want
// another type for the same input; the tensor is then converted through its real values.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/session.h"
#include "runtime/served_model.h"

namespace anynpu::server::oip {

/// One input of one request: as the serving artifact declares it, and what was sent for it.
struct RequestTensor {
  engine::TensorInfo declared;
  engine::Shape shape;  // complete
  std::span<const std::byte> bytes;
};

class TensorSource : public runtime::InputSource {
 public:
  /// `tensors` in the order in which the serving artifact declares them; their bytes live as long
  /// as `owner`. `batches`: leading dimensions at which an artifact of the model takes several
  /// requests of leading dimension 1 together.
  TensorSource(std::vector<RequestTensor> tensors, std::vector<std::int64_t> batches,
               std::shared_ptr<const void> owner);

  Result<engine::Shape> shape(std::size_t index, const engine::TensorInfo& tensor) const override;
  Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override;
  std::size_t string_bytes(std::size_t index) const override;

 private:
  /// By its name, or by its place when artifacts call it otherwise.
  const RequestTensor* find(std::size_t index, const engine::TensorInfo& tensor) const;

  std::vector<RequestTensor> tensors_;
  std::vector<std::int64_t> batches_;
  std::shared_ptr<const void> owner_;
};

/// The outputs of a reply as the serving artifact declares them: in its order, under its names, in
/// its types and quantisation, whichever placement answered. Shapes are the reply's.
Result<std::vector<engine::Tensor>> as_declared(const engine::SessionInfo& declared,
                                                std::vector<engine::Tensor> outputs);

}  // namespace anynpu::server::oip
