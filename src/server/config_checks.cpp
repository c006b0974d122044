// SPDX-License-Identifier: Apache-2.0
// What must hold between the options of a configuration.
#include "server/config_checks.h"

#include <algorithm>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::server {
namespace {

class Checker {
 public:
  explicit Checker(LoadedConfig& loaded) : loaded_(loaded) {}

  /// Reports a problem at the place of `key`.
  void problem(const std::string& key, std::string message, std::string hint = {}) {
    if (loaded_.problems.size() >= kMostProblems) return;
    auto origin = loaded_.origins.find(key);
    Error error{Code::kInvalid, std::move(message), 0, std::move(hint)};
    if (origin != loaded_.origins.end()) error = std::move(error).within(origin->second.where);
    loaded_.problems.push_back(std::move(error));
  }

 private:
  LoadedConfig& loaded_;
};

bool is_address(const std::string& text) {
  in6_addr ignored = {};
  return text == "localhost" || ::inet_pton(AF_INET, text.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

// RFC 6750: what may follow "Bearer".
bool is_token(const std::string& text) {
  return text.size() <= 1024 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  std::string_view("-._~+/=").find(c) != std::string_view::npos;
         });
}

// RFC 9110: the name of a header.
bool is_header_name(const std::string& text) {
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
         });
}

bool is_origin(const std::string& text) {
  if (text == "*") return true;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (text.substr(0, scheme.size()) != scheme) continue;
    std::string host = text.substr(scheme.size());
    return !host.empty() && host.find_first_of("/ ?#@*,") == std::string::npos;
  }
  return false;
}

void check_server(const ServerConfig& config, Checker& checker) {
  if (!is_address(config.serve.address))
    checker.problem(
        "server.host",
        fmt::format("server.host: '{}' is no IP address", printable(config.serve.address)),
        "use 127.0.0.1 for this machine only, 0.0.0.0 for every network of it");
  if (!config.health_host.empty() && !is_address(config.health_host))
    checker.problem("server.health_host", fmt::format("server.health_host: '{}' is no IP address",
                                                      printable(config.health_host)));
  if (!config.health_host.empty() && config.health_port == 0)
    checker.problem("server.health_host", "server.health_host needs server.health_port");
  if (config.health_port != 0 && config.health_port == config.serve.port)
    checker.problem(
        "server.health_port",
        fmt::format("server.health_port is the server's own port, {}", config.serve.port),
        "without it, /health and /metrics are on server.port already");
  if (config.serve.http.buffered_bytes < config.serve.http.body_bytes)
    checker.problem(
        "server.buffered_limit",
        "server.buffered_limit is less than server.body_limit, which one body may have");
  if (!is_token(config.token))
    checker.problem(config.token_file.empty() ? "server.token" : "server.token_file",
                    "the token may have letters, digits and -._~+/= only, at most 1024",
                    "make one with: openssl rand -hex 32");
  for (const std::string& origin : config.cors_origins)
    if (!is_origin(origin))
      checker.problem("server.cors_origins",
                      fmt::format("server.cors_origins: '{}' is no origin", printable(origin, 60)),
                      "an origin is like https://example.org, without a path; \"*\" is every one");
  if (!config.zmq_endpoint.empty() && config.zmq_endpoint.rfind("ipc://", 0) != 0 &&
      config.zmq_endpoint.rfind("tcp://", 0) != 0)
    checker.problem("zmq.endpoint", fmt::format("zmq.endpoint: '{}' is no ipc:// or tcp:// address",
                                                printable(config.zmq_endpoint, 60)));
  if (!config.zmq_model.empty() && config.zmq_endpoint.empty())
    checker.problem("zmq.model", "zmq.model needs zmq.endpoint");
}

void check_split(const ModelConfig& model, const std::string& origin, Checker& checker) {
  const VersionPolicy& versions = model.versions;
  for (const auto& [label, number] : model.labels) {
    if (std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; }))
      checker.problem(origin + ".labels",
                      fmt::format("model.labels: '{}' is a number, which would be a version",
                                  printable(label, 40)));
    bool loaded = versions.kind != VersionPolicy::Kind::kSpecific ||
                  std::find(versions.numbers.begin(), versions.numbers.end(), number) !=
                      versions.numbers.end();
    if (!loaded)
      checker.problem(origin + ".labels",
                      fmt::format("label '{}' is version {}, which model.versions does not load",
                                  label, number));
  }
  std::vector<std::string> labels;
  for (const auto& [label, number] : model.labels) labels.push_back(label);
  std::int64_t sum = 0;
  for (const auto& [label, share] : model.weights) {
    sum += share;
    if (model.labels.contains(label)) continue;
    std::string nearest = did_you_mean(std::string_view(label).substr(0, 64), labels);
    checker.problem(
        origin + ".weights", fmt::format("model.weights: there is no label '{}'", label),
        nearest.empty() ? "name it in model.labels" : fmt::format("did you mean '{}'?", nearest));
  }
  if (!model.weights.empty() && sum == 0)
    checker.problem(origin + ".weights", "model.weights are all 0");
  if (!model.sticky_header.empty() && model.weights.empty())
    checker.problem(origin + ".sticky_header", "model.sticky_header needs model.weights");
  if (!is_header_name(model.sticky_header))
    checker.problem(origin + ".sticky_header",
                    fmt::format("model.sticky_header: '{}' is no name of a header",
                                printable(model.sticky_header, 60)));
  if (versions.kind == VersionPolicy::Kind::kSpecific &&
      std::set<int>(versions.numbers.begin(), versions.numbers.end()).size() !=
          versions.numbers.size())
    checker.problem(origin + ".versions", "model.versions names a version twice");
}

void check_models(const ServerConfig& config, Checker& checker) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < config.models.size(); ++i) {
    const ModelConfig& model = config.models[i];
    std::string origin = fmt::format("model[{}]", i);
    if (model.name.empty())
      checker.problem(origin, "[[model]] needs a name", "name = \"mobilenet_v1\"");
    else if (!names.insert(model.name).second)
      checker.problem(origin + ".name", fmt::format("there are two [[model]] of the name '{}'",
                                                    printable(model.name, 60)));
    check_split(model, origin, checker);
  }
  std::set<std::string> loaded;
  for (const std::string& name : config.serve.models)
    if (!loaded.insert(name).second)
      checker.problem("models.load",
                      fmt::format("models.load names '{}' twice", printable(name, 60)));
  if (loaded.size() > config.serve.most_models)
    checker.problem("models.load",
                    fmt::format("models.load names {} models, and models.limit is {}",
                                loaded.size(), config.serve.most_models),
                    "raise models.limit");
}

}  // namespace

void check_config(LoadedConfig& loaded) {
  Checker checker(loaded);
  check_server(loaded.config, checker);
  check_models(loaded.config, checker);
}

}  // namespace anynpu::server
