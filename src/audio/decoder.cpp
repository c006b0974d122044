// SPDX-License-Identifier: Apache-2.0
// libsndfile over a ByteSource. Only the formats that clients send are let through to it.
#include "audio/decoder.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <sndfile.h>

#include "audio/sane_sample.h"

namespace anynpu::audio {
namespace {

// The size of a file whose end has not come yet: libsndfile wants one.
constexpr sf_count_t kUnknownSize = sf_count_t{1} << 48;

// While bytes still arrive, a jump further than this is a look at what follows the sound, which is
// not waited for.
constexpr std::uint64_t kFarthestJump = 256 * 1024;

constexpr int kMostParts = 1000;  // tags, or chunks, before the sound

struct Opened {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

bool begins(std::string_view head, std::size_t offset, std::string_view with) {
  return head.size() >= offset + with.size() && head.substr(offset, with.size()) == with;
}

/// The container by its first bytes; empty when it is none of ours.
std::string sniff(std::string_view head) {
  if ((begins(head, 0, "RIFF") || begins(head, 0, "RF64")) && begins(head, 8, "WAVE")) return "WAV";
  if (begins(head, 0, "fLaC")) return "FLAC";
  if (begins(head, 0, "OggS")) return "Ogg";
  if (begins(head, 0, "ID3")) return "MP3";
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(head[i]); };
  // MPEG audio, layer III.
  if (head.size() >= 2 && byte(0) == 0xff && (byte(1) & 0xe6U) == 0xe2U) return "MP3";
  return "";
}

/// Where the sound begins, behind pictures and what else is large, and the bytes of it that a WAV
/// claims.
struct Start {
  std::uint64_t offset = 0;
  std::uint32_t claimed = 0;
};

Start start_of_wav(ByteSource& source) {
  Start start{12};
  std::array<unsigned char, 8> chunk = {};
  for (int i = 0; i < kMostParts; ++i) {
    if (source.read_at(start.offset, std::as_writable_bytes(std::span(chunk))) < chunk.size())
      break;
    const std::uint32_t size =
        chunk[4] | chunk[5] << 8U | chunk[6] << 16U | static_cast<std::uint32_t>(chunk[7]) << 24U;
    start.offset += chunk.size();
    if (std::memcmp(chunk.data(), "data", 4) == 0) {
      start.claimed = size;
      break;
    }
    start.offset += std::uint64_t{size} + size % 2;
  }
  return start;
}

// https://id3.org/id3v2.4.0-structure: seven bits a byte.
Start start_of_mp3(ByteSource& source) {
  Start start;
  std::array<unsigned char, 10> tag = {};
  for (int i = 0; i < kMostParts; ++i) {
    if (source.read_at(start.offset, std::as_writable_bytes(std::span(tag))) < tag.size()) break;
    if (std::memcmp(tag.data(), "ID3", 3) != 0) break;
    std::uint64_t size = 0;
    for (std::size_t byte = 6; byte < tag.size(); ++byte) size = size << 7U | (tag[byte] & 0x7fU);
    start.offset += tag.size() + size;
  }
  return start;
}

Start start_of(ByteSource& source, std::string_view container) {
  if (container == "WAV") return start_of_wav(source);
  return container == "MP3" ? start_of_mp3(source) : Start();
}

// What writes to a pipe does not know the size when it writes the header. The length of compressed
// sound in a WAV is an estimate.
bool tells_frames(const std::string& container, int format, std::uint32_t claimed) {
  if (container == "FLAC") return true;
  const int encoding = format & SF_FORMAT_SUBMASK;
  const bool mpeg = encoding >= SF_FORMAT_MPEG_LAYER_I && encoding <= SF_FORMAT_MPEG_LAYER_III;
  return container == "WAV" && !mpeg && claimed != 0 && claimed != 0xffffffffU &&
         claimed >> 16U != 0x7fffU;
}

Error unsupported(std::string_view head) {
  std::string what = "the audio is in no known format";
  if (begins(head, 4, "ftyp")) what = "MP4 and M4A audio is not decoded in this process";
  if (begins(head, 0, "\x1a\x45\xdf\xa3"))
    what = "WebM and Matroska audio is not decoded in this process";
  if (begins(head, 0, "FORM")) what = "AIFF audio is not decoded in this process";
  return Error{Code::kUnsupported, what, 0,
               "send WAV, FLAC, Ogg or MP3; ffmpeg -i FILE out.wav converts"};
}

}  // namespace

struct Decoder::State {
  ByteSource* source = nullptr;
  std::uint64_t position = 0;
  std::uint64_t seen = 0;      // one past the last byte read so far, or where the sound begins
  bool waits_for_end = false;  // the format's headers are also at its end
  Format format;
  std::unique_ptr<SNDFILE, Opened> file;
  std::uint64_t frames_read = 0;
  bool ended = false;
  bool cut_short = false;

  static sf_count_t size(void* state) {
    auto& self = *static_cast<State*>(state);
    if (self.waits_for_end) return static_cast<sf_count_t>(self.source->wait_for_size());
    const auto known = self.source->size();
    return known ? static_cast<sf_count_t>(*known) : kUnknownSize;
  }
  static sf_count_t seek(sf_count_t offset, int whence, void* state) {
    auto& self = *static_cast<State*>(state);
    sf_count_t target = offset;
    if (whence == SEEK_CUR) target += static_cast<sf_count_t>(self.position);
    if (whence == SEEK_END) {
      if (!self.waits_for_end && !self.source->size()) return -1;
      target += size(state);
    }
    if (target < 0 || target > kUnknownSize) return -1;
    self.position = static_cast<std::uint64_t>(target);
    return target;
  }
  static sf_count_t read(void* into, sf_count_t count, void* state) {
    auto& self = *static_cast<State*>(state);
    if (count <= 0) return 0;
    if (self.position > self.seen + kFarthestJump && !self.waits_for_end && !self.source->size())
      return 0;
    const std::size_t got = self.source->read_at(
        self.position, {static_cast<std::byte*>(into), static_cast<std::size_t>(count)});
    self.position += got;
    self.seen = std::max(self.seen, self.position);
    return static_cast<sf_count_t>(got);
  }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
  static sf_count_t tell(void* state) {
    return static_cast<sf_count_t>(static_cast<State*>(state)->position);
  }
};

Decoder::Decoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::open(ByteSource& source, const DecoderLimits& limits) {
  std::array<std::byte, 12> bytes = {};
  const std::size_t got = source.read_at(0, bytes);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), got);
  if (got == 0) return Error{Code::kInvalid, "the audio is empty"};
  auto state = std::make_unique<State>();
  state->source = &source;
  state->format.container = sniff(head);
  if (state->format.container.empty()) return unsupported(head);
  state->waits_for_end = state->format.container == "Ogg";
  const Start start = start_of(source, state->format.container);
  state->seen = start.offset;

  SF_VIRTUAL_IO io = {State::size, State::seek, State::read, State::write, State::tell};
  SF_INFO info = {};
  state->file.reset(sf_open_virtual(&io, SFM_READ, &info, state.get()));
  if (state->file == nullptr)
    return Error{
        Code::kInvalid,
        fmt::format("the {} file is damaged: {}", state->format.container, sf_strerror(nullptr)), 0,
        "play it with another program, or send it as WAV"};
  if (info.channels < 1 || info.channels > limits.most_channels)
    return Error{Code::kTooLarge, fmt::format("the audio has {} channels and at most {} are read",
                                              info.channels, limits.most_channels)};
  if (info.samplerate < limits.least_rate || info.samplerate > limits.most_rate)
    return Error{Code::kUnsupported,
                 fmt::format("a sample rate of {} Hz is not between {} and {}", info.samplerate,
                             limits.least_rate, limits.most_rate)};
  state->format.sample_rate = info.samplerate;
  state->format.channels = info.channels;
  if (info.frames > 0 && info.frames < kUnknownSize / 64)
    state->format.frames = static_cast<std::uint64_t>(info.frames);
  state->format.frames_are_told =
      state->format.frames && tells_frames(state->format.container, info.format, start.claimed);
  SF_FORMAT_INFO encoding = {};
  encoding.format = info.format & SF_FORMAT_SUBMASK;
  if (sf_command(nullptr, SFC_GET_FORMAT_INFO, &encoding, sizeof encoding) == 0 &&
      encoding.name != nullptr)
    state->format.encoding = encoding.name;
  return Decoder(std::move(state));
}

const Format& Decoder::format() const {
  return state_->format;
}

std::size_t Decoder::read(std::span<float> into) {
  State& state = *state_;
  if (state.ended) return 0;
  const auto channels = static_cast<std::size_t>(state.format.channels);
  const auto frames = static_cast<sf_count_t>(into.size() / channels);
  const sf_count_t got = frames == 0 ? 0 : sf_readf_float(state.file.get(), into.data(), frames);
  if (got <= 0) {
    state.ended = frames > 0;
    const Format& format = state.format;
    state.cut_short = sf_error(state.file.get()) != SF_ERR_NO_ERROR ||
                      (format.frames_are_told && state.frames_read < *format.frames);
    return 0;
  }
  state.frames_read += static_cast<std::uint64_t>(got);
  const std::size_t count = static_cast<std::size_t>(got) * channels;
  for (float& sample : into.first(count)) sample = sane_sample(sample);
  return count;
}

bool Decoder::cut_short() const {
  return state_->cut_short;
}

}  // namespace anynpu::audio
