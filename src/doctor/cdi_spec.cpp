// SPDX-License-Identifier: Apache-2.0
// Reads CDI specifications as strictly as container runtimes do.
#include "doctor/cdi_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

#include <fmt/format.h>

#include "base/report.h"
#include "base/text.h"

namespace anynpu::doctor {
namespace {

constexpr std::size_t kMostNodes = 256;
constexpr std::size_t kMostFaults = 10;
constexpr std::array<std::string_view, 8> kVersions = {"0.3.0", "0.4.0", "0.5.0", "0.6.0",
                                                       "0.7.0", "0.8.0", "1.0.0", "1.1.0"};

class Reader {
 public:
  CdiSpec read(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) {
      fault("it is no JSON object");
      return std::move(spec_);
    }
    fields(json, "the file", {"cdiVersion", "kind", "annotations", "devices", "containerEdits"});
    spec_.version = text_of(json, "cdiVersion");
    spec_.kind = text_of(json, "kind");
    if (std::find(kVersions.begin(), kVersions.end(), spec_.version) == kVersions.end())
      fault(fmt::format("cdiVersion \"{}\" is none that there is", spec_.version));
    if (spec_.kind.find('/') == std::string::npos) fault("kind must be VENDOR.DOMAIN/CLASS");
    if (json.contains("annotations")) needs("0.6.0", "annotations");
    if (json.contains("containerEdits")) edits(json["containerEdits"], "containerEdits");
    const bool any = json.contains("devices") && json["devices"].is_array();
    if (!any || json["devices"].empty()) {
      fault("it has no device");
      return std::move(spec_);
    }
    for (const Json& one : json["devices"]) device(one);
    return std::move(spec_);
  }

 private:
  void fault(std::string text) {
    if (spec_.faults.size() < kMostFaults) spec_.faults.push_back(std::move(text));
  }
  void needs(std::string_view version, std::string_view what) {
    if (cdi_before(spec_.version, version))
      fault(fmt::format("{} needs cdiVersion {}, it says \"{}\"", what, version, spec_.version));
  }
  static std::string text_of(const Json& json, const char* name) {
    auto found = json.find(name);
    return found != json.end() && found->is_string() ? printable(found->get<std::string>()) : "";
  }
  static std::optional<unsigned> number_of(const Json& json, const char* name) {
    auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<unsigned>();
  }
  void fields(const Json& json, std::string_view where,
              std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : json.items())
      if (std::find(known.begin(), known.end(), name) == known.end())
        fault(fmt::format("{} has the field \"{}\", which no runtime knows", where,
                          printable(name, 60)));
  }
  void device(const Json& json) {
    if (!json.is_object()) return fault("a device is no object");
    const std::string name = text_of(json, "name");
    spec_.devices.push_back(name);
    const std::string where = "device " + name;
    fields(json, where, {"name", "annotations", "containerEdits"});
    if (json.contains("annotations")) needs("0.6.0", "annotations");
    if (!name.empty() && name[0] >= '0' && name[0] <= '9') needs("0.5.0", where);
    const bool any = json.contains("containerEdits") && json["containerEdits"].is_object();
    if (!any || json["containerEdits"].empty())
      fault(where + " has no edits, which runtimes do not take");
    else
      edits(json["containerEdits"], where);
  }
  void edits(const Json& json, std::string_view where) {
    if (!json.is_object()) return fault(fmt::format("the edits of {} are no object", where));
    fields(json, where,
           {"env", "deviceNodes", "netDevices", "hooks", "mounts", "intelRdt", "additionalGids"});
    if (json.contains("additionalGids")) needs("0.7.0", "additionalGids");
    if (json.contains("intelRdt")) needs("0.7.0", "intelRdt");
    if (json.contains("netDevices")) needs("1.1.0", "netDevices");
    if (auto nodes = json.find("deviceNodes"); nodes != json.end() && nodes->is_array())
      for (const Json& one : *nodes) node(one, where);
    if (auto mounts = json.find("mounts"); mounts != json.end() && mounts->is_array())
      for (const Json& one : *mounts) {
        if (!one.is_object()) continue;
        fields(one, where, {"hostPath", "containerPath", "options", "type"});
        if (one.contains("type")) needs("0.4.0", "the type of a mount");
      }
  }
  void node(const Json& json, std::string_view where) {
    if (!json.is_object()) return fault(fmt::format("a node of {} is no object", where));
    fields(json, where,
           {"path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"});
    CdiNode node{text_of(json, "path"), text_of(json, "hostPath"), number_of(json, "major"),
                 number_of(json, "minor")};
    if (node.path.empty()) fault(fmt::format("a node of {} has no path", where));
    if (!node.host_path.empty()) needs("0.5.0", "hostPath");
    if (node.host_path.empty()) node.host_path = node.path;
    if (spec_.nodes.size() < kMostNodes) spec_.nodes.push_back(std::move(node));
  }

  CdiSpec spec_;
};

}  // namespace

CdiSpec read_cdi_json(std::string_view text) {
  return Reader().read(text);
}

CdiSpec read_cdi_yaml(std::string_view text) {
  CdiSpec spec;
  for (const std::string& raw : split(text, '\n')) {
    std::string_view line = trim(raw);
    if (line.starts_with("- ")) line = trim(line.substr(2));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = trim(line.substr(colon + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\''))
      value = value.substr(1, value.size() - 2);
    const std::string_view key = line.substr(0, colon);
    if (key == "cdiVersion") spec.version = printable(value);
    if (key == "kind") spec.kind = printable(value);
    if (key == "name" && spec.devices.size() < kMostNodes) spec.devices.push_back(printable(value));
    if (key == "path" && value.starts_with("/dev/") && spec.nodes.size() < kMostNodes)
      spec.nodes.push_back({printable(value), printable(value), {}, {}});
  }
  return spec;
}

bool cdi_before(std::string_view a, std::string_view b) {
  auto numbers = [](std::string_view version) {
    std::array<unsigned, 3> found{};
    std::size_t i = 0;
    for (const std::string& part : split(version, '.'))
      if (i < found.size()) std::from_chars(part.data(), part.data() + part.size(), found[i++]);
    return found;
  };
  return numbers(a) < numbers(b);
}

}  // namespace anynpu::doctor
