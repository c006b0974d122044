// SPDX-License-Identifier: Apache-2.0
// machine.json of a tree of files: the device nodes and the user that plain files cannot stand for.
#include <charconv>
#include <limits>

#include <nlohmann/json.hpp>

#include "host/machine.h"

namespace anynpu::host {
namespace {

using nlohmann::json;

constexpr std::size_t kMostDescribed = 4096;

Result<unsigned> number_in(const json& object, const char* key) {
  auto value = object.find(key);
  if (value == object.end()) return 0U;
  if (!value->is_number_unsigned() ||
      value->get<std::uint64_t>() > std::numeric_limits<unsigned>::max())
    return Error{Code::kInvalid, std::string(key) + " must be a whole number that is not negative"};
  return value->get<unsigned>();
}

Result<NodeKind> kind_in(const json& object) {
  auto value = object.find("kind");
  if (value == object.end()) return NodeKind::kCharacterDevice;
  for (NodeKind kind : {NodeKind::kFile, NodeKind::kFolder, NodeKind::kCharacterDevice,
                        NodeKind::kBlockDevice, NodeKind::kFifo, NodeKind::kSocket})
    if (*value == std::string(to_string(kind))) return kind;
  return Error{Code::kInvalid, "kind must be one of file, folder, char, block, fifo, socket"};
}

Result<unsigned> mode_in(const json& object) {
  auto value = object.find("mode");
  if (value == object.end()) return 0600U;
  unsigned mode = 0;
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (error == std::errc() && end == text.data() + text.size() && mode <= 07777) return mode;
  }
  return Error{Code::kInvalid, "mode must be octal digits in quotes, such as \"0660\""};
}

Result<Node> node_from(const json& object) {
  if (!object.is_object()) return Error{Code::kInvalid, "must be an object"};
  ANYNPU_TRY(kind, kind_in(object));
  ANYNPU_TRY(mode, mode_in(object));
  ANYNPU_TRY(uid, number_in(object, "uid"));
  ANYNPU_TRY(gid, number_in(object, "gid"));
  ANYNPU_TRY(major_number, number_in(object, "major"));
  ANYNPU_TRY(minor_number, number_in(object, "minor"));
  return Node{kind, mode, uid, gid, major_number, minor_number};
}

}  // namespace

Result<TreeDescription> parse_tree_description(std::string_view text) {
  json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return Error{Code::kInvalid, "is not a JSON object"};
  TreeDescription description;
  ANYNPU_TRY(uid, number_in(document, "uid"));
  description.identity.uid = uid;
  if (auto groups = document.find("groups"); groups != document.end()) {
    if (!groups->is_array() || groups->size() > kMostDescribed)
      return Error{Code::kInvalid, "groups must be a list of numbers"};
    for (const json& group : *groups) {
      ANYNPU_TRY(gid, number_in(json{{"groups", group}}, "groups"));
      description.identity.groups.push_back(gid);
    }
  }
  if (auto nodes = document.find("nodes"); nodes != document.end()) {
    if (!nodes->is_object() || nodes->size() > kMostDescribed)
      return Error{Code::kInvalid, "nodes must be an object with a path for each node"};
    for (const auto& [path, object] : nodes->items()) {
      auto node = node_from(object);
      if (!node) return Error(node.error()).within("node " + path);
      description.nodes.emplace_back(path, *node);
    }
  }
  return description;
}

}  // namespace anynpu::host
