// SPDX-License-Identifier: Apache-2.0
// Checks of the vendor stack: librknnrt.so, and RKLLM's librkllmrt.so.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/remedies.h"
#include "npu/rknpu/check_functions.h"
#include "npu/rknpu/facts.h"

namespace anynpu::npu::rknpu {
namespace {

constexpr std::string_view kPlace = "/usr/lib/librknnrt.so";

// `place` is where the copy is that programs get now: another one would stand in its shadow.
Remedy install_runtime(const CheckContext& context, std::string text,
                       const std::string& place = std::string(kPlace)) {
  Remedy remedy;
  remedy.text = std::move(text);
  remedy.commands = {
      fmt::format("sudo install -m 755 librknnrt.so {} && sudo ldconfig", shell_quoted(place))};
  remedy.needs_root = true;
  if (context.container()) {
    remedy.text += ", into the container's image or by a mount";
    remedy.commands = {
        fmt::format("docker run -v {} ...", shell_quoted(fmt::format("{}:{}:ro", kPlace, place)))};
    remedy.needs_root = false;
  }
  return remedy;
}

std::vector<std::string> descriptions(const std::vector<LibraryCopy>& copies) {
  std::vector<std::string> lines;
  for (const LibraryCopy& copy : copies) lines.push_back(describe_copy(copy));
  return lines;
}

/// Copies whose file says nothing about itself, because it cannot be read.
bool any_unreadable(const std::vector<LibraryCopy>& copies) {
  return std::any_of(copies.begin(), copies.end(),
                     [](const LibraryCopy& copy) { return copy.unreadable; });
}

}  // namespace

Verdict check_musl(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant()) return skip("this machine is not of the vendor stack");
  if (!host::is_musl(context.machine())) return pass();
  Problem problem;
  for (const std::string& name : context.machine().list("/lib"))
    if (name.starts_with("ld-musl-")) problem.evidence.push_back("/lib/" + name + ": there");
  problem.evidence.emplace_back("/lib/ld-linux-aarch64.so.1: not there");
  problem.evidence.push_back("/etc/os-release: " + context.distribution().name);
  problem.remedy.text = "use an image or a chroot with glibc, such as debian:bookworm-slim";
  return fail(std::move(problem));
}

Verdict check_runtime_missing(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant()) return skip("this machine is not of the vendor stack");
  if (!facts.runtime.empty()) return pass();
  Problem problem;
  problem.evidence = {"librknnrt.so: in none of the loader's folders, nor in " +
                      std::string(kRuntimeFolders[0])};
  if (const std::string named = host::environment_variable(context.machine(), "ANYNPU_RKNN");
      !named.empty())
    problem.evidence = {"$ANYNPU_RKNN: " + named + ": not there"};
  if (!facts.teflon.empty()) {
    problem.evidence.push_back(facts.teflon.front().path + ": there");
    problem.cause =
        "what is installed, Mesa's Teflon, is for the mainline kernel; this kernel is "
        "the vendor's, which needs librknnrt.so";
  }
  problem.remedy = install_runtime(
      context, "fetch librknnrt.so 2.3.2 for aarch64 from Rockchip's rknn-toolkit2");
  return fail(std::move(problem));
}

Verdict check_runtime_broken(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || facts.runtime.empty()) return skip("there is no librknnrt.so");
  const LibraryCopy* first = winner(context.machine(), facts.runtime);
  const LibraryCopy* broken = blocker(context.machine(), facts.runtime);
  if (first != nullptr && broken != nullptr)
    return fail(
        Problem{.evidence = descriptions(facts.runtime),
                .cause = fmt::format("{} is no library, and programs that meet it do not go on to "
                                     "{}",
                                     broken->path, first->path),
                .remedy = {.text = "remove it",
                           .commands = {"sudo rm " + shell_quoted(broken->path), "sudo ldconfig"},
                           .needs_root = true}});
  bool all_bad = std::all_of(facts.runtime.begin(), facts.runtime.end(),
                             [](const LibraryCopy& copy) { return !copy.problem.empty(); });
  if (!all_bad) return pass();
  if (any_unreadable(facts.runtime)) return cannot_tell(describe_copy(facts.runtime.front()));
  Problem problem;
  problem.evidence = descriptions(facts.runtime);
  if (facts.runtime.front().dangling)
    problem.cause = "librknnrt.so is a link to a file that is not there";
  problem.remedy =
      install_runtime(context, "replace it by the library itself", facts.runtime.front().path);
  return fail(std::move(problem));
}

Verdict check_runtime_architecture(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || facts.runtime.empty()) return skip("there is no librknnrt.so");
  if (winner(context.machine(), facts.runtime) != nullptr) return pass();
  bool any_good = std::any_of(facts.runtime.begin(), facts.runtime.end(),
                              [](const LibraryCopy& copy) { return copy.problem.empty(); });
  if (!any_good) return skip("there is no librknnrt.so that can be read");
  Problem problem;
  problem.evidence = descriptions(facts.runtime);
  problem.evidence.push_back("this machine: " + context.machine().architecture());
  problem.remedy =
      install_runtime(context, "replace it by the one for " + context.machine().architecture(),
                      facts.runtime.front().path);
  return fail(std::move(problem));
}

Verdict check_runtime_shadowed(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant()) return skip("this machine is not of the vendor stack");
  const LibraryCopy* first = winner(context.machine(), facts.runtime);
  if (first == nullptr || first->version.empty()) return skip("no version is known");
  const LibraryCopy* newest = first;
  for (const LibraryCopy& copy : facts.runtime)
    if (copy.fits(context.machine()) && compare_versions(copy.version, newest->version) > 0)
      newest = &copy;
  if (newest == first) return pass();
  Problem problem;
  problem.evidence = descriptions(facts.runtime);
  problem.cause = fmt::format("an old copy of librknnrt.so ({}) is found before the newer one ({})",
                              first->version, newest->version);
  problem.remedy.text = "remove the old copy";
  problem.remedy.commands = {"sudo rm " + shell_quoted(first->path), "sudo ldconfig"};
  problem.remedy.needs_root = true;
  problem.remedy.risk = "a program that brought this copy along may need it";
  return fail(std::move(problem));
}

Verdict check_runtime_old(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant()) return skip("this machine is not of the vendor stack");
  const LibraryCopy* first = winner(context.machine(), facts.runtime);
  if (first == nullptr) return skip("there is no librknnrt.so that fits");
  if (first->version.empty()) return cannot_tell(first->path + " does not tell its version");
  if (compare_versions(first->version, "2.0.0") >= 0) return pass();
  return fail(Problem{{},
                      {describe_copy(*first)},
                      {},
                      install_runtime(context, "replace it by librknnrt.so 2.3.2", first->path)});
}

Verdict check_llm_driver(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty() || facts.llm.empty()) return skip("RKLLM is not installed");
  if (facts.driver_version.empty()) return cannot_tell("no source tells the driver's version");
  if (!facts.driver_older("0.9.6")) return pass();
  Problem problem;
  problem.evidence = {facts.driver_source + ": rknpu " + facts.driver_version,
                      describe_copy(facts.llm.front())};
  problem.remedy.text = "upgrade to a vendor kernel with rknpu 0.9.8";
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  return fail(std::move(problem));
}

Verdict check_llm_soc(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty() || facts.llm.empty()) return skip("RKLLM is not installed");
  std::string soc = facts.soc();
  if (soc.empty()) return cannot_tell("the device tree, which names the SoC, is hidden");
  if (soc != "rk3566" && soc != "rk3568") return pass();
  return fail(Problem{{},
                      {"/proc/device-tree/compatible: " + join(facts.board, ", "),
                       describe_copy(facts.llm.front())},
                      {},
                      {}});
}

Verdict check_llm_opencl(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty() || facts.llm.empty()) return skip("RKLLM is not installed");
  for (const char* name : {"libOpenCL.so.1", "libOpenCL.so", "libmali.so.1", "libmali.so"})
    if (!host::find_library(context.machine(), name).empty()) return pass();
  return fail(Problem{{}, {"libOpenCL.so, libmali.so: in none of the loader's folders"}, {}, {}});
}

}  // namespace anynpu::npu::rknpu
