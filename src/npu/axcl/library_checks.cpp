// SPDX-License-Identifier: Apache-2.0
// Checks of AXERA's runtime, libaxcl_rt.so.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/axcl/check_functions.h"
#include "npu/axcl/facts.h"

namespace anynpu::npu::axcl {
namespace {

std::vector<host::FoundLibrary> runtimes(const CheckContext& context) {
  static constexpr std::string_view kFolders[] = {"/usr/lib/axcl"};
  return host::find_engine_library(context.machine(), "libaxcl_rt.so", "ANYNPU_AXMODEL", kFolders);
}

/// "V3.10.2" of "[AXCL version]: libaxcl_rt.so V3.10.2_20251215140224 Dec 15 2025 ..."; the build's
/// date differs between the parts of one SDK.
std::string sdk_version(const host::Machine& machine, const std::string& file) {
  static constexpr std::string_view kMark[] = {"[AXCL version]: "};
  auto facts = machine.elf(file, kMark);
  if (!facts) return {};
  for (const std::string& text : facts->texts) {
    const std::vector<std::string> words = split(text.substr(kMark[0].size()), ' ');
    if (words.size() > 1 && words[1].starts_with('V'))
      return printable(words[1].substr(0, words[1].find('_')), 40);
  }
  return {};
}

}  // namespace

Verdict check_library_there(const CheckContext& context) {
  if (!context.has("axcl")) return skip("there is no AXERA card");
  if (!runtimes(context).empty()) return pass();
  Problem problem{.evidence = {"libaxcl_rt.so: in no folder of the loader, not in /usr/lib/axcl"}};
  if (context.container())
    problem.remedy = {.text =
                          "mount the host's library folder into the container, so that both are "
                          "of one SDK",
                      .commands = {"docker run -v /usr/lib/axcl:/usr/lib/axcl:ro -v "
                                   "/usr/bin/axcl:/usr/bin/axcl:ro ..."}};
  return fail(std::move(problem));
}

Verdict check_library_for_this_processor(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  auto facts = context.machine().elf(found[0].path);
  if (!facts) return cannot_tell(facts.error().message);
  if (facts->architecture == context.machine().architecture()) return pass();
  return fail(
      Problem{.evidence = {fmt::format("{}: for {}, this machine is {}", found[0].path,
                                       facts->architecture, context.machine().architecture())}});
}

Verdict check_library_folder_known(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  if (!found[0].path.starts_with(kLibraryFolder)) return pass();
  const host::Machine& machine = context.machine();
  if (contains(host::environment_variable(machine, "LD_LIBRARY_PATH"), kLibraryFolder))
    return pass();
  for (const std::string& name : machine.list("/etc/ld.so.conf.d")) {
    auto text = machine.read_text("/etc/ld.so.conf.d/" + name);
    if (text && contains(*text, kLibraryFolder)) return pass();
  }
  return fail(Problem{
      .evidence = {found[0].path + ": there", "/etc/ld.so.conf.d: no file names /usr/lib/axcl"},
      .remedy = {.text = "tell the loader of the folder: the library's own parts lie there too",
                 .commands = {"echo /usr/lib/axcl | sudo tee /etc/ld.so.conf.d/axcl.conf",
                              "sudo ldconfig"},
                 .needs_root = true}});
}

Verdict check_library_complete(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  // Its parts lie beside it, wherever that is.
  const std::string folder = found[0].path.substr(0, found[0].path.rfind('/'));
  const std::string_view folders[] = {folder, kLibraryFolder};
  Problem problem;
  for (const std::string& part : {std::string("libaxcl_rt.so"), std::string("libaxcl_logger.so")}) {
    auto here =
        part == "libaxcl_rt.so" ? found : host::find_library(context.machine(), part, folders);
    if (here.empty()) continue;
    auto facts = context.machine().elf(here[0].path);
    if (!facts) continue;
    for (const std::string& needed : facts->needed)
      if ((needed.starts_with("libspdlog") || needed.starts_with("libaxcl")) &&
          host::find_library(context.machine(), needed, folders).empty())
        problem.evidence.push_back(here[0].path + ": needs " + needed + ", which is nowhere");
  }
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

Verdict check_one_sdk(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  const host::Machine& machine = context.machine();
  // A container sees the host's modules only when /lib/modules was mounted into it.
  const std::string modules = "/lib/modules/" + host::kernel_release(machine);
  const std::string folder = found[0].path.substr(0, found[0].path.rfind('/'));
  std::vector<std::pair<std::string, std::string>> parts;  // file, version
  for (const std::string& file :
       {found[0].path, folder + "/libaxcl_comm.so", folder + "/libaxcl_pkg.so",
        modules + "/extra/axcl_host.ko", modules + "/updates/axcl_host.ko",
        modules + "/updates/dkms/axcl_host.ko"}) {
    if (!machine.exists(file)) continue;
    std::string version = sdk_version(machine, file);
    if (!version.empty()) parts.emplace_back(file, std::move(version));
  }
  if (parts.size() < 2) return skip("fewer than two parts of the SDK tell their version");
  if (std::all_of(parts.begin(), parts.end(),
                  [&](const auto& part) { return part.second == parts[0].second; }))
    return pass();
  Problem problem;
  for (const auto& [file, version] : parts) problem.evidence.push_back(file + ": " + version);
  if (context.container())
    problem.remedy = {.text = "mount the host's library folder, which is of its modules' SDK",
                      .commands = {"docker run -v /usr/lib/axcl:/usr/lib/axcl:ro ..."}};
  return fail(std::move(problem));
}

Verdict check_tools_found(const CheckContext& context) {
  const host::Machine& machine = context.machine();
  constexpr const char* kTools = "/usr/bin/axcl";
  if (!machine.exists(std::string(kTools) + "/axcl-smi")) return skip("axcl-smi is not installed");
  const std::string path = host::environment_variable(machine, "PATH");
  if (path.empty()) return skip("this process has no PATH");
  for (const std::string& folder : split(path, ':'))
    if (machine.exists(folder + "/axcl-smi")) return pass();
  return fail(Problem{.evidence = {std::string(kTools) + "/axcl-smi: there", "PATH=" + path},
                      .remedy = {.text = "name it in full, or put its folder into PATH",
                                 .commands = {"export PATH=$PATH:/usr/bin/axcl"}}});
}

Verdict check_python_package(const CheckContext& context) {
  if (!context.has("axcl")) return skip("there is no AXERA card");
  const host::Machine& machine = context.machine();
  std::vector<std::string> folders = {"/usr/lib/python3/dist-packages"};
  for (const std::string& name : machine.list("/usr/local/lib"))
    if (name.starts_with("python3")) folders.push_back("/usr/local/lib/" + name + "/dist-packages");
  for (const std::string& folder : folders)
    for (const char* name : {"/axengine-0.1.2.dist-info", "/pyaxengine-0.1.2.dist-info"})
      if (machine.exists(folder + name))
        return fail(Problem{.evidence = {folder + name + ": there"},
                            .remedy = {.text = "install another version",
                                       .commands = {"pip install 'axengine!=0.1.2'"}}});
  return pass();
}

}  // namespace anynpu::npu::axcl
