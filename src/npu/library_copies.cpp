// SPDX-License-Identifier: Apache-2.0
// The copies of a vendor's library on a machine.
#include "npu/library_copies.h"

#include <charconv>

#include "base/text.h"

namespace anynpu::npu {
namespace {

std::string version_after(const host::ElfFacts& elf, std::string_view begin) {
  for (const std::string& text : elf.texts) {
    if (!text.starts_with(begin)) continue;
    std::string_view rest = std::string_view(text).substr(begin.size());
    return std::string(rest.substr(0, rest.find_first_not_of("0123456789.")));
  }
  return {};
}

}  // namespace

std::vector<LibraryCopy> library_copies(const host::Machine& machine, const std::string& name,
                                        std::string_view variable,
                                        std::span<const std::string_view> wanted,
                                        std::span<const std::string_view> more_folders) {
  std::vector<LibraryCopy> copies;
  for (host::FoundLibrary& found :
       host::find_engine_library(machine, name, variable, more_folders)) {
    LibraryCopy copy;
    copy.path = std::move(found.path);
    copy.real = std::move(found.real);
    auto elf = machine.elf(copy.path, wanted);
    if (elf) {
      copy.elf = std::move(*elf);
      if (!wanted.empty()) copy.version = version_after(copy.elf, wanted.front());
    } else {
      copy.dangling = elf.error().code == Code::kNotFound;
      copy.unreadable = !copy.dangling && elf.error().code != Code::kInvalid;
      copy.problem = copy.dangling ? "is a link to " + copy.real + ", which is not there"
                                   : elf.error().message;
    }
    copies.push_back(std::move(copy));
  }
  return copies;
}

const LibraryCopy* winner(const host::Machine& machine, const std::vector<LibraryCopy>& copies) {
  for (const LibraryCopy& copy : copies)
    if (copy.fits(machine)) return &copy;
  return nullptr;
}

const LibraryCopy* blocker(const host::Machine& machine, const std::vector<LibraryCopy>& copies) {
  for (const LibraryCopy& copy : copies) {
    if (copy.fits(machine)) return nullptr;
    if (!copy.problem.empty() && !copy.dangling && !copy.unreadable) return &copy;
  }
  return nullptr;
}

int compare_versions(std::string_view a, std::string_view b) {
  auto next = [](std::string_view& text) {
    unsigned value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) {
      text = {};
      return 0U;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with('.'))
      text.remove_prefix(1);
    else
      text = {};
    return value;
  };
  while (!a.empty() || !b.empty()) {
    unsigned left = next(a), right = next(b);
    if (left != right) return left < right ? -1 : 1;
  }
  return 0;
}

std::string describe_copy(const LibraryCopy& copy) {
  if (!copy.problem.empty())
    return copy.problem.starts_with(copy.path) ? copy.problem : copy.path + ": " + copy.problem;
  return copy.path + ": " + (copy.version.empty() ? "" : "version " + copy.version + ", ") +
         copy.elf.architecture;
}

std::string glibc_version(const host::Machine& machine) {
  constexpr std::string_view kWanted[] = {"GNU C Library "};
  constexpr std::string_view kMark = "release version ";
  for (const host::FoundLibrary& found : host::find_library(machine, "libc.so.6")) {
    auto elf = machine.elf(found.path, kWanted);
    if (!elf) continue;
    for (const std::string& text : elf->texts) {
      std::size_t at = text.find(kMark);
      if (at == std::string::npos) continue;
      std::string_view rest = std::string_view(text).substr(at + kMark.size());
      std::string version(rest.substr(0, rest.find_first_not_of("0123456789.")));
      if (version.ends_with('.')) version.pop_back();  // the end of a sentence
      return version;
    }
  }
  return {};
}

}  // namespace anynpu::npu
