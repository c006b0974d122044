// SPDX-License-Identifier: Apache-2.0
// Tar archives (IEEE Std 1003.1, pax, "ustar Interchange Format").
#include "host/tar.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::host {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kName = 100, kPrefix = 155, kLink = 100;
constexpr std::size_t kMostMembers = 100000;

struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100], magic[6],
      version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
static_assert(sizeof(Header) == kBlock);

unsigned checksum(Header header) {
  std::memset(header.sum, ' ', sizeof header.sum);
  unsigned sum = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  for (std::size_t i = 0; i < kBlock; ++i) sum += bytes[i];
  return sum;
}

/// Where a long name is cut into prefix and name; npos when it cannot be.
std::size_t cut_of(const std::string& name) {
  if (name.size() <= kName) return 0;
  for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1))
    if (at <= kPrefix && name.size() - at - 1 <= kName && at + 1 < name.size()) return at;
  return std::string::npos;
}

template <std::size_t N>
void put(char (&field)[N], std::string_view text) {
  std::memcpy(field, text.data(), std::min(text.size(), N));
}
template <std::size_t N>
void put_octal(char (&field)[N], std::uint64_t value) {
  put(field, fmt::format("{:0{}o}", value, N - 1));
}
template <std::size_t N>
std::string_view text_of(const char (&field)[N]) {
  return {field, ::strnlen(field, N)};
}
template <std::size_t N>
bool number_of(const char (&field)[N], std::uint64_t& value) {
  value = 0;
  bool any = false;
  for (char c : text_of(field)) {
    if (c == ' ') continue;
    if (c < '0' || c > '7' || value > (std::uint64_t{1} << 50)) return false;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
    any = true;
  }
  return any;
}

bool safe_name(std::string_view name) {
  if (name.empty() || name.starts_with('/')) return false;
  for (const std::string& part : split(name, '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return true;
}

}  // namespace

bool fits_tar(const TarMember& member) {
  return cut_of(member.name + "/") != std::string::npos &&
         (member.kind != TarMember::Kind::kLink || member.content.size() <= kLink);
}

std::string write_tar(const std::vector<TarMember>& members, std::int64_t time) {
  std::string out;
  for (const TarMember& member : members) {
    Header header{};
    bool file = member.kind == TarMember::Kind::kFile;
    std::string name = member.name + (member.kind == TarMember::Kind::kFolder ? "/" : "");
    std::size_t cut = cut_of(name);
    if (cut != 0 && cut != std::string::npos) {
      put(header.prefix, name.substr(0, cut));
      name.erase(0, cut + 1);
    }
    put(header.name, name);
    put_octal(header.mode, file ? 0644 : 0755);
    put_octal(header.uid, 0);
    put_octal(header.gid, 0);
    put_octal(header.size, file ? member.content.size() : 0);
    put_octal(header.time, static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)));
    header.type = file ? '0' : member.kind == TarMember::Kind::kLink ? '2' : '5';
    if (member.kind == TarMember::Kind::kLink) put(header.link, member.content);
    put(header.magic, std::string_view("ustar\0", 6));
    put(header.version, "00");
    put(header.sum, fmt::format("{:06o}", checksum(header)) + std::string("\0 ", 2));
    out.append(reinterpret_cast<const char*>(&header), kBlock);
    if (!file) continue;
    out += member.content;
    out.append((kBlock - member.content.size() % kBlock) % kBlock, '\0');
  }
  out.append(2 * kBlock, '\0');
  return out;
}

Result<std::vector<TarMember>> read_tar(std::string_view bytes) {
  auto broken = [](std::string_view why) {
    return Error{Code::kInvalid, fmt::format("is no whole tar archive: {}", why)}.with_hint(
        "a compressed one has to be unpacked first: gunzip FILE");
  };
  std::vector<TarMember> members;
  while (true) {
    if (bytes.size() < kBlock) return broken("it ends too early");
    Header header;
    std::memcpy(&header, bytes.data(), kBlock);
    if (header.name[0] == '\0') return members;
    std::uint64_t sum = 0, size = 0;
    if (!number_of(header.sum, sum) || sum != checksum(header)) return broken("wrong checksum");
    if (!number_of(header.size, size)) return broken("wrong size");
    bytes.remove_prefix(kBlock);
    std::uint64_t room = (size + kBlock - 1) / kBlock * kBlock;
    if (size > bytes.size() || room > bytes.size()) return broken("it ends too early");
    TarMember member;
    member.name = text_of(header.name);
    if (std::string_view prefix = text_of(header.prefix); !prefix.empty())
      member.name = std::string(prefix) + "/" + member.name;
    if (member.name.ends_with('/')) member.name.pop_back();
    bool known = true;
    if (header.type == '0' || header.type == '\0') {
      member.content = bytes.substr(0, size);
    } else if (header.type == '2') {
      member.kind = TarMember::Kind::kLink;
      member.content = text_of(header.link);
    } else if (header.type == '5') {
      member.kind = TarMember::Kind::kFolder;
    } else {
      known = false;
    }
    if (known && !safe_name(member.name)) return broken("a name that leads out of it");
    if (known) members.push_back(std::move(member));
    if (members.size() > kMostMembers) return broken("too many members");
    bytes.remove_prefix(room);
  }
}

}  // namespace anynpu::host
