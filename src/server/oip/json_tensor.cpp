// SPDX-License-Identifier: Apache-2.0
// Elements from JSON, checked one by one; elements to JSON.
//
// Where arrays are nested, the first array that ends at a depth says how long all of that depth
// are; what was found is compared with the shape at the end.
#include "server/oip/json_tensor.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "server/oip/binary_tensor.h"
#include "server/oip/datatypes.h"
#include "server/oip/json_reader.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;

static_assert(std::endian::native == std::endian::little, "tensors travel as little endian");

/// Which power of ten the first digit that is not 0 stands for; tells an overflow from an
/// underflow.
std::int64_t decimal_exponent(std::string_view token) {
  std::int64_t exponent = 0;
  const std::size_t e = token.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view digits = token.substr(e + 1);
    const bool negative = digits.front() == '-';
    if (digits.front() == '+' || digits.front() == '-') digits.remove_prefix(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc())
      exponent = std::int64_t{1} << 60;
    if (negative) exponent = -exponent;
  }
  const std::string_view mantissa = token.substr(0, e);
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return std::numeric_limits<std::int64_t>::min();
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
}

enum class Fit { kFits, kOutOfRange, kFraction };

template <typename T>
Fit number_to(std::string_view token, T& value) {
  const char* end = token.data() + token.size();
  if constexpr (std::is_floating_point_v<T>) {
    const auto [rest, code] = std::from_chars(token.data(), end, value);
    if (code == std::errc()) return Fit::kFits;
    if (decimal_exponent(token) > 0) return Fit::kOutOfRange;
    value = token.front() == '-' ? T(-0.0) : T(0.0);
    return Fit::kFits;
  } else {
    if (token == "-0") token = "0", end = token.data() + 1;
    if (token.find_first_of(".eE") != std::string_view::npos) return Fit::kFraction;
    const auto [rest, code] = std::from_chars(token.data(), end, value);
    return code == std::errc() && rest == end ? Fit::kFits : Fit::kOutOfRange;
  }
}

class DataReader {
 public:
  DataReader(std::string_view data, DType type, const Shape& shape, const std::string& what,
             std::size_t most_bytes)
      : reader_(data), type_(type), shape_(shape), what_(what), most_bytes_(most_bytes) {}

  Result<std::vector<std::byte>> read(std::size_t text_size) {
    if (!has_json_form(type_))
      return Error{Code::kInvalid,
                   fmt::format("{}: {} has no JSON form", what_, datatype_of(type_))}
          .with_hint("send it as binary data");
    wanted_ = static_cast<std::size_t>(engine::element_count(shape_));
    // An element takes two characters at least, so memory follows what was sent and not what a
    // shape claims.
    if (wanted_ > text_size / 2 + 1) return wrong_count("fewer");
    bytes_.reserve(std::min(wanted_ * std::max<std::size_t>(element_size(type_), 4), most_bytes_));
    ANYNPU_CHECK(read_elements());
    ANYNPU_CHECK(check_nesting());
    return std::move(bytes_);
  }

 private:
  Error wrong_count(std::string_view found) const {
    return Error{Code::kInvalid,
                 fmt::format("{}: its shape {} asks for {} elements, and there are {}", what_,
                             engine::to_string(shape_), wanted_, found)};
  }

  Error at_element(std::string_view problem) const {
    return Error{Code::kInvalid, fmt::format("{}, element {}: {}", what_, count_, problem)};
  }

  Result<> read_elements() {
    if (reader_.next_kind() != JsonReader::Kind::kArray)
      return Error{Code::kInvalid, fmt::format("{}: its data is not an array", what_)};
    reader_.begin_array();
    depth_ = 1;
    while (depth_ > 0) {
      if (!reader_.next_element()) {
        if (reader_.failed()) return Error(reader_.error()).within(what_);
        ANYNPU_CHECK(leave());
        continue;
      }
      ++lengths_[depth_ - 1];
      if (reader_.next_kind() == JsonReader::Kind::kArray) {
        if (leaf_depth_ != 0 && depth_ >= leaf_depth_) return ragged();
        reader_.begin_array();
        if (reader_.failed()) return Error(reader_.error()).within(what_);
        lengths_[depth_++] = 0;
        continue;
      }
      if (leaf_depth_ == 0) leaf_depth_ = depth_;
      if (leaf_depth_ != depth_) return ragged();
      if (count_ == wanted_) return wrong_count("more");
      ANYNPU_CHECK(read_element());
      ++count_;
    }
    return {};
  }

  // An array has ended.
  Result<> leave() {
    --depth_;
    if (deepest_ < depth_ + 1) deepest_ = depth_ + 1;
    std::int64_t& expected = dimensions_[depth_];
    if (expected < 0) expected = lengths_[depth_];
    if (expected != lengths_[depth_]) return ragged();
    return {};
  }

  Error ragged() const {
    return at_element("its arrays are nested or as long as those before it are not");
  }

  Result<> check_nesting() const {
    if (count_ != wanted_) return wrong_count(std::to_string(count_));
    if (deepest_ == 1) return {};
    const Shape nested(dimensions_.begin(),
                       dimensions_.begin() + static_cast<std::ptrdiff_t>(deepest_));
    if (nested == shape_) return {};
    return Error{Code::kInvalid,
                 fmt::format("{}: its shape is {}, its arrays are nested as {}", what_,
                             engine::to_string(shape_), engine::to_string(nested))}
        .with_hint("nest the arrays as the shape says, or send one flat array");
  }

  Result<> read_element() {
    switch (type_) {
      case DType::kBool:
        return read_bool();
      case DType::kUint8:
        return read_number<std::uint8_t>();
      case DType::kUint16:
        return read_number<std::uint16_t>();
      case DType::kUint32:
        return read_number<std::uint32_t>();
      case DType::kUint64:
        return read_number<std::uint64_t>();
      case DType::kInt8:
        return read_number<std::int8_t>();
      case DType::kInt16:
        return read_number<std::int16_t>();
      case DType::kInt32:
        return read_number<std::int32_t>();
      case DType::kInt64:
        return read_number<std::int64_t>();
      case DType::kFloat32:
        return read_number<float>();
      case DType::kFloat64:
        return read_number<double>();
      case DType::kString:
        return read_bytes();
      default:
        break;
    }
    return Error{Code::kInternal, "an element type without a JSON form"};
  }

  Error wrong_kind(std::string_view needed) {
    std::string_view value;
    if (!reader_.skip(value)) return Error(reader_.error()).within(what_);
    return at_element(fmt::format("{} is not {}, which {} takes", printable(value, 40), needed,
                                  datatype_of(type_)));
  }

  Result<> append(const void* data, std::size_t size) {
    if (size > most_bytes_ - bytes_.size())
      return Error{Code::kTooLarge,
                   fmt::format("{} is larger than {}", what_, human_bytes(most_bytes_))};
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
    return {};
  }

  template <typename T>
  Result<> read_number() {
    std::string_view token;
    if (reader_.next_kind() != JsonReader::Kind::kNumber) return wrong_kind("a number");
    if (!reader_.read_number(token)) return Error(reader_.error()).within(what_);
    T value = 0;
    const Fit fit = number_to(token, value);
    if (fit == Fit::kFits) return append(&value, sizeof value);
    const std::string shown = printable(token, 40);
    if (fit == Fit::kFraction)
      return at_element(
          fmt::format("{} is not a whole number, which {} takes", shown, datatype_of(type_)));
    if constexpr (std::is_integral_v<T>)
      return at_element(fmt::format("{} does not fit {} ({} to {})", shown, datatype_of(type_),
                                    std::to_string(std::numeric_limits<T>::min()),
                                    std::to_string(std::numeric_limits<T>::max())));
    return at_element(fmt::format("{} does not fit {}", shown, datatype_of(type_)));
  }

  Result<> read_bool() {
    bool value = false;
    const JsonReader::Kind kind = reader_.next_kind();
    if (kind == JsonReader::Kind::kNumber) {
      std::string_view token;
      if (!reader_.read_number(token)) return Error(reader_.error()).within(what_);
      if (token != "0" && token != "1")
        return at_element(
            fmt::format("{} is neither 0 nor 1, which BOOL takes", printable(token, 40)));
      value = token == "1";
    } else if (kind != JsonReader::Kind::kBool) {
      return wrong_kind("true or false");
    } else if (!reader_.read_bool(value)) {
      return Error(reader_.error()).within(what_);
    }
    const std::uint8_t stored = value ? 1 : 0;
    return append(&stored, 1);
  }

  Result<> read_bytes() {
    if (reader_.next_kind() != JsonReader::Kind::kString) return wrong_kind("a string");
    if (!reader_.read_string(text_)) return Error(reader_.error()).within(what_);
    const auto length = static_cast<std::uint32_t>(text_.size());
    ANYNPU_CHECK(append(&length, sizeof length));
    return append(text_.data(), text_.size());
  }

  JsonReader reader_;
  DType type_;
  const Shape& shape_;
  const std::string& what_;
  std::size_t most_bytes_;
  std::size_t wanted_ = 0;
  std::size_t count_ = 0;
  std::vector<std::byte> bytes_;
  std::string text_;

  std::size_t depth_ = 0;
  std::size_t deepest_ = 0;
  std::size_t leaf_depth_ = 0;  // of the elements; 0 before the first one
  std::array<std::int64_t, JsonReader::kMostDepth> lengths_ = {};  // of the open array per depth
  std::array<std::int64_t, JsonReader::kMostDepth> dimensions_ = [] {
    std::array<std::int64_t, JsonReader::kMostDepth> unknown{};
    unknown.fill(-1);
    return unknown;
  }();
};

template <typename T>
Result<> append_numbers(std::string& out, std::span<const std::byte> bytes,
                        const std::string& what) {
  std::array<char, 40> digits;
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value))
        return Error{Code::kInvalid,
                     fmt::format("{}, element {} is {}, which JSON has no word for", what,
                                 at / sizeof(T), std::isnan(value) ? "NaN" : "infinite")}
            .with_hint("ask for it with the parameter binary_data: true");
    }
    if (at != 0) out += ',';
    char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
  }
  return {};
}

void append_bools(std::string& out, std::span<const std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out += ',';
    out += bytes[i] != std::byte{0} ? "true" : "false";
  }
}

Result<> append_texts(std::string& out, std::span<const std::byte> bytes, const std::string& what) {
  for (std::size_t index = 0; !bytes.empty(); ++index) {
    ANYNPU_TRY(text, take_bytes_element(bytes, what));
    if (!is_utf8(text))
      return Error{Code::kInvalid,
                   fmt::format("{}, element {} is not UTF-8, which JSON needs", what, index)}
          .with_hint("ask for it with the parameter binary_data: true");
    if (index != 0) out += ',';
    append_json_string(out, text);
  }
  return {};
}

Result<> append_elements(std::string& out, DType type, std::span<const std::byte> bytes,
                         const std::string& what) {
  switch (type) {
    case DType::kBool:
      append_bools(out, bytes);
      return {};
    case DType::kUint8:
      return append_numbers<std::uint8_t>(out, bytes, what);
    case DType::kUint16:
      return append_numbers<std::uint16_t>(out, bytes, what);
    case DType::kUint32:
      return append_numbers<std::uint32_t>(out, bytes, what);
    case DType::kUint64:
      return append_numbers<std::uint64_t>(out, bytes, what);
    case DType::kInt8:
      return append_numbers<std::int8_t>(out, bytes, what);
    case DType::kInt16:
      return append_numbers<std::int16_t>(out, bytes, what);
    case DType::kInt32:
      return append_numbers<std::int32_t>(out, bytes, what);
    case DType::kInt64:
      return append_numbers<std::int64_t>(out, bytes, what);
    case DType::kFloat32:
      return append_numbers<float>(out, bytes, what);
    case DType::kFloat64:
      return append_numbers<double>(out, bytes, what);
    case DType::kString:
      return append_texts(out, bytes, what);
    default:
      break;
  }
  const std::string_view word = datatype_of(type);
  return Error{Code::kInvalid, fmt::format("{}: {} has no JSON form", what,
                                           word.empty() ? engine::to_string(type) : word)}
      .with_hint("ask for it with the parameter binary_data: true");
}

}  // namespace

Result<std::vector<std::byte>> tensor_from_json(std::string_view data, DType type,
                                                const Shape& shape, const std::string& what,
                                                std::size_t most_bytes) {
  DataReader reader(data, type, shape, what, most_bytes);
  return reader.read(data.size());
}

Result<> append_json_data(std::string& out, DType type, std::span<const std::byte> bytes,
                          const std::string& what) {
  out += '[';
  ANYNPU_CHECK(append_elements(out, type, bytes, what));
  out += ']';
  return {};
}

}  // namespace anynpu::server::oip
