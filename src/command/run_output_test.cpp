// SPDX-License-Identifier: Apache-2.0
// What `anynpu run` prints.
#include "command/run_output.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::command {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

FileResult answer() {
  FileResult result;
  result.file = "cats/tom, \"the cat\".jpg";
  result.predictions = {{285, "Egyptian cat", 0.715F, {}, {}}, {281, "tabby", 0.2F, {}, {}}};
  result.device = "cpu";
  result.engine = "tflite+xnnpack";
  result.artifact = "model.float32.tflite";
  result.timings = {1, 2, 3, 4.25, 5};
  return result;
}

FileResult failure() {
  FileResult result;
  result.file = "none.jpg";
  result.error = Error{Code::kNotFound, "none.jpg: No such file", 2, "look elsewhere"};
  return result;
}

RunSummary summary() {
  RunSummary summary;
  summary.model = "mobilenet_v1";
  summary.version = 1;
  summary.files = summary.done = 2;
  summary.failed = 1;
  summary.seconds = 0.5;
  summary.placements.no_npu = "no NPU on this machine";
  return summary;
}

TEST(RunJson, HasTheDocumentedShape) {
  std::ostringstream out;
  auto output = json_output(out);
  output->add(answer());
  output->add(failure());
  output->finish(summary());
  Json document = Json::parse(out.str());
  EXPECT_EQ(document["schema_version"], kReportSchemaVersion);
  EXPECT_EQ(document["model"], "mobilenet_v1");
  EXPECT_EQ(document["version"], 1);
  const Json& good = document["results"][0];
  EXPECT_EQ(good["file"], "cats/tom, \"the cat\".jpg");
  EXPECT_EQ(good["predictions"].size(), 2U);
  EXPECT_EQ(good["predictions"][0]["class_id"], 285);
  EXPECT_EQ(good["predictions"][0]["label"], "Egyptian cat");
  EXPECT_EQ(good["device"], "cpu");
  EXPECT_EQ(good["engine"], "tflite+xnnpack");
  EXPECT_EQ(good["fallback"], false);
  EXPECT_EQ(good["timings_ms"]["infer"], 4.25);
  EXPECT_EQ(good["timings_ms"]["total"], 15.25);
  const Json& bad = document["results"][1];
  EXPECT_EQ(bad["error"]["code"], "not_found");
  EXPECT_EQ(bad["error"]["hint"], "look elsewhere");
  EXPECT_FALSE(bad.contains("predictions"));
}

TEST(RunJson, AFallbackIsItsReason) {
  std::ostringstream out;
  auto output = json_output(out);
  FileResult result = answer();
  result.fallback = "the worker crashed";
  output->add(result);
  output->finish(summary());
  EXPECT_EQ(Json::parse(out.str())["results"][0]["fallback"], "the worker crashed");
}

TEST(RunCsv, EveryLineHasAllColumns) {
  std::ostringstream out;
  auto output = csv_output(out);
  FileResult nothing = answer();
  nothing.file = "empty.jpg";
  nothing.predictions.clear();
  FileResult boxed = answer();
  boxed.file = "boxed.jpg";
  boxed.predictions.resize(1);
  boxed.predictions[0].box = vision::Box{1, 2, 3, 4};
  for (const FileResult& result : {answer(), failure(), nothing, boxed}) output->add(result);
  output->finish(summary());
  std::istringstream lines(out.str());
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    ++count;
    bool quoted = false;
    int commas = 0;
    for (char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted) ++commas;
    }
    EXPECT_EQ(commas, 17) << line;
  }
  EXPECT_EQ(count, 6);
  EXPECT_THAT(out.str(),
              HasSubstr("\n\"cats/tom, \"\"the cat\"\".jpg\",285,Egyptian cat,0.715000,,,,,cpu,"));
  EXPECT_THAT(out.str(), HasSubstr("\nboxed.jpg,285,Egyptian cat,0.715000,1.0,2.0,3.0,4.0,cpu,"));
}

TEST(RunText, OnePictureSaysWhereItRanAndWhyNotOnAnNpu) {
  std::ostringstream out;
  auto output = text_output(out, true);
  output->add(answer());
  output->finish(summary());
  EXPECT_THAT(out.str(), StartsWith(" SCORE  LABEL         CLASS\n71.5 %  Egyptian cat    285\n"));
  EXPECT_THAT(
      out.str(),
      HasSubstr(
          "on cpu by tflite+xnnpack (model.float32.tflite), 4.2 ms; no NPU on this machine\n"));
}

TEST(RunText, ManyPicturesAreCounted) {
  std::ostringstream out;
  auto output = text_output(out, false);
  output->add(answer());
  output->finish(summary());
  EXPECT_THAT(out.str(), StartsWith("cats/tom"));
  EXPECT_THAT(out.str(), HasSubstr("1 of 2 pictures in 0.5 s, 4.0 per second; 1 failed\n"));
}

TEST(RunText, ControlCharactersOfNamesAndLabelsAreNotPrinted) {
  std::ostringstream out;
  auto output = text_output(out, false);
  FileResult result = answer();
  result.file = "\x1b]0;x\x07.jpg";
  result.predictions[0].label = "\x1b[2J";
  output->add(result);
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace anynpu::command
