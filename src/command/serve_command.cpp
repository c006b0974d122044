// SPDX-License-Identifier: Apache-2.0
// `anynpu serve`: models over HTTP, with a page to try them out.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "base/subprocess.h"
#include "base/tell.h"
#include "command/command.h"
#include "command/config_flags.h"
#include "server/serve.h"

namespace anynpu::command {
namespace {

void say_ready(const CommandContext& context, const std::string& url) {
  if (!context.json) {
    tell("anynpu is serving on {}\n", url);
    return;
  }
  auto report = context.report();
  report->data("url", url);
  report->finish();
}

/// `anynpu doctor --json`, in a process of its own: its checks may take seconds, and fork.
Json ask_doctor(const std::stop_token& stop) {
  auto ran =
      run_command({"/proc/self/exe", "doctor", "--json"}, {.timeout = seconds(25), .stop = stop});
  Json report = ran ? Json::parse(ran->output, nullptr, false) : Json();
  if (report.is_object() && report.contains("findings")) return report["findings"];
  log::debug("the doctor gave no answer");
  return Json::array();
}

/// What the doctor finds, once a minute, on a thread of its own.
class FindingsWatch {
 public:
  FindingsWatch() : thread_([this](const std::stop_token& stop) { look(stop); }) {}

  Json latest() const {
    std::lock_guard lock(mutex_);
    return findings_;
  }

 private:
  void look(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      lock.unlock();
      Json found = ask_doctor(stop);
      lock.lock();
      findings_ = std::move(found);
      changed_.wait_for(lock, stop, std::chrono::minutes(1), [] { return false; });
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Json findings_ = Json::array();
  std::jthread thread_;  // the last: it uses the others
};

int serve(const ConfigFlags& flags, const CommandContext& context) {
  server::LoadedConfig loaded = load_config(flags, context);
  if (auto good = server::first_problem(loaded); !good) {
    const bool by_flag = good.error().message.starts_with("--");
    const int code = context.fail(good.error());
    return by_flag ? kExitUsage : code;
  }
  server::ServerConfig& config = loaded.config;
  if (auto set = log::set_up(config.log_level, config.log_format); !set)
    return context.fail(set.error());
  if (!loaded.file.empty()) log::info("configured by {}", loaded.file.string());
  config.serve.on_ready = [&context](const std::string& url) { say_ready(context, url); };
  FindingsWatch findings;
  config.serve.find_findings = [&findings] { return findings.latest(); };
  auto served = server::serve(config);
  if (!served) return context.fail(served.error());
  return kExitOk;
}

}  // namespace

void add_serve_command(CLI::App& app, CommandContext& context) {
  CLI::App* command =
      app.add_subcommand("serve", "Answer over HTTP, with a page to try models out");
  auto flags = add_config_flags(*command);
  command->footer(
      "GET / is the page, POST /infer takes pictures, GET /health and /status say how it is.\n"
      "Every option can also be in a file and in the environment: anynpu config show\n\n"
      "Examples:\n"
      "  anynpu serve\n"
      "  anynpu serve --model mobilenet_v1 --model ssd_mobilenet_v1 --host 0.0.0.0\n"
      "  curl -F image=@cat.jpg http://127.0.0.1:8080/infer");
  on_chosen(*command, context, [flags](CommandContext& c) { return serve(*flags, c); });
}

}  // namespace anynpu::command
