// SPDX-License-Identifier: Apache-2.0
// Speech over real sockets: every way to ask, every form of the answer, and clients that behave
// badly.
#include <list>

#include "server/speech/speech_test.h"
#include "speech/subtitle_check.h"

namespace anynpu::server {
namespace {

using test::wav_file;
using testing::HasSubstr;

using SpeechRoutes = SpeechServer;

std::vector<Json> events_of(const std::string& body) {
  std::vector<Json> events;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = body.find("\n\n", at);
    EXPECT_EQ(body.substr(at, 6), "data: ");
    events.push_back(Json::parse(body.substr(at + 6, end - at - 6)));
    at = end + 2;
  }
  return events;
}

TEST_F(SpeechRoutes, OpenAisFormats) {
  start();
  const std::string audio = file_part(wav_file(3));
  TestResponse json = post("/v1/audio/transcriptions", audio + part("model", "whisper-1"));
  ASSERT_EQ(json.status, 200) << json.body;
  EXPECT_EQ(json.json()["text"], "word0 word1 word2");
  EXPECT_EQ(json.headers["x-anynpu-device"], "cpu");

  TestResponse text = post("/v1/audio/transcriptions",
                           part("model", "small") + part("response_format", "text") + audio);
  EXPECT_EQ(text.body, "word0 word1 word2\n");
  EXPECT_THAT(text.headers["content-type"], HasSubstr("text/plain"));

  TestResponse verbose = post(
      "/v1/audio/transcriptions",
      audio + part("model", "small") + part("response_format", "verbose_json") +
          part("timestamp_granularities[]", "word") + part("timestamp_granularities[]", "segment"));
  ASSERT_EQ(verbose.status, 200) << verbose.body;
  EXPECT_EQ(verbose.json()["language"], "english");
  EXPECT_EQ(verbose.json()["segments"].size(), 3U);
  EXPECT_EQ(verbose.json()["words"][1]["word"], "word1");
  EXPECT_EQ(verbose.json()["duration"], 3.0);

  for (const char* format : {"srt", "vtt"}) {
    TestResponse subtitles =
        post("/v1/audio/transcriptions", audio + part("response_format", format));
    std::size_t cues = 0;
    EXPECT_EQ(speech::check_subtitles(subtitles.body, std::string_view(format) == "vtt", cues), "");
    EXPECT_EQ(cues, 3U);
  }
}

TEST_F(SpeechRoutes, OpenAisErrors) {
  start();
  const std::string audio = file_part(wav_file(1));
  const struct {
    std::string body;
    int status;
    const char* param;
    const char* code;
  } cases[] = {
      {part("model", "small"), 400, "file", "invalid"},
      {audio + part("model", "gpt-7"), 404, "model", "model_not_found"},
      {audio + part("response_format", "docx"), 400, "response_format", "invalid"},
      {audio + part("temperature", "3"), 400, "temperature", "invalid"},
      {audio + part("language", "klingon"), 400, "language", "invalid"},
      {audio + part("timestamp_granularities[]", "word"), 400, "timestamp_granularities",
       "invalid"},
      {audio + part("stream", "maybe"), 400, "stream", "invalid"},
      {file_part(""), 400, "file", "invalid"},
  };
  for (const auto& each : cases) {
    TestResponse response = post("/v1/audio/transcriptions", each.body);
    EXPECT_EQ(response.status, each.status) << response.body;
    const auto error = response.json()["error"];
    EXPECT_EQ(error["param"], each.param) << response.body;
    EXPECT_EQ(error["code"], each.code);
    EXPECT_EQ(error["type"], "invalid_request_error");
    EXPECT_FALSE(error["message"].get<std::string>().empty());
  }
  TestResponse broken = post("/v1/audio/transcriptions",
                             file_part(std::string("RIFF\x10\0\0\0WAVEfmt nonsense", 24), "file"));
  EXPECT_EQ(broken.status, 400) << broken.body;
  EXPECT_TRUE(broken.json()["error"].contains("param"));
  EXPECT_EQ(spooled(), 0U);
}

TEST_F(SpeechRoutes, TranslationsAndLanguagesChooseTheModel) {
  start();
  TestResponse translated = post("/v1/audio/translations",
                                 file_part(wav_file(1)) + part("response_format", "verbose_json"));
  ASSERT_EQ(translated.status, 200) << translated.body;
  EXPECT_EQ(translated.json()["task"], "translate");
  EXPECT_EQ(translated.json()["model"], "large");
  TestResponse german = post("/transcribe?language=German", file_part(wav_file(1)));
  EXPECT_EQ(german.json()["model"], "large");
  TestResponse nobody = post("/transcribe?language=fr", file_part(wav_file(1)));
  EXPECT_EQ(nobody.status, 415);
  EXPECT_THAT(nobody.body, HasSubstr("does not know 'fr'"));
}

TEST_F(SpeechRoutes, TheOwnRouteTakesFormsAndBareBodies) {
  start();
  for (const char* field : {"file", "audio", "audio_file"}) {
    TestResponse form = post("/transcribe", file_part(wav_file(2), field));
    ASSERT_EQ(form.status, 200) << form.body;
    EXPECT_EQ(form.json()["segments"].size(), 2U);
    EXPECT_EQ(form.json()["engine"], "fake");
  }
  TestResponse bare = post_bare("/transcribe?words=true&prompt=Anna&temperature=0.5", wav_file(2));
  ASSERT_EQ(bare.status, 200) << bare.body;
  EXPECT_EQ(bare.json()["word_segments"].size(), 2U);
  EXPECT_EQ(control_->asked.back().prompt, "Anna");
  EXPECT_EQ(control_->asked.back().temperatures, std::vector<float>{0.5F});
  EXPECT_EQ(post_bare("/transcribe?format=tsv", wav_file(1)).body,
            "start\tend\ttext\n0\t1000\tword0\n");
  EXPECT_EQ(post_bare("/transcribe?format=whisperx", wav_file(1)).json()["language"], "en");
  EXPECT_EQ(
      TestClient(port_).ask("POST", "/transcribe", "Content-Type: text/html\r\n", "<html>").status,
      415);
  EXPECT_EQ(post_bare("/transcribe", "").status, 400);
}

TEST_F(SpeechRoutes, WhisperAsrWebservice) {
  start();
  const std::string audio = file_part(wav_file(1), "audio_file");
  EXPECT_EQ(post("/asr?task=transcribe&language=en", audio).body, "word0\n");
  EXPECT_EQ(post("/asr?output=json&word_timestamps=true", audio).json()["segments"].size(), 1U);
  EXPECT_THAT(post("/asr?output=vtt", audio).body, HasSubstr("WEBVTT"));
  EXPECT_EQ(post("/asr?task=sing", audio).status, 400);
  const std::string bare = file_part(wav_file(2).substr(44), "audio_file");
  EXPECT_EQ(post("/asr?output=json&encode=false", bare).json()["segments"].size(), 2U);
  EXPECT_EQ(post("/asr?encode=perhaps", bare).status, 400);

  TestResponse detected =
      post("/detect-language?encode=false", file_part(wav_file(40).substr(44), "audio_file"));
  ASSERT_EQ(detected.status, 200) << detected.body;
  EXPECT_EQ(detected.json()["detected_language"], "german");
  EXPECT_EQ(detected.json()["language_code"], "de");
  EXPECT_EQ(control_->said, 5 + 30) << "its first half minute";
  EXPECT_EQ(post("/detect-language", audio).status, 200);
  TestResponse cannot = post("/detect-language?model=small", audio);
  EXPECT_EQ(cannot.status, 415);
  EXPECT_THAT(cannot.body, HasSubstr("tells languages apart"));
}

TEST_F(SpeechRoutes, ModelsAsOpenAiListsThem) {
  start();
  TestResponse list = get("/v1/models");
  EXPECT_EQ(list.json()["object"], "list");
  ASSERT_EQ(list.json()["data"].size(), 3U);
  EXPECT_EQ(list.json()["data"][0]["id"], "small");
  EXPECT_EQ(get("/v1/models/large").json()["owned_by"], "anynpu");
  EXPECT_EQ(get("/v1/models/none").json()["error"]["code"], "model_not_found");
}

TEST_F(SpeechRoutes, TextArrivesWhileItIsMade) {
  start();
  control_->set([&] { control_->allowed = 1; });
  TestClient client(port_);
  const std::string body = file_part(wav_file(3)) + part("stream", "true") + "--B--\r\n";
  client.send(TestClient::request("POST", "/v1/audio/transcriptions", kForm, body));
  TestResponse head = client.read(true);
  ASSERT_EQ(head.status, 200);
  EXPECT_EQ(head.headers["content-type"], "text/event-stream");
  std::string piece, all;
  ASSERT_TRUE(client.read_chunk(piece));
  EXPECT_EQ(piece, "data: {\"type\":\"transcript.text.delta\",\"delta\":\"word0\"}\n\n");
  control_->set([&] { control_->allowed = 3; });
  all = piece;
  while (client.read_chunk(piece) && !piece.empty()) all += piece;
  const std::vector<Json> events = events_of(all);
  std::string text;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_EQ(events[i]["type"], "transcript.text.delta");
    text += events[i]["delta"].get<std::string>();
  }
  EXPECT_EQ(events.back()["type"], "transcript.text.done");
  EXPECT_EQ(events.back()["text"], "word0 word1 word2");
  EXPECT_EQ(text, "word0 word1 word2");

  control_->set([&] { control_->allowed = 1 << 30; });
  TestResponse own = post_bare("/transcribe?stream=1", wav_file(2));
  const std::vector<Json> of_own = events_of(own.body);
  EXPECT_EQ(of_own.back()["transcript"]["segments"].size(), 2U);
  EXPECT_THAT(own.body, HasSubstr("transcript.progress"));

  TestResponse failed =
      post("/v1/audio/transcriptions",
           file_part(wav_file(1)) + part("stream", "true") + part("model", "none"));
  EXPECT_EQ(failed.status, 404) << "what fails at once has its status";
}

TEST_F(SpeechRoutes, ABareBodyIsTranscribedBeforeItsEnd) {
  start();
  const std::string file = wav_file(30);
  TestClient client(port_);
  client.send(
      "POST /transcribe HTTP/1.1\r\nHost: test\r\nContent-Type: audio/wav\r\n"
      "Content-Length: " +
      std::to_string(file.size()) + "\r\n\r\n" + file.substr(0, 600000));
  EXPECT_TRUE(control_->wait_until([&] { return control_->said >= 5; }));
  client.send(file.substr(600000));
  TestResponse response = client.read();
  EXPECT_EQ(response.json()["segments"].size(), 30U);
}

TEST_F(SpeechRoutes, ALargeFormIsBegunEarlyAndAgainWhenItsQuestionChanges) {
  start();
  const std::string file = wav_file(60);
  const std::string body = file_part(file) + part("language", "de") + "--B--\r\n";
  TestClient client(port_);
  client.send("POST /transcribe HTTP/1.1\r\nHost: test\r\n" + std::string(kForm) +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body.substr(0, 1000000));
  EXPECT_TRUE(control_->wait_until([&] { return control_->said >= 3; }));
  client.send(body.substr(1000000));
  TestResponse response = client.read();
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.json()["model"], "large");
  EXPECT_EQ(response.json()["segments"].size(), 60U);
}

TEST_F(SpeechRoutes, TheOrderOfALargeFormsFieldsDoesNotMatter) {
  start();
  TestResponse response = post("/v1/audio/transcriptions",
                               part("timestamp_granularities[]", "word") + file_part(wav_file(60)) +
                                   part("response_format", "verbose_json"));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.json()["words"].size(), 60U);
}

TEST_F(SpeechRoutes, AClientThatGoesAwayEndsItsWork) {
  start();
  control_->set([&] { control_->allowed = 1; });
  {
    TestClient client(port_);
    client.send(TestClient::request("POST", "/transcribe", kWav, wav_file(5)));
    ASSERT_TRUE(control_->wait_until([&] { return control_->working == 1; }));
    client.reset();
  }
  EXPECT_TRUE(control_->wait_until([&] { return control_->cancelled == 1; }));
  EXPECT_TRUE(eventually([&] { return speech_->figures().working == 0; }));
  {
    TestClient client(port_);  // in the middle of its upload
    const std::string file = wav_file(60);
    client.send(
        "POST /transcribe HTTP/1.1\r\nHost: test\r\nContent-Type: audio/wav\r\n"
        "Content-Length: " +
        std::to_string(file.size()) + "\r\n\r\n" + file.substr(0, 600000));
    ASSERT_TRUE(control_->wait_until([&] { return control_->working == 1; }));
    client.close();
  }
  EXPECT_TRUE(control_->wait_until([&] { return control_->working == 0; }));
  EXPECT_TRUE(eventually([&] { return speech_->figures().working == 0; }));
  EXPECT_EQ(spooled(), 0U);
}

TEST_F(SpeechRoutes, SlowUploadsHoldNobodyUp) {
  start({.parallel = 1});
  const std::string file = wav_file(60);
  std::list<TestClient> slow;
  for (int i = 0; i < 8; ++i) {
    slow.emplace_back(port_).send(
        "POST /transcribe HTTP/1.1\r\nHost: test\r\n"
        "Content-Type: audio/wav\r\nContent-Length: " +
        std::to_string(file.size()) + "\r\n\r\n" + file.substr(0, 400000));
  }
  ASSERT_TRUE(control_->wait_until([&] { return control_->working == 8; }));
  EXPECT_EQ(post_bare("/transcribe", wav_file(2)).json()["segments"].size(), 2U);
  for (TestClient& client : slow) client.send(file.substr(400000));
  for (TestClient& client : slow) EXPECT_EQ(client.read().json()["segments"].size(), 60U);
}

TEST_F(SpeechRoutes, FiftyAtOnce) {
  start({.parallel = 2});
  const std::string file = wav_file(2);
  std::list<TestClient> clients;
  for (int i = 0; i < 50; ++i)
    clients.emplace_back(port_).send(
        TestClient::request("POST", "/transcribe", kForm, file_part(file) + "--B--\r\n"));
  for (TestClient& client : clients) EXPECT_EQ(client.read().json()["text"], "word0 word1");
  EXPECT_LE(control_->most_working, 2);
  EXPECT_TRUE(eventually([&] { return speech_->figures().answered == 50; }));
  EXPECT_DOUBLE_EQ(speech_->figures().audio_seconds, 100);
  EXPECT_TRUE(speech_->figures().real_time_factor());
}

TEST_F(SpeechRoutes, LimitsOfSizeLengthAndNumber) {
  start({.most = 1, .upload_bytes = 200000, .most_seconds = 3});
  EXPECT_EQ(TestClient(port_)
                .ask("POST", "/transcribe", std::string(kWav) + "Content-Length: 10000000000\r\n")
                .status,
            413);
  EXPECT_EQ(post_bare("/transcribe", wav_file(5)).status, 413) << "five seconds are too long";
  TestResponse claims = post_bare("/transcribe", wav_file(2, 16000, 0xF0000000U));
  EXPECT_EQ(claims.status, 200) << claims.body;
  EXPECT_EQ(claims.json()["segments"].size(), 2U);

  ASSERT_TRUE(eventually([&] { return speech_->figures().answered == 1; }));
  control_->set([&] { control_->allowed = control_->said; });
  TestClient held(port_);
  ASSERT_TRUE(eventually([&] {
    held.send(TestClient::request("POST", "/transcribe", kWav, wav_file(1)));
    return control_->wait_until([&] { return control_->working == 1; });
  }));
  TestResponse refused = post_bare("/transcribe", wav_file(1));
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_FALSE(refused.headers["retry-after"].empty());
  control_->set([&] { control_->allowed = 1 << 30; });
  EXPECT_EQ(held.read().status, 200);
}

TEST_F(SpeechRoutes, SilenceAndShortnessAreNoErrors) {
  start();
  TestResponse silent = post_bare("/transcribe", wav_file(0.5, 16000, 0, 0));
  EXPECT_EQ(silent.status, 200);
  EXPECT_EQ(silent.json()["text"], "");
  TestResponse nothing = post_bare("/transcribe", wav_file(0));
  EXPECT_EQ(nothing.status, 400);
  EXPECT_THAT(nothing.body, HasSubstr("no sound"));
}

TEST_F(SpeechRoutes, TheMelPicture) {
  start();
  TestResponse picture = post("/mel", file_part(wav_file(2)));
  ASSERT_EQ(picture.status, 200) << picture.body;
  EXPECT_EQ(picture.headers["content-type"], "image/png");
  EXPECT_EQ(picture.body.substr(1, 3), "PNG");
  EXPECT_EQ(post_bare("/mel", "x").status, 400);
}

}  // namespace
}  // namespace anynpu::server
