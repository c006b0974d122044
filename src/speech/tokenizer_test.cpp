// SPDX-License-Identifier: Apache-2.0
// Tokenizers of both kinds, made up by hand.
#include "speech/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::speech {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// GPT-2 writes a space as \u0120 and the bytes of an umlaut as \u00c3 and \u00a4.
constexpr const char* kByteLevel = R"({
  "decoder": {"type": "ByteLevel"},
  "added_tokens": [{"id": 12, "content": "<|end|>"}, {"id": 13, "content": "<|0.00|>"}],
  "model": {"type": "BPE", "vocab": {
    "a": 0, "b": 1, "c": 2, "\u0120": 3, "\u00c3": 4, "\u00a4": 5, "1": 6, "'": 7,
    "ab": 8, "\u0120a": 9, "\u0120ab": 10, "\u00c3\u00a4": 11, "<|end|>": 12}}})";

TEST(Tokenizer, JoinsThePairsThatWereFoundFirst) {
  const auto tokenizer = Tokenizer::parse(kByteLevel);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_TRUE(tokenizer->byte_level());
  const auto tokens = tokenizer->encode("ab ab c1\xC3\xA4");
  ASSERT_TRUE(tokens);
  EXPECT_THAT(*tokens, ElementsAre(8, 10, 3, 2, 6, 11));
  EXPECT_EQ(tokenizer->decode(*tokens), "ab ab c1\xC3\xA4");
}

TEST(Tokenizer, MarksAreNoText) {
  const auto tokenizer = Tokenizer::parse(kByteLevel);
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->decode(std::vector<int>{13, 8, 12, -1, 99}), "ab");
  EXPECT_EQ(tokenizer->mark("<|0.00|>"), 13);
  EXPECT_EQ(tokenizer->mark("<|1.00|>"), std::nullopt);
  EXPECT_TRUE(tokenizer->is_mark(12));
  EXPECT_FALSE(tokenizer->is_mark(8));
  EXPECT_EQ(tokenizer->size(), 14U);
}

TEST(Tokenizer, SpacesOfLlamaAndItsBytes) {
  const auto tokenizer = Tokenizer::parse(R"({
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace"}, {"type": "ByteFallback"}]},
    "model": {"vocab": {"<s>": 0, "\u2581the": 1, "re": 2, "<0x21>": 3, "\u2581\u2581": 4, "<0x2>": 5}},
    "added_tokens": [{"id": 0, "content": "<s>"}]})");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_FALSE(tokenizer->byte_level());
  EXPECT_EQ(tokenizer->decode(std::vector<int>{0, 1, 2, 3, 4, 5}), " there!  <0x2>");
  EXPECT_FALSE(tokenizer->encode("the"));
}

TEST(Tokenizer, TheListOfLlamaTokenizerJs) {
  // "<unk>\n<s>\n</s>\n<0x41>\n\u2581hi" as base64.
  const auto tokenizer = Tokenizer::parse_llama(
      "// x\nconst llama_vocab_base64 = \"PHVuaz4KPHM+Cjwvcz4KPDB4NDE+CuKWgWhp\";\n");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->decode(std::vector<int>{1, 4, 3, 2}), " hiA");
  EXPECT_EQ(tokenizer->mark("</s>"), 2);
  EXPECT_FALSE(Tokenizer::parse_llama("const llama_vocab_base64 = \"PHVu\";"));
  EXPECT_FALSE(Tokenizer::parse_llama("nothing"));
}

TEST(Tokenizer, WhatIsNoTokenizerIsRefused) {
  for (
      const char* text :
      {"", "[]", "{}", R"({"model": 3})", R"({"model": {"vocab": []}})",
       R"({"model": {"vocab": {"a": 0}}})", R"({"model": {"vocab": {"a": 0}}, "decoder": null})",
       R"({"model": {"vocab": {"a": -1}}, "decoder": {"type": "ByteLevel"}})",
       R"({"model": {"vocab": {"a": 99999999}}, "decoder": {"type": "ByteLevel"}})",
       R"({"model": {"vocab": {"a": "b"}}, "decoder": {"type": "ByteLevel"}})",
       R"({"model": {"vocab": {}}, "decoder": {"type": "ByteLevel"}})",
       R"({"model": {"vocab": {"a": 0}}, "decoder": {"type": "ByteLevel"}, "added_tokens": [7]})"}) {
    const auto tokenizer = Tokenizer::parse(text);
    ASSERT_FALSE(tokenizer) << text;
    EXPECT_THAT(tokenizer.error().message, HasSubstr("tokenizer.json")) << text;
  }
  EXPECT_EQ(Tokenizer::parse(std::string(Tokenizer::kMostBytes + 1, ' ')).error().code,
            Code::kTooLarge);
}

TEST(Tokenizer, LongTextsEndInTime) {
  const auto tokenizer = Tokenizer::parse(kByteLevel);
  ASSERT_TRUE(tokenizer);
  const auto tokens = tokenizer->encode(std::string(60000, 'a'));
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->size(), 60000U);
  EXPECT_EQ(tokenizer->encode(std::string(70000, 'a')).error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace anynpu::speech
