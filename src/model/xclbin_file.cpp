// SPDX-License-Identifier: Apache-2.0
// Reads the tables of an .xclbin.
#include "model/xclbin_file.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::model {
namespace {

constexpr std::size_t kHeader = 456;  // to the first section's entry
constexpr std::size_t kSectionEntry = 40;
constexpr std::size_t kPartition = 184;
constexpr std::size_t kIpEntry = 80;
constexpr std::uint32_t kMostSections = 4096;
constexpr std::uint32_t kMostItems = 1024;
constexpr std::uint32_t kIpLayout = 8, kAiePartition = 32;

constexpr const char* kTitles[] = {
    "BITSTREAM",
    "CLEARING_BITSTREAM",
    "EMBEDDED_METADATA",
    "FIRMWARE",
    "DEBUG_DATA",
    "SCHED_FIRMWARE",
    "MEM_TOPOLOGY",
    "CONNECTIVITY",
    "IP_LAYOUT",
    "DEBUG_IP_LAYOUT",
    "DESIGN_CHECK_POINT",
    "CLOCK_FREQ_TOPOLOGY",
    "MCS",
    "BMC",
    "BUILD_METADATA",
    "KEYVALUE_METADATA",
    "USER_METADATA",
    "DNA_CERTIFICATE",
    "PDI",
    "BITSTREAM_PARTIAL_PDI",
    "PARTITION_METADATA",
    "EMULATION_DATA",
    "SYSTEM_METADATA",
    "SOFT_KERNEL",
    "ASK_FLASH",
    "AIE_METADATA",
    "ASK_GROUP_TOPOLOGY",
    "ASK_GROUP_CONNECTIVITY",
    "SMARTNIC",
    "AIE_RESOURCES",
    "OVERLAY",
    "VENDER_METADATA",
    "AIE_PARTITION",
    "IP_METADATA",
    "AIE_RESOURCES_BIN",
    "AIE_TRACE_METADATA",
};

class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }
  bool has(std::uint64_t at, std::uint64_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }
  /// 0 where there is nothing.
  template <typename T>
  T number(std::uint64_t at) const {
    T value{};
    if (has(at, sizeof(T))) std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  /// Up to a zero byte or `most` bytes.
  std::string text(std::uint64_t at, std::size_t most) const {
    if (at >= bytes_.size()) return "";
    const auto* from = reinterpret_cast<const char*>(bytes_.data() + at);
    return printable({from, ::strnlen(from, std::min<std::size_t>(most, bytes_.size() - at))});
  }
  Bytes part(std::uint64_t at, std::uint64_t count) const {
    return Bytes(bytes_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)));
  }

 private:
  std::span<const std::byte> bytes_;
};

std::string uuid_at(const Bytes& bytes, std::uint64_t at) {
  std::string text;
  for (std::uint64_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes.number<std::uint8_t>(at + i));
  }
  return text;
}

Result<AiePartition> read_partition(const Bytes& section) {
  if (section.size() < kPartition)
    return Error{Code::kInvalid, fmt::format("its AIE_PARTITION has {} bytes, {} are needed",
                                             section.size(), kPartition)};
  AiePartition partition;
  partition.name = section.text(section.number<std::uint32_t>(4), 200);
  partition.operations_per_cycle = section.number<std::uint32_t>(8);
  partition.column_width = section.number<std::uint16_t>(32);
  const auto count = section.number<std::uint32_t>(40);
  const std::uint64_t at = section.number<std::uint32_t>(44);
  partition.pdis = section.number<std::uint32_t>(120);
  if (!section.has(at, std::uint64_t{count} * 2))
    return Error{Code::kInvalid, "its list of start columns lies outside of the AIE_PARTITION"};
  for (std::uint32_t i = 0; i < std::min(count, kMostItems); ++i)
    partition.start_columns.push_back(section.number<std::uint16_t>(at + 2 * i));
  return partition;
}

std::vector<std::string> read_kernels(const Bytes& section) {
  std::vector<std::string> names;
  const auto count = section.number<std::int32_t>(0);
  for (std::int32_t i = 0; i < count && names.size() < kMostItems; ++i) {
    const std::uint64_t at = 8 + static_cast<std::uint64_t>(i) * kIpEntry;
    if (!section.has(at, kIpEntry)) break;
    if (std::string name = section.text(at + 16, 64); !name.empty()) names.push_back(name);
  }
  return names;
}

}  // namespace

Result<XclbinFile> read_xclbin(std::span<const std::byte> all, const std::string& name) {
  const Bytes bytes(all);
  auto wrong = [&](std::string what) {
    return Error{Code::kInvalid, fmt::format("{}: {}", name, what)}.with_hint(
        "the file may be cut off or damaged: build or fetch it again");
  };
  if (!bytes.has(0, kHeader) || std::memcmp(all.data(), "xclbin2", 8) != 0)
    return wrong("is not an .xclbin");
  XclbinFile file;
  const auto length = bytes.number<std::uint64_t>(304);
  if (length > bytes.size())
    return wrong(fmt::format("says that it has {}, and has {}", human_bytes(length),
                             human_bytes(bytes.size())));
  file.built = bytes.number<std::uint64_t>(312);
  file.version_patch = bytes.number<std::uint16_t>(328);
  file.version_major = bytes.number<std::uint8_t>(330);
  file.version_minor = bytes.number<std::uint8_t>(331);
  file.platform = bytes.text(352, 64);
  file.uuid = uuid_at(bytes, 416);
  const auto sections = bytes.number<std::uint32_t>(448);
  if (sections > kMostSections) return wrong(fmt::format("claims to have {} sections", sections));
  for (std::uint32_t i = 0; i < sections; ++i) {
    const std::uint64_t at = kHeader + std::uint64_t{i} * kSectionEntry;
    if (!bytes.has(at, kSectionEntry))
      return wrong(fmt::format("ends in its list of {} sections", sections));
    XclbinSection section;
    section.kind = bytes.number<std::uint32_t>(at);
    section.title = section.kind < std::size(kTitles) ? kTitles[section.kind]
                                                      : fmt::format("kind {}", section.kind);
    section.name = bytes.text(at + 4, 16);
    section.offset = bytes.number<std::uint64_t>(at + 24);
    section.bytes = bytes.number<std::uint64_t>(at + 32);
    if (!bytes.has(section.offset, section.bytes))
      return wrong(fmt::format("its section {} lies outside of the file", section.title));
    const Bytes content = bytes.part(section.offset, section.bytes);
    if (section.kind == kIpLayout && file.kernels.empty()) file.kernels = read_kernels(content);
    if (section.kind == kAiePartition && !file.partition) {
      auto partition = read_partition(content);
      if (!partition) return wrong(partition.error().message);
      file.partition = std::move(*partition);
    }
    file.sections.push_back(std::move(section));
  }
  return file;
}

}  // namespace anynpu::model
