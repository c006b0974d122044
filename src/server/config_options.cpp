// SPDX-License-Identifier: Apache-2.0
// The table of all options. Nothing about an option is said anywhere else, but its default: that is
// the initialiser in server/config.h and in the structs that it is made of.
#include "server/config_options.h"

#include <algorithm>

#include <fmt/format.h>

namespace anynpu::server {
namespace {

constexpr double kDay = 86400;
constexpr double kGiB = 1024.0 * 1024 * 1024;

template <typename Member>
std::function<Slot(ServerConfig&)> of(Member ServerConfig::*member) {
  return [member](ServerConfig& config) -> Slot { return &(config.*member); };
}
template <typename Member>
std::function<Slot(ServerConfig&)> of(Member ServerOptions::*member) {
  return [member](ServerConfig& config) -> Slot { return &(config.serve.*member); };
}
template <typename Member>
std::function<Slot(ServerConfig&)> of(Member HttpLimits::*member) {
  return [member](ServerConfig& config) -> Slot { return &(config.serve.http.*member); };
}
template <typename Member>
std::function<Slot(ServerConfig&)> of(Member SpeechOptions::*member) {
  return [member](ServerConfig& config) -> Slot { return &(config.speech.*member); };
}
template <typename Member>
std::function<Slot(ModelConfig&)> of(Member ModelConfig::*member) {
  return [member](ModelConfig& config) -> Slot { return &(config.*member); };
}

const std::vector<std::string> kPolicies = {"npu-required", "npu-preferred", "cpu-only"};

std::vector<Option<ServerConfig>> server_section() {
  return {
      {{"server.host",
        "The IP address to listen on: 127.0.0.1 is this machine only, 0.0.0.0 and :: "
        "are every network of it."},
       of(&ServerOptions::address)},
      {{.key = "server.port",
        .help = "The TCP port to listen on.",
        .least = 0,
        .most = 65535,
        .zero_means = "a free one"},
       of(&ServerOptions::port)},
      {{.key = "server.health_host",
        .help = "The IP address of the listener for health and metrics.",
        .zero_means = "as server.host"},
       of(&ServerConfig::health_host)},
      {{.key = "server.health_port",
        .help = "A port of its own for /health and /metrics, so that probes never wait behind "
                "clients.",
        .least = 0,
        .most = 65535,
        .zero_means = "none: they are on server.port only"},
       of(&ServerConfig::health_port)},
      {{.key = "server.header_limit",
        .help = "The first line and the headers of a request; over it: 431.",
        .unit = Unit::kBytes,
        .least = 1024,
        .most = 1 << 20},
       of(&HttpLimits::header_bytes)},
      {{.key = "server.body_limit",
        .help = "The body of a request; over it: 413.",
        .unit = Unit::kBytes,
        .least = 1024,
        .most = 4 * kGiB},
       of(&HttpLimits::body_bytes)},
      {{.key = "server.buffered_limit",
        .help = "All bodies together that are being read at one time; over it: 503.",
        .unit = Unit::kBytes,
        .least = 1 << 20,
        .most = 1024 * kGiB},
       of(&HttpLimits::buffered_bytes)},
      {{.key = "server.connections",
        .help = "Connections at one time; over it: 503 and closed.",
        .least = 1,
        .most = 1000000},
       of(&HttpLimits::connections)},
      {{.key = "server.header_timeout",
        .help = "From the first byte of a request to the end of its headers; over it: 408.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay},
       of(&HttpLimits::header_time)},
      {{.key = "server.body_timeout",
        .help = "To read a whole body; over it: 408.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay},
       of(&HttpLimits::body_time)},
      {{.key = "server.body_idle_timeout",
        .help = "The longest silence within a body; over it: 408.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay},
       of(&HttpLimits::body_silence)},
      {{.key = "server.keep_alive_timeout",
        .help = "How long a connection may be idle between two requests; then it is closed.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay},
       of(&HttpLimits::idle_time)},
      {{.key = "server.write_timeout",
        .help = "For a client to take a whole answer; then the connection is closed.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay},
       of(&HttpLimits::write_time)},
      {{.key = "server.request_timeout",
        .help = "From a request's last byte to its answer; over it: 504.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay,
        .flag = "--timeout"},
       of(&ServerOptions::infer_time)},
      {{.key = "server.drain_timeout",
        .help = "For what was accepted to be answered, after the first SIGTERM or SIGINT.",
        .unit = Unit::kSeconds,
        .least = 0,
        .most = kDay,
        .flag = "--drain"},
       of(&ServerOptions::drain_time)},
      {{.key = "server.loops",
        .help = "Threads for sockets.",
        .least = 0,
        .most = 64,
        .zero_means = "1, or 2 from four cores up"},
       of(&ServerOptions::loops)},
      {{.key = "server.work_threads",
        .help = "Threads that decode pictures.",
        .least = 0,
        .most = 1024,
        .zero_means = "one per core"},
       of(&ServerOptions::work_threads)},
      {{.key = "server.work_waiting",
        .help = "Pictures that may wait to be decoded; over it: 503.",
        .least = 1,
        .most = 1000000},
       of(&ServerOptions::work_waiting)},
      {{.key = "server.token",
        .help = "What clients must send as `Authorization: Bearer TOKEN`; /health needs none.",
        .zero_means = "no token is asked for",
        .secret = true},
       of(&ServerConfig::token)},
      {{.key = "server.token_file",
        .help =
            "A file that holds the token, so that it is in no configuration and no process list.",
        .zero_means = "none"},
       of(&ServerConfig::token_file)},
      {{.key = "server.cors_origins",
        .help = "Origins whose pages may call the server from a browser, such as "
                "https://example.org; \"*\" is every one.",
        .zero_means = "CORS is off"},
       of(&ServerConfig::cors_origins)},
      {{.key = "server.client_requests",
        .help = "Requests of one client (address) that are answered at one time; over it: 429.",
        .least = 0,
        .most = 1000000,
        .zero_means = "no limit"},
       of(&ServerOptions::client_requests)},
      {{.key = "server.access_log",
        .help = "Log every request, at level info.",
        .flag_sets = "true"},
       of(&ServerConfig::access_log)},
      {{.key = "server.log_level",
        .help = "The least level that is logged.",
        .words = {"debug", "info", "warn", "error", "off"}},
       of(&ServerConfig::log_level)},
      {{.key = "server.log_format",
        .help = "Text for people, or one JSON object a line: time, level, message, fields.",
        .words = {"text", "json"}},
       of(&ServerConfig::log_format)},
  };
}

std::vector<Option<ServerConfig>> models_section() {
  return {
      {{.key = "models.load",
        .help = "Models to load before the server is ready; the first one is the default. Names, "
                "folders or files.",
        .flag = "--model",
        .zero_means = "every [[model]]; without those, each package when it is first asked for"},
       of(&ServerOptions::models)},
      {{.key = "models.limit",
        .help = "Models that may be loaded at one time.",
        .least = 1,
        .most = static_cast<double>(kMostConfiguredModels),
        .flag = "--models-limit"},
       of(&ServerOptions::most_models)},
      {{.key = "models.watch",
        .help = "Look for versions that were added or removed, and load or unload them.",
        .flag_sets = "true"},
       of(&ServerConfig::watch)},
      {{.key = "models.watch_interval",
        .help = "How often to look.",
        .unit = Unit::kSeconds,
        .least = 0.1,
        .most = kDay},
       of(&ServerConfig::watch_interval)},
  };
}

std::vector<Option<ServerConfig>> speech_section() {
  return {
      {{.key = "speech.model",
        .help = "The model that transcribes when a request names none.",
        .zero_means = "the first one that can"},
       of(&SpeechOptions::model)},
      {{.key = "speech.port",
        .help = "A second port, for clients of speech servers, with the same routes. It is "
                "listened on when there is a model that transcribes.",
        .least = 0,
        .most = 65535,
        .zero_means = "none: they are on server.port only"},
       of(&SpeechOptions::port)},
      {{.key = "speech.parallel",
        .help = "Transcriptions at work at one time; others wait.",
        .least = 0,
        .most = 256,
        .zero_means = "one per core"},
       of(&SpeechOptions::parallel)},
      {{.key = "speech.limit",
        .help = "Transcriptions that work or wait; over it: 503.",
        .least = 1,
        .most = 4096},
       of(&SpeechOptions::most)},
      {{.key = "speech.upload_limit",
        .help = "The body of a request with audio; over it: 413.",
        .unit = Unit::kBytes,
        .least = 1024,
        .most = 1024 * kGiB},
       of(&SpeechOptions::upload_bytes)},
      {{.key = "speech.upload_timeout",
        .help = "To read such a body; over it: 408.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = kDay},
       of(&SpeechOptions::upload_time)},
      {{.key = "speech.longest",
        .help = "Seconds of audio in one request or job; over it: 413.",
        .least = 1,
        .most = 30 * kDay},
       of(&SpeechOptions::most_seconds)},
      {{.key = "speech.spool",
        .help = "The folder for uploads under way; their files have no name and go with them.",
        .zero_means = "TMPDIR, or /var/tmp"},
       of(&SpeechOptions::spool)},
      {{.key = "speech.jobs",
        .help = "The folder of jobs.",
        .zero_means = "`speech` in the state folder"},
       of(&SpeechOptions::jobs)},
      {{.key = "speech.jobs_limit",
        .help = "Jobs that are kept; of those that are done the oldest goes.",
        .least = 1,
        .most = 100000},
       of(&SpeechOptions::most_jobs)},
  };
}

std::vector<Option<ServerConfig>> other_sections() {
  return {
      {{.key = "detection.model",
        .help = "The model that answers /v1/vision/detection.",
        .zero_means = "the first one that detects"},
       of(&ServerConfig::detection_model)},
      {{.key = "detection.labels",
        .help = "The only labels that DeepStack clients are told of. Frigate stops reading at the "
                "first label that it does not know.",
        .zero_means = "all of the model"},
       of(&ServerConfig::detection_labels)},
      {{.key = "detection.threshold",
        .help = "The least score of a detection. Frigate stops reading at the first one below 0.4.",
        .least = 0,
        .most = 1},
       of(&ServerConfig::detection_threshold)},
      {{.key = "zmq.endpoint",
        .help = "Where Frigate's ZMQ detector connects to: ipc:///run/anynpu/zmq or "
                "tcp://127.0.0.1:5555.",
        .zero_means = "off"},
       of(&ServerConfig::zmq_endpoint)},
      {{.key = "zmq.model",
        .help = "The model that answers there.",
        .zero_means = "the first one that detects"},
       of(&ServerConfig::zmq_model)},
  };
}

// How a model is run: said once, for [models] and for every [[model]].
struct RuntimeOption {
  OptionInfo info;  // the key without its section
  std::function<Slot(runtime::ServeOptions&)> slot;
};

std::vector<RuntimeOption> runtime_options() {
  using runtime::ServeOptions;
  auto at = [](auto member) {
    return [member](ServeOptions& options) -> Slot { return &(options.*member); };
  };
  return {
      {{.key = "policy",
        .help = "Where it may run: npu-required fails without an NPU, npu-preferred falls back.",
        .words = kPolicies,
        .flag = "--policy"},
       at(&ServeOptions::policy)},
      {{.key = "instances",
        .help = "Workers of the serving placement.",
        .least = 0,
        .most = 64,
        .zero_means = "one per core, at most 4"},
       at(&ServeOptions::instances)},
      {{.key = "threads",
        .help = "Threads of one CPU session.",
        .least = 1,
        .most = 256,
        .flag = "--threads"},
       at(&ServeOptions::threads)},
      {{.key = "isolated",
        .help = "Run it in worker processes; false: in the server, which a crash then ends.",
        .flag = "--in-process",
        .flag_sets = "false",
        .flag_help = "run models in this process instead of worker processes"},
       at(&ServeOptions::isolated)},
      {{.key = "placement",
        .help = "Only placements whose id contains this, such as cpu/tflite+xnnpack.",
        .flag = "--placement",
        .zero_means = "all of them"},
       at(&ServeOptions::only)},
      {{.key = "queue",
        .help = "Requests that may wait for a worker; over it: 503.",
        .least = 1,
        .most = 1000000},
       at(&ServeOptions::queue_limit)},
      {{.key = "batch_wait_ms",
        .help = "How long to wait for more requests to run together, where the artifact can.",
        .unit = Unit::kMilliseconds,
        .least = 0,
        .most = 60000},
       at(&ServeOptions::batch_wait)},
      {{.key = "hang_limit",
        .help =
            "A run that is longer than this and than 50 medians is a hang: its worker is ended, "
            "its requests are answered by the next placement.",
        .unit = Unit::kSeconds,
        .least = 0.01,
        .most = 3600},
       at(&ServeOptions::hang_limit)},
      {{.key = "npu_check",
        .help =
            "How often an NPU that serves has to answer a canary as it did at the start; 0: before "
            "every answer, so that none goes out unseen, at half its speed.",
        .unit = Unit::kSeconds,
        .least = 0,
        .most = 3600},
       at(&ServeOptions::canary_after)},
  };
}

std::vector<Option<ModelConfig>> model_section() {
  return {
      {{.key = "model.name", .help = "The package: its name, its folder or an artifact file."},
       of(&ModelConfig::name)},
      {{.key = "model.versions",
        .help =
            "Which versions are loaded: \"latest\", \"latest 2\", \"all\", or a list of numbers."},
       of(&ModelConfig::versions)},
      {{.key = "model.labels",
        .help = "Names for versions: {stable = 1, canary = 2}.",
        .least = 1,
        .most = 1000000000},
       of(&ModelConfig::labels)},
      {{.key = "model.weights",
        .help = "How requests that name no version are shared out: {stable = 90, canary = 10}.",
        .least = 0,
        .most = 1000000},
       of(&ModelConfig::weights)},
      {{.key = "model.sticky_header",
        .help = "Requests with the same value of this header get the same label.",
        .zero_means = "each request by itself"},
       of(&ModelConfig::sticky_header)},
  };
}

// "server.port" -> "--port", "models.watch" -> "--watch", "zmq.endpoint" -> "--zmq-endpoint"
std::string derived_flag(const OptionInfo& info) {
  std::string word = info.section() == "server" || info.section() == "models"
                         ? info.name()
                         : info.section() + "-" + info.name();
  std::replace(word.begin(), word.end(), '_', '-');
  return fmt::format("--{}", word);
}

std::vector<Option<ServerConfig>> all_server_options() {
  std::vector<Option<ServerConfig>> all = server_section();
  auto append = [&all](std::vector<Option<ServerConfig>> more) {
    std::move(more.begin(), more.end(), std::back_inserter(all));
  };
  append(models_section());
  for (RuntimeOption& option : runtime_options()) {
    option.info.key = fmt::format("models.{}", option.info.key);
    all.push_back({option.info, [slot = option.slot](ServerConfig& config) {
                     return slot(config.serve.runtime);
                   }});
  }
  append(speech_section());
  append(other_sections());
  for (Option<ServerConfig>& option : all)
    if (option.info.flag.empty() && !option.info.secret)  // which the process list would show
      option.info.flag = derived_flag(option.info);
  return all;
}

std::vector<Option<ModelConfig>> all_model_options() {
  std::vector<Option<ModelConfig>> all = model_section();
  for (RuntimeOption& option : runtime_options()) {
    option.info.key = fmt::format("model.{}", option.info.key);
    option.info.flag.clear();
    all.push_back(
        {option.info, [slot = option.slot](ModelConfig& config) { return slot(config.runtime); }});
  }
  return all;
}

}  // namespace

std::string OptionInfo::name() const {
  return key.substr(key.find('.') + 1);
}

std::string OptionInfo::section() const {
  return key.substr(0, key.find('.'));
}

std::string OptionInfo::environment_name() const {
  if (section() == "model") return {};
  std::string word = section() == "server" ? name() : key;
  for (char& c : word) {
    if (c == '.') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return fmt::format("ANYNPU_SERVE_{}", word);
}

std::span<const Option<ServerConfig>> server_options() {
  static const std::vector<Option<ServerConfig>> table = all_server_options();
  return table;
}

std::span<const Option<ModelConfig>> model_options() {
  static const std::vector<Option<ModelConfig>> table = all_model_options();
  return table;
}

}  // namespace anynpu::server
