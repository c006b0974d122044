// SPDX-License-Identifier: Apache-2.0
// From options to a running server, and from a signal to its end.
//
// It listens before the models are loaded, so that /health answers from the first moment. This
// thread then waits for signals; the loops, the work pool and the models have threads of their own.
#include "server/serve.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/tell.h"
#include "base/text.h"
#include "base/version.h"
#include "host/machine.h"
#include "model/store.h"
#include "npu/devices.h"
#include "server/config.h"
#include "server/frigate/detector.h"
#include "server/metrics.h"
#include "server/metrics_route.h"
#include "server/oip/routes.h"
#include "server/recent_times.h"
#include "server/service_manager.h"
#include "server/services.h"
#include "server/speech/routes.h"
#include "speech/transcriber.h"

namespace anynpu::server {
namespace {

// A connection is a descriptor; the usual soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 65536;
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string page_url(const std::string& address, int port) {
  bool everywhere = address == "0.0.0.0" || address == "::";
  std::string host = everywhere ? "localhost" : address;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("http://{}:{}/", host, port);
}

void say_ready(const std::string& url) {
  tell(
      "anynpu {} is serving on {}\n"
      "  open it in a browser and drop a picture or a recording on it, or:\n"
      "  curl -F image=@picture.jpg {}infer\n",
      kVersion, url, url);
}

void log_request(const RequestRecord& record, bool access_log) {
  bool is_news = record.error != nullptr && record.status != 0;
  log::Level level = access_log ? spdlog::level::info : spdlog::level::debug;
  if (is_news) level = record.status >= 500 ? spdlog::level::warn : spdlog::level::info;
  if (!spdlog::should_log(level)) return;
  std::string message = record.status == 0        ? "the client has gone"
                        : record.error == nullptr ? "answered"
                                                  : printable(record.error->message, 300);
  log::write(level, message,
             {{"status", record.status},
              {"method", printable(record.method, 16)},
              {"path", printable(record.path, 100)},
              {"remote", record.remote},
              {"ms", std::round(record.ms * 1000) / 1000},
              {"bytes_in", record.bytes_in},
              {"bytes_out", record.bytes_out},
              {"request_id", record.id}});
}

// For how long a model may answer none of its requests before the service manager is told that the
// server is stuck: they are answered within their deadline, by an error at the worst.
Duration patience_with(model::Task task, const ServerOptions& options) {
  Duration longest = options.infer_time;
  if (task == model::Task::kTranscribe || task == model::Task::kVad)
    longest = std::max(longest, speech::TranscribeOptions().window_limit);
  return longest + seconds(10);
}

// Probes need few connections, and must get them when clients have taken all the others.
HttpLimits probe_limits(HttpLimits limits) {
  limits.connections = 256;
  limits.body_bytes = 1024;
  return limits;
}

// $STATE_DIRECTORY is the service manager's; without one, the user's own folder. Empty: none.
std::filesystem::path state_folder() {
  auto named = [](const char* variable) {
    const char* value = std::getenv(variable);
    return std::string(value != nullptr ? value : "");
  };
  if (const std::string folder = named("STATE_DIRECTORY"); !folder.empty())
    return folder.substr(0, folder.find(':'));
  if (const std::string state = named("XDG_STATE_HOME"); !state.empty())
    return std::filesystem::path(state) / "anynpu";
  const std::string home = named("HOME");
  return home.empty() ? "" : std::filesystem::path(home) / ".local/state/anynpu";
}

// All models share the quarantine of the machine's devices.
runtime::ServeOptions with_quarantine(runtime::ServeOptions options) {
  if (!options.quarantine) {
    runtime::QuarantineRules rules;
    if (auto folder = state_folder(); !folder.empty())
      rules.state_file = folder / "quarantine.json";
    options.quarantine = std::make_shared<runtime::Quarantine>(rules);
  }
  return options;
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

// Everything of a running server, in the order in which it is built; it ends in the reverse order.
class Server {
 public:
  explicit Server(const ServerConfig& config)
      : config_(config),
        options_(config.serve),
        gate_({.token = config.token,
               .origins = config.cors_origins,
               .on_loopback = is_loopback(config.serve.address),
               .client_requests = config.serve.client_requests}),
        models_({.models = options_.models,
                 .configs = config.models,
                 .runtime = with_quarantine(options_.runtime),
                 .most_models = options_.most_models,
                 .watch = config.watch,
                 .watch_interval = config.watch_interval}),
        pool_(options_.work_threads > 0 ? options_.work_threads : cores(), options_.work_waiting),
        speech_models_(hosted_speech_models(models_, config.speech.model)),
        speech_(*speech_models_, config.speech),
        http_(options_.http,
              options_.loops > 0 ? options_.loops
              : cores() >= 4     ? 2
                                 : 1,
              [this](const RequestRecord& record) { note(record); }),
        probes_(probe_limits(options_.http), 1,
                [this](const RequestRecord& record) { note(record); }),
        services_{.models = models_, .pool = pool_, .http = http_, .errors = errors_},
        signals_(control_, SIGINT, SIGTERM),
        patience_(control_),
        tick_(control_),
        loops_(http_.executors()),
        watchdog_(control_.get_executor(), manager_, [this] { return what_is_stuck(); }) {
    services_.find_devices = options_.find_devices ? options_.find_devices : [] {
      return npu::find_devices(*host::running_machine());
    };
    services_.find_findings = options_.find_findings;
    services_.metrics = &metrics_;
    services_.times = &times_;
    services_.infer_time = options_.infer_time;
    services_.most_picture_bytes = options_.http.body_bytes;
    router_.set_gate(&gate_);
    add_infer_route(router_, services_);
    add_detection_route(router_, services_,
                        {.model = config.detection_model,
                         .labels = config.detection_labels,
                         .threshold = config.detection_threshold,
                         .gate = &gate_});
    oip::add_oip_routes(router_, services_, &metrics_);
    add_speech();
    add_status_routes(router_, services_);
    add_metrics_route(router_, services_, metrics_);
    add_page_routes(router_);
    add_health_route(probe_router_, services_);
    add_metrics_route(probe_router_, services_, metrics_);
  }

  Result<> run() {
    ANYNPU_CHECK(models_.open());
    ANYNPU_CHECK(check_detection_model());
    ANYNPU_TRY(port, http_.listen(options_.address, options_.port, router_));
    url_ = page_url(options_.address, port);
    log::info("listening on {}:{}, loading the models", options_.address, port);
    ANYNPU_CHECK(listen_for_probes());
    listen_for_speech();
    if (!config_.zmq_endpoint.empty()) {
      ANYNPU_TRY(detector, frigate::Detector::start(services_, {.endpoint = config_.zmq_endpoint,
                                                                .model = config_.zmq_model}));
      log::info("Frigate's ZMQ detector is at {}", detector->endpoint());
      frigate_ = std::move(detector);
    }
    wait_for_signal();
    tick();
    // Before the first answer, which would call a server ready that knows of no model yet.
    models_.start_loading([this](Result<> loaded) {
      asio::post(control_, [this, loaded = std::move(loaded)] { on_loaded(loaded); });
    });
    http_.start();
    probes_.start();
    watchdog_.start();
    // This thread goes on to take signals until the models are through.
    std::thread waiter([this] {
      http_.wait();
      asio::post(control_, [this] { watchdog_.stop(); });  // it asks loops that have ended
      frigate_.reset();
      speech_.end();
      // Those who waited over HTTP have had their time; there is one time for all of it.
      models_.drain(
          std::max(drain_until_.value_or(Clock::now() + options_.drain_time), Clock::now()));
      control_.stop();
    });
    control_.run();
    waiter.join();
    probes_.drain();
    probes_.wait();
    return outcome_;
  }

 private:
  // Otherwise every answer to a camera would be an error, or look like an empty scene.
  Result<> check_detection_model() {
    const std::string& name = config_.detection_model;
    if (name.empty()) return {};
    std::optional<model::Task> task = models_.task_of(name);
    if (!task) {
      ANYNPU_TRY(package, model::open_package(name));
      task = package.task;
    }
    if (task == model::Task::kDetect) return {};
    return Error{Code::kInvalid,
                 fmt::format("detection.model: {} detects nothing: its task is '{}'",
                             printable(name, 64), model::to_string(*task))}
        .with_hint("take one whose task is 'detect'; anynpu models list shows them");
  }

  void note(const RequestRecord& record) {
    metrics_.request(record);
    errors_.note(record);
    log_request(record, config_.access_log);
  }

  Result<> listen_for_probes() {
    if (config_.health_port == 0) return {};
    const std::string& address =
        config_.health_host.empty() ? options_.address : config_.health_host;
    ANYNPU_TRY(port, probes_.listen(address, config_.health_port, probe_router_, "--health-port"));
    log::info("health and metrics are on {}:{}", address, port);
    return {};
  }

  void add_speech() {
    add_speech_routes(router_, services_, speech_);
    add_mel_route(router_, services_, speech_);
    std::filesystem::path folder = config_.speech.jobs;
    if (folder.empty() && !state_folder().empty()) folder = state_folder() / "speech";
    if (folder.empty()) {
      log::info(
          "there is no folder for jobs: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set");
    } else {
      jobs_ = std::make_unique<SpeechJobs>(speech_, folder);
      add_job_routes(router_, services_, speech_, *jobs_);
    }
    services_.find_speech = [this] { return speech_status(services_, speech_, jobs_.get()); };
    services_.speech_figures = [this] {
      SpeechFigures figures = speech_.figures();
      if (jobs_) figures.open_jobs = jobs_->open_jobs();
      return figures;
    };
  }

  // A port that is a convenience: who has it already keeps it, and the routes are on the other one.
  void listen_for_speech() {
    const int port = config_.speech.port;
    if (port == 0 || port == options_.port || speech_models_->names().empty()) return;
    if (options_.port == 0)
      return log::info("speech has no port of its own where the system chooses the server's");
    Result<int> listening = http_.listen(options_.address, port, router_);
    if (listening)
      log::info("speech is also on {}:{}", options_.address, port);
    else
      log::warn("speech has no port of its own: {}", listening.error().message);
  }

  void on_loaded(const Result<>& loaded) {
    if (http_.draining()) return;  // perhaps it was broken off
    if (!loaded) {
      outcome_ = loaded;
      http_.drain();
      http_.abort();
    } else {
      is_ready_ = true;
      manager_.ready(status_words());
      (options_.on_ready ? options_.on_ready : say_ready)(url_);
    }
  }

  std::string status_words() const {
    std::vector<std::string> names;
    for (const ModelStatus& model : models_.status()) {
      if (!model.hosted) continue;
      const auto& ranked = model.hosted->served->placements().ranked;
      names.push_back(fmt::format("{} {} on {}", model.package.name, model.version,
                                  ranked.empty() ? "?" : ranked.front().placement.device));
    }
    return fmt::format("serving {} on {}", names.empty() ? "no model yet" : join(names, ", "),
                       url_);
  }

  // Tells the service manager what goes on: more time while models load, and what is served.
  void tick() {
    constexpr Duration kTick = seconds(5);
    if (!is_ready_ && !http_.draining())
      manager_.extend(3 * kTick);
    else if (std::string words = status_words(); is_ready_ && words != last_words_)
      manager_.status(last_words_ = std::move(words));
    tick_.expires_after(kTick);
    tick_.async_wait([this](const ErrorCode& error) {
      if (!error) tick();
    });
  }

  std::string what_is_stuck() {
    if (std::string stuck = loops_.look(); !stuck.empty()) return stuck;
    std::string stuck;
    for (const ModelStatus& model : models_.status())
      if (model.hosted && stuck.empty())
        stuck = progress_.look(fmt::format("{} {}", model.package.name, model.version),
                               model.hosted->served->counters(),
                               patience_with(model.package.task, options_), Clock::now());
    return stuck;
  }

  void wait_for_signal() {
    signals_.async_wait([this](const ErrorCode& error, int number) {
      if (error) return;
      if (http_.draining()) return end_now("a second signal");
      log::info("signal {}: answering what was accepted, then ending", number);
      manager_.stopping("answering what was accepted");
      manager_.extend(options_.drain_time + seconds(10));
      drain_until_ = Clock::now() + options_.drain_time;
      http_.drain();
      patience_.expires_after(options_.drain_time);
      patience_.async_wait([this](const ErrorCode& cancelled) {
        if (!cancelled) end_now("the time for it is over");
      });
      wait_for_signal();
    });
  }

  void end_now(std::string_view why) {
    log::warn("ending at once: {}", why);
    http_.abort();
    models_.drain(Clock::now());
  }

  const ServerConfig& config_;
  const ServerOptions& options_;
  RecentErrors errors_;
  RecentTimes times_;
  Metrics metrics_;
  Gate gate_;
  ModelHost models_;
  WorkPool pool_;  // its jobs hold models
  std::unique_ptr<SpeechModels> speech_models_;
  SpeechService speech_;
  std::unique_ptr<SpeechJobs> jobs_;
  Router router_, probe_router_;
  HttpServer http_;
  HttpServer probes_;  // the listener for health and metrics, with a loop of its own
  Services services_;
  std::unique_ptr<frigate::Detector> frigate_;
  asio::io_context control_;
  asio::signal_set signals_;
  asio::steady_timer patience_;
  asio::steady_timer tick_;
  ServiceManager manager_;
  ProgressWatch progress_;
  LoopProbe loops_;
  Watchdog watchdog_;
  std::string url_, last_words_;
  bool is_ready_ = false;
  std::optional<TimePoint> drain_until_;
  Result<> outcome_;
};

}  // namespace

Result<> serve(const ServerConfig& config) {
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  // The default action returns with the last set of signals, so this one outlives the server: a
  // signal that comes while it is taken apart must not end it.
  asio::io_context nobody;
  asio::signal_set until_the_end(nobody, SIGINT, SIGTERM);
  Server server(config);
  return server.run();
}

}  // namespace anynpu::server
