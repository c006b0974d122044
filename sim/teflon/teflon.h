// SPDX-License-Identifier: Apache-2.0
// A stand-in for Mesa's libteflon.so and the `rocket` node on any PC: claims, crashes, lies and
// swallows errors as the real one does, and computes convolutions on the CPU.
//
//   ANYNPU_SIM_NODE         the node that it answers for, /dev/accel/accel0
//   ANYNPU_SIM_FAULT        sim/common/faults.h: open, version, create, submit, timeout, hang,
//   slow,
//                           corrupt as in sim/rocket; other-driver; crash
//   ANYNPU_SIM_KERNEL_LOG   a file for the kernel's lines, in the format of /dev/kmsg, which then
//                           opens it
#pragma once

#include <atomic>
#include <string_view>

#include "sim/common/faults.h"

namespace anynpu::sim::teflon {

inline constexpr unsigned kVersion = 0xc0406400, kGemClose = 0x40086409, kCreateBo = 0xc0186440,
                          kSubmit = 0x40186441, kPrepBo = 0x40106442, kFiniBo = 0x40086443;

/// Of this process; read at its first use.
Faults& faults();

/// Whether the kernel gave the last job up; whoever asks resets it.
std::atomic<bool>& job_given_up();

void kernel_line(std::string_view text);

}  // namespace anynpu::sim::teflon
