// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "server/config_options.h"
#include "server/config_reference.h"
#include "server/config_value.h"
#include "temporary_folder.h"

namespace anynpu::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() { input_.system_file = folder_ / "etc.toml"; }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  /// Loads `text` as the file of --config.
  LoadedConfig load(const std::string& text) {
    write("anynpu.toml", text);
    input_.file = (folder_ / "anynpu.toml").string();
    return load_config(input_);
  }
  static std::vector<std::string> messages(const LoadedConfig& loaded) {
    std::vector<std::string> all;
    for (const Error& problem : loaded.problems) all.push_back(problem.message);
    return all;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryFolder folder_;
  ConfigInput input_;
};

TEST_F(ConfigTest, NothingAtAllIsTheDefaults) {
  LoadedConfig loaded = load_config(input_);
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_TRUE(loaded.file.empty());
  EXPECT_THAT(loaded.origins, IsEmpty());
  EXPECT_EQ(loaded.config.serve.port, ServerOptions().port);
  EXPECT_EQ(loaded.config.serve.http.body_bytes, HttpLimits().body_bytes);
}

TEST_F(ConfigTest, ModelsOfTheCommandLineReplaceThoseOfTheFile) {
  input_.models = {"c", "a,b"};
  LoadedConfig loaded = load("[models]\nload = [\"a\"]\n[[model]]\nname = \"b\"\n");
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_THAT(loaded.config.serve.models, ElementsAre("c", "a,b"));
  EXPECT_EQ(loaded.origins["models.load"].where, "--model");
}

TEST_F(ConfigTest, ReadsEveryKindOfValue) {
  LoadedConfig loaded = load(R"(
[server]
host = "0.0.0.0"
port = 9000
body_limit = "16 MiB"
header_limit = 4096
header_timeout = 2.5
keep_alive_timeout = "2 min"
access_log = true
cors_origins = ["https://example.org", "*"]
log_format = "json"
[models]
load = ["a", "b"]
policy = "cpu-only"
watch_interval = "500 ms"
queue = 7
batch_wait_ms = 1.5
hang_limit = "3 s"
npu_check = 0
isolated = false
[detection]
threshold = 0.5
labels = []
)");
  EXPECT_THAT(messages(loaded), IsEmpty());
  const ServerConfig& config = loaded.config;
  EXPECT_EQ(config.serve.address, "0.0.0.0");
  EXPECT_EQ(config.serve.port, 9000);
  EXPECT_EQ(config.serve.http.body_bytes, 16U << 20);
  EXPECT_EQ(config.serve.http.header_bytes, 4096U);
  EXPECT_EQ(config.serve.http.header_time, milliseconds(2500));
  EXPECT_EQ(config.serve.http.idle_time, seconds(120));
  EXPECT_TRUE(config.access_log);
  EXPECT_THAT(config.cors_origins, ElementsAre("https://example.org", "*"));
  EXPECT_EQ(config.log_format, "json");
  EXPECT_THAT(config.serve.models, ElementsAre("a", "b"));
  EXPECT_EQ(config.serve.runtime.policy, runtime::Policy::kCpuOnly);
  EXPECT_EQ(config.watch_interval, milliseconds(500));
  EXPECT_EQ(config.serve.runtime.queue_limit, 7U);
  EXPECT_EQ(config.serve.runtime.batch_wait, microseconds(1500));
  EXPECT_EQ(config.serve.runtime.hang_limit, seconds(3));
  EXPECT_EQ(config.serve.runtime.canary_after, Duration::zero());
  EXPECT_FALSE(config.serve.runtime.isolated);
  EXPECT_DOUBLE_EQ(config.detection_threshold, 0.5);
  EXPECT_EQ(loaded.origins.at("server.port").where, path("anynpu.toml") + ":4");
}

TEST_F(ConfigTest, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  input_.environment = {{"ANYNPU_SERVE_PORT", "2"},
                        {"ANYNPU_SERVE_HOST", "127.0.0.2"},
                        {"ANYNPU_SERVE_MODELS_THREADS", "3"},
                        {"ANYNPU_SERVE_LOG_LEVEL", ""}};
  input_.flags = {{"server.port", "--port", "3"}};
  LoadedConfig loaded =
      load("[server]\nport = 1\nhost = '127.0.0.1'\nconnections = 5\nlog_level = 'error'\n");
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.serve.port, 3);
  EXPECT_EQ(loaded.config.serve.address, "127.0.0.2");
  EXPECT_EQ(loaded.config.serve.http.connections, 5U);
  EXPECT_EQ(loaded.config.serve.runtime.threads, 3);
  EXPECT_EQ(loaded.config.log_level, "error") << "an empty variable counts as not set";
  EXPECT_EQ(loaded.origins.at("server.port").source, Source::kFlag);
  EXPECT_EQ(loaded.origins.at("server.port").where, "--port");
  EXPECT_EQ(loaded.origins.at("server.host").where, "ANYNPU_SERVE_HOST");
  EXPECT_EQ(loaded.origins.at("server.connections").source, Source::kFile);
  EXPECT_FALSE(loaded.origins.contains("server.body_limit"));
}

TEST_F(ConfigTest, FindsTheFileInTheStatedOrder) {
  std::filesystem::create_directories(folder_ / "xdg/anynpu");
  std::filesystem::create_directories(folder_ / "home/.config/anynpu");
  write("etc.toml", "[server]\nport = 1\n");
  EXPECT_EQ(load_config(input_).config.serve.port, 1);
  write("home/.config/anynpu/anynpu.toml", "[server]\nport = 2\n");
  input_.environment["HOME"] = path("home");
  EXPECT_EQ(load_config(input_).config.serve.port, 2);
  write("xdg/anynpu/anynpu.toml", "[server]\nport = 3\n");
  input_.environment["XDG_CONFIG_HOME"] = path("xdg");
  EXPECT_EQ(load_config(input_).config.serve.port, 3);
  input_.environment["XDG_CONFIG_HOME"] = "relative";
  EXPECT_EQ(load_config(input_).config.serve.port, 2);
  write("named.toml", "[server]\nport = 4\n");
  input_.environment["ANYNPU_CONFIG"] = path("named.toml");
  EXPECT_EQ(load_config(input_).config.serve.port, 4);
  write("flag.toml", "[server]\nport = 5\n");
  input_.file = path("flag.toml");
  EXPECT_EQ(load_config(input_).config.serve.port, 5);
}

TEST_F(ConfigTest, AFileThatWasNamedMustBeThere) {
  input_.file = path("absent.toml");
  LoadedConfig loaded = load_config(input_);
  ASSERT_THAT(loaded.problems, SizeIs(1));
  EXPECT_EQ(loaded.problems[0].code, Code::kNotFound);
  EXPECT_THAT(loaded.problems[0].message, HasSubstr("absent.toml"));
}

TEST_F(ConfigTest, NamesEveryProblemWithItsPlace) {
  LoadedConfig loaded = load(R"([server]
prot = 80
port = 99999
body_limit = "64 parsecs"
access_log = "yes"
log_level = "inof"
policy = "cpu-only"
[sever]
port = 1
[models]
load = "a"
policy = 3
instances = 1.5
)");
  std::string file = path("anynpu.toml");
  EXPECT_THAT(
      messages(loaded),
      testing::UnorderedElementsAre(
          file + ":2:1: [server] has no key 'prot'",
          file + ":3:8: server.port must be a whole number from 0 to 65535, not 99999",
          file + ":4:14: server.body_limit must be a size from 1 KiB to 4 GiB, not "
                 "'64 parsecs'",
          file + ":5:14: server.access_log must be true or false, not 'yes'",
          file + ":6:13: server.log_level must be one of debug, info, warn, error, off, not "
                 "inof",
          file + ":7:1: [server] has no key 'policy'", file + ":8:2: there is no section 'sever'",
          file + ":11:8: models.load must be a list of texts, not 'a'",
          file + ":12:10: models.policy must be one of npu-required, npu-preferred, "
                 "cpu-only, not 3",
          file + ":13:13: models.instances must be a whole number from 0 to 64, not 1.5"));
  std::map<std::string, std::string> hints;
  for (const Error& problem : loaded.problems)
    hints[problem.message.substr(file.size() + 1, 1)] = problem.hint;
  EXPECT_EQ(hints["2"], "did you mean 'port'?");
  EXPECT_EQ(hints["6"], "did you mean 'info'?");
  EXPECT_EQ(hints["7"], "'policy' belongs in [models]");
  EXPECT_EQ(hints["8"], "did you mean '[server]'?");
}

TEST_F(ConfigTest, AKeyOutsideOfItsSectionIsSentHome) {
  LoadedConfig loaded = load("port = 80\nsticky_header = 'X'\nserver = 3\nmodel = {name = 'a'}\n");
  ASSERT_THAT(loaded.problems, SizeIs(4));
  std::vector<std::string> hints;
  for (const Error& problem : loaded.problems) hints.push_back(problem.hint);
  EXPECT_THAT(hints, testing::IsSupersetOf({std::string("'port' belongs in [server]"),
                                            std::string("'sticky_header' belongs in [[model]]"),
                                            std::string("begin each model with [[model]]")}));
}

TEST_F(ConfigTest, BadVariablesAndFlagsAreNamed) {
  input_.environment = {{"ANYNPU_SERVE_PROT", "1"}, {"ANYNPU_SERVE_CONNECTIONS", "many"}};
  input_.flags = {{"server.body_limit", "--body-limit", "1B"}};
  LoadedConfig loaded = load_config(input_);
  EXPECT_THAT(
      messages(loaded),
      ElementsAre("ANYNPU_SERVE_CONNECTIONS: server.connections must be a whole number from "
                  "1 to 1000000, not 'many'",
                  "ANYNPU_SERVE_PROT: there is no such option",
                  "--body-limit: server.body_limit must be a size from 1 KiB to 4 "
                  "GiB, not 1"));
  EXPECT_EQ(loaded.problems[1].hint, "did you mean 'ANYNPU_SERVE_PORT'?");
}

TEST_F(ConfigTest, BrokenTomlNamesItsPlace) {
  LoadedConfig loaded = load("[server]\nport = = 3\n");
  ASSERT_THAT(loaded.problems, SizeIs(1));
  EXPECT_THAT(loaded.problems[0].message, StartsWith(path("anynpu.toml") + ":2:"));
}

TEST_F(ConfigTest, ReadsModels) {
  LoadedConfig loaded = load(R"(
[models]
threads = 2
[[model]]
name = "a"
versions = [1, 2]
labels = {stable = 1, canary = 2}
weights = {stable = 90, canary = 10}
sticky_header = "X-User"
threads = 4
[[model]]
name = "b"
versions = "latest 3"
[[model]]
name = "c"
versions = "all"
)");
  EXPECT_THAT(messages(loaded), IsEmpty());
  const ServerConfig& config = loaded.config;
  ASSERT_THAT(config.models, SizeIs(3));
  EXPECT_EQ(config.models[0].versions.kind, VersionPolicy::Kind::kSpecific);
  EXPECT_THAT(config.models[0].versions.numbers, ElementsAre(1, 2));
  EXPECT_EQ(config.models[0].labels.at("canary"), 2);
  EXPECT_EQ(config.models[0].weights.at("stable"), 90);
  EXPECT_EQ(config.models[0].sticky_header, "X-User");
  EXPECT_EQ(config.models[0].runtime.threads, 4);
  EXPECT_EQ(config.models[1].runtime.threads, 2) << "as [models] says";
  EXPECT_EQ(config.models[1].versions.latest, 3);
  EXPECT_EQ(config.models[2].versions.kind, VersionPolicy::Kind::kAll);
  EXPECT_THAT(config.serve.models, ElementsAre("a", "b", "c")) << "nothing else is to be loaded";
  EXPECT_EQ(loaded.origins.at("model[0].labels").where, path("anynpu.toml") + ":7");
}

TEST_F(ConfigTest, FindsContradictions) {
  LoadedConfig loaded = load(R"([server]
host = "example.org"
port = 80
health_port = 80
cors_origins = ["example.org"]
body_limit = "2 GiB"
token = "with space"
[zmq]
endpoint = "/run/zmq"
[[model]]
name = "a"
versions = [1, 1]
labels = {stable = 1, canary = 2}
weights = {stabel = 0}
[[model]]
name = "a"
sticky_header = "X User"
[[model]]
threads = 1
)");
  std::string all = join(messages(loaded), "\n");
  for (const char* piece :
       {":2: server.host: 'example.org' is no IP address",
        ":4: server.health_port is the server's own port, 80",
        ":5: server.cors_origins: 'example.org' is no origin", "server.buffered_limit is less than",
        ":7: the token may have letters", ":9: zmq.endpoint: '/run/zmq' is no ipc:// or tcp://",
        ":13: label 'canary' is version 2, which model.versions does not load",
        ":14: model.weights: there is no label 'stabel'", ":14: model.weights are all 0",
        ":12: model.versions names a version twice", ":16: there are two [[model]] of the name 'a'",
        ":17: model.sticky_header needs model.weights",
        ":17: model.sticky_header: 'X User' is no name of a header", ":18: [[model]] needs a name"})
    EXPECT_THAT(all, HasSubstr(piece));
  EXPECT_THAT(loaded.problems, SizeIs(14)) << all;
}

TEST_F(ConfigTest, TheTokenComesFromAFileAndIsNeverShown) {
  write("token", "  s3cret-token\n");
  LoadedConfig loaded = load("[server]\ntoken_file = '" + path("token") + "'\n");
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.token, "s3cret-token");
  bool seen = false;
  for (const auto& option : server_options()) {
    if (!option.info.secret) continue;
    seen = true;
    Slot slot = option.slot(loaded.config);
    EXPECT_EQ(value_json(option.info, slot), "(set)");
    EXPECT_THAT(value_toml(option.info, slot), testing::Not(HasSubstr("s3cret")));
    EXPECT_THAT(wrong_value(option.info, slot, "s3cret").message,
                testing::Not(HasSubstr("s3cret")));
    EXPECT_EQ(option.info.flag, "") << "it would stand in the process list";
  }
  EXPECT_TRUE(seen);

  loaded = load("[server]\ntoken = 'x'\ntoken_file = '" + path("token") + "'\n");
  EXPECT_THAT(messages(loaded), ElementsAre(HasSubstr("are both set")));
  loaded = load("[server]\ntoken_file = '" + path("absent") + "'\n");
  EXPECT_THAT(messages(loaded), ElementsAre(HasSubstr("absent")));
  write("empty", "\n");
  loaded = load("[server]\ntoken_file = '" + path("empty") + "'\n");
  EXPECT_THAT(messages(loaded), ElementsAre(HasSubstr("is empty")));
}

TEST_F(ConfigTest, ManyProblemsAreCut) {
  std::string text = "[server]\n";
  for (int i = 0; i < 500; ++i) text += "unknown_key_" + std::to_string(i) + " = 1\n";
  EXPECT_THAT(load(text).problems, SizeIs(kMostProblems));
}

TEST_F(ConfigTest, OneErrorForThoseWhoNeedOne) {
  LoadedConfig loaded = load("[server]\nport = -1\nconnections = 0\n");
  Result<> first = first_problem(loaded);
  ASSERT_FALSE(first);
  EXPECT_THAT(first.error().message, HasSubstr("(and 1 more)"));
  EXPECT_THAT(first.error().hint, HasSubstr("anynpu config check"));
  EXPECT_TRUE(first_problem(load("")));
}

// The table itself.

TEST(ConfigOptions, AreConsistent) {
  std::set<std::string> keys, flags, variables;
  ServerConfig config;
  for (const auto& option : server_options()) {
    const OptionInfo& info = option.info;
    EXPECT_TRUE(keys.insert(info.key).second) << info.key;
    EXPECT_TRUE(variables.insert(info.environment_name()).second) << info.key;
    EXPECT_FALSE(info.help.empty()) << info.key;
    Slot slot = option.slot(config);
    bool is_bool = std::holds_alternative<bool*>(slot);
    EXPECT_EQ(is_bool, !info.flag_sets.empty()) << info.key;
    EXPECT_EQ(info.flag.empty(), info.secret) << info.key;
    EXPECT_TRUE(info.flag.empty() || flags.insert(info.flag).second) << info.flag;
  }
  EXPECT_TRUE(variables.contains("ANYNPU_SERVE_PORT"));
  EXPECT_TRUE(variables.contains("ANYNPU_SERVE_DETECTION_THRESHOLD"));
  EXPECT_TRUE(flags.contains("--keep-alive-timeout"));
}

// What `config show` prints can be put into a file again.
TEST(ConfigOptions, DefaultsAreInTheirRangesAndReadBack) {
  ServerConfig config;
  for (const auto& option : server_options()) {
    Slot slot = option.slot(config);
    Json before = value_json(option.info, slot);
    std::string text = value_toml(option.info, slot);
    if (option.info.secret) continue;
    if (text.front() == '[') text = text.substr(1, text.size() - 2);
    if (text.front() == '"') text = Json::parse(text).get<std::string>();
    Result<> set = set_from_text(option.info, slot, text);
    EXPECT_TRUE(set || text.empty()) << option.info.key << " = " << text;
    EXPECT_EQ(value_json(option.info, slot), before) << option.info.key;
  }
}

TEST(ConfigOptions, TheReferenceNamesThemAll) {
  std::string page = config_reference();
  for (const auto& option : server_options()) {
    EXPECT_THAT(page, HasSubstr("| `" + option.info.name() + "` |"));
    EXPECT_THAT(page, HasSubstr(fmt::format("`{}`", option.info.environment_name())));
    if (!option.info.secret) {
      EXPECT_THAT(page, HasSubstr("`" + option.info.flag + "`"));
    }
  }
  for (const auto& option : model_options())
    EXPECT_THAT(page, HasSubstr("| `" + option.info.name() + "` |"));
}

TEST_F(ConfigTest, TheExampleOfTheReferenceIsGood) {
  std::string page = config_reference();
  constexpr std::string_view kFence = "```toml\n";
  std::size_t start = page.find(kFence) + kFence.size();
  std::string example = page.substr(start, page.find("```", start) - start);
  LoadedConfig loaded = load(example);
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_THAT(loaded.config.models, SizeIs(2));
  // So is what it has as a comment.
  for (std::size_t at = 0; (at = example.find("\n#", at)) != std::string::npos;)
    example.erase(at + 1, 1);
  write("token", "abc");
  const std::size_t at = example.find("/etc/anynpu/token");
  ASSERT_NE(at, std::string::npos);
  example.replace(at, example.find('"', at) - at, path("token"));
  loaded = load(example);
  EXPECT_THAT(messages(loaded), IsEmpty());
  EXPECT_THAT(loaded.config.models[0].versions.numbers, SizeIs(2));
}

}  // namespace
}  // namespace anynpu::server
