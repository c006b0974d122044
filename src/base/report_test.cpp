// SPDX-License-Identifier: Apache-2.0
// Tests of the two writers of a report.
#include "base/report.h"

#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace anynpu {
namespace {

void fill(Report& report) {
  report.fact("model", "Model", "mobilenet");
  report.fact("isolated", "", true);
  report.table("rows", {{"label", "LABEL"}, {"score", "SCORE", true}, {"id", ""}},
               {{"caf\xC3\xA9", Cell(Json(0.5), "50 %"), 7}, {"Egyptian cat", Cell(0.25), 286}});
  report.data("raw", Json{{"a", 1}});
  report.line("Two rows.");
  report.finish();
}

TEST(TextReport, AlignsTablesAndLeavesOutWhatOnlyProgramsRead) {
  std::ostringstream out;
  fill(*text_report(out));
  EXPECT_EQ(out.str(),
            "Model: mobilenet\n"
            "LABEL         SCORE\n"
            "caf\xC3\xA9           50 %\n"
            "Egyptian cat   0.25\n"
            "Two rows.\n");
}

TEST(TextReport, AnEmptyTableIsNotShown) {
  std::ostringstream out;
  auto report = text_report(out);
  report->table("rows", {{"a", "A"}}, {});
  report->finish();
  EXPECT_EQ(out.str(), "");
}

TEST(JsonReport, HoldsTheWholeDocumentInOrder) {
  std::ostringstream out;
  fill(*json_report(out));
  Json document = Json::parse(out.str());
  EXPECT_EQ(
      document.dump(),
      R"({"schema_version":1,"model":"mobilenet","isolated":true,)"
      R"("rows":[{"label":"café","score":0.5,"id":7},{"label":"Egyptian cat","score":0.25,"id":286}],)"
      R"("raw":{"a":1}})");
}

TEST(JsonReport, AnEmptyTableIsAnEmptyList) {
  std::ostringstream out;
  auto report = json_report(out);
  report->table("rows", {{"a", "A"}}, {});
  report->finish();
  EXPECT_TRUE(Json::parse(out.str())["rows"].is_array());
}

TEST(JsonReport, InvalidUtf8StillGivesValidJson) {
  std::ostringstream out;
  auto report = json_report(out);
  report->fact("name", "Name", std::string("a\xFF") + "b");
  report->finish();
  EXPECT_EQ(Json::parse(out.str())["name"],
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Cell, HasOneFaceForProgramsAndOneForPeople) {
  EXPECT_EQ(Cell(true).text, "yes");
  EXPECT_EQ(Cell(false).json, Json(false));
  EXPECT_EQ(Cell(42).text, "42");
  EXPECT_EQ(Cell(42).json, Json(42));
  EXPECT_EQ(Cell("word").text, "word");
  EXPECT_EQ(Cell(Json(nullptr), "unknown").text, "unknown");
}

}  // namespace
}  // namespace anynpu
