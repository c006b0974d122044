// SPDX-License-Identifier: Apache-2.0
// The reader of ELF files: header, program headers, dynamic section, needed versions (System V
// gABI, chapters 4 and 5; Linux Standard Base for .gnu.version_r). Section headers are not used:
// stripped libraries may lack them, and the loader does not read them either.
#include "host/elf.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu::host {
namespace {

constexpr std::size_t kMostFile = 512 << 20;
constexpr std::size_t kMostNeeded = 256;
constexpr std::size_t kMostTexts = 64;
constexpr std::size_t kMostText = 200;

Error no_elf(std::string why) {
  return Error{Code::kInvalid, "is no ELF file of this byte order: " + std::move(why)};
}

template <typename T>
bool get(std::string_view bytes, std::uint64_t at, T& value) {
  if (at > bytes.size() || bytes.size() - at < sizeof value) return false;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return true;
}

std::string text_at(std::string_view bytes, std::uint64_t at) {
  if (at >= bytes.size()) return {};
  std::string_view rest = bytes.substr(at, kMostText);
  return printable(rest.substr(0, rest.find('\0')));
}

/// Compares "2.38" with "2.4" by numbers.
bool older(std::string_view a, std::string_view b) {
  auto next = [](std::string_view& text) {
    unsigned value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with('.')) text.remove_prefix(1);
    return error == std::errc() ? value : 0U;
  };
  while (!a.empty() || !b.empty()) {
    std::size_t before = a.size() + b.size();
    unsigned left = next(a), right = next(b);
    if (left != right) return left < right;
    if (a.size() + b.size() == before) return false;  // what follows is no number
  }
  return false;
}

struct Elf32 {
  using Header = Elf32_Ehdr;
  using Program = Elf32_Phdr;
  using Dynamic = Elf32_Dyn;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Program = Elf64_Phdr;
  using Dynamic = Elf64_Dyn;
};

template <typename Kind>
class Image {
 public:
  explicit Image(std::string_view bytes) : bytes_(bytes) {}

  void read(ElfFacts& facts) {
    typename Kind::Header header{};
    if (!get(bytes_, 0, header)) return;
    std::size_t count = std::min<std::size_t>(header.e_phnum, 128);
    for (std::size_t i = 0; i < count; ++i) {
      typename Kind::Program program{};
      if (get(bytes_, header.e_phoff + i * sizeof program, program)) programs_.push_back(program);
    }
    std::vector<std::uint64_t> needed;
    std::uint64_t soname = 0, strings = 0, versions = 0, version_count = 0;
    bool has_soname = false;
    for (const auto& program : programs_) {
      if (program.p_type != PT_DYNAMIC) continue;
      std::uint64_t entries =
          std::min<std::uint64_t>(program.p_filesz / sizeof(typename Kind::Dynamic), 4096);
      for (std::uint64_t i = 0; i < entries; ++i) {
        typename Kind::Dynamic entry{};
        if (!get(bytes_, program.p_offset + i * sizeof entry, entry) || entry.d_tag == DT_NULL)
          break;
        if (entry.d_tag == DT_NEEDED && needed.size() < kMostNeeded)
          needed.push_back(entry.d_un.d_val);
        else if (entry.d_tag == DT_SONAME)
          soname = entry.d_un.d_val, has_soname = true;
        else if (entry.d_tag == DT_STRTAB)
          strings = offset_of(entry.d_un.d_ptr);
        else if (entry.d_tag == DT_VERNEED)
          versions = offset_of(entry.d_un.d_ptr);
        else if (entry.d_tag == DT_VERNEEDNUM)
          version_count = entry.d_un.d_val;
      }
    }
    if (strings == 0) return;
    if (has_soname) facts.soname = text_at(bytes_, strings + soname);
    for (std::uint64_t name : needed) facts.needed.push_back(text_at(bytes_, strings + name));
    if (versions != 0) facts.glibc = newest_glibc(versions, version_count, strings);
  }

 private:
  /// Where in the file an address of the loaded image comes from; 0 when nowhere.
  std::uint64_t offset_of(std::uint64_t address) const {
    for (const auto& program : programs_)
      if (program.p_type == PT_LOAD && address >= program.p_vaddr &&
          address - program.p_vaddr < program.p_filesz)
        return program.p_offset + (address - program.p_vaddr);
    return 0;
  }
  std::string newest_glibc(std::uint64_t at, std::uint64_t count, std::uint64_t strings) const {
    std::string newest;
    for (std::uint64_t file = 0; file < std::min<std::uint64_t>(count, kMostNeeded); ++file) {
      Elf64_Verneed need{};  // the same in both classes
      if (!get(bytes_, at, need)) break;
      std::uint64_t entry = at + need.vn_aux;
      for (unsigned i = 0; i < need.vn_cnt; ++i) {
        Elf64_Vernaux version{};
        if (!get(bytes_, entry, version)) break;
        std::string name = text_at(bytes_, strings + version.vna_name);
        if (name.starts_with("GLIBC_2.") && older(newest, name.substr(6))) newest = name.substr(6);
        if (version.vna_next == 0) break;
        entry += version.vna_next;
      }
      if (need.vn_next == 0) break;
      at += need.vn_next;
    }
    return newest;
  }

  std::string_view bytes_;
  std::vector<typename Kind::Program> programs_;
};

std::string architecture_of(unsigned machine) {
  switch (machine) {
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "arm";
    case EM_X86_64:
      return "x86_64";
    case EM_386:
      return "i386";
    case EM_RISCV:
      return "riscv64";
    default:
      return fmt::format("machine {}", machine);
  }
}

std::vector<std::string> find_texts(std::string_view bytes,
                                    std::span<const std::string_view> wanted) {
  std::vector<std::string> texts;
  for (std::string_view begin : wanted) {
    for (std::size_t at = bytes.find(begin);
         at != std::string_view::npos && texts.size() < kMostTexts;
         at = bytes.find(begin, at + begin.size())) {
      std::string_view rest = bytes.substr(at, kMostText);
      std::size_t end = 0;
      while (end < rest.size() && rest[end] >= ' ' && rest[end] <= '~') ++end;
      std::string text(rest.substr(0, end));
      if (std::find(texts.begin(), texts.end(), text) == texts.end())
        texts.push_back(std::move(text));
    }
  }
  return texts;
}

}  // namespace

Result<ElfFacts> parse_elf(std::string_view bytes, std::span<const std::string_view> wanted) {
  if (!bytes.starts_with("\177ELF") || bytes.size() < sizeof(Elf32_Ehdr))
    return no_elf("no header");
  if (bytes[EI_DATA] != ELFDATA2LSB) return no_elf("big endian");
  Elf32_Half machine = 0;
  get(bytes, offsetof(Elf32_Ehdr, e_machine), machine);
  ElfFacts facts;
  facts.architecture = architecture_of(machine);
  if (bytes[EI_CLASS] == ELFCLASS64)
    Image<Elf64>(bytes).read(facts);
  else if (bytes[EI_CLASS] == ELFCLASS32)
    Image<Elf32>(bytes).read(facts);
  else
    return no_elf("unknown class");
  facts.texts = find_texts(bytes, wanted);
  return facts;
}

Result<ElfFacts> elf_facts_of_file(const std::string& path,
                                   std::span<const std::string_view> wanted) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(path);
  if (!S_ISREG(info.st_mode)) return Error{Code::kInvalid, path + ": is not a regular file"};
  auto size = static_cast<std::size_t>(info.st_size);
  if (size > kMostFile) return Error{Code::kTooLarge, path + ": is too large for a library"};
  if (size == 0) return Error{Code::kInvalid, path + ": is empty"};
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error(path);
  auto facts = parse_elf({static_cast<const char*>(memory), size}, wanted);
  ::munmap(memory, size);
  if (!facts) return Error(facts.error()).within(path);
  return facts;
}

}  // namespace anynpu::host
