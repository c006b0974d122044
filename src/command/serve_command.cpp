// SPDX-License-Identifier: Apache-2.0
// `anynpu serve`: models over HTTP, with a page to try them out.
#include <memory>

#include <fmt/format.h>

#include "base/log.h"
#include "command/command.h"
#include "command/serve_options.h"
#include "server/serve.h"

namespace anynpu::command {
namespace {

struct ServeOptions {
  server::ServerOptions server;
  double body_limit_mb = 64;
  double infer_seconds = 30;
  double drain_seconds = 30;
  double hang_seconds = 2;
};

Duration seconds_of(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

void say_ready(const CommandContext& context, const std::string& url) {
  if (!context.json) {
    fmt::print(stderr, "anynpu is serving on {}\n", url);
    return;
  }
  auto report = context.report();
  report->data("url", url);
  report->finish();
}

int serve(const ServeOptions& options, const CommandContext& context) {
  server::ServerOptions server = options.server;
  server.http.body_bytes = static_cast<std::uint64_t>(options.body_limit_mb * 1e6);
  server.infer_time = seconds_of(options.infer_seconds);
  server.drain_time = seconds_of(options.drain_seconds);
  server.runtime.hang_limit = seconds_of(options.hang_seconds);
  server.on_ready = [&context](const std::string& url) { say_ready(context, url); };
  auto served = server::serve(server);
  if (!served) return context.fail(served.error());
  return kExitOk;
}

void add_limits(CLI::App& command, ServeOptions& options) {
  command
      .add_option("--queue", options.server.runtime.queue_limit,
                  "requests that may wait for a model before more are refused (1024)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command.add_option("--body-limit", options.body_limit_mb, "largest request in megabytes (64)")
      ->check(CLI::Range(0.001, 4096.0))
      ->type_name("MB");
  command
      .add_option("--timeout", options.infer_seconds,
                  "give a request up after so many seconds (30)")
      ->check(CLI::Range(0.001, 86400.0))
      ->type_name("SECONDS");
  command
      .add_option("--hang-limit", options.hang_seconds,
                  "a worker that takes longer than this, and than 50 times its median, hangs (2)")
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("SECONDS");
  command
      .add_option("--drain", options.drain_seconds,
                  "after SIGTERM or Ctrl-C, wait so many seconds for requests under way (30)")
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("SECONDS");
}

}  // namespace

void add_serve_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command =
      app.add_subcommand("serve", "Answer over HTTP, with a page to try models out");
  command->add_option("--port", options->server.port, "TCP port (8080); 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->type_name("PORT");
  command
      ->add_option(
          "--host", options->server.address,
          "address to listen on (127.0.0.1); 0.0.0.0 or :: for every network of the machine")
      ->type_name("ADDRESS");
  command
      ->add_option("--model", options->server.models,
                   "load this package, folder or file at the start (several times for several); "
                   "the first one "
                   "is the default. Without it, packages are loaded when somebody asks for them")
      ->type_name("NAME");
  command
      ->add_option("--instances", options->server.runtime.instances,
                   "workers of each model (cores, at most 4)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  add_placement_options(*command, options->server.runtime);
  add_isolation_options(*command, options->server.runtime);
  add_limits(*command, *options);
  command->footer(
      "GET / is the page, POST /infer takes a picture, GET /health and /status say how it is.\n\n"
      "Examples:\n"
      "  anynpu serve\n"
      "  anynpu serve --model mobilenet_v1 --model ssd_mobilenet_v1 --host 0.0.0.0\n"
      "  curl -F image=@cat.jpg http://127.0.0.1:8080/infer");
  on_chosen(*command, context, [options](CommandContext& c) { return serve(*options, c); });
}

}  // namespace anynpu::command
