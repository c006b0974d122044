// SPDX-License-Identifier: Apache-2.0
// The meaning of librknnrt's log lines.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/library.h"
#include "engine/rknn_abi.h"
#include "engine/rknn_log.h"

namespace anynpu::engine::rknn {
namespace {

constexpr std::size_t kMostQuoted = 3;

/// The first line with these words in it; empty when there is none.
std::string line_with(const std::vector<std::string>& lines, std::string_view words) {
  for (const std::string& line : lines)
    if (line.find(words) != std::string::npos) return line;
  return "";
}

/// The word, up to a space, a comma or the end, that follows `words` in `line`.
std::string word_after(const std::string& line, std::string_view words) {
  const std::size_t at = line.find(words);
  if (at == std::string::npos) return "";
  const std::size_t start = at + words.size();
  return line.substr(start, line.find_first_of(" ,!", start) - start);
}

/// "E RKNN: [12:00:00.123] text" without what stands before the text.
std::string text_of_line(const std::string& line) {
  const std::size_t at = line.find("RKNN: [");
  const std::size_t end = at == std::string::npos ? at : line.find("] ", at);
  return end == std::string::npos ? line : line.substr(end + 2);
}

Error no_device(const Circumstances& about) {
  const std::string& node = about.device_node;
  if (!node.empty() && ::access(node.c_str(), R_OK | W_OK) != 0) {
    const int number = errno;
    if (number == EACCES || number == EPERM)
      return Error{Code::kPermission,
                   node + " may not be opened by this user, and librknnrt opens it", number,
                   "join the groups of /dev/dri/card* and /dev/dri/renderD* (video and render), "
                   "and log in again; in a container pass both nodes"};
    return Error{Code::kNotFound, node + " is gone: the NPU's driver has no device there", number,
                 "look at `dmesg | grep -i rknpu`, then reboot"};
  }
  return Error{Code::kDevice, "librknnrt found no rknpu device that it may open"}.with_hint(
      "it opens the card node of the rknpu driver: the vendor's kernel must be running, the user "
      "in the groups video and render, and in a container /dev/dri passed as a whole; `anynpu "
      "devices` shows what is there");
}

Error old_driver(const std::string& line, const Circumstances& about) {
  const std::string needs = word_after(line, "requires driver version >= ");
  const std::string has = word_after(line, "you have driver version: ");
  if (has == "0.0.0" || needs.empty())
    return Error{Code::kUnsupported,
                 "librknnrt cannot read the version of the kernel's "
                 "rknpu driver"}
        .with_hint("is /dev/rknpu a symbolic link to another device? Remove it");
  return Error{Code::kUnsupported,
               fmt::format("the kernel's rknpu driver {} is too old for librknnrt {}, which needs "
                           "{} or newer",
                           has, about.runtime, needs)}
      .with_hint(
          "the driver is a part of the vendor's kernel: install a newer kernel of the board, "
          "or an older librknnrt.so");
}

Error other_soc(const std::string& line) {
  return Error{Code::kUnsupported, fmt::format("the model is made for {}, and this board is an {}",
                                               word_after(line, "This rknn model is for "),
                                               word_after(line, "current platform is "))}
      .with_hint("convert the network again with target_platform set to this board's SoC");
}

Error newer_model(const Circumstances& about) {
  const std::string least = about.model != nullptr ? least_runtime(*about.model) : "";
  return Error{
      Code::kUnsupported,
      fmt::format("the model{} is too new for librknnrt {}",
                  about.model == nullptr ? "" : ", made with toolkit " + about.model->toolkit + ",",
                  about.runtime)}
      .with_hint(least.empty() ? "install a newer librknnrt.so"
                               : "install librknnrt.so " + least +
                                     " or newer, and remove older copies of it");
}

Error no_memory() {
  return Error{Code::kDevice, "the NPU's memory is used up"}.with_hint(
      "end other programs that use the NPU; without an IOMMU the kernel's CMA pool is the limit "
      "(`grep Cma /proc/meminfo`, cma= on the kernel's command line)");
}

Error failed_run(const std::string& line, int code) {
  const std::string id = word_after(line, "op id: ");
  const std::string name = word_after(line, "op name: ");
  return Error{Code::kDevice,
               fmt::format("the NPU {} operator {} ({})",
                           code == kTimeout ? "did not finish" : "failed at", name, id)}
      .with_hint(
          "`dmesg | grep RKNPU` says what the kernel saw; drivers before 0.9.5 fail on cores "
          "1 and 2, and weak power supplies fail under load");
}

/// A cause that its own words give away.
struct Cause {
  const char* words;
  Error (*error)(const std::string& line, int code, const Circumstances& about);
};

using Line = const std::string&;
using About = const Circumstances&;

constexpr Cause kCauses[] = {
    {"Mismatch driver version",
     [](Line line, int, About about) { return old_driver(line, about); }},
    {"failed to open rknpu module", [](Line, int, About about) { return no_device(about); }},
    {"failed to open rknn device", [](Line, int, About about) { return no_device(about); }},
    {"This rknn model is for", [](Line line, int, About) { return other_soc(line); }},
    {"does not match the RKNPU hardware version",
     [](Line, int, About about) {
       const bool known = about.model != nullptr && !about.model->platforms.empty();
       return Error{Code::kUnsupported, known
                                            ? "the model is made for " + about.model->platforms[0] +
                                                  ", and this board is another one"
                                            : "the model is made for another board"}
           .with_hint("convert the network again with target_platform set to this board's SoC");
     }},
    {"Meet unsupported target type",
     [](Line, int, About about) {
       return Error{Code::kUnsupported, "librknnrt " + about.runtime + " does not know this SoC"}
           .with_hint(
               "install a newer librknnrt.so; a /dev/rknpu that is a symbolic link also has "
               "this effect: remove it");
     }},
    {"platforms only",
     [](Line, int, About about) {
       return Error{Code::kUnsupported, "librknnrt " + about.runtime + " is not made for this SoC"}
           .with_hint("install the librknnrt.so of this board's vendor");
     }},
    {"not supported on the current platform",
     [](Line, int, About about) {
       return Error{Code::kUnsupported, "librknnrt " + about.runtime + " does not know this SoC"}
           .with_hint(
               "a /dev/rknpu that is a symbolic link has this effect: remove it; or install "
               "a newer librknnrt.so");
     }},
    {"Invalid RKNN model version", [](Line, int, About about) { return newer_model(about); }},
    {"is support model version", [](Line, int, About about) { return newer_model(about); }},
    {"exportDataSize large then model size",
     [](Line, int, About) {
       return Error{Code::kInvalid, "the model is cut off"}.with_hint(
           "it was only partly copied or downloaded: fetch it again");
     }},
    {"Invalid RKNN format",
     [](Line, int, About) {
       return Error{Code::kInvalid, "the file is no RKNN model"}.with_hint(
           "`anynpu models inspect` says what it is");
     }},
    {"Too many open files",
     [](Line, int, About) {
       return Error{Code::kIo, "too many open files: each buffer of the NPU is one", EMFILE}
           .with_hint("raise the limit: `ulimit -n 65536`, or LimitNOFILE= of the service");
     }},
    {"failed to malloc npu memory", [](Line, int, About) { return no_memory(); }},
    {"failed to allocate handle", [](Line, int, About) { return no_memory(); }},
    {"failed to submit", [](Line line, int code, About) { return failed_run(line, code); }},
    {"Unsupport CPU op: ",
     [](Line line, int, About about) {
       return Error{Code::kUnsupported,
                    fmt::format("the model has the operator {}, which librknnrt {} has not",
                                word_after(line, "Unsupport CPU op: "), about.runtime)}
           .with_hint("install the librknnrt.so of the toolkit that made the model");
     }},
};

/// The runtime's own complaints, for a cause that is not known.
std::string quoted(const std::vector<std::string>& lines) {
  std::vector<std::string> said;
  for (const std::string& line : lines)
    if (line.find("E RKNN") != std::string::npos && said.size() < kMostQuoted)
      said.push_back(text_of_line(line));
  return said.empty() ? "" : "; it said: " + join(said, " / ");
}

}  // namespace

Error explain(std::string_view what, int code, const std::vector<std::string>& lines,
              const Circumstances& about) {
  for (const Cause& cause : kCauses)
    if (const std::string line = line_with(lines, cause.words); !line.empty())
      return cause.error(line, code, about);
  const bool older = about.model != nullptr && !least_runtime(*about.model).empty() &&
                     compare_versions(about.runtime, least_runtime(*about.model)) < 0;
  Error error{Code::kDevice, fmt::format("librknnrt {} cannot {} it: {} ({}){}", about.runtime,
                                         what, code, name_of_code(code), quoted(lines))};
  if (older)
    return std::move(error).with_hint(
        fmt::format("the model was made with toolkit {}: install librknnrt.so {} or newer",
                    about.model->toolkit, least_runtime(*about.model)));
  return error;
}

bool memory_was_refused(const std::vector<std::string>& lines) {
  return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    auto says = [&](std::string_view words) { return line.find(words) != std::string::npos; };
    return says("failed to malloc npu memory") ||
           (says("failed to allocate handle") && !says("try again"));
  });
}

}  // namespace anynpu::engine::rknn
