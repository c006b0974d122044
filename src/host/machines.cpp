// SPDX-License-Identifier: Apache-2.0
// Which machine is meant: this one, a folder, or a manifest.
#include <cstdlib>

#include "base/file.h"
#include "host/bundle.h"
#include "host/files.h"
#include "host/machine.h"
#include "host/manifest.h"
#include "host/running_machine.h"

namespace anynpu::host {
namespace {

constexpr std::size_t kMostBundle = 256 << 20;
constexpr const char* kVariable = "ANYNPU_MACHINE";

const char* named_machine() {
  const char* name = std::getenv(kVariable);
  return name != nullptr && *name != '\0' ? name : nullptr;
}

}  // namespace

std::unique_ptr<Machine> running_machine() {
  const char* name = named_machine();
  if (name == nullptr) return machine_of_this_process();
  auto machine = machine_at(name);
  return machine ? std::move(*machine) : simulated_machine({});
}

Result<> check_environment() {
  const char* name = named_machine();
  if (name == nullptr) return {};
  auto machine = machine_at(name);
  if (!machine) return Error(machine.error()).within(kVariable);
  return {};
}

Result<std::unique_ptr<Machine>> machine_at(const std::filesystem::path& path) {
  ANYNPU_TRY(node, node_at(path.string()));
  if (node.kind == NodeKind::kFolder) return machine_of_tree(path);
  if (path.extension() == ".tar") {
    ANYNPU_TRY(bytes, anynpu::read_text(path, kMostBundle));
    auto described = read_bundle(bytes);
    if (!described) return Error(described.error()).within(path.string());
    return simulated_machine(std::move(*described));
  }
  ANYNPU_TRY(description, load_manifest(path));
  return simulated_machine(std::move(description));
}

Result<std::unique_ptr<Machine>> machine_of_tree(const std::filesystem::path& folder) {
  auto info = node_at(folder.string());
  if (!info) return info.error();
  if (info->kind != NodeKind::kFolder)
    return Error{Code::kInvalid, folder.string() + ": is not a folder"}.with_hint(
        "name the folder that stands for the machine's root, the one that holds proc, sys and dev");
  MachineDescription description;
  std::filesystem::path manifest = folder / "machine.manifest";
  if (node_at(manifest.string())) {
    ANYNPU_TRY(loaded, load_manifest(manifest));
    description = std::move(loaded);
  } else {
    description.log_missing = "the tree of files holds none";
  }
  std::filesystem::path file = folder / "machine.json";
  if (node_at(file.string())) {
    ANYNPU_TRY(text, anynpu::read_text(file, Machine::kMostText));
    auto parsed = parse_tree_description(text);
    if (!parsed) return Error(parsed.error()).within(file.string());
    description.identity = parsed->identity;
    for (const auto& [path, node] : parsed->nodes) description.entries[path].node = node;
  }
  return simulated_machine(std::move(description), folder.string());
}

}  // namespace anynpu::host
