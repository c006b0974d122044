// SPDX-License-Identifier: Apache-2.0
// Completion scripts for shells, written from the tree of commands.
//
// All three work alike: the commands among the words so far make a path ("models pull"), the path
// has a list of commands and options, some options have a list of values, and everything else is a
// file.
#include "command/completion_scripts.h"

#include <array>
#include <functional>

#include <fmt/format.h>

#include "base/text.h"
#include "command/command_line.h"

namespace anynpu::command {
namespace {

struct Choice {
  std::string_view option;
  std::string_view values;
};
constexpr std::array<Choice, 3> kChoices = {{{"--policy", "npu-required npu-preferred cpu-only"},
                                             {"--format", "text json csv"},
                                             {"--log-level", "debug info warn error off"}}};

// The names of the packages, for the places where a model is meant.
constexpr std::string_view kModelNames =
    R"sed(anynpu models list --json 2>/dev/null | sed -n 's/^ *"name": "\([^"]*\)".*/\1/p')sed";

// "models pull" of the command "anynpu models pull"; "" of the root.
std::string path_of(const CLI::App& command) {
  std::string name = full_name(command);
  std::size_t space = name.find(' ');
  return space == std::string::npos ? "" : name.substr(space + 1);
}

void for_each_command(const CLI::App& command, const std::function<void(const CLI::App&)>& visit) {
  visit(command);
  for (const CLI::App* below : visible_commands(command)) for_each_command(*below, visit);
}

std::string words_of(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* below : visible_commands(command)) words.push_back(below->get_name());
  for (std::string& name : option_names(command)) words.push_back(std::move(name));
  return join(words, " ");
}

bool names_a_model(const CLI::App& command) {
  return command.get_option_no_throw("MODEL") != nullptr ||
         (path_of(command).starts_with("models ") &&
          command.get_option_no_throw("NAME") != nullptr);
}

// The part that bash and zsh share: the end of a loop over the words, each as `word`, and from them
// `at`, the path; `list`, what may follow; and `models`. (In zsh, `path` and `words` are taken.)
std::string shared_part(const CLI::App& root) {
  std::string known, lists, models;
  for_each_command(root, [&](const CLI::App& command) {
    std::string path = path_of(command);
    lists += fmt::format("    \"{}\") list=\"{}\" ;;\n", path, words_of(command));
    if (names_a_model(command)) models += fmt::format("{}\"{}\"", models.empty() ? "" : "|", path);
    if (path.empty()) return;
    std::size_t space = path.rfind(' ');
    std::string above = space == std::string::npos ? "" : path.substr(0, space);
    known += fmt::format("{}\"{} {}\"", known.empty() ? "" : "|", above, command.get_name());
  });
  std::string text = fmt::format(
      "    case \"$at $word\" in\n      {}) at=\"${{at:+$at }}$word\" ;;\n    esac\n  done\n",
      known);
  text += "  case \"$at\" in\n" + lists + "  esac\n";
  if (!models.empty())
    text += fmt::format("  case \"$at\" in\n    {}) models=\"$({})\" ;;\n  esac\n", models,
                        kModelNames);
  text += "  case \"$previous\" in\n";
  for (const Choice& choice : kChoices)
    text += fmt::format("    {}) list=\"{}\"; models=\"\" ;;\n", choice.option, choice.values);
  return text + fmt::format("    --model) list=\"\"; models=\"$({})\" ;;\n  esac\n", kModelNames);
}

std::string single_quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string bash_completion(const CLI::App& root) {
  return "# bash completion for anynpu: source <(anynpu completion bash)\n"
         "_anynpu() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  local at=\"\" list=\"\" models=\"\" word\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n" +
         shared_part(root) +
         "  COMPREPLY=($(compgen -W \"$list $models\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _anynpu anynpu\n";
}

std::string zsh_completion(const CLI::App& root) {
  return "#compdef anynpu\n"
         "# zsh completion for anynpu: source <(anynpu completion zsh)\n"
         "_anynpu() {\n"
         "  local previous=\"${words[CURRENT-1]}\" at=\"\" list=\"\" models=\"\" word\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n" +
         shared_part(root) +
         "  compadd -- ${=list} ${=models}\n"
         "  _files\n"
         "}\n"
         "(( $+functions[compdef] )) && compdef _anynpu anynpu\n";
}

std::string fish_completion(const CLI::App& root) {
  std::string script = "# fish completion for anynpu: anynpu completion fish | source\n";
  for_each_command(root, [&](const CLI::App& command) {
    std::string seen;
    for (const std::string& word : split(path_of(command), ' '))
      if (!word.empty())
        seen += fmt::format("{}__fish_seen_subcommand_from {}", seen.empty() ? "" : "; and ", word);
    std::vector<std::string> below;
    for (const CLI::App* one : visible_commands(command)) below.push_back(one->get_name());
    std::string not_yet =
        below.empty() ? "" : "not __fish_seen_subcommand_from " + join(below, " ");
    std::string here = seen + (seen.empty() || not_yet.empty() ? "" : "; and ") + not_yet;
    for (const CLI::App* one : visible_commands(command))
      script += fmt::format("complete -c anynpu -f -n {} -a {} -d {}\n", single_quoted(here),
                            one->get_name(), single_quoted(one->get_description()));
    if (names_a_model(command))
      script += fmt::format("complete -c anynpu -n {} -a {}\n", single_quoted(here),
                            single_quoted(fmt::format("({})", kModelNames)));
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_group().empty() || option->get_lnames().empty()) continue;
      std::string name = option->get_lnames().front();
      std::string line = fmt::format("complete -c anynpu -n {} -l {}", single_quoted(here), name);
      for (const std::string& letter : option->get_snames()) line += " -s " + letter;
      if (option->get_items_expected_max() > 0) line += " -r";
      for (const Choice& choice : kChoices)
        if (choice.option == "--" + name)
          line += fmt::format(" -f -a {}", single_quoted(choice.values));
      script += line + " -d " + single_quoted(option->get_description()) + "\n";
    }
  });
  return script;
}

}  // namespace anynpu::command
