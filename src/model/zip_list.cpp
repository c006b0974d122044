// SPDX-License-Identifier: Apache-2.0
// Lists a zip archive at the end of a file by its central directory.
#include "model/zip_list.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.h"

namespace anynpu::model {
namespace {

constexpr std::uint32_t kEndRecord = 0x06054b50, kDirectoryEntry = 0x02014b50,
                        kLocalEntry = 0x04034b50;
constexpr std::size_t kEndRecordBytes = 22, kDirectoryEntryBytes = 46, kLocalEntryBytes = 30;
constexpr std::size_t kMostMembers = 100;

class ZipBytes {
 public:
  explicit ZipBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const { return bytes_.size(); }
  std::uint32_t u16(std::uint64_t at) const { return number<std::uint16_t>(at); }
  std::uint32_t u32(std::uint64_t at) const { return number<std::uint32_t>(at); }
  std::string_view text(std::uint64_t at, std::uint64_t length) const {
    if (at > bytes_.size() || bytes_.size() - at < length) return {};
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(length)};
  }

 private:
  template <typename T>
  T number(std::uint64_t at) const {
    T value{};
    if (at <= bytes_.size() && bytes_.size() - at >= sizeof(T))
      std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  std::span<const std::byte> bytes_;
};

// The end record stands before a comment of at most 65,535 bytes.
std::optional<std::uint64_t> find_end_record(const ZipBytes& bytes) {
  if (bytes.size() < kEndRecordBytes) return std::nullopt;
  std::uint64_t last = bytes.size() - kEndRecordBytes;
  std::uint64_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  for (std::uint64_t at = last + 1; at-- > first;)
    if (bytes.u32(at) == kEndRecord) return at;
  return std::nullopt;
}

}  // namespace

std::vector<AssociatedFile> list_zip(std::span<const std::byte> all) {
  ZipBytes bytes(all);
  std::vector<AssociatedFile> files;
  std::optional<std::uint64_t> end = find_end_record(bytes);
  if (!end) return files;
  std::uint64_t count = std::min<std::uint64_t>(bytes.u16(*end + 10), kMostMembers);
  std::uint64_t directory_bytes = bytes.u32(*end + 12), directory = bytes.u32(*end + 16);
  if (directory_bytes > *end) return files;
  // Offsets count from the archive's start, or from the file's: writers differ.
  std::uint64_t start = *end - directory_bytes;
  std::uint64_t shift = start >= directory ? start - directory : 0;
  for (std::uint64_t at = start; count > 0 && bytes.u32(at) == kDirectoryEntry; --count) {
    AssociatedFile file;
    std::uint64_t name_bytes = bytes.u16(at + 28);
    file.name = printable(bytes.text(at + kDirectoryEntryBytes, name_bytes));
    file.bytes = bytes.u32(at + 24);
    bool stored = bytes.u16(at + 10) == 0 && bytes.u32(at + 20) == file.bytes;
    std::uint64_t local = bytes.u32(at + 42) + shift;
    if (stored && bytes.u32(local) == kLocalEntry) {
      std::uint64_t content =
          local + kLocalEntryBytes + bytes.u16(local + 26) + bytes.u16(local + 28);
      if (content <= bytes.size() && bytes.size() - content >= file.bytes) file.offset = content;
    }
    files.push_back(std::move(file));
    at += kDirectoryEntryBytes + name_bytes + bytes.u16(at + 30) + bytes.u16(at + 32);
  }
  return files;
}

}  // namespace anynpu::model
