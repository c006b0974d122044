// SPDX-License-Identifier: Apache-2.0
// Chooses by the first bytes.
#include "audio/any_reader.h"

#include <array>
#include <limits>

namespace anynpu::audio {
namespace {

Result<std::unique_ptr<Spool>> copy_of(ByteSource& source) {
  ANYNPU_TRY(copy, Spool::create({}, std::numeric_limits<std::uint64_t>::max()));
  std::vector<std::byte> block(std::size_t{1} << 16);
  std::uint64_t at = 0;
  while (const std::size_t got = source.read_at(at, block)) {
    ANYNPU_CHECK(copy->append(std::span(block).first(got)));
    at += got;
  }
  copy->end();
  return std::move(copy);
}

}  // namespace

Result<AnyReader> AnyReader::open(ByteSource& source, int sample_rate, const FfmpegLimits& limits,
                                  std::stop_token stop) {
  AnyReader reader;
  reader.stop_ = std::move(stop);
  Result<MonoReader> mono = MonoReader::open(source, sample_rate);
  if (mono) {
    reader.mono_ = std::move(*mono);
    return reader;
  }
  const bool damaged = mono.error().code == Code::kInvalid;
  if (!damaged && mono.error().code != Code::kUnsupported) return std::move(mono).error();
  if (source.wait_for_size() == 0) return std::move(mono).error();
  if (damaged) reader.damaged_ = std::move(mono).error();
  int file = source.descriptor();
  if (file < 0) {
    ANYNPU_TRY(copy, copy_of(source));
    reader.copy_ = std::move(copy);
    file = reader.copy_->descriptor();
  }
  auto ffmpeg = Ffmpeg::start(file, sample_rate, limits);
  if (!ffmpeg) return reader.damaged_ ? *reader.damaged_ : std::move(ffmpeg).error();
  reader.ffmpeg_ = std::move(*ffmpeg);
  return reader;
}

AnyReader AnyReader::raw(ByteSource& source, int sample_rate, std::stop_token stop) {
  AnyReader reader;
  reader.raw_ = &source;
  reader.raw_rate_ = sample_rate;
  reader.stop_ = std::move(stop);
  return reader;
}

bool AnyReader::read_raw(std::vector<float>& out) {
  std::array<unsigned char, 16384> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const std::size_t got = raw_->read_at(raw_at_, std::as_writable_bytes(std::span(bytes)));
  raw_at_ += got;
  for (std::size_t i = 0; i + 1 < got; i += 2)
    out.push_back(static_cast<float>(static_cast<std::int16_t>(bytes[i] | bytes[i + 1] << 8U)) /
                  32768.0F);
  return got > 1;
}

Result<bool> AnyReader::read(std::vector<float>& out) {
  if (ffmpeg_) {
    Result<bool> more = ffmpeg_->read(out, stop_);
    if (!more && damaged_ && more.error().code == Code::kInvalid) return *damaged_;
    return more;
  }
  if (stop_.stop_requested()) return Error{Code::kCancelled, "decoding was stopped"};
  return raw_ != nullptr ? read_raw(out) : mono_->read(out);
}

std::optional<double> AnyReader::seconds() const {
  if (ffmpeg_) return ffmpeg_->seconds();
  if (raw_ != nullptr) {
    const auto size = raw_->size();
    if (!size) return std::nullopt;
    const std::uint64_t samples = *size / 2;  // half a one is none
    return static_cast<double>(samples) / raw_rate_;
  }
  const Format& format = mono_->format();
  if (!format.frames) return std::nullopt;
  return static_cast<double>(*format.frames) / format.sample_rate;
}

bool AnyReader::cut_short() const {
  if (ffmpeg_) return ffmpeg_->cut_short();
  return mono_ && mono_->cut_short();
}

std::string AnyReader::format() const {
  if (raw_ != nullptr) return "PCM";
  return ffmpeg_ ? "ffmpeg" : mono_->format().container;
}

}  // namespace anynpu::audio
