// SPDX-License-Identifier: Apache-2.0
// Opening shared libraries, and the words for what went wrong.
#include "engine/library.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

namespace anynpu::engine {
namespace {

#if defined(__x86_64__)
constexpr unsigned kThisMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kThisMachine = EM_AARCH64;
#else
#error "anynpu runs on amd64 and arm64"
#endif

std::string machine_title(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
      return "amd64";
    case EM_AARCH64:
      return "arm64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "armhf";
    case EM_RISCV:
      return "riscv64";
    default:
      return fmt::format("ELF machine {}", machine);
  }
}

/// The loader's own words for these two cases mislead ("no such file"), so they are found out
/// first.
Result<> check_elf(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    return Error{Code::kNotFound, path.string() + ": there is no such file", ENOENT};
  if (!std::filesystem::is_regular_file(status))
    return Error{Code::kInvalid, path.string() + ": is not a regular file"};
  std::array<unsigned char, 20> head{};
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return system_error(path.string(), EACCES).with_hint("make the file readable for this user");
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  if (file.gcount() < static_cast<std::streamsize>(head.size()) ||
      std::memcmp(head.data(), ELFMAG, SELFMAG) != 0)
    return Error{Code::kInvalid, path.string() + ": is not a shared library"}.with_hint(
        "the file is damaged or was only partly copied: fetch it again");
  const unsigned machine = head[18] + 256U * head[19];  // both processors are little-endian
  if (machine != kThisMachine || head[EI_CLASS] != ELFCLASS64)
    return Error{Code::kUnsupported,
                 fmt::format("{}: is a library for {}, this machine is {}", path.string(),
                             machine_title(machine), machine_title(kThisMachine))}
        .with_hint(
            fmt::format("put the {} build of the library there", machine_title(kThisMachine)));
  return {};
}

/// What the user can do about the loader's complaint.
std::string loader_hint(const std::string& said) {
  auto says = [&said](const char* words) { return said.find(words) != std::string::npos; };
  if (says("GLIBC") || says("CXXABI"))
    return "this library was built for a newer system: use the one of this distribution, or let "
           "anynpu's set-up "
           "fetch one that fits";
  if (says("undefined symbol"))
    return "two versions of a vendor's libraries are mixed: keep one and run ldconfig";
  if (says("cannot open shared object file"))
    return "a library that it needs is missing: install it, or name its folder in "
           "/etc/ld.so.conf.d and run ldconfig";
  return "the file may be damaged: fetch or install it again";
}

}  // namespace

Result<SharedLibrary> SharedLibrary::open(const std::filesystem::path& path, Symbols symbols) {
  const bool by_name = !path.has_parent_path();
  if (!by_name) ANYNPU_CHECK(check_elf(path));
  void* handle =
      ::dlopen(path.c_str(), RTLD_NOW | (symbols == Symbols::kGlobal ? RTLD_GLOBAL : RTLD_LOCAL));
  if (handle == nullptr) {
    const char* text = ::dlerror();
    std::string said = text != nullptr ? text : "the loader gave no reason";
    if (by_name && said.starts_with(path.string() + ": cannot open shared object file"))
      return Error{Code::kNotFound, path.string() + ": the loader finds no such library"};
    std::string hint = loader_hint(said);
    if (said.find(path.string()) == std::string::npos) said = path.string() + ": " + said;
    return Error{Code::kUnsupported, std::move(said), 0, std::move(hint)};
  }
  std::filesystem::path from = path;
  link_map* map = nullptr;
  if (::dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr && map->l_name != nullptr &&
      *map->l_name != '\0')
    from = map->l_name;
  std::error_code error;
  if (auto absolute = std::filesystem::absolute(from, error); !error)
    from = absolute.lexically_normal();
  return SharedLibrary(handle, std::move(from));
}

void* SharedLibrary::find(const char* symbol) const {
  return ::dlsym(handle_, symbol);
}

}  // namespace anynpu::engine
