// SPDX-License-Identifier: Apache-2.0
// What the checks of AXERA's cards look at, read once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "npu/check.h"
#include "npu/sysfs.h"

namespace anynpu::npu::axcl {

inline constexpr std::string_view kNodes[] = {"/dev/axcl_host", "/dev/msg_userdev",
                                              "/dev/ax_mmb_dev"};
/// What makes them. Only the first has symbols for the others, so that each is loaded by its name.
inline constexpr std::string_view kModules[] = {"ax_pcie_host_dev", "ax_pcie_msg", "ax_pcie_mmb",
                                                "axcl_host"};
inline constexpr const char* kLibraryFolder = "/usr/lib/axcl";
inline constexpr const char* kFirmware = "/lib/firmware/axcl/ax650_card.pac";
/// Where the runtime writes its log unless axcl.json says otherwise.
inline constexpr const char* kRuntimeLog = "/tmp/axcl/axcl_logs.txt";

/// How a card is, by the driver's own word.
enum class CardState { kAlive, kDead, kUnknown };

struct Card {
  PciFunction function;
  CardState state = CardState::kUnknown;
  std::string state_evidence;
  /// Its registers read as all ones: the link is gone, and with it the card's memory windows.
  bool link_lost = false;
};

inline constexpr unsigned kVendor = 0x1f4b;
inline constexpr unsigned kAx650 = 0x0650;

/// The cards' functions on the PCI bus, in the order of their ids: axcl0, axcl1.
std::vector<PciFunction> card_functions(const host::Machine& machine);

/// The bus number of "0001:81:00.0", which is the card's number for driver and runtime.
unsigned bus_number(const std::string& address);

/// How the last start of a card failed, by the kernel log: a later start that went well is the end
/// of it.
struct FailedStart {
  std::optional<unsigned> bus;  // none: the log has lost which card it was
  std::string firmware;         // the line by which the card did not take its firmware
  std::string handshake;        // the line by which it took it and did not boot
};
std::vector<FailedStart> failed_starts(const host::KernelLog& log);

/// What the driver says of the card with that number; one question, and the node is opened once.
Result<CardState> card_state(const host::Machine& machine, unsigned bus);

struct Facts {
  std::vector<Card> cards;
  bool driver = false;  // the module axcl_host is loaded
  bool sdk = false;     // AXERA's software is installed
  bool pi5 = false;     // a Raspberry Pi 5
  /// What the driver answered when it was asked for its cards: none yet, a number, or the error.
  std::optional<std::size_t> listed;
  std::optional<Error> refused;

  static Facts read(const CheckContext& context);
};

}  // namespace anynpu::npu::axcl
