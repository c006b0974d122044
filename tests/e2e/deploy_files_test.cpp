// SPDX-License-Identifier: Apache-2.0
// The files of deploy/ against the program: alerts and the dashboard use only metrics and labels
// that there are, and the unit file gives the drain its time.
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/report.h"
#include "exposition.h"
#include "server/config.h"
#include "server/metrics.h"

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

TEST(DeployFiles, TheCheckSeesAnUnknownMetric) {
  EXPECT_THAT(unknown_metrics("rate(anynpu_total_seconds_sum[5m]) + anynpu_bogus_total"),
              testing::ElementsAre("anynpu_bogus_total"));
}

}  // namespace
}  // namespace anynpu
