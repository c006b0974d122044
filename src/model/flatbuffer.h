// SPDX-License-Identifier: Apache-2.0
// A bounds-checked reader of FlatBuffers from strangers, without generated code and without copies.
//
// Offsets are relative and may point anywhere, so each is checked before it is followed. The first
// thing that is wrong is remembered in FlatBytes and everything after it reads as absent: a reader
// is straight-line code with one check at its end. Tables and vectors may be shared, so a small
// file can describe a huge tree: what is read of vectors and strings is charged against a budget
// that a file without sharing cannot exceed.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace anynpu::model {

static_assert(std::endian::native == std::endian::little,
              "FlatBuffers are read as they lie in memory");

class FlatBytes {
 public:
  explicit FlatBytes(std::span<const std::byte> bytes)
      : bytes_(bytes), budget_(4 * std::uint64_t{bytes.size()} + (1 << 16)) {}

  std::size_t size() const { return bytes_.size(); }

  template <typename T>
  T read(std::uint64_t at) {
    T value{};
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) {
      fail("an offset leads out of the file");
      return T{};
    }
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  std::string_view view(std::uint64_t at, std::uint64_t length) {
    if (at > bytes_.size() || bytes_.size() - at < length) {
      fail("a vector leads out of the file");
      return {};
    }
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(length)};
  }
  /// False, and an error, when the file has asked for more than it can hold.
  bool charge(std::uint64_t bytes) {
    if (bytes > budget_) fail("the file describes more than it can hold");
    budget_ -= bytes > budget_ ? budget_ : bytes;
    return problem_.empty();
  }
  void fail(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
  }
  /// Empty while nothing was wrong.
  const std::string& problem() const { return problem_; }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t budget_;
  std::string problem_;
};

class FlatTable;

/// A vector of numbers or of tables.
class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(FlatBytes& bytes, std::uint64_t at, std::size_t element_size);

  std::size_t size() const { return size_; }
  template <typename T>
  T number(std::size_t index) const {
    return bytes_->read<T>(start_ + index * sizeof(T));
  }
  FlatTable table(std::size_t index) const;

 private:
  FlatBytes* bytes_ = nullptr;
  std::uint64_t start_ = 0;
  std::size_t size_ = 0;
};

/// A table; one that is absent has no fields.
class FlatTable {
 public:
  FlatTable() = default;
  FlatTable(FlatBytes& bytes, std::uint64_t at) : bytes_(&bytes), at_(at) {
    std::int64_t table = static_cast<std::int64_t>(at) - bytes.read<std::int32_t>(at);
    if (table < 0) {
      bytes.fail("a table has no field list");
      return;
    }
    vtable_ = static_cast<std::uint64_t>(table);
    vtable_size_ = bytes.read<std::uint16_t>(vtable_);
  }
  static FlatTable root(FlatBytes& bytes) { return {bytes, bytes.read<std::uint32_t>(0)}; }

  bool has(int field) const { return place(field) != 0; }
  template <typename T>
  T number(int field, T fallback = T{}) const {
    std::uint64_t at = place(field);
    return at != 0 ? bytes_->read<T>(at) : fallback;
  }
  FlatTable table(int field) const {
    std::uint64_t at = follow(field);
    return at != 0 ? FlatTable(*bytes_, at) : FlatTable();
  }
  FlatVector vector(int field, std::size_t element_size) const {
    std::uint64_t at = follow(field);
    return at != 0 ? FlatVector(*bytes_, at, element_size) : FlatVector();
  }
  std::string_view text(int field) const {
    std::uint64_t at = follow(field);
    if (at == 0) return {};
    std::uint64_t length = bytes_->read<std::uint32_t>(at);
    return bytes_->charge(length) ? bytes_->view(at + 4, length) : std::string_view();
  }
  /// The number of bytes of a vector of bytes, which are not touched; its place in the file in
  /// `at`.
  std::uint64_t blob(int field, std::uint64_t& at) const {
    std::uint64_t place = follow(field);
    if (place == 0) return 0;
    std::uint64_t length = bytes_->read<std::uint32_t>(place);
    at = place + 4;
    bytes_->view(at, length);
    return length;
  }

 private:
  std::uint64_t place(int field) const {
    auto slot = 4 + 2 * static_cast<std::uint64_t>(field);
    if (bytes_ == nullptr || slot + 2 > vtable_size_) return 0;
    std::uint64_t offset = bytes_->read<std::uint16_t>(vtable_ + slot);
    return offset != 0 ? at_ + offset : 0;
  }
  std::uint64_t follow(int field) const {
    std::uint64_t at = place(field);
    if (at == 0) return 0;
    std::uint64_t offset = bytes_->read<std::uint32_t>(at);
    if (offset == 0) bytes_->fail("an offset is zero");
    return offset != 0 ? at + offset : 0;
  }

  FlatBytes* bytes_ = nullptr;
  std::uint64_t at_ = 0, vtable_ = 0;
  std::uint64_t vtable_size_ = 0;
};

inline FlatVector::FlatVector(FlatBytes& bytes, std::uint64_t at, std::size_t element_size)
    : bytes_(&bytes), start_(at + 4) {
  std::uint64_t count = bytes.read<std::uint32_t>(at);
  if (bytes.view(start_, count * element_size).size() != count * element_size) return;
  if (bytes.charge(count * element_size)) size_ = static_cast<std::size_t>(count);
}

inline FlatTable FlatVector::table(std::size_t index) const {
  std::uint64_t at = start_ + index * 4;
  return {*bytes_, at + bytes_->read<std::uint32_t>(at)};
}

}  // namespace anynpu::model
