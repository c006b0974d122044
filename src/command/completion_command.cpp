// SPDX-License-Identifier: Apache-2.0
// `anynpu completion SHELL`: the script that lets a shell complete anynpu's command lines.
#include <memory>

#include "command/command.h"
#include "command/completion_scripts.h"

namespace anynpu::command {
namespace {

const CLI::App& root_of(const CLI::App& command) {
  const CLI::App* root = &command;
  while (root->get_parent() != nullptr) root = root->get_parent();
  return *root;
}

std::string script_for(const std::string& shell, const CLI::App& root) {
  if (shell == "zsh") return zsh_completion(root);
  if (shell == "fish") return fish_completion(root);
  return bash_completion(root);
}

}  // namespace

void add_completion_command(CLI::App& app, CommandContext& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  command->footer(
      "Examples:\n"
      "  source <(anynpu completion bash)                       # this shell\n"
      "  anynpu completion bash > ~/.local/share/bash-completion/completions/anynpu\n"
      "  anynpu completion fish > ~/.config/fish/completions/anynpu.fish");
  on_chosen(*command, context, [shell, command](CommandContext& c) {
    std::string script = script_for(*shell, root_of(*command));
    if (c.json) {
      auto report = c.report();
      report->data("shell", *shell);
      report->data("script", script);
      report->finish();
    } else {
      c.out() << script;
    }
    return static_cast<int>(kExitOk);
  });
}

}  // namespace anynpu::command
