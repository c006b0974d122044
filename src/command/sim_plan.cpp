// SPDX-License-Identifier: Apache-2.0
// What `anynpu sim` runs.
#include "command/sim_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "engine/library.h"
#include "host/manifest.h"
#include "npu/devices.h"

namespace anynpu::command {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEnding = ".machine";
constexpr const char* kRocketPreload = "rocket/libanynpu-sim-rocket.so";
constexpr const char* kTeflon = "usr/lib/teflon/libteflon.so";

/// The first of these that exists, or else the first.
fs::path first_of(const std::vector<fs::path>& paths) {
  std::error_code error;
  for (const fs::path& path : paths)
    if (fs::exists(path, error)) return path;
  return paths.front();
}

/// The text after "machine " in its description.
std::string title_of(const fs::path& file) {
  auto text = read_text(file, 1 << 20);
  if (text)
    for (const std::string& line : split(*text, '\n'))
      if (line.starts_with("machine ")) return std::string(trim(line.substr(8)));
  return file.stem().string();
}

/// The PCI bus of the machine's AXERA card, which is its number for the runtime; empty without one.
std::string axera_bus(const fs::path& file) {
  auto description = host::load_manifest(file);
  if (!description) return "";
  const auto machine = host::simulated_machine(std::move(*description));
  for (const npu::Device& device : npu::find_devices(*machine))
    if (device.family == "axcl") return std::to_string(device.index);
  return "";
}

bool is_mainline(const SimRequest& request) {
  return request.machine.find("mainline") != std::string::npos;
}

std::string with_before(const std::string& folders, const char* variable) {
  const char* now = std::getenv(variable);
  return now != nullptr && *now != '\0' ? folders + ":" + now : folders;
}

Error missing(const std::string& what, const std::string& hint) {
  return Error{Code::kNotFound, what}.with_hint(hint);
}

/// Mesa's folder of the request, or the newest one that is there.
Result<fs::path> mesa_folder(const SimRequest& request, const SimPlaces& places) {
  std::error_code error;
  std::vector<std::string> suites = {"sid", "forky"};
  if (!request.mesa.empty()) suites = {request.mesa};
  for (const std::string& suite : suites)
    if (fs::exists(places.mesa / suite / kTeflon, error)) return places.mesa / suite;
  return missing(fmt::format("there is no Mesa for the simulated board in {}",
                             (places.mesa / suites.front()).string()),
                 "in anynpu's source folder: tools/mesa-arm64 " + suites.front());
}

// The loader parts LD_PRELOAD at spaces and colons, and qemu its variables at commas.
Result<> can_be_preloaded(const fs::path& library) {
  if (library.string().find_first_of(" :,") == std::string::npos) return {};
  return missing(
      "the loader cannot be told of a simulated device with a space, colon or comma in its "
      "path: " +
          library.string(),
      "move the build to a folder whose path has none");
}

/// The real Mesa over the modelled NPU: on a PC the arm64 build under an emulator.
Result<> plan_mainline(const SimRequest& request, const SimPlaces& places, SimPlan& plan) {
  std::error_code error;
  ANYNPU_TRY(mesa, mesa_folder(request, places));
  const bool native = engine::processor_name() == "arm64";
  const fs::path preload = (native ? places.libraries : places.arm64_libraries) / kRocketPreload;
  if (!native && !fs::exists(places.arm64_program, error))
    return missing("the simulated board runs the arm64 build of anynpu, and there is none",
                   "in anynpu's source folder: tools/setup arm64 && tools/build arm64 anynpu "
                   "anynpu_sim_rocket_preload; or add ,teflon=stand-in to do without Mesa");
  if (!fs::exists(preload, error))
    return missing("there is no simulated NPU: " + preload.string(),
                   "in anynpu's source folder: tools/build arm64 anynpu_sim_rocket_preload");
  ANYNPU_CHECK(can_be_preloaded(preload));
  if (!native && !has_command(places.emulator))
    return missing("the arm64 program needs " + places.emulator, "sudo apt-get install qemu-user");
  plan.environment.emplace_back("ANYNPU_TEFLON", (mesa / kTeflon).string());
  if (native) {
    plan.environment.emplace_back("LD_PRELOAD", preload.string());
  } else {
    // A comma would part two variables.
    const std::vector<std::string> emulator = {places.emulator, "-L", mesa.string(), "-E",
                                               "LD_PRELOAD=" + preload.string()};
    plan.environment.emplace_back("ANYNPU_WORKER_LAUNCHER", join(emulator, " "));
    plan.command.insert(plan.command.begin(), emulator.begin(), emulator.end());
  }
  auto version = read_text(mesa / "mesa-version", 100);
  plan.title += fmt::format("; Mesa {} {}over a modelled NPU",
                            version ? std::string(trim(*version)) : mesa.filename().string(),
                            native ? "" : "under qemu-aarch64 ");
  return {};
}

Result<> plan_stand_in(const SimPlaces& places, SimPlan& plan) {
  const fs::path library = places.libraries / "teflon/libteflon.so";
  std::error_code error;
  if (!fs::exists(library, error))
    return missing("there is no stand-in for Mesa's Teflon: " + library.string(),
                   "in anynpu's source folder: tools/build release anynpu_sim_teflon");
  ANYNPU_CHECK(can_be_preloaded(library));
  plan.environment.emplace_back("ANYNPU_TEFLON", library.string());
  plan.environment.emplace_back("LD_PRELOAD", library.string());
  plan.title += "; a stand-in for Mesa";
  return {};
}

}  // namespace

Result<SimRequest> parse_sim_request(std::string_view text) {
  SimRequest request;
  bool first = true;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (first)
      request.machine = part;
    else if (name == "fault" && !value.empty())
      request.fault += (request.fault.empty() ? "" : "+") + value;
    else if (name == "mended-by" && !value.empty())
      request.mended_by = value;
    else if (name == "mesa" && !value.empty())
      request.mesa = value;
    else if (name == "teflon" && value == "stand-in")
      request.stand_in = true;
    else
      return Error{Code::kInvalid,
                   fmt::format("'{}' says nothing of a simulated machine", printable(part, 60))}
          .with_hint(
              "after the machine's name: ,fault=NAME:OPTION=VALUE ,mended-by=STEP ,mesa=SUITE "
              ",teflon=stand-in");
    first = false;
  }
  const auto odd = [](const std::string& name) {
    return name.empty() || name.find('/') != std::string::npos || name.starts_with('.');
  };
  if (odd(request.machine) || (!request.mesa.empty() && odd(request.mesa)))
    return Error{Code::kInvalid, "the machine or the Mesa has no name"}.with_hint(
        "anynpu sim --list");
  return request;
}

SimPlaces sim_places() {
  std::error_code error;
  SimPlaces places;
  places.program = fs::read_symlink("/proc/self/exe", error);
  const fs::path bin = places.program.parent_path();
  const fs::path top = (bin / "../../..").lexically_normal();  // of build/release/bin
  places.machines =
      first_of({(bin / "../share/anynpu/machines").lexically_normal(), top / "sim/machines"});
  places.libraries = (bin / "../lib/anynpu/sim").lexically_normal();
  places.arm64_program = top / "build/arm64/bin/anynpu";
  places.arm64_libraries = top / "build/arm64/lib/anynpu/sim";
  places.mesa = top / ".cache/mesa-arm64";
  return places;
}

std::vector<std::string> sim_machines(const SimPlaces& places) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(places.machines, error), end; !error && at != end;
       at.increment(error))
    if (at->path().extension() == kEnding && !at->path().filename().string().starts_with('_'))
      names.push_back(at->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

Error no_machines(const SimPlaces& places) {
  return Error{Code::kNotFound, "there are no machines to simulate in " + places.machines.string()}
      .with_hint(
          "copy sim/machines of anynpu's source folder there, or use the program that was "
          "built in it");
}

Result<SimPlan> plan_sim(const SimRequest& request, const SimPlaces& places,
                         const std::vector<std::string>& arguments,
                         const std::vector<std::string>& own_commands) {
  const std::vector<std::string> machines = sim_machines(places);
  if (machines.empty()) return no_machines(places);
  const fs::path machine = places.machines / (request.machine + kEnding);
  if (std::find(machines.begin(), machines.end(), request.machine) == machines.end()) {
    const std::string nearest = did_you_mean(request.machine, machines);
    return Error{Code::kNotFound,
                 fmt::format("there is no simulated machine '{}'", printable(request.machine, 60))}
        .with_hint(nearest.empty() ? "anynpu sim --list" : "did you mean '" + nearest + "'?");
  }
  SimPlan plan;
  plan.title = title_of(machine);
  plan.environment.emplace_back("ANYNPU_MACHINE", machine.string());
  plan.environment.emplace_back("ANYNPU_SIM_FAULT", request.fault);
  plan.environment.emplace_back("ANYNPU_SIM_MENDED_BY", request.mended_by);
  const bool ours =
      std::find(own_commands.begin(), own_commands.end(), arguments.front()) != own_commands.end();
  if (is_mainline(request)) {
    if (!ours && arguments.front() != "anynpu" && !request.stand_in)
      return Error{Code::kUnsupported, "on this simulated board only anynpu's own commands run"}
          .with_hint("such as: anynpu sim " + request.machine + " -- devices");
    const bool own_processor = request.stand_in || engine::processor_name() == "arm64";
    plan.command = {(own_processor ? places.program : places.arm64_program).string()};
    ANYNPU_CHECK(request.stand_in ? plan_stand_in(places, plan)
                                  : plan_mainline(request, places, plan));
  } else {
    std::string folders;
    for (const char* family : {"rknn", "axcl", "xrt"})
      folders += (folders.empty() ? "" : ":") + (places.libraries / family).string();
    plan.environment.emplace_back("ANYNPU_SIM_AXCL_BUS", axera_bus(machine));
    plan.environment.emplace_back("ANYNPU_LIBRARY_PATH",
                                  with_before(folders, "ANYNPU_LIBRARY_PATH"));
    plan.command = {places.program.string()};
  }
  if (!request.fault.empty()) plan.title += "; fault " + request.fault;
  if (!ours && arguments.front() != "anynpu") plan.command.clear();
  const std::size_t skipped = arguments.front() == "anynpu" ? 1 : 0;
  plan.command.insert(plan.command.end(), arguments.begin() + static_cast<std::ptrdiff_t>(skipped),
                      arguments.end());
  return plan;
}

}  // namespace anynpu::command
