// SPDX-License-Identifier: Apache-2.0
// Tensors of a test artifact in the forms of the RKNN API, computed by TFLite.
//
// In between, values are real numbers in the order of the declared shape. That is exact for eight
// and sixteen bits, and makes one conversion per form instead of one per pair of forms.
#include "sim/rknn/network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engines.h"
#include "engine/half.h"
#include "sim/rknn/artifact.h"

namespace anynpu::sim {
namespace {

using engine::DType;

constexpr std::uint32_t kBlockBytes = 16;

/// The shape of a tensor of four dimensions.
struct Picture {
  std::size_t n, h, w, c;
};

std::optional<Picture> picture_of(const rk::TensorAttr& declared) {
  if (declared.n_dims != 4) return std::nullopt;
  const auto* d = declared.dims;
  if (declared.fmt == rk::kNhwc) return Picture{d[0], d[1], d[2], d[3]};
  if (declared.fmt == rk::kNchw) return Picture{d[0], d[2], d[3], d[1]};
  return std::nullopt;
}

std::uint32_t round_up(std::uint32_t number, std::uint32_t to) {
  return (number + to - 1) / to * to;
}

/// Where an element is in a layout, in elements.
std::size_t place(const rk::TensorAttr& layout, const Picture& p, std::size_t n, std::size_t h,
                  std::size_t w, std::size_t c) {
  switch (layout.fmt) {
    case rk::kNhwc: {
      const std::size_t row = layout.w_stride != 0 ? layout.w_stride : p.w;
      return ((n * p.h + h) * row + w) * p.c + c;
    }
    case rk::kNc1hwc2: {
      const std::size_t c1 = layout.dims[1];
      const std::size_t c2 = layout.dims[4];
      return (((n * c1 + c / c2) * p.h + h) * p.w + w) * c2 + c % c2;
    }
    default:
      return ((n * p.c + c) * p.h + h) * p.w + w;
  }
}

/// Calls visit(index in declared order, place in the layout) for every element.
template <typename Visit>
void for_each_element(const rk::TensorAttr& declared, const rk::TensorAttr& layout,
                      const Visit& visit) {
  const auto picture = picture_of(declared);
  if (!picture || layout.fmt == rk::kUndefined) {
    for (std::size_t i = 0; i < declared.n_elems; ++i) visit(i, i);
    return;
  }
  rk::TensorAttr dense = declared;
  dense.w_stride = 0;
  for (std::size_t n = 0; n < picture->n; ++n)
    for (std::size_t h = 0; h < picture->h; ++h)
      for (std::size_t w = 0; w < picture->w; ++w)
        for (std::size_t c = 0; c < picture->c; ++c) {
          visit(place(dense, *picture, n, h, w, c), place(layout, *picture, n, h, w, c));
        }
}

template <typename T>
T element_at(std::span<const std::byte> bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void put(std::span<std::byte> bytes, std::size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

template <typename T>
T rounded(float value) {
  const float nearest = std::nearbyint(value);
  if (!(nearest > static_cast<float>(std::numeric_limits<T>::lowest())))
    return std::numeric_limits<T>::lowest();
  if (nearest >= static_cast<float>(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  return static_cast<T>(nearest);
}

/// The real number of a stored one, unquantised.
float plain_value(rk::Type type, std::span<const std::byte> bytes, std::size_t index) {
  switch (type) {
    case rk::kFloat32:
      return element_at<float>(bytes, index);
    case rk::kFloat16:
      return engine::half_to_float(element_at<std::uint16_t>(bytes, index));
    case rk::kInt8:
      return element_at<std::int8_t>(bytes, index);
    case rk::kUint8:
    case rk::kBool:
      return element_at<std::uint8_t>(bytes, index);
    case rk::kInt32:
      return static_cast<float>(element_at<std::int32_t>(bytes, index));
    default:
      return static_cast<float>(element_at<std::int64_t>(bytes, index));
  }
}

void put_value(rk::Type type, std::span<std::byte> bytes, std::size_t index, float value) {
  switch (type) {
    case rk::kFloat32:
      return put(bytes, index, value);
    case rk::kFloat16:
      return put(bytes, index, engine::float_to_half(value));
    case rk::kInt8:
      return put(bytes, index, rounded<std::int8_t>(value));
    case rk::kUint8:
    case rk::kBool:
      return put(bytes, index, rounded<std::uint8_t>(value));
    case rk::kInt32:
      return put(bytes, index, rounded<std::int32_t>(value));
    default:
      return put(bytes, index, rounded<std::int64_t>(value));
  }
}

bool has_form(rk::Type type) {
  return type == rk::kFloat32 || type == rk::kFloat16 || type == rk::kInt8 || type == rk::kUint8 ||
         type == rk::kBool || type == rk::kInt32 || type == rk::kInt64;
}

/// The form of a .tflite's own numbers.
rk::Type kind_of_stored(DType type) {
  switch (type) {
    case DType::kFloat32:
      return rk::kFloat32;
    case DType::kFloat16:
      return rk::kFloat16;
    case DType::kInt8:
      return rk::kInt8;
    case DType::kInt32:
      return rk::kInt32;
    case DType::kInt64:
      return rk::kInt64;
    default:
      return rk::kUint8;
  }
}

/// What conversion makes of a tensor's type.
std::optional<rk::Type> converted(const engine::TensorInfo& tensor) {
  const bool quantised = tensor.quantisation.per_tensor();
  switch (tensor.type) {
    case DType::kUint8:
    case DType::kInt8:
      if (quantised) return rk::kInt8;
      return tensor.type == DType::kInt8 ? rk::kInt8 : rk::kUint8;
    case DType::kFloat32:
    case DType::kFloat16:
      return rk::kFloat16;
    case DType::kInt32:
      return rk::kInt32;
    case DType::kInt64:
      return rk::kInt64;
    case DType::kBool:
      return rk::kBool;
    default:
      return std::nullopt;
  }
}

rk::TensorAttr native_of(const rk::TensorAttr& declared, bool picture_input) {
  rk::TensorAttr native = declared;
  const auto picture = picture_of(declared);
  const auto element = static_cast<std::uint32_t>(size_of(declared.type));
  if (!picture) {
    native.fmt = rk::kUndefined;
    return native;
  }
  const auto n = static_cast<std::uint32_t>(picture->n), h = static_cast<std::uint32_t>(picture->h),
             w = static_cast<std::uint32_t>(picture->w), c = static_cast<std::uint32_t>(picture->c);
  if (picture_input && c <= 4) {
    native.fmt = rk::kNhwc;
    const std::uint32_t dims[] = {n, h, w, c};
    std::copy(std::begin(dims), std::end(dims), native.dims);
    native.w_stride = round_up(w, kBlockBytes / element);
    native.size_with_stride = n * h * native.w_stride * c * element;
    return native;
  }
  const std::uint32_t c2 = kBlockBytes / element;
  native.fmt = rk::kNc1hwc2;
  native.n_dims = 5;
  const std::uint32_t dims[] = {n, (c + c2 - 1) / c2, h, w, c2};
  std::copy(std::begin(dims), std::end(dims), native.dims);
  native.n_elems = n * dims[1] * h * w * c2;
  native.size = native.size_with_stride = native.n_elems * element;
  native.w_stride = w;
  return native;
}

std::optional<RknnTensor> described(std::uint32_t index, const engine::TensorInfo& tensor,
                                    bool is_input, bool nchw) {
  RknnTensor one{};
  one.stored = tensor.type;
  rk::TensorAttr& attr = one.attr;
  const auto type = converted(tensor);
  const bool rank_fits = !tensor.shape.empty() && tensor.shape.size() <= rk::kMostDims;
  if (!type || !rank_fits || engine::element_count(tensor.shape) <= 0) return std::nullopt;
  attr.index = index;
  attr.n_dims = static_cast<std::uint32_t>(tensor.shape.size());
  std::transform(tensor.shape.begin(), tensor.shape.end(), attr.dims,
                 [](std::int64_t dimension) { return static_cast<std::uint32_t>(dimension); });
  tensor.name.copy(attr.name, rk::kNameBytes - 1);
  attr.n_elems = static_cast<std::uint32_t>(engine::element_count(tensor.shape));
  attr.type = *type;
  attr.size = attr.size_with_stride = attr.n_elems * static_cast<std::uint32_t>(size_of(*type));
  attr.fmt = attr.n_dims == 4 ? rk::kNhwc : rk::kUndefined;
  if (nchw && attr.n_dims == 4) {
    attr.fmt = rk::kNchw;
    std::rotate(attr.dims + 1, attr.dims + 3, attr.dims + 4);
  }
  attr.scale = 1;
  if (attr.type == rk::kInt8 && tensor.quantisation.per_tensor()) {
    attr.qnt_type = rk::kAffineAsymmetric;
    attr.scale = tensor.quantisation.scales[0];
    attr.zp = tensor.quantisation.zero_points[0] - (tensor.type == DType::kUint8 ? 128 : 0);
  }
  one.native = native_of(attr, is_input);
  return one;
}

/// A network of its own in memory, as a file that an engine can open.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes)
      : fd_(::memfd_create("simulated-rknn", MFD_CLOEXEC)) {
    std::size_t written = 0;
    while (fd_ >= 0 && written < bytes.size()) {
      const ssize_t some = ::write(fd_, bytes.data() + written, bytes.size() - written);
      if (some <= 0) break;
      written += static_cast<std::size_t>(some);
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// From the order of a .tflite, which is NHWC, to the declared one, or back.
template <typename Move>
void reorder(const rk::TensorAttr& declared, const Move& move) {
  rk::TensorAttr nhwc = declared;
  if (declared.fmt == rk::kNchw) nhwc.fmt = rk::kNhwc;
  nhwc.w_stride = 0;
  for_each_element(declared, nhwc, move);
}

}  // namespace

std::size_t size_of(rk::Type type) {
  switch (type) {
    case rk::kFloat32:
    case rk::kInt32:
    case rk::kUint32:
      return 4;
    case rk::kFloat16:
    case rk::kBFloat16:
    case rk::kInt16:
    case rk::kUint16:
      return 2;
    case rk::kInt64:
      return 8;
    default:
      return 1;
  }
}

Result<std::unique_ptr<RknnNetwork>> RknnNetwork::load(std::span<const std::byte> bytes,
                                                       const engine::RknnFile& file) {
  const auto length = static_cast<std::size_t>(file.flatbuffer_bytes);
  const auto tflite = network_of(bytes.subspan(64, length));
  if (!tflite)
    return Error{Code::kUnsupported, "the simulated runtime runs its own test artifacts only"};
  auto network = std::make_unique<RknnNetwork>();
  network->weight_bytes_ = static_cast<std::uint32_t>(tflite->size());
  const auto tail = bytes.subspan(64 + length + 8);
  const nlohmann::json root = nlohmann::json::parse(
      std::string_view(reinterpret_cast<const char*>(tail.data()), tail.size()), nullptr, false);
  if (const auto own = root.find("anynpu_simulated"); own != root.end()) {
    network->mean_ = own->value("mean", 0.0F);
    network->std_ = own->value("std", 1.0F);
    network->nchw_outputs_ = own->value("nchw_outputs", false);
    network->choices_ = own->value("dynamic_shapes", std::vector<std::vector<engine::Shape>>{});
  }
  const MemoryFile model(*tflite);
  ANYNPU_TRY(engine, engine::open_engine("tflite"));
  ANYNPU_TRY(session, engine->load(model.path(), engine::LoadOptions{1, ""}));
  network->session_ = std::move(session);
  std::vector<engine::Shape> shapes;
  for (const engine::TensorInfo& input : network->session_->info().inputs) {
    shapes.push_back(input.shape);
    for (std::int64_t& open : shapes.back()) open = std::max<std::int64_t>(open, 1);
  }
  if (!network->take_shapes(network->choices_.empty() ? shapes : network->choices_[0]))
    return Error{Code::kUnsupported, "the simulated runtime has no form for its tensors"};
  return network;
}

bool RknnNetwork::choose(std::size_t choice) {
  return take_shapes(choices_[choice]);
}

bool RknnNetwork::take_shapes(const std::vector<engine::Shape>& shapes) {
  shapes_ = shapes;
  return session_->set_input_shapes(shapes).has_value() && describe();
}

bool RknnNetwork::describe() {
  inputs_.clear();
  outputs_.clear();
  const engine::SessionInfo& info = session_->info();
  for (std::uint32_t i = 0; i < info.inputs.size(); ++i) {
    engine::TensorInfo tensor = info.inputs[i];
    tensor.shape = shapes_[i];
    auto one = described(i, tensor, true, false);
    if (!one) return false;
    inputs_.push_back(*one);
  }
  for (std::uint32_t i = 0; i < info.outputs.size(); ++i) {
    engine::TensorInfo tensor = info.outputs[i];
    const auto view = session_->output(i);
    if (!view) return false;
    tensor.shape = view->shape;
    auto one = described(i, tensor, false, nchw_outputs_);
    if (!one) return false;
    outputs_.push_back(*one);
  }
  given_.assign(inputs_.size(), {});
  results_.assign(outputs_.size(), {});
  for (std::size_t i = 0; i < inputs_.size(); ++i) given_[i].resize(inputs_[i].attr.n_elems);
  for (std::size_t i = 0; i < outputs_.size(); ++i) results_[i].resize(outputs_[i].attr.n_elems);
  return true;
}

bool RknnNetwork::set_input(std::size_t index, const rk::TensorAttr& given,
                            std::span<const std::byte> bytes) {
  const RknnTensor& input = inputs_[index];
  rk::TensorAttr layout = given;
  if (given.pass_through != 0) layout = input.native;
  if (!has_form(layout.type)) return false;
  const rk::TensorAttr& native = input.native;
  const std::size_t needed =
      given.pass_through != 0 ? native.size_with_stride : input.attr.n_elems * size_of(layout.type);
  if (bytes.size() < needed) return false;
  std::vector<float>& values = given_[index];
  const bool quantised = given.pass_through != 0 && layout.qnt_type == rk::kAffineAsymmetric;
  for_each_element(input.attr, layout, [&](std::size_t declared, std::size_t at) {
    const float value = plain_value(layout.type, bytes, at);
    if (quantised)
      values[declared] = layout.scale * (value - static_cast<float>(layout.zp));
    else
      values[declared] = given.pass_through != 0 ? value : (value - mean_) / std_;
  });
  return true;
}

bool RknnNetwork::run() {
  const engine::SessionInfo& info = session_->info();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const rk::TensorAttr& attr = inputs_[i].attr;
    const DType stored = inputs_[i].stored;
    std::vector<std::byte> bytes(attr.n_elems * engine::bits_of(stored) / 8);
    const engine::Quantisation& quantisation = info.inputs[i].quantisation;
    reorder(attr, [&](std::size_t declared, std::size_t at) {
      float value = given_[i][declared];
      if (quantisation.per_tensor())
        value = std::nearbyint(value / quantisation.scales[0]) +
                static_cast<float>(quantisation.zero_points[0]);
      put_value(kind_of_stored(stored), bytes, at, value);
    });
    if (!session_->set_input(i, bytes)) return false;
  }
  if (!session_->run()) return false;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto view = session_->output(i);
    if (!view) return false;
    const engine::Quantisation& quantisation = info.outputs[i].quantisation;
    reorder(outputs_[i].attr, [&](std::size_t declared, std::size_t at) {
      float value = plain_value(kind_of_stored(outputs_[i].stored), view->bytes, at);
      if (quantisation.per_tensor())
        value = quantisation.scales[0] * (value - static_cast<float>(quantisation.zero_points[0]));
      results_[i][declared] = value;
    });
  }
  return true;
}

bool RknnNetwork::get_output(std::size_t index, const rk::TensorAttr& wanted,
                             std::span<std::byte> bytes) const {
  const RknnTensor& output = outputs_[index];
  if (!has_form(wanted.type)) return false;
  const bool native = wanted.fmt == rk::kNc1hwc2;
  if (native && output.native.fmt != rk::kNc1hwc2) return false;
  const rk::TensorAttr& layout = native ? output.native : output.attr;
  const std::size_t elements = native ? output.native.n_elems : output.attr.n_elems;
  if (bytes.size() < elements * size_of(wanted.type)) return false;
  const bool quantised = wanted.type == rk::kInt8 && output.attr.qnt_type == rk::kAffineAsymmetric;
  for_each_element(output.attr, layout, [&](std::size_t declared, std::size_t at) {
    float value = results_[index][declared];
    if (quantised)
      value = std::nearbyint(value / output.attr.scale) + static_cast<float>(output.attr.zp);
    put_value(wanted.type, bytes, at, value);
  });
  return true;
}

void RknnNetwork::spoil() {
  for (std::vector<float>& values : results_) std::reverse(values.begin(), values.end());
}

}  // namespace anynpu::sim
