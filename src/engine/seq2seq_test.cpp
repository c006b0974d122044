// SPDX-License-Identifier: Apache-2.0
// Encoder-decoder sessions, on a network of a few nodes whose answers are computed here as well.
#include "engine/seq2seq.h"

#include <cmath>
#include <fstream>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/decode_search.h"
#include "engine_runs.h"
#include "tiny_onnx.h"

namespace anynpu::engine {
namespace {

using test::bytes_of;
using test::OnnxType;
using test::TinyOnnx;
using test::values_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kVocabulary = 8;
constexpr int kEnd = 7;

// "Hears" a sound of frames x 2 as it is, after one more.
std::vector<std::byte> encoder() {
  TinyOnnx model;
  model.input("sound", OnnxType::kFloat, {"batch", "frames", "2"});
  model.constant("one", OnnxType::kFloat, {1}, std::vector<float>{1});
  model.node("Add", {"sound", "one"}, {"last_hidden_state"});
  model.output("last_hidden_state", OnnxType::kFloat, {"batch", "frames", "2"});
  return model.build();
}

// A merged decoder. The logit of token t is -(t - s)^2 / 4, s a quarter of the sum of all tokens so
// far plus a tenth of the sum of what was heard. The cache is the tokens themselves, as floats.
std::vector<std::byte> decoder() {
  const std::vector<std::string> logits = {"batch", "length", std::to_string(kVocabulary)};
  const std::vector<std::string> keys = {"batch", "1", "past", "1"};
  const std::vector<std::string> heard = {"batch", "1", "frames", "2"};

  TinyOnnx first;
  first.node("Cast", {"input_ids"}, {"f_ids"}, {{"to", 1}});
  first.node("Unsqueeze", {"f_ids", "axes_13"}, {"f_keys"});
  first.node("Unsqueeze", {"encoder_hidden_states", "axis_1"}, {"f_heard"});
  first.node("CumSum", {"f_ids", "axis_last"}, {"f_sums"});
  first.node("Mul", {"f_sums", "quarter"}, {"f_written"});
  first.node("ReduceSum", {"f_heard", "axes_123"}, {"f_total"}, {{"keepdims", 0}});
  first.node("Mul", {"f_total", "tenth"}, {"f_tenth"});
  first.node("Unsqueeze", {"f_tenth", "axis_1"}, {"f_tenths"});
  first.node("Add", {"f_written", "f_tenths"}, {"f_s"});
  first.node("Unsqueeze", {"f_s", "axis_2"}, {"f_target"});
  first.node("Sub", {"tokens", "f_target"}, {"f_off"});
  first.node("Mul", {"f_off", "f_off"}, {"f_square"});
  first.node("Mul", {"f_square", "minus_quarter"}, {"f_logits"});
  first.node("Unsqueeze", {"f_s", "axes_13"}, {"f_attention"});
  first.output("f_logits", OnnxType::kFloat, logits);
  first.output("f_keys", OnnxType::kFloat, keys);
  first.output("f_heard", OnnxType::kFloat, heard);
  first.output("f_attention", OnnxType::kFloat, {"batch", "1", "length", "1"});

  TinyOnnx next;
  next.node("Cast", {"input_ids"}, {"n_ids"}, {{"to", 1}});
  next.node("Unsqueeze", {"n_ids", "axes_13"}, {"n_new"});
  next.node("Concat", {"past_key_values.0.decoder.key", "n_new"}, {"n_keys"}, {{"axis", 2}});
  next.node("ReduceSum", {"n_keys", "axes_123"}, {"n_sum"}, {{"keepdims", 0}});
  next.node("Unsqueeze", {"n_sum", "axis_1"}, {"n_sums"});
  next.node("Mul", {"n_sums", "quarter"}, {"n_written"});
  next.node("ReduceSum", {"past_key_values.0.encoder.key", "axes_123"}, {"n_total"},
            {{"keepdims", 0}});
  next.node("Mul", {"n_total", "tenth"}, {"n_tenth"});
  next.node("Unsqueeze", {"n_tenth", "axis_1"}, {"n_tenths"});
  next.node("Add", {"n_written", "n_tenths"}, {"n_s"});
  next.node("Unsqueeze", {"n_s", "axis_2"}, {"n_target"});
  next.node("Sub", {"tokens", "n_target"}, {"n_off"});
  next.node("Mul", {"n_off", "n_off"}, {"n_square"});
  next.node("Mul", {"n_square", "minus_quarter"}, {"n_logits"});
  // What a merged decoder returns here is of no use, and must not be used.
  next.node("Mul", {"past_key_values.0.encoder.key", "tenth"}, {"n_wrong"});
  next.node("Unsqueeze", {"n_s", "axes_13"}, {"n_attention"});
  next.output("n_logits", OnnxType::kFloat, logits);
  next.output("n_keys", OnnxType::kFloat, keys);
  next.output("n_wrong", OnnxType::kFloat, heard);
  next.output("n_attention", OnnxType::kFloat, {"batch", "1", "length", "1"});

  TinyOnnx model;
  model.input("input_ids", OnnxType::kInt64, {"batch", "length"});
  model.input("encoder_hidden_states", OnnxType::kFloat, {"batch", "frames", "2"});
  model.input("past_key_values.0.decoder.key", OnnxType::kFloat, keys);
  model.input("past_key_values.0.encoder.key", OnnxType::kFloat, heard);
  model.input("use_cache_branch", OnnxType::kBool, {"1"});
  model.constant("axis_1", OnnxType::kInt64, {1}, std::vector<std::int64_t>{1});
  model.constant("axis_2", OnnxType::kInt64, {1}, std::vector<std::int64_t>{2});
  model.constant("axes_13", OnnxType::kInt64, {2}, std::vector<std::int64_t>{1, 3});
  model.constant("axes_123", OnnxType::kInt64, {3}, std::vector<std::int64_t>{1, 2, 3});
  model.constant("axis_last", OnnxType::kInt64, {}, std::vector<std::int64_t>{1});
  model.constant("quarter", OnnxType::kFloat, {1}, std::vector<float>{0.25F});
  model.constant("tenth", OnnxType::kFloat, {1}, std::vector<float>{0.1F});
  model.constant("minus_quarter", OnnxType::kFloat, {1}, std::vector<float>{-0.25F});
  std::vector<float> tokens(kVocabulary);
  std::iota(tokens.begin(), tokens.end(), 0.0F);
  model.constant("tokens", OnnxType::kFloat, {kVocabulary}, tokens);
  model.branches(
      "use_cache_branch", next, first,
      {"logits", "present.0.decoder.key", "present.0.encoder.key", "cross_attentions.0"});
  model.output("logits", OnnxType::kFloat, logits);
  model.output("present.0.decoder.key", OnnxType::kFloat, keys);
  model.output("present.0.encoder.key", OnnxType::kFloat, heard);
  model.output("cross_attentions.0", OnnxType::kFloat, {"batch", "1", "length", "1"});
  return model.build();
}

void write(const std::filesystem::path& file, const std::vector<std::byte>& bytes) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

class Seq2Seq : public ::testing::Test {
 protected:
  void SetUp() override {
    write(folder_ / "encoder.onnx", encoder());
    write(folder_ / "decoder.onnx", decoder());
    Engine* engine = test::engine_or_fail("onnxruntime");
    ASSERT_NE(engine, nullptr);
    LoadOptions options;
    options.decoder = folder_ / "decoder.onnx";
    auto session = engine->load(folder_ / "encoder.onnx", options);
    ASSERT_TRUE(session) << session.error().message;
    session_ = std::move(*session);
  }

  struct Given {
    std::vector<std::vector<float>> sounds;  // of each row, frames x 2
    std::vector<std::int32_t> prompt;        // of each row
    DecodeSettings settings;
    std::vector<std::int32_t> heads = {};
  };

  Result<> run(const Given& given) {
    const auto rows = static_cast<std::int64_t>(given.sounds.size());
    const auto frames = static_cast<std::int64_t>(given.sounds[0].size() / 2);
    std::vector<float> audio;
    std::vector<std::int32_t> prompt;
    for (const auto& sound : given.sounds) {
      audio.insert(audio.end(), sound.begin(), sound.end());
      prompt.insert(prompt.end(), given.prompt.begin(), given.prompt.end());
    }
    const auto settings = given.settings.pack();
    ANYNPU_CHECK(
        session_->set_input_shapes({{rows, frames, 2},
                                    {rows, static_cast<std::int64_t>(given.prompt.size())},
                                    {static_cast<std::int64_t>(settings.size())},
                                    {1},
                                    {0},
                                    {static_cast<std::int64_t>(given.heads.size() / 2), 2}}));
    const std::vector<std::int32_t> suppress = {0};
    ANYNPU_CHECK(session_->set_input(kAudioInput, bytes_of(audio)));
    ANYNPU_CHECK(session_->set_input(kPromptInput, bytes_of(prompt)));
    ANYNPU_CHECK(session_->set_input(kSettingsInput, std::as_bytes(std::span(settings))));
    ANYNPU_CHECK(session_->set_input(kSuppressInput, bytes_of(suppress)));
    ANYNPU_CHECK(session_->set_input(kSuppressFirstInput, {}));
    ANYNPU_CHECK(session_->set_input(kHeadsInput, bytes_of(given.heads)));
    return session_->run();
  }

  template <typename T>
  std::vector<T> output(std::size_t index) {
    const auto view = session_->output(index);
    if (!view) {
      ADD_FAILURE() << view.error().message;
      return {};
    }
    std::vector<T> values(view->bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
    return values;
  }

  // What the network says, computed here.
  static float target(const std::vector<std::int32_t>& tokens, const std::vector<float>& sound) {
    float sum = 0;
    for (const std::int32_t token : tokens) sum += 0.25F * static_cast<float>(token);
    for (const float each : sound) sum += 0.1F * (each + 1);
    return sum;
  }
  static Written expected(const Given& given, std::size_t row) {
    DecodeSearch search(given.settings, DecodeRules(given.settings, {0}, {}), 1);
    while (!search.live().empty()) {
      std::vector<float> logits;
      for (const auto& live : search.live()) {
        std::vector<std::int32_t> tokens = given.prompt;
        tokens.insert(tokens.end(), live.written.tokens.begin(), live.written.tokens.end());
        const float s = target(tokens, given.sounds[row]);
        for (int t = 0; t < kVocabulary; ++t)
          logits.push_back(-0.25F * (static_cast<float>(t) - s) * (static_cast<float>(t) - s));
      }
      search.step(logits);
    }
    return search.best(0);
  }

  void expect_as_computed(const Given& given) {
    const auto ran = run(given);
    ASSERT_TRUE(ran) << ran.error().message;
    const auto tokens = output<std::int32_t>(kTokensOutput);
    const auto logprobs = output<float>(kLogprobsOutput);
    const auto sums = output<float>(kSumsOutput);
    const std::size_t rows = given.sounds.size();
    const std::size_t longest = tokens.size() / rows;
    for (std::size_t row = 0; row < rows; ++row) {
      const Written want = expected(given, row);
      const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(row * longest);
      const auto count = static_cast<std::size_t>(sums[row * kSums + kSumTokens]);
      EXPECT_EQ(std::vector<std::int32_t>(begin, begin + static_cast<std::ptrdiff_t>(count)),
                want.tokens)
          << "row " << row;
      EXPECT_NEAR(sums[row * kSums + kSumLogprob], want.sum_logprob, 1e-3) << "row " << row;
      for (std::size_t i = 0; i < count; ++i)
        EXPECT_NEAR(logprobs[row * longest + i], want.logprobs[i], 1e-3);
      for (std::size_t i = count; i < longest; ++i) EXPECT_EQ(tokens[row * longest + i], -1);
    }
  }

  static DecodeSettings settings() {
    DecodeSettings settings;
    settings.end_token = kEnd;
    settings.max_tokens = 12;
    return settings;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Session> session_;
};

TEST_F(Seq2Seq, WritesWhatTheNetworkSays) {
  expect_as_computed({{{0.5F, 1.0F, -0.5F, 2.0F}}, {1, 2}, settings()});
  EXPECT_GT(output<std::int32_t>(kTokensOutput).size(), 2U) << "the test tests too little";
}

TEST_F(Seq2Seq, RowsHearTheirOwnSoundAndEndOnTheirOwn) {
  expect_as_computed(
      {{{9, 9, 9, 9}, {0, 0, 0, 0}, {3, 3, 3, 1}, {20, 20, 20, 20}}, {1}, settings()});
}

TEST_F(Seq2Seq, ABeamKeepsEachHypothesisWithItsOwnPast) {
  for (const int beam : {2, 3, 5}) {
    DecodeSettings wide = settings();
    wide.beam_size = beam;
    expect_as_computed({{{0.5F, 1, 0, 0}, {2, 2, 2, 2}, {0, 3, 1, 1}}, {1, 1}, wide});
  }
}

TEST_F(Seq2Seq, TheSameSoundAgainAndOthersBesideIt) {
  const std::vector<float> one = {1, 1, 1, 1}, two = {5, 0, 0, 0}, three = {0, 0, 6.3F, 0};
  expect_as_computed({{one, two}, {1}, settings()});
  expect_as_computed({{two}, {1}, settings()});
  expect_as_computed({{three, two, one}, {1}, settings()});
  expect_as_computed({{{1, 1}}, {1}, settings()});  // a shorter one
}

TEST_F(Seq2Seq, DrawsTheSameForTheSameSeed) {
  DecodeSettings hot = settings();
  hot.temperature = 2;
  hot.seed = 3;
  expect_as_computed({{{1, 2, 3, 4}}, {1}, hot});
}

TEST_F(Seq2Seq, TellsTheLanguageAndGoesOnWithIt) {
  DecodeSettings with_language = settings();
  with_language.language_first = 3;
  with_language.language_last = 5;
  with_language.no_speech_token = 6;
  const std::vector<float> sound = {10, 10, 8, 8};  // 4 after the prompt: 0.25 + 4 is nearest to 4
  const auto ran = run({{sound}, {1, kDetect, 2}, with_language});
  ASSERT_TRUE(ran) << ran.error().message;
  const auto sums = output<float>(kSumsOutput);
  EXPECT_EQ(sums[kLanguage], 4);
  const float s = target({1}, sound);
  float total = 0, spoken = 0;
  std::vector<float> likely;
  for (int t = 0; t < kVocabulary; ++t) {
    likely.push_back(std::exp(-0.25F * (static_cast<float>(t) - s) * (static_cast<float>(t) - s)));
    total += likely.back();
    if (t >= 3 && t <= 5) spoken += likely.back();
  }
  EXPECT_NEAR(sums[kNoSpeech], likely[6] / total, 1e-5);
  const auto languages = output<float>(kLanguagesOutput);
  ASSERT_EQ(languages.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(languages[i], likely[i + 3] / spoken, 1e-5);
  // With the language in its place it writes the same.
  const auto tokens = output<std::int32_t>(kTokensOutput);
  ASSERT_TRUE(run({{sound}, {1, 4, 2}, with_language}));
  EXPECT_EQ(output<std::int32_t>(kTokensOutput), tokens);
  EXPECT_EQ(output<float>(kSumsOutput)[kLanguage], -1);
}

TEST_F(Seq2Seq, TellsWhereItListens) {
  DecodeSettings reading = settings();
  reading.max_tokens = 0;
  const std::vector<float> sound = {1, 1, 0, 0};
  const auto ran = run({{sound}, {1, 2, 3}, reading, {0, 0}});
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(session_->output(kAttentionOutput)->shape, (Shape{1, 3, 1}));
  EXPECT_THAT(output<float>(kAttentionOutput),
              ElementsAre(::testing::FloatNear(target({1}, sound), 1e-4F),
                          ::testing::FloatNear(target({1, 2}, sound), 1e-4F),
                          ::testing::FloatNear(target({1, 2, 3}, sound), 1e-4F)));
  EXPECT_EQ(output<float>(kSumsOutput)[kSumTokens], 0);
  const auto wrong = run({{sound}, {1, 2, 3}, reading, {0, 9}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("head"));
}

TEST_F(Seq2Seq, RefusesWhatDoesNotFit) {
  const std::vector<float> sound = {1, 1};
  EXPECT_FALSE(run({{sound}, {1, kVocabulary}, settings()})) << "no such token";
  EXPECT_FALSE(run({{sound}, {1, kDetect}, settings()})) << "no languages";
  DecodeSettings wrong = settings();
  wrong.end_token = 100;
  EXPECT_FALSE(run({{sound}, {1}, wrong}));
  wrong = settings();
  wrong.start_position = 5;
  EXPECT_FALSE(run({{sound}, {1}, wrong}));
  EXPECT_FALSE(session_->set_input_shapes({{2, 1, 2}, {1, 1}, {13}, {0}, {0}, {0, 2}}));
  EXPECT_FALSE(session_->set_input_shapes({{1, 0, 2}, {1, 1}, {13}, {0}, {0}, {0, 2}}));
  expect_as_computed({{sound}, {1}, settings()});  // and is none the worse
}

TEST_F(Seq2Seq, SaysWhatADecoderLacks) {
  Engine* engine = test::engine_or_fail("onnxruntime");
  ASSERT_NE(engine, nullptr);
  LoadOptions options;
  options.decoder = folder_ / "encoder.onnx";
  auto session = engine->load(folder_ / "encoder.onnx", options);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::kUnsupported);
  EXPECT_THAT(session.error().message, HasSubstr("no merged decoder"));
  options.decoder = folder_ / "nothing.onnx";
  EXPECT_EQ(engine->load(folder_ / "encoder.onnx", options).error().code, Code::kNotFound);
}

// An encoder whose attention is computed in double, which the runtime's own attention does not
// take.
TEST_F(Seq2Seq, TakesAnEncoderAsItIsWhereARewrittenOneIsRefused) {
  TinyOnnx model;
  model.input("sound", OnnxType::kFloat, {"batch", "frames", "2"});
  model.node("Cast", {"sound"}, {"q"}, {{"to", 11}});
  model.node("Transpose", {"q"}, {"turned"}, {}, {{"perm", {0, 2, 1}}});
  model.node("MatMul", {"q", "turned"}, {"scores"});
  model.node("Softmax", {"scores"}, {"weights"}, {{"axis", 2}});
  model.node("MatMul", {"weights", "q"}, {"sum"});
  model.node("Cast", {"sum"}, {"last_hidden_state"}, {{"to", 1}});
  model.output("last_hidden_state", OnnxType::kFloat, {"batch", "frames", "2"});
  write(folder_ / "double.onnx", model.build());
  LoadOptions options;
  options.decoder = folder_ / "decoder.onnx";
  auto session = test::engine_or_fail("onnxruntime")->load(folder_ / "double.onnx", options);
  ASSERT_TRUE(session) << session.error().message;
}

TEST_F(Seq2Seq, FindsWeightsInAFileBesideTheModel) {
  TinyOnnx model;
  model.input("sound", OnnxType::kFloat, {"batch", "frames", "2"});
  model.external_constant("one", OnnxType::kFloat, {1}, "encoder.data");
  model.node("Add", {"sound", "one"}, {"last_hidden_state"});
  model.node("Sub", {"sound", "one"}, {"other"});
  model.output("last_hidden_state", OnnxType::kFloat, {"batch", "frames", "2"});
  model.output("other", OnnxType::kFloat, {"batch", "frames", "2"});
  write(folder_ / "outside.onnx", model.build());
  write(folder_ / "encoder.data", bytes_of(std::vector<float>{1}));
  LoadOptions options;
  options.decoder = folder_ / "decoder.onnx";
  auto session = test::engine_or_fail("onnxruntime")->load(folder_ / "outside.onnx", options);
  ASSERT_TRUE(session) << session.error().message;
  session_ = std::move(*session);
  expect_as_computed({{{0.5F, 1, 0.2F, 0}}, {1}, settings()});
}

}  // namespace
}  // namespace anynpu::engine
