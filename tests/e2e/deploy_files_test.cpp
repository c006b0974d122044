// SPDX-License-Identifier: Apache-2.0
// The files of deploy/ against the program: alerts and the dashboard use only metrics and labels
// that there are, and the unit file gives the drain its time.
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/report.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "exposition.h"
#include "server/config.h"
#include "server/metrics.h"
#include "temporary_folder.h"

namespace anynpu {
namespace {

using server::Metrics;
using testing::IsEmpty;

std::string read(const std::string& name) {
  Result<std::string> text = read_text(std::filesystem::path(ANYNPU_SOURCE_DIR) / name);
  EXPECT_TRUE(text) << text.error().message;
  return text.value_or("");
}

/// A page with every metric that there is.
std::string whole_page() {
  Metrics metrics;
  server::RequestRecord record;
  record.route = "/infer";
  record.method = "POST";
  record.status = 200;
  metrics.request(record);
  runtime::Reply reply;
  reply.device = "cpu";
  reply.engine = "tflite";
  reply.fallback = "the serving placement is not up";
  metrics.of("a", 1).answered(reply, {1, 1, 1, 1, 1, 1});
  server::ServerFigures figures;
  figures.models = {{.model = "a", .version = 1, .ready = true}};
  figures.models[0].placements.resize(1);
  figures.circuits.resize(1);
  figures.speech.emplace().audio_seconds = 1;
  return metrics.text(figures);
}

/// Words of a query that look like metrics of ours and are none.
std::set<std::string> unknown_metrics(const std::string& text) {
  std::set<std::string> names = test::Exposition(whole_page()).names();
  std::set<std::string> unknown;
  static const std::regex kMetric("\\b(anynpu|process)_[a-z_]+\\b");
  for (std::sregex_iterator at(text.begin(), text.end(), kMetric), end; at != end; ++at) {
    std::string name = at->str();
    std::string base = std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "");
    if (!names.contains(name) && !names.contains(base)) unknown.insert(name);
  }
  return unknown;
}

TEST(DeployFiles, AlertsUseMetricsThatThereAre) {
  std::string rules = read("deploy/prometheus/anynpu.rules.yml");
  EXPECT_THAT(rules, testing::HasSubstr("anynpu_"));
  EXPECT_THAT(unknown_metrics(rules), IsEmpty());
}

TEST(DeployFiles, TheDashboardUsesMetricsThatThereAre) {
  std::string text = read("deploy/prometheus/anynpu-dashboard.json");
  Json dashboard = Json::parse(text, nullptr, false);
  ASSERT_FALSE(dashboard.is_discarded());
  std::string queries;
  for (const Json& panel : dashboard["panels"])
    for (const Json& target : panel["targets"]) queries += target["expr"].get<std::string>() + "\n";
  EXPECT_THAT(queries, testing::HasSubstr("anynpu_total_seconds_bucket"));
  EXPECT_THAT(unknown_metrics(queries), IsEmpty());
}

TEST(DeployFiles, TheGuideToTheMetricsNamesThemAll) {
  std::string guide = read("deploy/prometheus/README.md");
  for (const std::string& name : test::Exposition(whole_page()).names())
    EXPECT_THAT(guide, testing::HasSubstr("`" + name + "`"));
  EXPECT_THAT(unknown_metrics(guide), IsEmpty());
}

TEST(DeployFiles, TheUnitGivesTheDrainItsTime) {
  std::string unit = read("deploy/systemd/anynpu.service");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(unit, found, std::regex("\nTimeoutStopSec=([0-9]+)\n")));
  EXPECT_GT(seconds(std::stoi(found[1])), server::ServerConfig().serve.drain_time + seconds(15));
  ASSERT_TRUE(std::regex_search(unit, found, std::regex("\nLimitNOFILE=([0-9]+)\n")));
  EXPECT_GT(static_cast<std::size_t>(std::stoi(found[1])),
            server::ServerConfig().serve.http.connections);
  for (const char* line : {"Type=notify", "KillMode=mixed", "DynamicUser=yes",
                           "SupplementaryGroups=render video", "WatchdogSec=30"})
    EXPECT_THAT(unit, testing::HasSubstr(std::string("\n") + line + "\n"));
}

TEST(DeployFiles, LeftoversAreCleanedBeforeAndAfterTheServer) {
  const std::string unit = read("deploy/systemd/anynpu.service");
  for (const char* line :
       {"ExecStartPre=-/usr/bin/anynpu clean", "ExecStopPost=-/usr/bin/anynpu clean",
        "RuntimeDirectory=anynpu", "RuntimeDirectoryMode=0700"})
    EXPECT_THAT(unit, testing::HasSubstr(std::string("\n") + line + "\n"));
  // What a job that timed out says in the kernel log is read, and AXERA's log in /tmp saved.
  for (const char* line : {"DeviceAllow=/dev/kmsg r", "AmbientCapabilities=CAP_SYSLOG"})
    EXPECT_THAT(unit, testing::HasSubstr(std::string("\n") + line + "\n"));
  EXPECT_THAT(unit, testing::Not(testing::HasSubstr("ProtectKernelLogs")));
  EXPECT_THAT(read("deploy/systemd/anynpu-recover@.service"),
              testing::Not(testing::HasSubstr("PrivateTmp")));
  // Both units and the hook mean the same folder of records.
  const std::string recover = read("deploy/systemd/anynpu-recover@.service");
  for (const std::string& text :
       {unit, recover, read("deploy/container/oci-hooks/anynpu-clean.json")})
    EXPECT_THAT(text, testing::HasSubstr("ANYNPU_RUN_DIR=/run/anynpu"));
  const Json hook =
      Json::parse(read("deploy/container/oci-hooks/anynpu-clean.json"), nullptr, false);
  EXPECT_EQ(hook["hook"]["args"], Json::parse(R"(["anynpu", "clean"])"));
  EXPECT_EQ(hook["stages"], Json::parse(R"(["poststop"])"));
  EXPECT_THAT(read("deploy/container/entrypoint.sh"),
              testing::HasSubstr("exec anynpu serve \"$@\""));
}

// The command lines of the files are ones that the program takes; on a machine without an NPU.
TEST(DeployFiles, TheirCommandsAreUnderstood) {
  const TemporaryFolder folder;
  ::setenv("ANYNPU_MACHINE", ANYNPU_SOURCE_DIR "/sim/machines/no-npu-amd64.machine", 1);
  ::setenv("ANYNPU_RUN_DIR", (folder / "run").c_str(), 1);
  const std::string recover = read("deploy/systemd/anynpu-recover@.service");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(recover, found, std::regex("\nExecStart=/usr/bin/anynpu (.*)\n")));
  std::vector<std::string> words = {ANYNPU_BINARY};
  for (const std::string& word : split(found[1].str(), ' '))
    words.push_back(word == "%i" ? "rknpu0" : word);
  auto recovered = run_command(words);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered->exit_code, 1);
  EXPECT_THAT(recovered->errors, testing::HasSubstr("there is no NPU rknpu0"));
  auto cleaned = run_command({ANYNPU_BINARY, "clean"});
  ASSERT_TRUE(cleaned) << cleaned.error().message;
  EXPECT_EQ(cleaned->exit_code, 0) << cleaned->errors;
  ::unsetenv("ANYNPU_MACHINE");
  ::unsetenv("ANYNPU_RUN_DIR");
}

TEST(DeployFiles, TheCheckSeesAnUnknownMetric) {
  EXPECT_THAT(unknown_metrics("rate(anynpu_total_seconds_sum[5m]) + anynpu_bogus_total"),
              testing::ElementsAre("anynpu_bogus_total"));
}

}  // namespace
}  // namespace anynpu
