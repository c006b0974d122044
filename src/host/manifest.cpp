// SPDX-License-Identifier: Apache-2.0
// The reader of manifests: one function for each kind of line.
#include "host/manifest.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "host/tokens.h"

namespace anynpu::host {
namespace {

constexpr std::size_t kMostEntries = 50000;
constexpr std::size_t kMostManifest = 64 << 20;
constexpr int kMostBases = 8;
constexpr std::uint64_t kLatest = 9000000000;  // what a clock of nanoseconds can hold

constexpr std::array kQuestions = {Question::kOpen,         Question::kDrmVersion,
                                   Question::kRknpuAction,  Question::kAmdxdnaInfo,
                                   Question::kAmdxdnaArray, Question::kAmdxdnaStuck,
                                   Question::kAxclCards};

Error wrong(std::string text) {
  return Error{Code::kInvalid, std::move(text)};
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

/// A path of the machine: absolute, without "." and "..", without a slash at its end.
Result<std::string> path_in(std::string_view word) {
  if (!word.starts_with('/') || word.size() > 1000)
    return wrong(fmt::format("\"{}\" is not an absolute path", printable(word, 60)));
  ANYNPU_TRY(path, unescape(word));
  for (const std::string& part : split(path.substr(1), '/'))
    if (part.empty() || part == "." || part == "..")
      return wrong(fmt::format("\"{}\" has an empty part, \".\" or \"..\"", printable(word, 60)));
  return std::move(path);
}

class Reader {
 public:
  Reader(MachineDescription& machine, const LoadBase& base_of)
      : machine_(machine), base_of_(base_of) {}

  Result<> line(std::string_view text) {
    if (text.starts_with("| ") || text == "|") {
      if (open_file_ == nullptr) return wrong("\"|\" without a file before it");
      open_file_->content += text.substr(std::min<std::size_t>(2, text.size()));
      open_file_->content += '\n';
      return {};
    }
    open_file_ = nullptr;
    std::string_view rest = text;
    std::string_view verb = take_word(rest);
    for (const Verb& known : kVerbs)
      if (known.name == verb) return (this->*known.read)(rest);
    return wrong(fmt::format("\"{}\" is no kind of line", printable(verb, 40)));
  }

 private:
  struct Verb {
    std::string_view name;
    Result<> (Reader::*read)(std::string_view rest);
  };
  static const std::array<Verb, 29> kVerbs;

  Result<> title(std::string_view rest) {
    machine_.title = printable(rest);
    return {};
  }
  Result<> base(std::string_view rest) {
    if (!base_of_) return wrong("\"base\" is not possible here");
    if (!machine_.entries.empty())
      return wrong("\"base\" must come before the machine's own lines");
    std::string own_title = machine_.title;
    ANYNPU_TRY(found, base_of_(std::string(rest)));
    machine_ = std::move(found);
    machine_.base = rest;
    machine_.title = std::move(own_title);
    machine_.expected.clear();
    machine_.expected_unknown.clear();
    machine_.expected_exit.reset();
    return {};
  }
  Result<> arch(std::string_view rest) {
    machine_.architecture = printable(rest, 40);
    return {};
  }
  Result<> kernel(std::string_view rest) {
    put("/proc/sys/kernel/osrelease", {}).content = std::string(rest) + "\n";
    return {};
  }
  Result<> user(std::string_view rest) {
    ANYNPU_TRY(uid, parse_number(take_word(rest)));
    machine_.identity = {static_cast<uid_t>(uid), {}};
    for (const std::string& word : split(rest, ',')) {
      ANYNPU_TRY(gid, parse_number(word));
      machine_.identity.groups.push_back(static_cast<gid_t>(gid));
    }
    return {};
  }
  Result<> now(std::string_view rest) {
    ANYNPU_TRY(seconds, parse_number(rest));
    if (seconds > kLatest) return wrong("the time is too late");
    machine_.now = static_cast<std::int64_t>(seconds);
    return {};
  }

  Result<> file(std::string_view rest) { return text_file(rest, "\n", true); }
  Result<> raw(std::string_view rest) { return text_file(rest, "", false); }
  Result<> dt(std::string_view rest) {
    constexpr std::string_view kTree = "/sys/firmware/devicetree/base";
    if (!machine_.entries.contains("/proc/device-tree"))
      put("/proc/device-tree", {NodeKind::kLink, 0777, 0, 0, 0, 0}).target = kTree;
    return text_file(fmt::format("{}/{}", kTree, rest), std::string_view("\0", 1), false);
  }
  Result<> text_file(std::string_view rest, std::string_view end, bool lines) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    Node node{NodeKind::kFile, 0644, 0, 0, 0, 0};
    if (!rest.empty() && !rest.starts_with('=')) ANYNPU_CHECK(mode_and_owner(rest, node));
    if (!rest.starts_with('=')) {
      if (!lines || !rest.empty()) return wrong("\"=\" is missing");
      open_file_ = &put(path, node);
      return {};
    }
    rest.remove_prefix(1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    ANYNPU_TRY(content, unescape(rest));
    put(path, node).content = content + std::string(end);
    return {};
  }
  Result<> folder(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    Node node{NodeKind::kFolder, 0755, 0, 0, 0, 0};
    if (!rest.empty()) ANYNPU_CHECK(mode_and_owner(rest, node));
    put(path, node);
    return {};
  }
  Result<> link(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    if (take_word(rest) != "->" || rest.empty()) return wrong("a link is PATH -> TARGET");
    ANYNPU_TRY(target, unescape(rest));
    put(path, {NodeKind::kLink, 0777, 0, 0, 0, 0}).target = target;
    return {};
  }
  Result<> character(std::string_view rest) { return node(rest, NodeKind::kCharacterDevice); }
  Result<> block(std::string_view rest) { return node(rest, NodeKind::kBlockDevice); }
  Result<> socket(std::string_view rest) { return node(rest, NodeKind::kSocket); }
  Result<> fifo(std::string_view rest) { return node(rest, NodeKind::kFifo); }
  Result<> node(std::string_view rest, NodeKind kind) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    Node made{kind, 0600, 0, 0, 0, 0};
    if (kind == NodeKind::kCharacterDevice || kind == NodeKind::kBlockDevice) {
      std::string_view numbers = take_word(rest);
      std::size_t colon = numbers.find(':');
      if (colon == std::string_view::npos) return wrong("a device has MAJOR:MINOR after its path");
      ANYNPU_TRY(major_number, parse_number(numbers.substr(0, colon)));
      ANYNPU_TRY(minor_number, parse_number(numbers.substr(colon + 1)));
      made.major = static_cast<unsigned>(major_number);
      made.minor = static_cast<unsigned>(minor_number);
    }
    ANYNPU_CHECK(mode_and_owner(rest, made));
    put(path, made);
    return {};
  }
  Result<> access(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    auto entry = machine_.entries.find(path);
    if (entry == machine_.entries.end()) return wrong(path + " is not there");
    if (rest != "yes" && rest != "no") return wrong("access is yes or no");
    entry->second.access = rest == "yes";
    return {};
  }
  Result<> fail(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    int number = errno_of(rest);
    if (number == 0) return wrong(fmt::format("\"{}\" is no errno", printable(rest, 40)));
    Entry& entry = machine_.entries[path];
    entry.failure = number;
    return {};
  }
  Result<> remove(std::string_view rest) {
    ANYNPU_TRY(path, path_in(rest));
    std::size_t before = machine_.entries.size();
    std::erase_if(machine_.entries, [&](const auto& item) {
      return item.first == path || is_below(item.first, path);
    });
    std::string key = escape_word(path);
    std::size_t answers = std::erase_if(machine_.answers, [&](const auto& item) {
      return item.first.starts_with(key + " ") || is_below(item.first, key);
    });
    if (machine_.entries.size() == before && answers == 0)
      return wrong(path + " is not there to be removed");
    return {};
  }

  Result<> pci(std::string_view rest) {
    std::string address(take_word(rest));
    std::vector<std::string> ids = split(take_word(rest), ':');
    if (ids.size() < 2 || ids.size() > 3) return wrong("pci ADDRESS VENDOR:DEVICE[:REVISION]");
    ANYNPU_TRY(pairs, parse_pairs(rest));
    std::string device = "/sys/devices/pci" + address.substr(0, 7) + "/" + address;
    ANYNPU_TRY(folder_path, path_in(device));
    std::string above(folder_path);
    auto attribute = [&](const std::string& name, const std::string& text) {
      put(above + "/" + name, {NodeKind::kFile, 0444, 0, 0, 0, 0}).content = text + "\n";
    };
    put("/sys/bus/pci/devices/" + address, {NodeKind::kLink, 0777, 0, 0, 0, 0}).target =
        "../../.." + above.substr(4);
    attribute("vendor", "0x" + ids[0]);
    attribute("device", "0x" + ids[1]);
    attribute("revision", "0x" + (ids.size() == 3 ? ids[2] : "00"));
    attribute("class", "0x118000");
    attribute("power/runtime_status", "active");
    for (const auto& [key, value] : pairs) {
      if (key == "driver") {
        put(above + "/driver", {NodeKind::kLink, 0777, 0, 0, 0, 0}).target =
            "../../../bus/pci/drivers/" + value;
        put("/sys/bus/pci/drivers/" + value + "/" + address, {NodeKind::kLink, 0777, 0, 0, 0, 0})
            .target = "../../../.." + above.substr(4);
      } else if (key == "class") {
        attribute("class", value);
      } else if (key == "runtime") {
        attribute("power/runtime_status", value);
      } else {
        return wrong("pci knows driver=, class= and runtime=, not " + printable(key, 40));
      }
    }
    return {};
  }
  Result<> module(std::string_view rest) {
    std::string name(take_word(rest));
    ANYNPU_TRY(folder_path, path_in("/sys/module/" + name));
    put(folder_path, {NodeKind::kFolder, 0755, 0, 0, 0, 0});
    bool built_in = false;
    while (!rest.empty()) {
      std::string_view word = take_word(rest);
      if (word == "built-in")
        built_in = true;
      else
        put(folder_path + "/version", {NodeKind::kFile, 0444, 0, 0, 0, 0}).content =
            std::string(word) + "\n";
    }
    if (!built_in) keep("/proc/modules").content += name + " 65536 0 - Live 0x0000000000000000\n";
    return {};
  }
  Result<> env(std::string_view rest) {
    ANYNPU_TRY(text, unescape(rest));
    keep("/proc/self/environ").content += text + std::string("\0", 1);
    return {};
  }
  Result<> kmsg(std::string_view rest) {
    ANYNPU_TRY(text, unescape(rest));
    if (machine_.log.size() >= Machine::kMostLogLines) return wrong("the kernel log is too long");
    machine_.log.push_back(text);
    machine_.log_missing.clear();
    return {};
  }
  Result<> kmsg_none(std::string_view rest) {
    machine_.log.clear();
    machine_.log_missing = printable(rest);
    return {};
  }

  Result<> elf(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    ANYNPU_TRY(pairs, parse_pairs(rest));
    ElfFacts facts;
    for (const auto& [key, value] : pairs) {
      if (key == "arch")
        facts.architecture = value;
      else if (key == "soname")
        facts.soname = value;
      else if (key == "needed")
        facts.needed = split(value, ',');
      else if (key == "glibc")
        facts.glibc = value;
      else if (key == "text")
        facts.texts.push_back(value);
      else
        return wrong("elf knows arch, soname, needed, glibc and text, not " + printable(key, 40));
    }
    put(path, {NodeKind::kFile, 0755, 0, 0, 0, 0}).elf = std::move(facts);
    return {};
  }

  Result<> digest(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    ANYNPU_TRY(name, unescape(take_word(rest)));
    if (name.empty() || !rest.starts_with('=')) return wrong("a digest is PATH NAME = TEXT");
    rest.remove_prefix(1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    ANYNPU_TRY(text, unescape(rest));
    if (text.size() > Machine::kMostText) return wrong("the digest is too long");
    Entry& entry = keep(path);
    if (entry.node.kind != NodeKind::kFile) return wrong(path + " is not a file");
    entry.digests[name] = std::move(text);
    return {};
  }

  Result<> answer(std::string_view rest) {
    ANYNPU_TRY(path, path_in(take_word(rest)));
    std::string_view word = take_word(rest);
    Asked asked;
    auto known = std::find_if(kQuestions.begin(), kQuestions.end(),
                              [&](Question question) { return to_string(question) == word; });
    if (known == kQuestions.end())
      return wrong(fmt::format("\"{}\" is no question", printable(word, 40)));
    asked.question = *known;
    if (!rest.starts_with('=') && !rest.starts_with('!')) {
      ANYNPU_TRY(argument, parse_number(take_word(rest)));
      asked.argument = static_cast<std::uint32_t>(argument);
    }
    Answer made;
    if (rest.starts_with("! ")) {
      made.failure = errno_of(rest.substr(2));
      if (made.failure == 0) return wrong("\"!\" needs an errno");
    } else if (rest.starts_with('=')) {
      rest.remove_prefix(1);
      if (rest.starts_with(' ')) rest.remove_prefix(1);
      ANYNPU_TRY(text, unescape(rest));
      made.text = std::move(text);
    } else {
      return wrong("an answer is = TEXT or ! ERRNO");
    }
    machine_.answers[answer_key(path, asked)] = std::move(made);
    return {};
  }

  Result<> expect(std::string_view rest) {
    std::string id(take_word(rest));
    machine_.expected.push_back({id, std::string(rest)});
    return {};
  }
  Result<> expect_unknown(std::string_view rest) {
    machine_.expected_unknown.emplace_back(rest);
    return {};
  }
  Result<> expect_exit(std::string_view rest) {
    ANYNPU_TRY(code, parse_number(rest));
    machine_.expected_exit = static_cast<int>(code);
    return {};
  }

  /// [MODE [UID:GID]], up to an "=".
  Result<> mode_and_owner(std::string_view& rest, Node& node) {
    ANYNPU_TRY(mode, parse_number(take_word(rest), 8));
    if (mode > 07777) return wrong("a mode has at most four octal digits");
    node.permissions = static_cast<unsigned>(mode);
    if (rest.empty() || rest.starts_with('=')) return {};
    std::string_view owner = take_word(rest);
    std::size_t colon = owner.find(':');
    if (colon == std::string_view::npos) return wrong("an owner is UID:GID in numbers");
    ANYNPU_TRY(uid, parse_number(owner.substr(0, colon)));
    ANYNPU_TRY(gid, parse_number(owner.substr(colon + 1)));
    node.uid = static_cast<uid_t>(uid);
    node.gid = static_cast<gid_t>(gid);
    return {};
  }

  Entry& put(const std::string& path, const Node& node) {
    Entry& entry = machine_.entries[path];
    entry = Entry{};
    entry.node = node;
    if (node.kind == NodeKind::kOther) entry.node = {NodeKind::kFile, 0644, 0, 0, 0, 0};
    return entry;
  }
  /// What is there already, or a new empty file.
  Entry& keep(const std::string& path) {
    auto found = machine_.entries.find(path);
    return found == machine_.entries.end() ? put(path, {}) : found->second;
  }

  MachineDescription& machine_;
  const LoadBase& base_of_;
  Entry* open_file_ = nullptr;
};

const std::array<Reader::Verb, 29> Reader::kVerbs = {{
    {"machine", &Reader::title},
    {"base", &Reader::base},
    {"arch", &Reader::arch},
    {"kernel", &Reader::kernel},
    {"user", &Reader::user},
    {"now", &Reader::now},
    {"file", &Reader::file},
    {"raw", &Reader::raw},
    {"dt", &Reader::dt},
    {"folder", &Reader::folder},
    {"link", &Reader::link},
    {"char", &Reader::character},
    {"block", &Reader::block},
    {"socket", &Reader::socket},
    {"fifo", &Reader::fifo},
    {"access", &Reader::access},
    {"fail", &Reader::fail},
    {"remove", &Reader::remove},
    {"pci", &Reader::pci},
    {"module", &Reader::module},
    {"env", &Reader::env},
    {"kmsg", &Reader::kmsg},
    {"kmsg-none", &Reader::kmsg_none},
    {"elf", &Reader::elf},
    {"digest", &Reader::digest},
    {"answer", &Reader::answer},
    {"expect", &Reader::expect},
    {"expect-unknown", &Reader::expect_unknown},
    {"expect-exit", &Reader::expect_exit},
}};

Result<MachineDescription> load(const std::filesystem::path& file, int depth) {
  if (depth > kMostBases) return wrong(file.string() + ": too many bases, or a base of itself");
  ANYNPU_TRY(text, read_text(file, kMostManifest));
  LoadBase base_of = [&](const std::string& name) -> Result<MachineDescription> {
    if (name.empty() || name.find('/') != std::string::npos)
      return wrong("a base is a file's name");
    return load(file.parent_path() / (name + ".machine"), depth + 1);
  };
  auto machine = parse_manifest(text, base_of);
  if (!machine) return Error(machine.error()).within(file.string());
  return machine;
}

}  // namespace

std::string_view to_string(Question question) {
  switch (question) {
    case Question::kOpen:
      return "open";
    case Question::kDrmVersion:
      return "drm-version";
    case Question::kRknpuAction:
      return "rknpu-action";
    case Question::kAmdxdnaInfo:
      return "amdxdna-info";
    case Question::kAmdxdnaArray:
      return "amdxdna-array";
    case Question::kAmdxdnaStuck:
      return "amdxdna-stuck";
    case Question::kAxclCards:
      return "axcl-cards";
  }
  return "open";
}

std::string answer_key(std::string_view node, const Asked& asked) {
  return fmt::format("{} {} {}", escape_word(node), to_string(asked.question), asked.argument);
}

Result<MachineDescription> parse_manifest(std::string_view text, const LoadBase& base_of) {
  if (text.size() > kMostManifest) return Error{Code::kTooLarge, "the manifest is too large"};
  MachineDescription machine;
  Reader reader(machine, base_of);
  int number = 0;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    auto read = reader.line(line);
    if (!read) return Error(read.error()).within(fmt::format("line {}", number));
    if (machine.entries.size() > kMostEntries) return wrong("the manifest has too many entries");
  }
  return machine;
}

Result<MachineDescription> load_manifest(const std::filesystem::path& file) {
  return load(file, 0);
}

}  // namespace anynpu::host
