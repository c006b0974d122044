// SPDX-License-Identifier: Apache-2.0
// The tables of AXERA's error codes.
#include "engine/axmodel_error.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace anynpu::engine::axcl {
namespace {

constexpr unsigned kHostMark = 0x30;

struct Word {
  unsigned number;
  const char* text;
};

constexpr std::array kModules = {Word{0, "RUNTIME"}, Word{1, "NATIVE"}, Word{2, "LITE"}};
constexpr std::array kSubs = {
    Word{1, "DEVICE"},  Word{2, "CONTEXT"},   Word{3, "STREAM"}, Word{4, "TASK"},
    Word{5, "MEMORY"},  Word{6, "CONFIG"},    Word{7, "ENGINE"}, Word{8, "SYSLOG"},
    Word{9, "SYSCTRL"}, Word{0xa, "LATENCY"}, Word{0xb, "P2P"},  Word{0xc, "USRWORK"},
};
constexpr std::array kCommonIds = {
    Word{1, "failed"},
    Word{2, "a null pointer was given"},
    Word{3, "an illegal argument"},
    Word{4, "not supported"},
    Word{5, "timed out"},
    Word{6, "busy"},
    Word{7, "out of memory"},
    Word{8, "a message could not be encoded"},
    Word{9, "a message could not be decoded"},
    Word{0xa, "the card gave an unexpected response"},
    Word{0xb, "a device node could not be opened"},
    Word{0xc, "the card failed to execute it"},
};
// sub << 8 | id
constexpr std::array kSpecificIds = {
    Word{0x10b, "/dev/axcl_host cannot be opened"},
    Word{0x180, "the device list cannot be queried"},
    Word{0x181, "no card is connected"},
    Word{0x182, "the card cannot be probed"},
    Word{0x183, "the card is not active"},
    Word{0x184, "there is no card of this bus number"},
    Word{0x185, "no card is active"},
    Word{0x186, "the card refused the communication ports"},
    Word{0x187, "the card did not reboot"},
    Word{0x188, "the communication ports were not given back"},
    Word{0x281, "a context cannot be made"},
    Word{0x282, "a context cannot be destroyed"},
    Word{0x283, "a context cannot be bound to the thread"},
    Word{0x284, "the thread has no context"},
    Word{0x381, "a stream or event cannot be made"},
    Word{0x382, "a stream or event cannot be destroyed"},
    Word{0x383, "waiting for a stream timed out"},
    Word{0x384, "waiting for an event timed out"},
    Word{0x481, "a task cannot be submitted"},
    Word{0x581, "the pointer is not of the card's memory"},
    Word{0x681, "the configuration cannot be loaded"},
    Word{0x70c, "the card's NPU failed to execute the model"},
    Word{0x781, "there is no tensor of this index"},
    Word{0x90c, "a command failed on the card"},
    Word{0x981, "the context is not known"},
};
constexpr std::array kNativeModules = {
    Word{0x01, "ISP"},   Word{0x02, "CE"},     Word{0x03, "VO"},     Word{0x04, "VDSP"},
    Word{0x05, "EFUSE"}, Word{0x06, "NPU"},    Word{0x07, "VENC"},   Word{0x08, "VDEC"},
    Word{0x09, "JENC"},  Word{0x0a, "JDEC"},   Word{0x0b, "SYS"},    Word{0x0c, "AENC"},
    Word{0x0d, "IVPS"},  Word{0x0e, "MIPI"},   Word{0x0f, "ADEC"},   Word{0x10, "DMA"},
    Word{0x11, "VIN"},   Word{0x12, "USER"},   Word{0x13, "IVES"},   Word{0x14, "SKEL"},
    Word{0x15, "IVE"},   Word{0x16, "AVS"},    Word{0x1d, "ENGINE"}, Word{0x20, "AI"},
    Word{0x21, "AO"},    Word{0x22, "SENSOR"}, Word{0x23, "NT"},     Word{0x24, "TDP"},
    Word{0x27, "GDC"},   Word{0x28, "BASE"},   Word{0x29, "ALGO"},
};
constexpr std::array kNativeErrors = {
    Word{0x01, "invalid module"},
    Word{0x02, "invalid device"},
    Word{0x03, "invalid group"},
    Word{0x04, "invalid channel"},
    Word{0x05, "invalid pipe"},
    Word{0x06, "invalid stitch group"},
    Word{0x0a, "an illegal argument"},
    Word{0x0b, "a null pointer was given"},
    Word{0x0c, "a bad address"},
    Word{0x10, "not ready"},
    Word{0x11, "busy"},
    Word{0x12, "not initialised"},
    Word{0x13, "not configured"},
    Word{0x14, "not supported"},
    Word{0x15, "not permitted"},
    Word{0x16, "exists already"},
    Word{0x17, "does not exist"},
    Word{0x18, "out of memory"},
    Word{0x19, "no buffer"},
    Word{0x1a, "does not match"},
    Word{0x20, "a buffer is empty"},
    Word{0x21, "a buffer is full"},
    Word{0x22, "a queue is empty"},
    Word{0x23, "a queue is full"},
    Word{0x27, "timed out"},
    Word{0x28, "the flow has ended"},
    Word{0x29, "an unknown error"},
    Word{0x30, "the operating system of the card failed"},
};

const char* find(std::span<const Word> words, unsigned number) {
  const auto* found = std::find_if(words.data(), words.data() + words.size(),
                                   [&](const Word& word) { return word.number == number; });
  return found != words.data() + words.size() ? found->text : nullptr;
}

struct Parts {
  unsigned value, module, mark, sub, id;
  explicit Parts(std::int32_t status)
      : value(static_cast<unsigned>(status)),
        module((value >> 24U) & 0x7fU),
        mark((value >> 16U) & 0xffU),
        sub((value >> 8U) & 0xffU),
        id(value & 0xffU) {}
  bool of_host() const { return mark == kHostMark; }
};

Code code_of(const Parts& parts) {
  if (!parts.of_host()) {
    if (parts.id == 0x27) return Code::kTimeout;
    if (parts.id == 0x14) return Code::kUnsupported;
    return Code::kDevice;
  }
  switch (parts.sub << 8U | parts.id) {
    case 0x181:
    case 0x184:
      return Code::kNotFound;
    case 0x383:
    case 0x384:
      return Code::kDevice;
    default:
      return parts.id == 0x04 ? Code::kUnsupported : Code::kDevice;
  }
}

const char* hint_of(const Parts& parts) {
  if (!parts.of_host()) {
    if (parts.id == 0x18)
      return "the card's memory is full: stop what else uses it, or take a smaller model";
    if (parts.mark == 0x06 || parts.mark == 0x1d)
      return "an artifact for another chip (AX620E, AX630C) or of a newer Pulsar2 than the card's "
             "firmware fails like this: compile it for AX650 with the Pulsar2 that fits; when "
             "other models fail too, reboot the card (axcl-smi reboot -d BUS)";
    return "look the code up in AXERA's list and reboot the card if it stays (axcl-smi reboot -d "
           "BUS)";
  }
  switch (parts.sub << 8U | parts.id) {
    case 0x10b:
      return "no such file: load the driver (modprobe -a ax_pcie_host_dev ax_pcie_msg ax_pcie_mmb "
             "axcl_host), and build it again after a new kernel; no permission: AXERA's udev rule "
             "or the container's --device is missing";
    case 0x181:
      return "the driver sees no card: check its power and seat, and lspci -d 1f4b:";
    case 0x183:
    case 0x185:
    case 0x10a:
    case 0x70a:
    case 0x50a:
      return "the card does not answer: look for 'device N: dead!' in dmesg; while the link is up, "
             "axcl-smi reboot -d BUS brings it back";
    case 0x184:
      return "a card is named by its PCI bus number, not by its index";
    case 0x186:
      return "the card's daemon hangs or its 128 ports are used up: stop other clients, then "
             "axcl-smi reboot -d BUS";
    case 0x70c:
      return "an NPU fault: axcl-smi log -t 0x10 shows 'npu hard error'; axcl-smi reboot -d BUS "
             "clears it";
    default:
      break;
  }
  if (parts.id == 0x07)
    return "the card's memory is full: stop what else uses it, or take a smaller model";
  if (parts.id == 0x05) return "the card may hang: look for 'device N: dead!' in dmesg";
  return "";
}

}  // namespace

std::string describe_status(std::int32_t status) {
  const Parts parts(status);
  if (status == 0) return "0: success";
  if (!parts.of_host()) {
    const char* module = find(kNativeModules, parts.mark);
    const char* error = find(kNativeErrors, parts.id);
    return fmt::format("{:#010x}: the card's {}, {}", parts.value,
                       module != nullptr ? module : fmt::format("module {:#x}", parts.mark),
                       error != nullptr ? error : fmt::format("error {:#x}", parts.id));
  }
  const char* sub = find(kSubs, parts.sub);
  const char* text = find(kSpecificIds, parts.sub << 8U | parts.id);
  if (text == nullptr) text = find(kCommonIds, parts.id);
  std::string where = sub != nullptr ? sub : fmt::format("part {:#x}", parts.sub);
  if (const char* module = find(kModules, parts.module); module == nullptr)
    where = fmt::format("module {:#x} {}", parts.module, where);
  else if (parts.module != 0)
    where = fmt::format("{} {}", module, where);
  return fmt::format("{:#010x}: {}, {}", parts.value, where,
                     text != nullptr ? text : fmt::format("error {:#x}", parts.id));
}

Error status_error(std::string_view doing, std::int32_t status, std::string_view machine_words) {
  const Parts parts(status);
  std::string message = fmt::format("{}: {}", doing, describe_status(status));
  if (!machine_words.empty()) message += fmt::format(" ({})", machine_words);
  return Error{code_of(parts), std::move(message)}.with_hint(hint_of(parts));
}

}  // namespace anynpu::engine::axcl
