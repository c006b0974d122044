// SPDX-License-Identifier: Apache-2.0
// The simulated card: what all processes of a simulated machine see of it.
//
// One card of 8 GB on PCI bus 0x81, or the one of $ANYNPU_SIM_AXCL_BUS. Its state lies in a file of
// the state folder, or in this process alone where there is none.
#pragma once

#include <cstdint>
#include <string>

#include "sim/common/faults.h"

namespace anynpu::sim::axcl {

std::int32_t bus();
inline constexpr std::uint64_t kTotalCmm = std::uint64_t{7040} << 20;
inline constexpr int kMostPorts = 128;
inline constexpr int kFirstPort = 21;
inline constexpr int kPortsOfProcess = 4;
inline constexpr int kMostUsers = (kMostPorts - kFirstPort) / kPortsOfProcess;

struct User {
  std::int32_t pid;      // 0: a free place
  std::uint32_t engine;  // it initialised the NPU
  std::uint32_t doomed;  // another process finalised the engine under it
  std::uint64_t cmm;
};

struct CardState {
  std::uint32_t dead;    // until a reboot
  std::int32_t vnpu;     // -1: not initialised
  std::uint64_t leaked;  // CMM of processes that were killed, while the fault "leak" is asked for
  User users[kMostUsers];
};

/// Faults of this family, see docs/npu-axera.md.
Faults& faults();

/// The state, locked against all other processes and threads.
class LockedCard {
 public:
  LockedCard();
  ~LockedCard();
  LockedCard(const LockedCard&) = delete;
  LockedCard& operator=(const LockedCard&) = delete;
  CardState* operator->() const { return state_; }

  /// This process's place; nullptr when it has none.
  User* self() const;
  /// Takes a place; nullptr when all ports are taken.
  User* join() const;
  void leave() const;
  std::uint64_t used_cmm() const;
  /// Dead by itself, or as long as the fault says so.
  bool dead() const;
  /// The card leaves the bus as long as the fault says so.
  bool vanished() const;
  void die() const;

 private:
  CardState* state_;
};

/// A line in the runtime's log on the host: $ANYNPU_AXCL_LOG, else the state folder's
/// axcl_logs.txt, else /tmp/axcl/axcl_logs.txt.
void host_log(const std::string& line);
/// A line as the driver writes it to the kernel's log: into the state folder's file "kmsg".
void kernel_log(const std::string& line);

}  // namespace anynpu::sim::axcl
