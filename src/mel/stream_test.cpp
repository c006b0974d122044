// SPDX-License-Identifier: Apache-2.0
#include "mel/stream.h"

#include <gtest/gtest.h>

#include "mel/test_signals.h"

namespace anynpu::mel {
namespace {

std::vector<MelOptions> all_variants() {
  std::vector<MelOptions> all = {kaldi(80, 16000, false)};
  for (const std::string& name : variant_names()) all.push_back(*variant(name));
  return all;
}

TEST(Stream, AnyChunkingGivesTheBitsOfTheWhole) {
  const std::vector<std::int16_t> samples = speech_like(60123, 11);
  for (const MelOptions& options : all_variants()) {
    auto front_end = FrontEnd::create(options);
    ASSERT_TRUE(front_end);
    std::vector<float> whole(front_end->frames(samples.size()) * front_end->bins());
    front_end->compute(samples, whole.data(), Layout::kFramesFirst);
    Stream stream(*front_end);
    Noise noise(17);
    for (int longest : {1, 160, 1280, 20000, 100000}) {
      std::vector<float> frames;
      std::size_t at = 0;
      while (at < samples.size()) {
        std::size_t count = 1 + static_cast<std::size_t>((noise.next() + 1) / 2 * longest);
        if (longest == 1) count = at < 3000 ? 1 : 997;  // one by one over the edge, then on
        count = std::min(count, samples.size() - at);
        const std::size_t before = frames.size();
        const std::size_t got = stream.push(std::span(samples).subspan(at, count), frames);
        ASSERT_EQ(frames.size() - before, got * front_end->bins());
        at += count;
      }
      stream.finish(frames);
      if (front_end->needs_largest()) front_end->normalise(frames, stream.largest());
      ASSERT_EQ(frames.size(), whole.size()) << options.name << " " << longest;
      ASSERT_EQ(frames, whole) << options.name << " " << longest;
    }
  }
}

TEST(Stream, FramesComeAsSoonAsTheirSamplesAreThere) {
  auto front_end = FrontEnd::create(plain());
  Stream stream(*front_end);
  std::vector<float> frames;
  const std::vector<std::int16_t> samples = speech_like(720, 2);
  EXPECT_EQ(stream.push(std::span(samples).first(399), frames), 0U);
  EXPECT_EQ(stream.push(std::span(samples).subspan(399, 1), frames), 1U);
  EXPECT_EQ(stream.push(std::span(samples).subspan(400, 320), frames), 2U);
  EXPECT_EQ(stream.finish(frames), 0U);
}

TEST(Stream, ShortItemsAndNone) {
  for (const MelOptions& options : all_variants()) {
    auto front_end = FrontEnd::create(options);
    Stream stream(*front_end);
    for (std::size_t length : {0, 1, 2, 100, 199, 200, 201, 399, 400, 401}) {
      const std::vector<std::int16_t> samples = speech_like(length, 2);
      std::vector<float> whole(front_end->frames(length) * front_end->bins()), frames;
      front_end->compute(samples, whole.data(), Layout::kFramesFirst);
      stream.push(samples, frames);
      stream.finish(frames);
      if (front_end->needs_largest()) front_end->normalise(frames, stream.largest());
      EXPECT_EQ(frames, whole) << options.name << " " << length;
    }
  }
}

}  // namespace
}  // namespace anynpu::mel
