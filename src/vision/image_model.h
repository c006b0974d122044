// SPDX-License-Identifier: Apache-2.0
// ImageModel: from the bytes of a picture to labels or boxes, for one served model. What `run`,
// `bench`, the HTTP server and every other face share.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "engine/tensor.h"
#include "model/package.h"
#include "runtime/served_model.h"
#include "vision/image.h"

namespace anynpu::vision {

/// Corners of a box; in pixels of the picture as a viewer sees it (EXIF orientation applied), or as
/// fractions of it, 0 to 1.
struct Box {
  float x_min = 0, y_min = 0, x_max = 0, y_max = 0;
};

struct Prediction {
  int class_id = 0;
  std::string label;                       // empty when the package has no labels
  float score = 0;                         // 0 to 1
  std::optional<Box> box = {};             // pixels
  std::optional<Box> box_normalized = {};  // fractions
};

/// {class_id, label, score} and, for detections, box and box_normalized as {x_min, y_min, x_max,
/// y_max}.
void append_json(std::string& to, const Prediction& prediction);
Json to_json(const Prediction& prediction);

struct InterpretOptions {
  int top = 0;           // 0: the package's
  float threshold = -1;  // under 0: the package's
};

/// A decoded picture, resized for the model and ready to be an input; knows the picture's own size.
class PreparedImage : public runtime::InputSource {
 public:
  virtual int original_width() const = 0;  // as a viewer sees it
  virtual int original_height() const = 0;
  virtual double decode_ms() const = 0;
  virtual double preprocess_ms() const = 0;
};

class ImageModel {
 public:
  /// Finds the picture input of `session`: rank 4 (NHWC or NCHW) with 1 or 3 channels.
  static Result<ImageModel> create(const model::Package& package,
                                   const engine::SessionInfo& session);

  /// JPEG, PNG, WebP or BMP from untrusted bytes. Code::kUnsupported: no such format;
  /// Code::kTooLarge: over a limit; Code::kInvalid: broken.
  Result<std::shared_ptr<const PreparedImage>> prepare(std::span<const std::byte> encoded) const;
  Result<std::shared_ptr<const PreparedImage>> prepare(const Image& image) const;

  /// The package's canary picture, or a synthetic one that is the same everywhere.
  static Result<std::shared_ptr<const runtime::InputSource>> canary(const model::Package& package);

  /// Highest score first.
  Result<std::vector<Prediction>> interpret(const std::vector<engine::Tensor>& outputs,
                                            const PreparedImage& image,
                                            const InterpretOptions& options) const;

  int input_width() const { return width_; }
  int input_height() const { return height_; }

 private:
  ImageModel() = default;
  model::Package package_;
  std::size_t input_index_ = 0;
  int width_ = 0, height_ = 0, channels_ = 3;
};

}  // namespace anynpu::vision
