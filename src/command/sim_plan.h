// SPDX-License-Identifier: Apache-2.0
// What `anynpu sim` runs: the machine's description, the simulated libraries, and for the mainline
// board on a PC the arm64 program under an emulator.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace anynpu::command {

/// "rk3588-mainline,fault=timeout:times=1,mesa=sid"
struct SimRequest {
  std::string machine;
  std::string fault;      // for ANYNPU_SIM_FAULT; empty: none
  std::string mended_by;  // the recovery step that clears the fault; empty: none does
  std::string mesa;       // which of .cache/mesa-arm64; empty: the newest there is
  bool stand_in = false;  // teflon=stand-in: a library of ours for Mesa's, on any processor
};
Result<SimRequest> parse_sim_request(std::string_view text);

/// Where things are, relative to this program: in a build folder or where it was installed.
struct SimPlaces {
  std::filesystem::path program;          // this one
  std::filesystem::path machines;         // *.machine
  std::filesystem::path libraries;        // rknn/librknnrt.so, ...
  std::filesystem::path arm64_program;    // the same program for arm64
  std::filesystem::path arm64_libraries;  // its simulated libraries
  std::filesystem::path mesa;             // folders of Debian's arm64 Mesa, by suite
  std::string emulator = "qemu-aarch64";  // looked up in PATH
};
SimPlaces sim_places();

/// Names of the machines there are, sorted.
std::vector<std::string> sim_machines(const SimPlaces& places);

/// That there are none, and what to do.
Error no_machines(const SimPlaces& places);

struct SimPlan {
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> environment;  // set for it
  std::string title;  // "Orange Pi 5 Plus ... (simulated: Mesa 26.2.6 of Debian under qemu)"
};

/// `arguments`: a command of anynpu ("devices"), or any program with its arguments. An error says
/// what is missing and how to get it.
Result<SimPlan> plan_sim(const SimRequest& request, const SimPlaces& places,
                         const std::vector<std::string>& arguments,
                         const std::vector<std::string>& own_commands);

}  // namespace anynpu::command
