// SPDX-License-Identifier: Apache-2.0
// The ways out that every subcommand shares.
#include "command/command.h"

#include <cstdio>

#include <fmt/format.h>

#include "base/tell.h"
#include "base/text.h"
#include "command/output.h"

namespace anynpu::command {
namespace {

int fail_with(const CommandContext& context, const Error& error, int exit_code) {
  tell("error: {}\n", printable(error.message, 2000));
  if (!error.hint.empty()) tell("hint: {}\n", printable(error.hint, 2000));
  if (context.json) {
    auto report = json_report(context.out());
    report->data("error", to_json(error));
    report->finish();
  }
  return exit_code;
}

}  // namespace

std::ostream& CommandContext::out() const {
  return standard_output();
}

std::unique_ptr<Report> CommandContext::report() const {
  return json ? json_report(out()) : text_report(out());
}

int CommandContext::fail(const Error& error) const {
  return fail_with(*this, error, error.code == Code::kCancelled ? kExitInterrupted : kExitFailed);
}

int CommandContext::fail_usage(const Error& error) const {
  return fail_with(*this, error, kExitUsage);
}

Json to_json(const Error& error) {
  Json object{{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.hint.empty()) object["hint"] = error.hint;
  return object;
}

void on_chosen(CLI::App& command, CommandContext& context, Action action) {
  command.callback([&context, action = std::move(action)] { context.action = action; });
}

}  // namespace anynpu::command
