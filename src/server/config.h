// SPDX-License-Identifier: Apache-2.0
// ServerConfig: everything that the operator of a server can choose, and where each choice came
// from.
//
// Flags win over the environment, the environment over the file, the file over the defaults. The
// options themselves (keys, ranges, help) are one table in server/config_options.cpp; the defaults
// are the initialisers of these structs.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/model_config.h"
#include "server/serve.h"
#include "server/speech/options.h"

namespace anynpu::server {

struct ServerConfig {
  ServerOptions serve;
  std::string health_host;  // empty: as the server's
  int health_port = 0;      // of a listener for health and metrics only; 0: none
  std::string token;        // of token_file, when that is set
  std::string token_file;
  std::vector<std::string> cors_origins;
  bool access_log = false;
  std::string log_level = "info";
  std::string log_format = "text";

  bool watch = false;
  Duration watch_interval = seconds(2);
  std::vector<ModelConfig> models;

  std::string detection_model;
  std::vector<std::string> detection_labels;
  double detection_threshold = 0.4;

  SpeechOptions speech;

  std::string zmq_endpoint;
  std::string zmq_model;
};

enum class Source { kDefault, kFile, kEnvironment, kFlag };
std::string_view to_string(Source source);

struct Origin {
  Source source = Source::kDefault;
  std::string where;  // "anynpu.toml:3", "ANYNPU_SERVE_PORT", "--port"; empty for a default
};

/// A value that a flag gives, by the option's key.
struct FlagValue {
  std::string key;   // "server.port"
  std::string flag;  // "--port"
  std::string text;
};

/// Where a configuration comes from. Tests put their own environment and folder.
struct ConfigInput {
  std::string file;  // of --config; empty: $ANYNPU_CONFIG, the user's, the system's, in this order
  std::vector<FlagValue> flags;
  std::vector<std::string> models;  // of --model, each; empty: none was given
  std::map<std::string, std::string> environment;
  std::filesystem::path system_file = "/etc/anynpu/anynpu.toml";
};

/// The variables of this process.
std::map<std::string, std::string> process_environment();

struct LoadedConfig {
  ServerConfig config;
  std::filesystem::path file;  // empty: there is none
  /// By key: "server.port", and "model[0].policy" for the first [[model]]. What is not here has its
  /// default.
  std::map<std::string, Origin> origins;
  std::vector<Error> problems;  // each with its place; the configuration is not to be used with one
};

inline constexpr std::size_t kMostConfigBytes = 1 << 20;
inline constexpr std::size_t kMostConfiguredModels = 256;
inline constexpr std::size_t kMostProblems = 100;

/// Never fails as a whole: everything that is wrong is in `problems`.
LoadedConfig load_config(const ConfigInput& input);

/// For callers that need one error: the first problem, with the number of the others.
Result<> first_problem(const LoadedConfig& loaded);

}  // namespace anynpu::server
