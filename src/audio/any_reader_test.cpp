// SPDX-License-Identifier: Apache-2.0
// Uploads that arrive, and audio for ffmpeg: with a made up ffmpeg that does what a test wants, and
// with the real one on files that it writes itself.
#include "audio/any_reader.h"

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/subprocess.h"
#include "temporary_folder.h"
#include "wav_file.h"

namespace anynpu::audio {
namespace {

using testing::HasSubstr;

std::string wav(double seconds, std::uint32_t claimed = 0) {
  return test::wav_file(seconds, 16000, claimed);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::size_t entries(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

class AnyReaderTest : public testing::Test {
 protected:
  /// A program that is started as ffmpeg.
  FfmpegLimits made_up(const std::string& script) {
    const std::filesystem::path file = folder_.path() / "ffmpeg";
    std::ofstream(file) << "#!/bin/sh\n" << script;
    ::chmod(file.c_str(), 0755);
    FfmpegLimits limits;
    limits.program = file.string();
    return limits;
  }

  /// Reads all; the error's message, or nothing.
  std::string read_all(ByteSource& source, const FfmpegLimits& limits, std::vector<float>& out,
                       std::stop_token stop = {}) {
    auto reader = AnyReader::open(source, 16000, limits, std::move(stop));
    if (!reader) return reader.error().message + " | " + reader.error().hint;
    while (true) {
      auto more = reader->read(out);
      if (!more) return more.error().message;
      if (!*more) break;
    }
    cut_short_ = reader->cut_short();
    seconds_ = reader->seconds();
    format_ = reader->format();
    return {};
  }

  TemporaryFolder folder_;
  bool cut_short_ = false;
  std::optional<double> seconds_;
  std::string format_;
};

TEST_F(AnyReaderTest, AnUploadIsDecodedWhileItArrivesAndLeavesNothingBehind) {
  const std::string file = wav(20);
  auto spool = Spool::create(folder_.path(), 1 << 21);
  ASSERT_TRUE(spool) << spool.error().message;
  EXPECT_EQ(entries(folder_.path()), 0U) << "it has no name";
  ASSERT_TRUE((*spool)->append(bytes_of(file).first(100000)));
  auto reader = AnyReader::open(**spool, 16000);
  ASSERT_TRUE(reader) << reader.error().message;
  std::vector<float> samples;
  while (samples.size() < 16000) ASSERT_TRUE(*reader->read(samples));
  ASSERT_TRUE((*spool)->append(bytes_of(file).subspan(100000)));
  (*spool)->end();
  while (*reader->read(samples)) {
  }
  EXPECT_EQ(samples.size(), 320000U);
  EXPECT_FALSE(reader->cut_short());
  EXPECT_EQ(reader->format(), "WAV");
}

TEST_F(AnyReaderTest, AReaderSaysWhenItWaits) {
  const std::string file = wav(1);
  auto spool = Spool::create(folder_.path(), 1 << 20);
  ASSERT_TRUE(spool);
  std::atomic<int> began = 0, ended = 0;
  (*spool)->on_waiting([&](bool waits) { ++(waits ? began : ended); });
  std::jthread reader([&] {
    std::vector<std::byte> some(100);
    EXPECT_EQ((*spool)->read_at(0, some), 100U);
  });
  while (began == 0) std::this_thread::yield();
  EXPECT_EQ(ended, 0);
  ASSERT_TRUE((*spool)->append(bytes_of(file)));
  reader.join();
  EXPECT_EQ(ended, 1);
}

TEST_F(AnyReaderTest, AnUploadOverItsLimitAndOneThatBreaksOff) {
  auto spool = Spool::create(folder_.path(), 1000);
  ASSERT_TRUE(spool);
  auto too_much = (*spool)->append(bytes_of(wav(1)));
  ASSERT_FALSE(too_much);
  EXPECT_EQ(too_much.error().code, Code::kTooLarge);
  std::vector<std::byte> some(10);
  EXPECT_EQ((*spool)->read_at(0, some), 0U);
  EXPECT_TRUE((*spool)->failed());

  auto broken = Spool::create(folder_.path(), 1 << 20);
  ASSERT_TRUE(broken);
  ASSERT_TRUE((*broken)->append(bytes_of(wav(1)).first(20000)));
  std::jthread breaker([&] { (*broken)->fail(); });
  std::vector<float> samples;
  read_all(**broken, {}, samples);
  EXPECT_LT(samples.size(), 16000U);
}

TEST_F(AnyReaderTest, AHeaderThatClaimsFourGigabytesGivesWhatIsThere) {
  const std::string file = wav(1, 0xF0000000U);
  auto source = memory_source(bytes_of(file));
  std::vector<float> samples;
  EXPECT_EQ(read_all(*source, {}, samples), "");
  EXPECT_EQ(samples.size(), 16000U);
}

TEST_F(AnyReaderTest, WithoutFfmpegThePackageIsNamed) {
  const std::string m4a = std::string(
                              "\0\0\0\x20"
                              "ftypM4A ",
                              12) +
                          std::string(100, 'x');
  auto source = memory_source(bytes_of(m4a));
  std::vector<float> samples;
  FfmpegLimits limits;
  limits.program = "no-ffmpeg-of-this-name";
  const std::string words = read_all(*source, limits, samples);
  EXPECT_THAT(words, HasSubstr("needs ffmpeg"));
  EXPECT_THAT(words, HasSubstr("apt install ffmpeg"));
}

TEST_F(AnyReaderTest, FfmpegsSamplesAreRead) {
  // Two samples, 0.5 and -0.25, in pieces that do not end with a sample.
  const auto limits = made_up(
      "echo 'Duration: 00:01:02.50, start: 0.0' >&2\n"
      "printf '\\000\\000\\000'\nsleep 0.05\nprintf '\\077\\000\\000\\200\\276'\n");
  const std::string webm = "\x1a\x45\xdf\xa3" + std::string(100, 'x');
  auto source = memory_source(bytes_of(webm));
  std::vector<float> samples;
  EXPECT_EQ(read_all(*source, limits, samples), "");
  EXPECT_EQ(samples, (std::vector<float>{0.5F, -0.25F}));
  EXPECT_EQ(format_, "ffmpeg");
  ASSERT_TRUE(seconds_);
  EXPECT_DOUBLE_EQ(*seconds_, 62.5);
  EXPECT_FALSE(cut_short_);
}

TEST_F(AnyReaderTest, WhatIsRareInAKnownContainerGoesToFfmpeg) {
  const std::string ogg = "OggS" + std::string(100, 'x');
  auto source = memory_source(bytes_of(ogg));
  std::vector<float> samples;
  EXPECT_EQ(read_all(*source, made_up("printf '\\000\\000\\000\\077'\n"), samples), "");
  EXPECT_EQ(samples, std::vector<float>{0.5F});
  EXPECT_THAT(read_all(*source, made_up("echo 'no' >&2; exit 1\n"), samples),
              HasSubstr("the Ogg file is damaged"));
  FfmpegLimits none;
  none.program = "no-ffmpeg-of-this-name";
  EXPECT_THAT(read_all(*source, none, samples), HasSubstr("the Ogg file is damaged"));
}

TEST_F(AnyReaderTest, FfmpegGetsTheFileAndIsKeptSmall) {
  const std::string report = (folder_.path() / "report").string();
  const std::string content = "\x1a\x45\xdf\xa3 the whole file";
  std::ofstream(folder_.path() / "a.webm") << content;
  auto source = file_source(folder_.path() / "a.webm");
  ASSERT_TRUE(source);
  std::vector<float> samples;
  // It may write no file: what it has to report comes as its error.
  const auto limits = made_up(
      "cat /proc/self/fd/0 >&2\necho >&2\n"
      "echo \"$*\" | grep -q 'protocol_whitelist file' && echo 'protocols held' >&2\n"
      "(echo x > " +
      report + ") 2>/dev/null; test -s " + report +
      " && echo 'it wrote a file' >&2\n"
      "ulimit -t >&2; exit 1\n");
  const std::string words = read_all(**source, limits, samples);
  EXPECT_THAT(words, HasSubstr("1800"));
  EXPECT_THAT(words, testing::Not(HasSubstr("it wrote a file")));
  EXPECT_FALSE(std::filesystem::exists(report) && std::filesystem::file_size(report) > 0);
}

TEST_F(AnyReaderTest, AnFfmpegThatFailsHangsOrIsStopped) {
  const std::string webm = "\x1a\x45\xdf\xa3" + std::string(100, 'x');
  auto source = memory_source(bytes_of(webm));
  std::vector<float> samples;
  EXPECT_THAT(read_all(*source,
                       made_up("echo '[mov @ 0x1] moov atom not found' >&2\n"
                               "echo '/proc/self/fd/0: Invalid data found' >&2; exit 1\n"),
                       samples),
              HasSubstr("ffmpeg cannot read this audio: Invalid data found"));
  EXPECT_THAT(read_all(*source, made_up("kill -SEGV $$\n"), samples), HasSubstr("signal 11"));

  auto hanging = made_up("sleep 600\n");
  hanging.silence = milliseconds(200);
  EXPECT_THAT(read_all(*source, hanging, samples), HasSubstr("no sample"));

  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(read_all(*source, made_up("sleep 600\n"), samples, stop.get_token()),
              HasSubstr("stopped"));

  samples.clear();
  EXPECT_EQ(read_all(*source, made_up("printf '\\000\\000\\000\\077'; exit 1\n"), samples), "");
  EXPECT_EQ(samples.size(), 1U);
  EXPECT_TRUE(cut_short_);
}

TEST_F(AnyReaderTest, ItsWholeGroupEndsWithItsReader) {
  const std::string pid_file = (folder_.path() / "pid").string();
  ASSERT_EQ(::mkfifo(pid_file.c_str(), 0600), 0);
  const std::string webm = "\x1a\x45\xdf\xa3" + std::string(100, 'x');
  auto source = memory_source(bytes_of(webm));
  pid_t child = 0;
  {
    auto reader =
        AnyReader::open(*source, 16000, made_up("sleep 600 &\necho $! > " + pid_file + "\nwait\n"));
    ASSERT_TRUE(reader) << reader.error().message;
    std::ifstream(pid_file) >> child;  // waits for it
  }
  ASSERT_GT(child, 0);
  // Its parent is dead, so whoever adopts it reaps it; until then it is a zombie.
  const std::string stat = "/proc/" + std::to_string(child) + "/stat";
  for (int i = 0; i < 1000; ++i) {
    auto text = read_text(stat);
    if (!text || text->find(") Z") != std::string::npos) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "the grandchild still runs";
}

TEST_F(AnyReaderTest, TheRealFfmpegReadsWhatPhonesAndBrowsersRecord) {
  ASSERT_TRUE(has_command("ffmpeg")) << "run tools/setup test";
  const std::filesystem::path plain = folder_.path() / "tone.wav";
  ASSERT_TRUE(write_file(plain, bytes_of(wav(2))));
  for (const char* name :
       {"tone.m4a", "tone.mp4", "tone.webm", "tone.mkv", "tone.aiff", "ac3.wav"}) {
    const std::string file = (folder_.path() / name).string();
    std::vector<std::string> command = {"ffmpeg",       "-nostdin", "-loglevel", "error", "-i",
                                        plain.string(), "-ac",      "2",         "-ar",   "48000"};
    if (std::string_view(name).ends_with("webm"))
      command.insert(command.end(), {"-c:a", "libopus"});
    if (std::string_view(name) == "ac3.wav") command.insert(command.end(), {"-c:a", "ac3"});
    command.push_back(file);
    auto made = run_command(command);
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(made->exit_code, 0) << made->errors;
    auto source = file_source(file);
    ASSERT_TRUE(source);
    std::vector<float> samples;
    ASSERT_EQ(read_all(**source, {}, samples), "") << name;
    EXPECT_EQ(format_, "ffmpeg") << name;
    EXPECT_NEAR(static_cast<double>(samples.size()), 32000, 2400) << name;
    double power = 0;
    for (float sample : samples) power += static_cast<double>(sample) * sample;
    EXPECT_NEAR(std::sqrt(power / 32000), 8000.0 / 32768 / std::sqrt(2), 0.01) << name;
    ASSERT_TRUE(seconds_) << name;
    EXPECT_NEAR(*seconds_, 2, 0.1) << name;
  }
}

// Silence and then a tone: an estimate by the first frames is far too long.
TEST_F(AnyReaderTest, AnEstimateOfTheLengthIsNoClaim) {
  ASSERT_TRUE(has_command("ffmpeg")) << "run tools/setup test";
  const std::string plain = (folder_.path() / "plain.wav").string();
  ASSERT_TRUE(write_file(
      plain, bytes_of(test::wav_file(5, 44100, 0, 0) + test::wav_file(5, 44100).substr(44))));
  for (const char* name : {"vbr.mp3", "mp3.wav"}) {
    const std::string file = (folder_.path() / name).string();
    auto made =
        run_command({"ffmpeg", "-nostdin", "-loglevel", "error", "-ignore_length", "1", "-i", plain,
                     "-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0", file});
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(made->exit_code, 0) << made->errors;
    auto source = file_source(file);
    ASSERT_TRUE(source);
    std::vector<float> samples;
    ASSERT_EQ(read_all(**source, {}, samples), "") << name;
    EXPECT_GT(samples.size(), 9U * 16000) << name;
    EXPECT_NE(format_, "ffmpeg");
    EXPECT_FALSE(cut_short_) << name;
  }
}

TEST_F(AnyReaderTest, TheRealFfmpegFollowsNoPlaylistAndNoAddress) {
  ASSERT_TRUE(has_command("ffmpeg")) << "run tools/setup test";
  const std::filesystem::path secret = folder_.path() / "secret.wav";
  ASSERT_TRUE(write_file(secret, bytes_of(wav(1))));
  for (const std::string& list :
       {"ffconcat version 1.0\nfile " + secret.string() + "\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + secret.string() +
            "\n#EXT-X-ENDLIST\n",
        std::string("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n"),
        std::string(
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n"),
        std::string("This is only text, and a lot of it. ")}) {
    auto source = memory_source(bytes_of(list));
    std::vector<float> samples;
    EXPECT_THAT(read_all(*source, {}, samples), HasSubstr("ffmpeg cannot read this audio"));
    EXPECT_TRUE(samples.empty());
  }
}

}  // namespace
}  // namespace anynpu::audio
