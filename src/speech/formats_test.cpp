// SPDX-License-Identifier: Apache-2.0
// What each format writes, and that validators of subtitles are content with whatever is said.
#include "speech/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "speech/subtitle_check.h"
#include "speech/subtitles.h"

namespace anynpu::speech {
namespace {

using testing::HasSubstr;

Transcript example() {
  Transcript transcript;
  transcript.text = "Hello there. How are you?";
  transcript.language = "en";
  transcript.duration = 3.2;
  transcript.model = "tiny";
  transcript.version = 1;
  transcript.device = "cpu";
  transcript.engine = "onnxruntime+cpu";
  transcript.artifact = "encoder.onnx";
  transcript.timings = {1, 2, 3, 4, 10};
  transcript.notes = {"a note"};
  Segment first;
  first.start = 0.5;
  first.end = 1.25;
  first.text = " Hello there.";
  first.tokens = {50364, 2425};
  first.avg_logprob = -0.25;
  first.compression_ratio = 0.9;
  first.no_speech_prob = 0.01;
  first.words = {{"Hello", 0.5, 0.8, 0.9}, {"there.", 0.9, 1.25, 0.7}};
  Segment second = first;
  second.id = 1;
  second.start = 1.5;
  second.end = 3.0004;
  second.text = " How are you?";
  second.words = {{"How", 1.5, 1.8, 0.9}, {"are", 1.9, 2.0, 0.8}, {"you?", 2.1, 3.0, 0.5}};
  transcript.segments = {first, second};
  return transcript;
}

TEST(Formats, NamesAndEndings) {
  for (Format format : formats()) {
    auto parsed = parse_format(to_string(format));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, format);
    EXPECT_FALSE(extension(format).empty());
    EXPECT_THAT(std::string(media_type(format)), HasSubstr("/"));
    EXPECT_EQ(write(example(), format).back(), '\n');
  }
  EXPECT_EQ(*parse_format("txt"), Format::kText);
  auto wrong = parse_format("diarized_json");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalid);
  EXPECT_THAT(wrong.error().hint, HasSubstr("verbose_json"));
}

TEST(Formats, TextAndJson) {
  EXPECT_EQ(write(example(), Format::kText), "Hello there. How are you?\n");
  EXPECT_EQ(Json::parse(write(example(), Format::kJson)),
            Json({{"text", "Hello there. How are you?"},
                  {"usage", {{"type", "duration"}, {"seconds", 4}}}}));
}

TEST(Formats, VerboseJsonHasWhatOpenAiPromises) {
  const Json json = Json::parse(write(example(), Format::kVerboseJson));
  EXPECT_EQ(json["task"], "transcribe");
  EXPECT_EQ(json["language"], "english");
  EXPECT_EQ(json["duration"], 3.2);
  EXPECT_EQ(json["text"], "Hello there. How are you?");
  ASSERT_EQ(json["segments"].size(), 2U);
  for (const char* key : {"id", "seek", "start", "end", "text", "tokens", "temperature",
                          "avg_logprob", "compression_ratio", "no_speech_prob"})
    EXPECT_TRUE(json["segments"][0].contains(key)) << key;
  EXPECT_EQ(json["segments"][1]["end"], 3.0);
  EXPECT_FALSE(json.contains("words"));
  EXPECT_EQ(json["device"], "cpu");
  EXPECT_EQ(json["fallback"], false);
  EXPECT_EQ(json["notes"][0], "a note");

  const Json words = Json::parse(write(example(), Format::kVerboseJson,
                                       {.translated = true, .segments = false, .words = true}));
  EXPECT_EQ(words["task"], "translate");
  EXPECT_FALSE(words.contains("segments"));
  ASSERT_EQ(words["words"].size(), 5U);
  EXPECT_EQ(words["words"][4], Json({{"word", "you?"}, {"start", 2.1}, {"end", 3.0}}));
}

TEST(Formats, WhisperX) {
  const Json json = Json::parse(write(example(), Format::kWhisperX));
  EXPECT_EQ(json["language"], "en");
  EXPECT_EQ(json["segments"][0]["words"][1],
            Json({{"word", "there."}, {"start", 0.9}, {"end", 1.25}, {"score", 0.7}}));
  EXPECT_EQ(json["word_segments"].size(), 5U);
}

TEST(Formats, SubtitlesAreWhatPlayersRead) {
  EXPECT_EQ(write(example(), Format::kSrt),
            "1\n00:00:00,500 --> 00:00:01,250\nHello there.\n"
            "\n2\n00:00:01,500 --> 00:00:03,000\nHow are you?\n");
  EXPECT_EQ(write(example(), Format::kVtt),
            "WEBVTT\n"
            "\n00:00:00.500 --> 00:00:01.250\nHello there.\n"
            "\n00:00:01.500 --> 00:00:03.000\nHow are you?\n");
  EXPECT_EQ(write(example(), Format::kTsv),
            "start\tend\ttext\n500\t1250\tHello there.\n1500\t3000\tHow are you?\n");
}

TEST(Formats, ValidatorsAreContentWithWhateverIsSaid) {
  Transcript transcript = example();
  const struct {
    double start, end;
    const char* text;
  } odd[] = {{3, 3, "no length"},
             {2, 1, "backwards & early"},
             {4, 5, "a\nb\r\n\nc\td"},
             {5, 6, "x --> y <i>z</i> -->"},
             {6, 7, "   "},
             {7261.5, 7262, "late"},
             {-3, 7263, "\xff\xfe"},
             {1e300, 1e308, "never"},
             {0, 0, "&lt; 1 < 2 &amp;"}};
  for (const auto& each : odd) {
    Segment segment;
    segment.start = each.start;
    segment.end = each.end;
    segment.text = each.text;
    transcript.segments.push_back(segment);
  }
  for (bool is_vtt : {false, true}) {
    std::size_t count = 0;
    EXPECT_EQ(check_subtitles(is_vtt ? vtt(transcript) : srt(transcript), is_vtt, count), "");
    EXPECT_EQ(count, 10U) << "the empty one is left out";
  }
  std::size_t count = 0;
  EXPECT_EQ(check_subtitles(srt({}), false, count), "");
  EXPECT_EQ(check_subtitles(vtt({}), true, count), "");
}

TEST(Formats, TheValidatorsCanSayNo) {
  std::size_t count = 0;
  EXPECT_NE(check_subtitles("2\n00:00:01,000 --> 00:00:02,000\nx\n", false, count), "");
  EXPECT_NE(check_subtitles("1\n00:00:01.000 --> 00:00:02.000\nx\n", false, count), "");
  EXPECT_NE(check_subtitles("1\n00:00:02,000 --> 00:00:01,000\nx\n", false, count), "");
  EXPECT_NE(check_subtitles("1\n00:00:01,000 --> 00:00:02,000\n\n", false, count), "");
  EXPECT_NE(check_subtitles("00:00:01.000 --> 00:00:02.000\nx\n", true, count), "");
  EXPECT_NE(check_subtitles("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na <b\n", true, count), "");
}

TEST(Formats, LongSegmentsAreCutBetweenWords) {
  Transcript transcript;
  Segment segment;
  segment.end = 20;
  for (int i = 0; i < 40; ++i) {
    segment.text += " word" + std::to_string(i) + ",";
    segment.words.push_back({"word" + std::to_string(i) + ",", i * 0.5, i * 0.5 + 0.4, 1});
  }
  transcript.segments = {segment};
  const std::vector<Cue> all = cues(transcript);
  ASSERT_GT(all.size(), 2U);
  std::string text;
  for (const Cue& cue : all) {
    EXPECT_LE(cue.text.size(), 84U);
    EXPECT_LE(cue.end - cue.start, 7.01);
    EXPECT_EQ(cue.text.back(), ',');
    text += " " + cue.text;
  }
  EXPECT_EQ(text, segment.text);
  transcript.segments[0].words.clear();
  EXPECT_EQ(cues(transcript).size(), 1U);
}

TEST(Formats, ATranscriptIsTheSameAfterItWasKept) {
  Transcript transcript = example();
  transcript.fallback = "the NPU was away";
  transcript.language_probability = 0.75;
  auto again = transcript_from_json(Json::parse(to_json(transcript).dump()));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), to_json(transcript));
  for (Format format : formats())
    EXPECT_EQ(write(*again, format, {.words = true}), write(transcript, format, {.words = true}));
  EXPECT_FALSE(transcript_from_json(Json::array()));
  Json broken = to_json(transcript);
  broken["segments"][0]["words"] = "x";
  EXPECT_FALSE(transcript_from_json(broken));
}

}  // namespace
}  // namespace anynpu::speech
