// SPDX-License-Identifier: Apache-2.0
// `anynpu serve`: models over HTTP, with a page to try them out.
#include <memory>

#include <fmt/format.h>

#include "base/log.h"
#include "command/command.h"
#include "command/config_flags.h"
#include "server/serve.h"

namespace anynpu::command {
namespace {

void say_ready(const CommandContext& context, const std::string& url) {
  if (!context.json) {
    fmt::print(stderr, "anynpu is serving on {}\n", url);
    return;
  }
  auto report = context.report();
  report->data("url", url);
  report->finish();
}

int serve(const ConfigFlags& flags, const CommandContext& context) {
  server::LoadedConfig loaded = load_config(flags, context);
  if (auto good = server::first_problem(loaded); !good) return context.fail(good.error());
  server::ServerConfig& config = loaded.config;
  if (auto set = log::set_up(config.log_level, config.log_format); !set)
    return context.fail(set.error());
  if (!loaded.file.empty()) log::info("configured by {}", loaded.file.string());
  config.serve.on_ready = [&context](const std::string& url) { say_ready(context, url); };
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
