// SPDX-License-Identifier: Apache-2.0
// Checks of the mainline stack: Mesa's libteflon.so.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/remedies.h"
#include "npu/rocket/checks.h"
#include "npu/rocket/facts.h"

namespace anynpu::npu::rocket {
namespace {

constexpr PackageNames kPackage = {"mesa-teflon-delegate", "mesa-libTeflon", "mesa", ""};
constexpr std::size_t kMostMaps = 32 << 20;
constexpr std::size_t kManyMappings = 40000;  // of the 65530 that a process may have

// A Mesa that has the driver; 26.1.5 is the first that does not leak. Commands that would bring an
// older one than is wanted are not given.
Remedy newer_mesa(const CheckContext& context, bool right_results = false) {
  Remedy remedy = install_package(
      context,
      right_results ? "install Mesa 26.2 or later with the Teflon delegate"
                    : "install Mesa 26.1.5 or later, better 26.2, with the Teflon delegate",
      kPackage);
  const std::string& version = context.distribution().version;
  if (is_debian(context)) {
    auto commands = from_newest_debian(context, kPackage.apt);
    remedy.commands.clear();
    if (!commands)
      remedy.text +=
          "; this Debian has none with the driver for this NPU, Debian 13 has it in its "
          "backports";
    else if (right_results)
      remedy.text += "; Debian sid has 26.2.6, trixie-backports and forky have 26.1.6";
    else
      remedy.commands = std::move(*commands);
  } else if (is_ubuntu(context) && compare_versions(version, "26.04") < 0) {
    remedy.commands.clear();
    remedy.text += "; this Ubuntu has none with the driver for this NPU, 26.04 has it";
  } else if (is_ubuntu(context) && version == "26.04") {
    // Its own package leaks.
    const std::string_view sudo = context.container() ? "" : "sudo ";
    remedy.commands = {
        fmt::format("{}add-apt-repository ppa:kisak/kisak-mesa", sudo),
        fmt::format("{0}apt-get update && {0}apt-get install {1}", sudo, kPackage.apt)};
    if (context.container())
      remedy.commands.insert(remedy.commands.begin(),
                             "apt-get update && apt-get install software-properties-common");
  }
  return remedy;
}

std::vector<std::string> descriptions(const std::vector<LibraryCopy>& copies) {
  std::vector<std::string> lines;
  for (const LibraryCopy& copy : copies) lines.push_back(describe_copy(copy));
  return lines;
}

const LibraryCopy* chosen(const CheckContext& context) {
  return winner(context.machine(), context.facts<Facts>().teflon);
}

bool has_text(const LibraryCopy& copy, std::string_view begin) {
  return std::any_of(copy.elf.texts.begin(), copy.elf.texts.end(),
                     [&](const std::string& text) { return text.starts_with(begin); });
}

Verdict not_here() {
  return skip("this machine is not of the mainline stack");
}

}  // namespace

Verdict check_musl(const CheckContext& context) {
  if (!context.facts<Facts>().relevant()) return not_here();
  if (!host::is_musl(context.machine())) return pass();
  Problem problem;
  for (const std::string& name : context.machine().list("/lib"))
    if (name.starts_with("ld-musl-")) problem.evidence.push_back("/lib/" + name + ": there");
  problem.evidence.push_back("/etc/os-release: " + context.distribution().name);
  return fail(std::move(problem));
}

Verdict check_vendor_runtime(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || facts.vendor) return not_here();
  if (facts.rknn.empty() || !facts.teflon.empty()) return pass();
  Problem problem;
  problem.evidence = {facts.rknn.front().path + ": there", "libteflon.so: in none of its folders"};
  problem.remedy = newer_mesa(context);
  return fail(std::move(problem));
}

Verdict check_missing(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || facts.vendor) return not_here();
  if (!facts.teflon.empty()) return pass();
  Problem problem;
  problem.evidence = {"libteflon.so: neither in /usr/lib/teflon nor in the loader's folders"};
  problem.remedy = newer_mesa(context);
  return fail(std::move(problem));
}

Verdict check_dangling(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || facts.teflon.empty()) return skip("there is no libteflon.so");
  if (!std::all_of(facts.teflon.begin(), facts.teflon.end(),
                   [](const LibraryCopy& copy) { return copy.dangling; }))
    return pass();
  const LibraryCopy& copy = facts.teflon.front();
  Problem problem;
  problem.evidence = {describe_copy(copy)};
  if (copy.real.starts_with("/nix/store")) {
    problem.cause = "libteflon.so is a link into /nix/store, which the container does not have";
    problem.remedy.text = "mount /nix/store into the container, read-only";
    problem.remedy.commands = {context.container().kind == host::ContainerKind::kPodman
                                   ? "podman run -v /run/opengl-driver:/run/opengl-driver:ro -v "
                                     "/nix/store:/nix/store:ro ..."
                                   : "docker run -v /run/opengl-driver:/run/opengl-driver:ro -v "
                                     "/nix/store:/nix/store:ro ..."};
  } else {
    problem.remedy = newer_mesa(context);
  }
  return fail(std::move(problem));
}

Verdict check_architecture(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || facts.teflon.empty()) return skip("there is no libteflon.so");
  if (chosen(context) != nullptr) return pass();
  if (std::all_of(facts.teflon.begin(), facts.teflon.end(),
                  [](const LibraryCopy& copy) { return copy.dangling; }))
    return skip("there is no libteflon.so that can be read");
  if (facts.teflon.front().unreadable) return cannot_tell(describe_copy(facts.teflon.front()));
  Problem problem;
  problem.evidence = descriptions(facts.teflon);
  problem.evidence.push_back("this machine: " + context.machine().architecture());
  problem.remedy = newer_mesa(context);
  return fail(std::move(problem));
}

Verdict check_has_rocket(const CheckContext& context) {
  const LibraryCopy* copy = chosen(context);
  if (!context.facts<Facts>().relevant() || copy == nullptr)
    return skip("there is no libteflon.so");
  if (has_text(*copy, "ROCKET_DEBUG") && has_text(*copy, "/dev/accel")) return pass();
  Problem problem;
  problem.evidence = {describe_copy(*copy) + ", without the words ROCKET_DEBUG and /dev/accel"};
  if (!context.facts<Facts>().mesa.empty())
    problem.evidence.push_back(context.facts<Facts>().mesa_source + ": Mesa " +
                               context.facts<Facts>().mesa);
  problem.remedy = newer_mesa(context);
  return fail(std::move(problem));
}

Verdict check_glibc(const CheckContext& context) {
  const LibraryCopy* copy = chosen(context);
  if (!context.facts<Facts>().relevant() || copy == nullptr)
    return skip("there is no libteflon.so");
  if (copy->elf.glibc.empty()) return pass();
  std::string here = glibc_version(context.machine());
  if (here.empty()) return cannot_tell("the C library does not tell its version");
  if (compare_versions(here, copy->elf.glibc) >= 0) return pass();
  Problem problem;
  problem.evidence = {copy->path + ": needs GLIBC_" + copy->elf.glibc,
                      "libc.so.6: version " + here};
  return fail(std::move(problem));
}

Verdict check_needed(const CheckContext& context) {
  const LibraryCopy* copy = chosen(context);
  if (!context.facts<Facts>().relevant() || copy == nullptr)
    return skip("there is no libteflon.so");
  // On NixOS a library finds what it needs by its own run path.
  if (copy->real.starts_with("/nix/store")) return pass();
  Problem problem;
  for (const std::string& name : copy->elf.needed)
    if (host::find_library(context.machine(), name).empty())
      problem.evidence.push_back(copy->path + ": needs " + name + ", which is not installed");
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

Verdict check_leak(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || chosen(context) == nullptr) return skip("there is no libteflon.so");
  if (facts.mesa.empty()) return cannot_tell("no source tells Mesa's version");
  if (compare_versions(facts.mesa, "26.1.5") >= 0) return pass();
  Problem problem;
  problem.evidence = {facts.mesa_source + ": Mesa " + facts.mesa};
  problem.remedy = newer_mesa(context);
  return fail(std::move(problem));
}

Verdict check_wrong_results(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.relevant() || chosen(context) == nullptr) return skip("there is no libteflon.so");
  if (facts.mesa.empty()) return skip("no source tells Mesa's version");
  if (compare_versions(facts.mesa, "26.2") >= 0) return pass();
  Problem problem;
  problem.evidence = {facts.mesa_source + ": Mesa " + facts.mesa};
  problem.remedy = newer_mesa(context, true);
  return fail(std::move(problem));
}

Verdict check_mappings(const CheckContext& context) {
  Problem problem;
  for (const Holder& holder : context.facts<NodeHolders>().found) {
    std::string path = fmt::format("/proc/{}/maps", holder.pid);
    auto maps = context.machine().read_text(path, kMostMaps);
    if (!maps) continue;
    std::size_t count = 0;
    for (std::size_t at = maps->find("/dev/accel/"); at != std::string::npos;
         at = maps->find("/dev/accel/", at + 1))
      ++count;
    if (count < kManyMappings) continue;
    problem.evidence.push_back(
        fmt::format("{}: {} mappings of the NPU's memory, of at most 65530", path, count));
    problem.remedy.commands.push_back(fmt::format("kill {}", holder.pid));
  }
  if (problem.evidence.empty()) return pass();
  problem.remedy.text = "start the program again before it crashes";
  return fail(std::move(problem));
}

Verdict check_obsolete_link(const CheckContext& context) {
  if (!context.facts<Facts>().relevant()) return not_here();
  for (const std::string& name : context.machine().list("/dev/dri")) {
    auto target = context.machine().read_link("/dev/dri/" + name);
    if (!target || target->find("accel") == std::string::npos) continue;
    Problem problem;
    problem.evidence = {"/dev/dri/" + name + " -> " + printable(*target)};
    problem.remedy.text = "nothing; it may be removed";
    problem.remedy.commands = {"sudo rm " + shell_quoted("/dev/dri/" + name)};
    problem.remedy.needs_root = true;
    return fail(std::move(problem));
  }
  return pass();
}

}  // namespace anynpu::npu::rocket
