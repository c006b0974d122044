// SPDX-License-Identifier: Apache-2.0
// docs/configuration.md, written from the table of options.
#include "server/config_reference.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/config_value.h"

namespace anynpu::server {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

`anynpu serve` is configured by one file, the environment and flags. Nothing needs to be configured: a
server without a file serves what is in the store.

This page is what `anynpu config reference` prints; a test keeps the two together.

## Where a value comes from

1. a flag: `--port 9000`
2. a variable of the environment: `ANYNPU_SERVE_PORT=9000`
3. the file: `port = 9000` in `[server]`
4. the default

The first that gives a value wins. What a `[[model]]` says of itself wins over what `[models]` (its flag,
its variable) says of all models.

The file is the first of these that there is:

1. `--config FILE`
2. `$ANYNPU_CONFIG`
3. `$XDG_CONFIG_HOME/anynpu/anynpu.toml`, which is `~/.config/anynpu/anynpu.toml` where that is not set
4. `/etc/anynpu/anynpu.toml`

One that is named by 1 or 2 must be there. An empty variable counts as not set.

```sh
anynpu config check            # every mistake, with file, line and column; exit code 1 when there is one
anynpu config check FILE
anynpu config show             # every value in force, and where it came from
anynpu config show --json
```

## An example

```toml
)";

constexpr std::string_view kExample = R"([server]
host = "0.0.0.0"
health_port = 9090                 # /health and /metrics on a port of their own
body_limit = "16 MiB"
#token_file = "/etc/anynpu/token"  # clients then have to send what is in it

[models]
policy = "npu-preferred"           # for every model that does not say otherwise

[[model]]
name = "mobilenet_v1"
#versions = [1, 2]                 # of a package that has two: a tenth of the requests gets the second,
#labels = {stable = 1, canary = 2}
#weights = {stable = 90, canary = 10}
#sticky_header = "X-User"          # and one user always the same

[[model]]
name = "efficientdet_lite0"
instances = 2
batch_wait_ms = 2

[detection]
model = "efficientdet_lite0"
labels = ["person", "car", "cat", "dog"]
)";

constexpr std::string_view kValues = R"(```

Sizes are bytes, or text with a unit: `"64 MiB"`, `"10 MB"`. Times are numbers in the unit of the table, or
text with a unit: `"250 ms"`, `"30 s"`, `"5 min"`, `"1 h"`. In a variable or a flag a list is separated by
commas, and true is also `yes`, `on` or `1`. A key, a section or a variable `ANYNPU_SERVE_...` that does
not exist is an error.

)";

// Markdown's tables are split at every bar.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string type_words(const OptionInfo& info, const Slot& slot) {
  if (!info.words.empty()) {
    std::vector<std::string> words;
    for (const std::string& word : info.words) words.push_back(fmt::format("`{}`", word));
    return join(words, ", ");
  }
  std::string words = must_be(info, slot);
  for (std::string_view article : {"a whole ", "a "})
    if (words.compare(0, article.size(), article) == 0)
      return words.substr(article == "a whole " ? 2 : article.size());
  return words;
}

template <typename Target>
std::string row(const Option<Target>& option, Target& defaults, bool everywhere) {
  const OptionInfo& info = option.info;
  Slot slot = option.slot(defaults);
  std::string value = fmt::format("`{}`", value_toml(info, slot));
  if (info.key == "model.name") value = "(needed)";
  std::string help = info.help;
  Json json = value_json(info, slot);
  bool is_zero = json.is_null() || (json.is_number() && json == 0) ||
                 (json.is_string() && json.get_ref<const std::string&>().empty()) ||
                 (json.is_array() && json.empty());
  if (!info.zero_means.empty())
    help += fmt::format(" {}: {}.",
                        is_zero                              ? "Default"
                        : value_json(info, slot).is_number() ? "0"
                                                             : "Empty",
                        info.zero_means);
  std::string line = fmt::format("| `{}` | {} | {} | {} |", info.name(),
                                 cell(type_words(info, slot)), cell(value), cell(help));
  if (everywhere) {
    std::string flag = info.flag.empty() ? "" : fmt::format("`{}`", info.flag);
    line += fmt::format(" {} | `{}` |", flag, info.environment_name());
  }
  return line + "\n";
}

std::string_view title(std::string_view section) {
  if (section == "server") return "Listeners, limits, access and logs.";
  if (section == "models")
    return "Which models are loaded, and how each is run that does not say otherwise.";
  if (section == "speech") return "Speech to text, its uploads and its jobs.";
  if (section == "detection") return "Detection for clients of DeepStack and CodeProject.AI.";
  return "Detection for Frigate's ZMQ detector.";
}

}  // namespace

std::string config_reference() {
  std::string page = fmt::format("{}{}{}", kIntroduction, kExample, kValues);
  ServerConfig defaults;
  std::string section;
  for (const Option<ServerConfig>& option : server_options()) {
    if (option.info.section() != section) {
      section = option.info.section();
      page += fmt::format(
          "## [{}]\n\n{}\n\n| key | what it is | default | what it does | flag | variable |\n"
          "|---|---|---|---|---|---|\n",
          section, title(section));
    }
    page += row(option, defaults, true);
    bool last = &option == &server_options().back() || (&option + 1)->info.section() != section;
    if (last) page += "\n";
  }
  page +=
      "## [[model]]\n\nOne for each model that has something of its own; in the file only. What it "
      "does not\nsay is as in `[models]`.\n\n| key | what it is | default | what it does |\n"
      "|---|---|---|---|\n";
  ModelConfig model;
  for (const Option<ModelConfig>& option : model_options()) page += row(option, model, false);
  return page;
}

}  // namespace anynpu::server
