// SPDX-License-Identifier: Apache-2.0
// CanaryInput: a picture where a tensor takes one, and fixed numbers everywhere else.
#pragma once

#include <memory>
#include <utility>

#include "engine/tensor.h"
#include "runtime/served_model.h"
#include "vision/image_model.h"

namespace anynpu::vision {

/// What placements of any model can be compared on. Dynamic dimensions become 1, except a
/// picture's. Floats run through -1 to 1, quantised bytes through their range; whole numbers and
/// truth values are 1, which is a valid index and an open mask nearly everywhere. Strings cannot be
/// made up.
class CanaryInput : public runtime::InputSource {
 public:
  explicit CanaryInput(std::shared_ptr<const PreparedImage> picture)
      : picture_(std::move(picture)) {}

  Result<engine::Shape> shape(std::size_t index, const engine::TensorInfo& tensor) const override;
  Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override;

 private:
  std::shared_ptr<const PreparedImage> picture_;
};

}  // namespace anynpu::vision
