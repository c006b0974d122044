// SPDX-License-Identifier: Apache-2.0
// What every subcommand shares: the options that all of them take, the ways out, the exit code.
//
// A subcommand is one file NAME_command.cpp with one function:
//
//   void add_NAME_command(CLI::App& app, CommandContext& context) {
//     auto options = std::make_shared<Options>();
//     CLI::App* command = app.add_subcommand("NAME", "What it does, in one line.");
//     command->add_option("MODEL", options->model, "a package, a folder or a file")->required();
//     command->footer("Examples:\n  anynpu NAME mobilenet_v1");
//     on_chosen(*command, context, [options](CommandContext& c) { return run_it(*options, c); });
//   }
//
// main() adds --json, --log-level and the look of --help to every command of the tree, sets logging
// up, and then runs the action of the command that was chosen. Nothing is written to standard
// output but through report() and out().
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include "base/exit_codes.h"
#include "base/report.h"
#include "base/result.h"

namespace anynpu::command {

struct CommandContext;
/// Does the work of a command and returns its exit code.
using Action = std::function<int(CommandContext&)>;

struct CommandContext {
  bool json = false;               // --json: documents for programs instead of text for people
  std::string log_level = "warn";  // --log-level
  int exit_code = kExitOk;         // what main returns
  Action action;                   // of the chosen command

  /// Standard output. It goes bad, without a signal, when the reader has gone away.
  std::ostream& out() const;

  /// A document on standard output: text, or JSON with --json. Ends with report->finish().
  std::unique_ptr<Report> report() const;

  /// Prints the error and its hint on standard error and, with --json, {"schema_version",
  /// "error": {"code", "message", "hint"}} on standard output. Returns the exit code that belongs
  /// to the error: kExitInterrupted for Code::kCancelled, kExitFailed for all others.
  int fail(const Error& error) const;

  /// The same for a command line that is wrong in a way that only the command can see.
  int fail_usage(const Error& error) const;
};

/// {"code", "message"} and, when there is one, "hint".
Json to_json(const Error& error);

/// Tells main to run `action` when the command line names `command`.
void on_chosen(CLI::App& command, CommandContext& context, Action action);

void add_bench_command(CLI::App& app, CommandContext& context);
void add_check_command(CLI::App& app, CommandContext& context);
void add_bundle_command(CLI::App& app, CommandContext& context);
void add_clean_command(CLI::App& app, CommandContext& context);
void add_completion_command(CLI::App& app, CommandContext& context);
void add_config_command(CLI::App& app, CommandContext& context);
void add_devices_command(CLI::App& app, CommandContext& context);
void add_doctor_command(CLI::App& app, CommandContext& context);
void add_engines_command(CLI::App& app, CommandContext& context);
void add_explain_command(CLI::App& app, CommandContext& context);
void add_manual_command(CLI::App& app, CommandContext& context);
void add_mel_command(CLI::App& app, CommandContext& context);
void add_models_command(CLI::App& app, CommandContext& context);
void add_recover_command(CLI::App& app, CommandContext& context);
void add_run_command(CLI::App& app, CommandContext& context);
void add_serve_command(CLI::App& app, CommandContext& context);
void add_sim_command(CLI::App& app, CommandContext& context);
void add_top_command(CLI::App& app, CommandContext& context);
void add_transcribe_command(CLI::App& app, CommandContext& context);
void add_version_command(CLI::App& app, CommandContext& context);

}  // namespace anynpu::command
