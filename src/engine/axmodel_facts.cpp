// SPDX-License-Identifier: Apache-2.0
// Both sides of the process that asks a card for its properties.
#include "engine/axmodel_facts.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/report.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "engine/axmodel_abi.h"
#include "engine/axmodel_card.h"
#include "engine/axmodel_error.h"
#include "engine/library.h"

namespace anynpu::engine::axcl {
namespace {

constexpr std::uint64_t kKib = 1024;
constexpr std::size_t kMostAnswer = 16 << 10;
// Kept free: what the card's own software allocates while it runs, and what others load meanwhile.
constexpr std::uint64_t kLeastMargin = std::uint64_t{64} << 20;

Result<DeviceProperties> ask(const std::string& path, int bus) {
  ANYNPU_TRY(library, SharedLibrary::open(path));
  ANYNPU_TRY(api, load_api(library));
  if (api.get_device_properties == nullptr)
    return Error{Code::kUnsupported,
                 fmt::format("AXCL {} cannot tell a card's properties", api.version)};
  forget_complaints();
  if (Status status = api.init(nullptr); status != 0)
    return card_error("starting AXERA's runtime", status);
  if (bus == 0) {
    DeviceList list{};
    if (Status status = api.get_device_list(&list); status != 0 || list.num == 0) {
      Error error = status != 0 ? card_error("listing AXERA's cards", status) : no_card_error();
      api.finalize();
      return error;
    }
    bus = list.devices[0];
  }
  DeviceProperties properties{};
  const Status status = api.get_device_properties(bus, &properties);
  Error error =
      status != 0 ? card_error(fmt::format("asking the card on PCI bus {}", bus), status) : Error{};
  api.finalize();
  if (status != 0) return error;
  return properties;
}

std::string firmware_of(const DeviceProperties& properties) {
  return printable(
      {properties.sw_version, ::strnlen(properties.sw_version, sizeof properties.sw_version)});
}

// The program itself, or what ANYNPU_WORKER_LAUNCHER puts before it: an emulator.
std::vector<std::string> this_program() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  std::vector<std::string> command;
  if (const char* before = std::getenv("ANYNPU_WORKER_LAUNCHER");
      before != nullptr && *before != '\0')
    command = split(before, ' ');
  command.emplace_back(path.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  return command;
}

Result<CardFacts> facts_from(const std::string& text) try {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{Code::kDevice, "the card was asked and nothing came back"};
  if (json.contains("error")) {
    const Json& error = json["error"];
    const int code = error.value("code", static_cast<int>(Code::kDevice));
    const bool known = code >= 0 && code <= static_cast<int>(Code::kInternal);
    return Error{known ? static_cast<Code>(code) : Code::kDevice, error.value("message", ""), 0,
                 error.value("hint", "")};
  }
  CardFacts facts;
  facts.firmware = json.value("firmware", "");
  facts.uid = json.value("uid", std::uint64_t{0});
  facts.bus = json.value("bus", 0);
  facts.celsius = json.value("celsius", 0.0);
  facts.total_cmm = json.value("total_cmm", std::uint64_t{0});
  facts.free_cmm = json.value("free_cmm", std::uint64_t{0});
  facts.total_memory = json.value("total_memory", std::uint64_t{0});
  facts.free_memory = json.value("free_memory", std::uint64_t{0});
  facts.cpu_percent = json.value("cpu_percent", 0.0);
  facts.npu_percent = json.value("npu_percent", 0.0);
  return facts;
} catch (const Json::exception&) {
  return Error{Code::kDevice, "the card was asked and its library printed something else"};
}

}  // namespace

Result<CardFacts> card_facts(const std::filesystem::path& library, int bus, Duration timeout) {
  std::vector<std::string> command = this_program();
  for (const std::string& word :
       {std::string(kCardFactsWord), library.string(), std::to_string(bus)})
    command.push_back(word);
  CommandOptions options;
  options.timeout = timeout;
  options.most_output = kMostAnswer;
  auto asked = run_command(command, options);
  if (!asked && asked.error().code == Code::kTimeout)
    return Error{Code::kTimeout, fmt::format("the card on PCI bus {} does not answer", bus)}
        .with_hint(
            "one sick card holds up AXERA's driver for up to 50 s: look for 'device N: "
            "dead!' in dmesg");
  if (!asked) return std::move(asked).error();
  if (asked->exit_code >= 128)
    return Error{Code::kCrashed,
                 fmt::format("asking the card on PCI bus {}: AXERA's runtime crashed (signal {})",
                             bus, asked->exit_code - 128)};
  // The runtime may print before: the answer is the last line.
  const std::vector<std::string> lines = split(trim(asked->output), '\n');
  auto facts = facts_from(lines.back());
  if (!facts) return std::move(facts).error();
  return facts;
}

int card_facts_main(const std::string& library, int bus) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left to tell
  auto properties = ask(library, bus);
  Json json;
  if (!properties) {
    const Error& error = properties.error();
    json["error"] = {
        {"code", static_cast<int>(error.code)}, {"message", error.message}, {"hint", error.hint}};
  } else {
    json = {{"firmware", firmware_of(*properties)},
            {"uid", properties->uid},
            {"bus", properties->pci_bus},
            {"celsius", properties->temperature / 1000.0},
            {"total_cmm", properties->total_cmm * kKib},
            {"free_cmm", properties->free_cmm * kKib},
            {"total_memory", properties->total_mem * kKib},
            {"free_memory", properties->free_mem * kKib},
            {"cpu_percent", properties->cpu_loading / 100.0},
            {"npu_percent", properties->npu_loading / 100.0}};
  }
  std::cout << '\n' << json.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  return properties ? 0 : 1;
}

Result<> check_card_memory(const CardFacts& facts, std::uint64_t needed) {
  const std::uint64_t margin = std::max(kLeastMargin, needed / 16);
  if (needed + margin <= facts.free_cmm) return {};
  return Error{Code::kDevice,
               fmt::format("the model needs {} of the card's memory and {} are free of {}; {} are "
                           "kept back, because an overflow crashes the card's driver",
                           human_bytes(needed), human_bytes(facts.free_cmm),
                           human_bytes(facts.total_cmm), human_bytes(margin))}
      .with_hint(
          "stop what else uses the card (memory of a killed process comes back after some "
          "seconds), or take a smaller model");
}

}  // namespace anynpu::engine::axcl
