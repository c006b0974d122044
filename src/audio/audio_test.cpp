// SPDX-License-Identifier: Apache-2.0
// Decoding, mixing and resampling, on files that the tests write.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include "audio/mono.h"

namespace anynpu::audio {
namespace {

using testing::HasSubstr;

std::vector<float> tone(double hz, int rate, std::size_t samples, double gain = 0.5) {
  std::vector<float> signal(samples);
  for (std::size_t i = 0; i < samples; ++i)
    signal[i] = static_cast<float>(
        gain * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate));
  return signal;
}

struct Growing {
  std::vector<std::byte> bytes;
  std::size_t position = 0;
};

/// What libsndfile writes for these interleaved samples.
std::vector<std::byte> encoded(int format, int rate, int channels, std::vector<float> samples) {
  Growing to;
  SF_VIRTUAL_IO io = {
      [](void* p) { return static_cast<sf_count_t>(static_cast<Growing*>(p)->bytes.size()); },
      [](sf_count_t offset, int whence, void* p) {
        auto& g = *static_cast<Growing*>(p);
        sf_count_t base = 0;
        if (whence == SEEK_CUR) base = static_cast<sf_count_t>(g.position);
        if (whence == SEEK_END) base = static_cast<sf_count_t>(g.bytes.size());
        g.position = static_cast<std::size_t>(base + offset);
        return base + offset;
      },
      [](void* into, sf_count_t count, void* p) {
        auto& g = *static_cast<Growing*>(p);
        const std::size_t n =
            std::min<std::size_t>(static_cast<std::size_t>(count), g.bytes.size() - g.position);
        std::memcpy(into, g.bytes.data() + g.position, n);
        g.position += n;
        return static_cast<sf_count_t>(n);
      },
      [](const void* from, sf_count_t count, void* p) {
        auto& g = *static_cast<Growing*>(p);
        const auto n = static_cast<std::size_t>(count);
        if (g.bytes.size() < g.position + n) g.bytes.resize(g.position + n);
        std::memcpy(g.bytes.data() + g.position, from, n);
        g.position += n;
        return count;
      },
      [](void* p) { return static_cast<sf_count_t>(static_cast<Growing*>(p)->position); }};
  SF_INFO info = {};
  info.samplerate = rate;
  info.channels = channels;
  info.format = format;
  SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, &info, &to);
  EXPECT_NE(file, nullptr) << sf_strerror(nullptr);
  if (file == nullptr) return {};
  sf_writef_float(file, samples.data(), static_cast<sf_count_t>(samples.size()) / channels);
  sf_close(file);
  return to.bytes;
}

/// Largest difference after the best shift of at most `most_shift` samples (codecs delay).
double difference(const std::vector<float>& got, const std::vector<float>& want, int most_shift) {
  double best = 1e9;
  for (int shift = -most_shift; shift <= most_shift; ++shift) {
    double largest = 0;
    for (std::size_t i = 3000; i + 3000 < std::min(got.size(), want.size()); ++i)
      largest = std::max<double>(
          largest, std::abs(got[static_cast<std::size_t>(static_cast<int>(i) + shift)] - want[i]));
    best = std::min(best, largest);
  }
  return best;
}

TEST(Decoder, ReadsWhatClientsSend) {
  const std::vector<float> signal = tone(440, 16000, 16000);
  const struct {
    int format;
    const char* container;
    double most;
    int shift;
  } cases[] = {
      {SF_FORMAT_WAV | SF_FORMAT_PCM_16, "WAV", 5e-5, 0},
      {SF_FORMAT_WAV | SF_FORMAT_PCM_24, "WAV", 2e-6, 0},
      {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, "WAV", 1e-2, 0},
      {SF_FORMAT_WAV | SF_FORMAT_FLOAT, "WAV", 0, 0},
      {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, "WAV", 1e-7, 0},
      {SF_FORMAT_WAV | SF_FORMAT_ULAW, "WAV", 3e-2, 0},
      {SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, "WAV", 5e-5, 0},
      {SF_FORMAT_RF64 | SF_FORMAT_PCM_16, "WAV", 5e-5, 0},
      {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, "FLAC", 5e-5, 0},
      {SF_FORMAT_OGG | SF_FORMAT_VORBIS, "Ogg", 5e-2, 0},
      {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, "MP3", 5e-2, 1700},
  };
  for (const auto& c : cases) {
    const std::vector<std::byte> bytes = encoded(c.format, 16000, 1, signal);
    auto source = memory_source(bytes);
    auto reader = MonoReader::open(*source, 16000);
    ASSERT_TRUE(reader) << c.container << ": " << reader.error().message;
    EXPECT_EQ(reader->format().container, c.container);
    EXPECT_EQ(reader->format().sample_rate, 16000);
    std::vector<float> got;
    while (reader->read(got).value_or(false)) {
    }
    EXPECT_GE(got.size() + 2400, signal.size()) << c.container;
    EXPECT_LE(difference(got, signal, c.shift), c.most) << c.container << " " << c.format;
    EXPECT_FALSE(reader->cut_short()) << c.container;
  }
}

TEST(MonoReader, MixesChannelsAndResamples) {
  std::vector<float> stereo;
  const std::vector<float> left = tone(440, 44100, 44100), right = tone(1000, 44100, 44100, 0.25);
  for (std::size_t i = 0; i < left.size(); ++i) {
    stereo.push_back(left[i]);
    stereo.push_back(right[i]);
  }
  const auto bytes = encoded(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 2, stereo);
  auto source = memory_source(bytes);
  auto got = read_mono(*source, 16000, 10);
  ASSERT_TRUE(got);
  EXPECT_NEAR(static_cast<double>(got->size()), 16000, 1);
  const std::vector<float> a = tone(440, 16000, 16000), b = tone(1000, 16000, 16000, 0.25);
  std::vector<float> want(16000);
  for (std::size_t i = 0; i < want.size(); ++i) want[i] = (a[i] + b[i]) / 2;
  EXPECT_LE(difference(*got, want, 0), 1e-4);
}

TEST(Resampler, PiecesGiveTheSameAsTheWhole) {
  const std::vector<float> signal = tone(3000, 48000, 50000);
  auto whole_resampler = Resampler::create(48000, 16000);
  std::vector<float> whole, pieces;
  ASSERT_TRUE(whole_resampler->push(signal, whole));
  ASSERT_TRUE(whole_resampler->finish(whole));
  auto resampler = Resampler::create(48000, 16000);
  for (std::size_t at = 0; at < signal.size();) {
    const std::size_t count = std::min<std::size_t>(1 + at % 1711, signal.size() - at);
    ASSERT_TRUE(resampler->push(std::span(signal).subspan(at, count), pieces));
    at += count;
  }
  ASSERT_TRUE(resampler->finish(pieces));
  ASSERT_EQ(whole.size(), pieces.size());
  for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_NEAR(whole[i], pieces[i], 1e-6) << i;
}

TEST(Decoder, ArrivingBytesAreDecodedWhileTheyCome) {
  const std::vector<float> signal = tone(440, 16000, 160000);
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                     SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    const std::vector<std::byte> bytes = encoded(format, 16000, 1, signal);
    auto all = memory_source(bytes);
    const std::vector<float> want = *read_mono(*all, 16000, 60);
    ArrivingBytes arriving(std::size_t{1} << 20);
    std::jthread sender([&] {
      for (std::size_t at = 0; at < bytes.size(); at += 777)
        ASSERT_TRUE(arriving.append(
            std::span(bytes).subspan(at, std::min<std::size_t>(777, bytes.size() - at))));
      arriving.end();
    });
    auto got = read_mono(arriving, 16000, 60);
    ASSERT_TRUE(got) << format << " " << got.error().message;
    EXPECT_EQ(*got, want) << format;
  }
}

TEST(Decoder, AWavStreamGivesItsFirstSamplesBeforeItsEnd) {
  const std::vector<std::byte> bytes =
      encoded(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, tone(440, 16000, 160000));
  ArrivingBytes arriving(std::size_t{1} << 20);
  ASSERT_TRUE(arriving.append(std::span(bytes).first(100000)));
  auto decoder = Decoder::open(arriving);
  ASSERT_TRUE(decoder) << decoder.error().message;
  std::vector<float> some(16000);
  EXPECT_EQ(decoder->read(some), some.size());
  arriving.end();
}

// A picture in an MP3, a recorder's own chunk in a WAV.
std::vector<std::byte> with_much_before(std::vector<std::byte> bytes, bool mp3) {
  const std::size_t size = 400000;
  std::vector<std::byte> tag(size + (mp3 ? 10 : 8));
  std::memcpy(tag.data(), mp3 ? "ID3\4" : "JUNK", 4);
  for (std::size_t i = 0; i < 4; ++i)
    tag[(mp3 ? 6 : 4) + i] =
        mp3 ? std::byte(size >> (7 * (3 - i)) & 0x7fU) : std::byte(size >> (8 * i) & 0xffU);
  bytes.insert(bytes.begin() + (mp3 ? 0 : 12), tag.begin(), tag.end());
  return bytes;
}

TEST(Decoder, WhatStandsBeforeTheSoundIsWaitedFor) {
  const std::vector<float> signal = tone(440, 16000, 160000);
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    const std::vector<std::byte> bytes = with_much_before(
        encoded(format, 16000, 1, signal), format == (SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III));
    auto all = memory_source(bytes);
    const std::vector<float> want = *read_mono(*all, 16000, 60);
    ArrivingBytes arriving(std::size_t{1} << 20);
    const std::size_t most = bytes.size() - 1000;
    std::jthread sender([&] {
      for (std::size_t at = 0; at < most; at += 7777)
        ASSERT_TRUE(
            arriving.append(std::span(bytes).subspan(at, std::min<std::size_t>(7777, most - at))));
    });
    auto reader = MonoReader::open(arriving, 16000);
    ASSERT_TRUE(reader) << format << " " << reader.error().message;
    std::vector<float> got;
    while (got.size() < 16000) ASSERT_TRUE(*reader->read(got)) << "before its end";
    sender.join();
    ASSERT_TRUE(arriving.append(std::span(bytes).subspan(most)));
    arriving.end();
    while (*reader->read(got)) {
    }
    EXPECT_EQ(got, want) << format;
  }
}

TEST(Decoder, AnyFloatsGiveFiniteSamples) {
  std::vector<float> wild = tone(440, 48000, 48000 * 2);
  for (std::size_t i = 0; i < wild.size(); i += 7)
    wild[i] = i % 2 == 0 ? std::numeric_limits<float>::max() : -std::numeric_limits<float>::max();
  wild[1] = std::numeric_limits<float>::quiet_NaN();
  wild[4] = std::numeric_limits<float>::infinity();
  const std::vector<std::byte> bytes = encoded(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 2, wild);
  auto source = memory_source(bytes);
  auto samples = read_mono(*source, 16000, 10);
  ASSERT_TRUE(samples) << samples.error().message;
  EXPECT_EQ(samples->size(), 16000U);
  EXPECT_TRUE(std::all_of(samples->begin(), samples->end(),
                          [](float sample) { return std::isfinite(sample); }));
}

TEST(Decoder, RefusesWhatItDoesNotKnowAndSaysWhat) {
  auto error_of = [](std::string text) {
    const std::vector<std::byte> bytes(
        reinterpret_cast<const std::byte*>(text.data()),
        reinterpret_cast<const std::byte*>(text.data()) + text.size());
    auto source = memory_source(bytes);
    auto decoder = Decoder::open(*source);
    return decoder ? Error{} : decoder.error();
  };
  EXPECT_THAT(error_of("").message, HasSubstr("empty"));
  EXPECT_EQ(error_of(std::string("\0\0\0\x20"
                                 "ftypM4A ",
                                 12))
                .code,
            Code::kUnsupported);
  EXPECT_THAT(error_of(std::string("\0\0\0\x20"
                                   "ftypM4A ",
                                   12))
                  .message,
              HasSubstr("M4A"));
  EXPECT_THAT(error_of("\x1a\x45\xdf\xa3........").message, HasSubstr("WebM"));
  EXPECT_THAT(error_of("hello, this is text").hint, HasSubstr("ffmpeg"));
  EXPECT_EQ(error_of(std::string("RIFF\xff\xff\xff\xffWAVEfmt ", 16)).code, Code::kInvalid);
  EXPECT_EQ(error_of("fLaC and then nothing like it").code, Code::kInvalid);
  EXPECT_EQ(error_of("OggS and then nothing like it").code, Code::kInvalid);
}

TEST(Decoder, AFileCutShortGivesItsBeginning) {
  std::vector<std::byte> bytes =
      encoded(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, tone(440, 16000, 64000));
  bytes.resize(bytes.size() / 2);
  auto source = memory_source(bytes);
  auto reader = MonoReader::open(*source, 16000);
  ASSERT_TRUE(reader) << reader.error().message;
  std::vector<float> got;
  while (reader->read(got).value_or(false)) {
  }
  EXPECT_GT(got.size(), 16000U);
  EXPECT_LT(got.size(), 60000U);
  EXPECT_TRUE(reader->cut_short());
}

TEST(Decoder, TheSizeOfAPipeIsNoClaim) {
  const std::vector<std::byte> whole =
      encoded(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, tone(440, 16000, 16000));
  const auto cut_short = [&](std::uint32_t claimed) {
    std::vector<std::byte> bytes = whole;
    for (std::size_t i = 0; i < 4; ++i) bytes[40 + i] = std::byte(claimed >> (8 * i) & 0xffU);
    ArrivingBytes arriving(std::size_t{1} << 20);
    EXPECT_TRUE(arriving.append(bytes));
    std::jthread sender([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      arriving.end();
    });
    auto reader = MonoReader::open(arriving, 16000);
    EXPECT_TRUE(reader) << reader.error().message;
    std::vector<float> got;
    while (*reader->read(got)) {
    }
    EXPECT_NEAR(static_cast<double>(got.size()), 16000, 16);
    return reader->cut_short();
  };
  EXPECT_FALSE(cut_short(0xffffffffU));
  EXPECT_FALSE(cut_short(0x7ffff000U));
  EXPECT_TRUE(cut_short(64000));
}

TEST(Decoder, ClaimsOfSizeCostNothing) {
  // 10 GB claimed in both the RIFF and the data header, one second sent.
  std::vector<std::byte> bytes =
      encoded(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, tone(440, 16000, 16000));
  for (std::size_t at : {std::size_t{4}, std::size_t{40}})
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = std::byte{0xff};
  auto source = memory_source(bytes);
  auto got = read_mono(*source, 16000, 60);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_NEAR(static_cast<double>(got->size()), 16000, 16);
}

TEST(ReadMono, HasALimit) {
  const auto bytes = encoded(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, tone(440, 16000, 48000));
  auto source = memory_source(bytes);
  EXPECT_EQ(read_mono(*source, 16000, 1).error().code, Code::kTooLarge);
  EXPECT_EQ(read_mono(*source, 16000, 3.5)->size(), 48000U);
}

TEST(Decoder, NumbersThatAreNoneAreSilence) {
  std::vector<float> signal = tone(440, 16000, 1000);
  signal[100] = NAN;
  signal[101] = INFINITY;
  const auto bytes = encoded(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1, signal);
  auto source = memory_source(bytes);
  auto got = read_mono(*source, 16000, 1);
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)[100], 0.0F);
  EXPECT_EQ((*got)[101], 0.0F);
}

TEST(ArrivingBytes, AreBounded) {
  ArrivingBytes arriving(10);
  const std::vector<std::byte> eight(8);
  EXPECT_TRUE(arriving.append(eight));
  EXPECT_EQ(arriving.append(eight).error().code, Code::kTooLarge);
  EXPECT_EQ(arriving.wait_for_size(), 8U);
  EXPECT_EQ(arriving.append(eight).error().code, Code::kInvalid);
}

TEST(FileSource, ReadsRegularFilesOnly) {
  EXPECT_EQ(file_source("/nonexistent/audio.wav").error().code, Code::kNotFound);
  EXPECT_EQ(file_source("/").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace anynpu::audio
