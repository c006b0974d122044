// SPDX-License-Identifier: Apache-2.0
// JSON heads, tensors as pictures, boxes as tensors.
#include "server/frigate/messages.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/report.h"
#include "base/text.h"

namespace anynpu::server::frigate {
namespace {

constexpr std::size_t kMostHeadBytes = 64 << 10;
constexpr std::size_t kMostDepth = 8;

Result<Json> parse_head(const std::string& text) {
  if (text.size() > kMostHeadBytes)
    return Error{Code::kTooLarge, "the head of a message is too large"};
  bool deep = false;
  Json json = Json::parse(
      text,
      [&deep](int depth, Json::parse_event_t, Json&) {
        deep = deep || depth > static_cast<int>(kMostDepth);
        return !deep;
      },
      false);
  if (deep || !json.is_object())
    return Error{Code::kInvalid, "the head of a message is no JSON object"};
  return json;
}

bool is_true(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_boolean() && at->get<bool>();
}

std::string text_of(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

struct Layout {
  int width = 0, height = 0;
  bool planar = false;  // [1, 3, height, width]
};

Result<Layout> layout_of(const std::vector<std::int64_t>& shape) {
  Error wrong{Code::kInvalid, "a tensor must be [1, height, width, 3] or [1, 3, height, width]"};
  if (shape.size() != 4 || shape[0] != 1) return wrong;
  Layout layout;
  layout.planar = shape[3] != 3;
  if (layout.planar && shape[1] != 3) return wrong;
  std::int64_t height = layout.planar ? shape[2] : shape[1];
  std::int64_t width = layout.planar ? shape[3] : shape[2];
  if (height < 1 || width < 1) return wrong;
  if (height > kMostSide || width > kMostSide)
    return Error{Code::kTooLarge, fmt::format("a tensor of more than {} pixels a side", kMostSide)};
  layout.height = static_cast<int>(height);
  layout.width = static_cast<int>(width);
  return layout;
}

std::uint8_t byte_of(float value) {
  return value >= 0 ? static_cast<std::uint8_t>(std::lround(std::min(value, 1.0F) * 255))
                    : std::uint8_t{0};
}

}  // namespace

Result<Request> parse_request(const std::vector<std::string>& frames) {
  if (frames.empty() || frames.size() > kMostFrames)
    return Error{Code::kInvalid, fmt::format("a message of {} frames", frames.size())};
  ANYNPU_TRY(head, parse_head(frames[0]));
  Request request;
  request.model_name = text_of(head, "model_name");
  if (is_true(head, "model_request")) {
    request.kind = Request::Kind::kModelRequest;
    return request;
  }
  if (is_true(head, "model_data")) {
    request.kind = Request::Kind::kModelData;
    return request;
  }
  auto shape = head.find("shape");
  if (shape == head.end() || !shape->is_array() || frames.size() != 2)
    return Error{Code::kInvalid, "a message that is no tensor, no request and no model"};
  for (const Json& each : *shape) {
    if (!each.is_number_integer() || request.shape.size() >= 8)
      return Error{Code::kInvalid, "the shape of a tensor must be whole numbers"};
    request.shape.push_back(each.get<std::int64_t>());
  }
  request.dtype = text_of(head, "dtype");
  return request;
}

Result<vision::Image> image_of(const Request& request, std::string_view tensor) {
  const bool real = request.dtype == "float32";
  if (!real && request.dtype != "uint8")
    return Error{Code::kUnsupported,
                 fmt::format("a tensor of the type '{}'", printable(request.dtype, 40))}
        .with_hint("set Frigate's model.input_dtype to int or float");
  ANYNPU_TRY(layout, layout_of(request.shape));
  const std::size_t pixels =
      static_cast<std::size_t>(layout.width) * static_cast<std::size_t>(layout.height);
  const std::size_t wanted = pixels * 3 * (real ? sizeof(float) : 1);
  if (tensor.size() != wanted)
    return Error{Code::kInvalid, fmt::format("a tensor of {} bytes, and its shape needs {}",
                                             tensor.size(), wanted)};
  vision::Image image = vision::make_image(layout.width, layout.height);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const std::size_t from = layout.planar ? i % 3 * pixels + i / 3 : i;
    if (real) {
      float value = 0;
      std::memcpy(&value, tensor.data() + from * sizeof value, sizeof value);
      image.rgb[i] = byte_of(value);
    } else {
      image.rgb[i] = static_cast<std::uint8_t>(tensor[from]);
    }
  }
  return image;
}

std::string detections_tensor(const std::vector<vision::Prediction>& predictions) {
  std::vector<const vision::Prediction*> best;
  for (const vision::Prediction& prediction : predictions)
    if (prediction.box_normalized) best.push_back(&prediction);
  std::stable_sort(best.begin(), best.end(),
                   [](const auto* a, const auto* b) { return a->score > b->score; });
  std::array<float, kMostBoxes* 6> rows = {};
  for (std::size_t i = 0; i < std::min(best.size(), kMostBoxes); ++i) {
    const vision::Box& box = *best[i]->box_normalized;
    const std::array<float, 6> row = {static_cast<float>(best[i]->class_id),
                                      best[i]->score,
                                      box.y_min,
                                      box.x_min,
                                      box.y_max,
                                      box.x_max};
    std::copy(row.begin(), row.end(), rows.begin() + static_cast<std::ptrdiff_t>(i * 6));
  }
  return std::string(reinterpret_cast<const char*>(rows.data()), sizeof rows);
}

}  // namespace anynpu::server::frigate
