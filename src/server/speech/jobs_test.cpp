// SPDX-License-Identifier: Apache-2.0
// Jobs: from 202 to the result, over a restart, and what is left on the disk.
#include <fstream>

#include "server/speech/speech_test.h"

namespace anynpu::server {
namespace {

using test::wav_file;
using testing::HasSubstr;

class SpeechJobsTest : public SpeechServer {
 protected:
  std::string create(const std::string& query, double seconds) {
    TestResponse created = post("/transcribe/jobs" + query, file_part(wav_file(seconds)));
    EXPECT_EQ(created.status, 202) << created.body;
    EXPECT_EQ(created.headers["location"], created.json()["url"]);
    return created.json()["id"];
  }
  bool wait_for(const std::string& id, const std::string& state) {
    return eventually([&] { return get("/transcribe/jobs/" + id).json()["state"] == state; });
  }
  std::size_t folders() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(folder_ / "jobs"))
      ++count;
    return count;
  }
};

TEST_F(SpeechJobsTest, FromUploadToResult) {
  start();
  control_->set([&] { control_->allowed = 2; });
  const std::string id = create("?words=true", 4);
  ASSERT_TRUE(eventually([&] {
    const auto job = get("/transcribe/jobs/" + id).json();
    return job["state"] == "running" && job["text"] == "word0 word1";
  }));
  const auto job = get("/transcribe/jobs/" + id).json();
  EXPECT_EQ(job["filename"], "a.wav");
  EXPECT_EQ(job["segments"], 2);
  EXPECT_NEAR(job["progress"].get<double>(), 0.5, 0.01);
  EXPECT_EQ(get("/transcribe/jobs/" + id + "/result").status, 409);
  control_->set([&] { control_->allowed = 100; });
  ASSERT_TRUE(wait_for(id, "done"));
  EXPECT_EQ(get("/transcribe/jobs/" + id).json()["progress"], 1.0);
  EXPECT_EQ(get("/transcribe/jobs/" + id).json()["text"], "word0 word1 word2 word3");
  TestResponse result = get("/transcribe/jobs/" + id + "/result");
  EXPECT_EQ(result.json()["segments"].size(), 4U);
  EXPECT_EQ(result.json()["words"].size(), 4U);
  EXPECT_THAT(get("/transcribe/jobs/" + id + "/result?format=srt").body, HasSubstr("-->"));
  EXPECT_EQ(get("/transcribe/jobs").json()["jobs"].size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "jobs" / id / "audio"));
  EXPECT_EQ(TestClient(port_).ask("DELETE", "/transcribe/jobs/" + id).status, 200);
  EXPECT_EQ(get("/transcribe/jobs/" + id).status, 404);
  EXPECT_EQ(folders(), 0U);
}

TEST_F(SpeechJobsTest, ARestartGoesOnWhereTheLastSegmentEnded) {
  start();
  control_->set([&] { control_->allowed = 3; });
  const std::string id = create("", 6);
  ASSERT_TRUE(eventually([&] { return get("/transcribe/jobs/" + id).json()["segments"] == 3; }));
  // As a killed server leaves it: no drain of the job, and half a line of the next segment.
  speech_->end();
  std::ofstream(folder_ / ("jobs/" + id + "/segments.jsonl"), std::ios::app) << "{\"id\": 3, \"te";
  stop();
  control_->set([&] { control_->said = 0; });
  start();
  ASSERT_TRUE(wait_for(id, "done"));
  EXPECT_EQ(control_->said, 3) << "only what was missing";
  const auto result = get("/transcribe/jobs/" + id + "/result").json();
  ASSERT_EQ(result["segments"].size(), 6U);
  EXPECT_EQ(result["segments"][5]["start"], 5.0);
  EXPECT_EQ(result["segments"][5]["id"], 5);
  EXPECT_EQ(result["duration"], 6.0);
  EXPECT_FALSE(result.contains("words")) << "they were not asked for";
  EXPECT_THAT(result["notes"].dump(), HasSubstr("started again at 3.0 s"));
  stop();
  start();
  EXPECT_EQ(get("/transcribe/jobs/" + id).json()["state"], "done");
}

TEST_F(SpeechJobsTest, EveryRestartGoesOnBehindATornLine) {
  start();
  control_->set([&] { control_->allowed = 1; });
  const std::string id = create("", 5);
  for (int heard = 1; heard < 4; ++heard) {
    ASSERT_TRUE(
        eventually([&] { return get("/transcribe/jobs/" + id).json()["segments"] == heard; }));
    speech_->end();
    std::ofstream(folder_ / ("jobs/" + id + "/segments.jsonl"), std::ios::app)
        << "{\"id\": 3, \"te";
    stop();
    control_->set([&] {
      control_->said = 0;
      control_->allowed = 1;
    });
    start();
    EXPECT_EQ(jobs_->open_jobs(), 1U);
  }
  control_->set([&] { control_->allowed = 100; });
  ASSERT_TRUE(wait_for(id, "done"));
  EXPECT_EQ(control_->said, 2) << "only what was missing";
  EXPECT_EQ(get("/transcribe/jobs/" + id + "/result").json()["segments"].size(), 5U);
  EXPECT_EQ(jobs_->open_jobs(), 0U);
}

// A folder in the place of a file is a disk that refuses to write it.
TEST_F(SpeechJobsTest, AResultThatCannotBeWrittenIsNotLost) {
  start();
  control_->set([&] { control_->allowed = 1; });
  const std::string id = create("", 3);
  ASSERT_TRUE(wait_for(id, "running"));
  const std::filesystem::path folder = folder_ / "jobs" / id;
  std::filesystem::create_directory(folder / "result.json");
  control_->set([&] { control_->allowed = 3; });
  ASSERT_TRUE(eventually([&] { return get("/transcribe/jobs/" + id).json().contains("held_up"); }));
  const auto job = get("/transcribe/jobs/" + id).json();
  EXPECT_EQ(job["state"], "running");
  EXPECT_EQ(job["text"], "word0 word1 word2");
  EXPECT_TRUE(std::filesystem::exists(folder / "audio"));
  EXPECT_TRUE(std::filesystem::exists(folder / "segments.jsonl"));
  std::filesystem::remove(folder / "result.json");
  ASSERT_TRUE(wait_for(id, "done"));
  EXPECT_EQ(get("/transcribe/jobs/" + id + "/result").json()["segments"].size(), 3U);
  EXPECT_FALSE(get("/transcribe/jobs/" + id).json().contains("held_up"));
  EXPECT_FALSE(std::filesystem::exists(folder / "audio"));
}

TEST_F(SpeechJobsTest, ASegmentThatTheDiskRefusedComesWithTheNext) {
  start();
  control_->set([&] { control_->allowed = 0; });
  const std::string id = create("", 4);
  ASSERT_TRUE(wait_for(id, "running"));
  const std::filesystem::path segments = folder_ / "jobs" / id / "segments.jsonl";
  std::filesystem::create_directory(segments);
  control_->set([&] { control_->allowed = 2; });
  ASSERT_TRUE(eventually([&] { return get("/transcribe/jobs/" + id).json()["segments"] == 2; }));
  std::filesystem::remove(segments);
  control_->set([&] { control_->allowed = 3; });
  ASSERT_TRUE(eventually([&] { return get("/transcribe/jobs/" + id).json()["segments"] == 3; }));
  speech_->end();
  std::ifstream file(segments);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(SpeechJobsTest, AJobThatFailsKeepsWhatWasHeard) {
  start();
  control_->set([&] { control_->breaks_at = 2; });
  const std::string id = create("?task=translate", 4);
  ASSERT_TRUE(wait_for(id, "failed"));
  for (int again = 0; again < 2; ++again) {
    const auto job = get("/transcribe/jobs/" + id).json();
    EXPECT_EQ(job["segments"], 2);
    EXPECT_EQ(job["text"], "word0 word1");
    EXPECT_THAT(job["error"]["message"].get<std::string>(), HasSubstr("the model broke"));
    EXPECT_NE(get("/transcribe/jobs/" + id + "/result").status, 200);
    const auto part = get("/transcribe/jobs/" + id + "/result?partial=true").json();
    EXPECT_EQ(part["segments"].size(), 2U);
    EXPECT_EQ(part["task"], "translate");
    EXPECT_THAT(part["notes"].dump(), HasSubstr("ended early"));
    stop();
    start();
  }
}

TEST_F(SpeechJobsTest, WhatBreaksOffOrIsRemovedLeavesNothing) {
  start();
  {
    TestClient client(port_);
    client.send(
        "POST /transcribe/jobs HTTP/1.1\r\nHost: test\r\nContent-Type: audio/wav\r\n"
        "Content-Length: 500000\r\n\r\n" +
        wav_file(2));
    ASSERT_TRUE(
        eventually([&] { return std::filesystem::exists(folder_ / "jobs") && folders() == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return folders() == 0; }));

  control_->set([&] { control_->allowed = control_->said + 1; });
  const std::string id = create("", 5);
  ASSERT_TRUE(wait_for(id, "running"));
  EXPECT_EQ(TestClient(port_).ask("DELETE", "/transcribe/jobs/" + id).status, 200);
  EXPECT_TRUE(control_->wait_until([&] { return control_->working == 0; }));
  EXPECT_EQ(folders(), 0U);

  std::filesystem::create_directories(folder_ / "jobs/0123.incoming");
  std::filesystem::create_directories(folder_ / "jobs/no-job");
  stop();
  start();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "jobs/0123.incoming"));
  EXPECT_EQ(get("/transcribe/jobs").json()["jobs"].size(), 0U);
}

TEST_F(SpeechJobsTest, AJobThatFailsSaysWhy) {
  start();
  const std::string id = create("?model=none", 1);
  ASSERT_TRUE(wait_for(id, "failed"));
  const auto job = get("/transcribe/jobs/" + id).json();
  EXPECT_THAT(job["error"]["message"].get<std::string>(), HasSubstr("no model 'none'"));
  EXPECT_EQ(get("/transcribe/jobs/" + id + "/result").status, 404);
  EXPECT_EQ(get("/transcribe/jobs/none").status, 404);
  EXPECT_EQ(get("/transcribe/jobs/none/result").status, 404);
  EXPECT_EQ(TestClient(port_).ask("DELETE", "/transcribe/jobs/none").status, 404);
}

TEST_F(SpeechJobsTest, TheOldestOfTooManyGoes) {
  start({.most_jobs = 2});
  const std::string first = create("", 1);
  ASSERT_TRUE(wait_for(first, "done"));
  std::this_thread::sleep_for(milliseconds(5));  // so that they have an order
  const std::string second = create("", 1);
  ASSERT_TRUE(wait_for(second, "done"));
  std::this_thread::sleep_for(milliseconds(5));
  create("", 1);
  EXPECT_EQ(get("/transcribe/jobs/" + first).status, 404);
  EXPECT_EQ(get("/transcribe/jobs/" + second).status, 200);
  EXPECT_EQ(folders(), 2U);
}

}  // namespace
}  // namespace anynpu::server
