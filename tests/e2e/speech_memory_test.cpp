// SPDX-License-Identifier: Apache-2.0
// A long recording takes no more of the server's memory than a short one: it is decoded as it is
// needed and forgotten as soon as it is through.
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "audio/mono.h"
#include "base/report.h"
#include "bench/speech/word_error.h"
#include "model/folders.h"
#include "server/test_client.h"
#include "server_process.h"
#include "speech/transcriber.h"

namespace anynpu {
namespace {

using server::TestClient;
using server::TestResponse;
using speech::kSampleRate;
using test::ServerProcess;

constexpr std::size_t kMinutes = 20;
constexpr std::size_t kVoiceEvery = 4;           // minutes; in between nobody speaks
constexpr long kMostGrowthKb = long{30} * 1024;  // the upload has 37 MB, its samples 73

/// The most that the process itself has held so far.
long peak_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::atol(line.c_str() + 6);
  return -1;
}

std::string pcm_of(const std::filesystem::path& file) {
  auto source = audio::file_source(file);
  EXPECT_TRUE(source) << "Run tools/setup test, which fetches the spoken words.";
  if (!source) return {};
  auto samples = audio::read_mono(**source, kSampleRate, 100);
  EXPECT_TRUE(samples);
  std::string bytes;
  for (const float sample : samples ? *samples : std::vector<float>()) {
    const auto value = static_cast<int>(std::clamp(sample, -1.0F, 1.0F) * 32767);
    bytes += static_cast<char>(value & 0xFF);
    bytes += static_cast<char>((value >> 8) & 0xFF);
  }
  return bytes;
}

std::string wav_header(std::size_t bytes) {
  std::string header;
  const auto put = [&header](std::size_t value, int count) {
    for (int i = 0; i < count; ++i) header += static_cast<char>((value >> (8 * i)) & 0xFF);
  };
  header += "RIFF";
  put(36 + bytes, 4);
  header += "WAVEfmt ";
  put(16, 4);
  put(1, 2);  // PCM
  put(1, 2);  // one channel
  put(kSampleRate, 4);
  put(kSampleRate * 2, 4);
  put(2, 2);
  put(16, 2);
  header += "data";
  put(bytes, 4);
  return header;
}

/// A recording of so many minutes, the voice at the beginning of every fourth, as it is sent.
TestResponse transcribe(int port, const std::string& voice, std::size_t minutes) {
  const std::size_t minute = std::size_t{60} * kSampleRate * 2;
  const std::string header = wav_header(minutes * minute);
  TestClient client(port);
  client.send(
      "POST /transcribe HTTP/1.1\r\nHost: test\r\nContent-Type: audio/wav\r\nContent-Length: " +
      std::to_string(header.size() + minutes * minute) + "\r\n\r\n" + header);
  for (std::size_t i = 0; i < minutes; ++i) {
    std::string piece(minute, '\0');
    if (i % kVoiceEvery == 0) piece.replace(piece.size() / 2, voice.size(), voice);
    if (!client.send(piece)) break;
  }
  // As long as it takes on a slow machine.
  TestResponse response;
  for (int i = 0; i < 12 && response.status == 0; ++i) response = client.read();
  return response;
}

TEST(SpeechMemory, DoesNotGrowWithTheRecording) {
  const std::string voice = pcm_of(model::user_data_folder() / "test-sounds/Front_Center.wav");
  ServerProcess server(ANYNPU_BINARY, ServerProcess::free_port(),
                       {"--host", "127.0.0.1", "--model", "moonshine_tiny", "--model", "silero_vad",
                        "--instances", "1"});
  ASSERT_TRUE(server.wait_until_ready()) << "the models: anynpu models pull --default";
  const TestResponse first = transcribe(server.port(), voice, 1);
  ASSERT_EQ(first.status, 200) << first.body;
  const long before = peak_kb(server.pid());
  ASSERT_GT(before, 0);

  const TestResponse response = transcribe(server.port(), voice, kMinutes);
  ASSERT_EQ(response.status, 200) << response.body;
  const long after = peak_kb(server.pid());
  std::printf("%zu minutes: from %ld to %ld kB\n", kMinutes, before, after);
  EXPECT_LT(after - before, kMostGrowthKb);
  EXPECT_EQ(response.json()["duration"], 60.0 * kMinutes);
  test::WordErrors errors;
  std::string said;
  for (std::size_t i = 0; i < kMinutes; i += kVoiceEvery) said += "front center ";
  errors.add(said, response.json()["text"].get<std::string>());
  EXPECT_LE(errors.percent(), 30) << response.body;
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace anynpu
