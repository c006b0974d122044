// SPDX-License-Identifier: Apache-2.0
// Chooses by the first bytes.
#include "audio/any_reader.h"

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
  if (mono.error().code != Code::kUnsupported) return std::move(mono).error();
  source.wait_for_size();
  int file = source.descriptor();
  if (file < 0) {
    ANYNPU_TRY(copy, copy_of(source));
    reader.copy_ = std::move(copy);
    file = reader.copy_->descriptor();
  }
  ANYNPU_TRY(ffmpeg, Ffmpeg::start(file, sample_rate, limits));
  reader.ffmpeg_ = std::move(ffmpeg);
  return reader;
}

Result<bool> AnyReader::read(std::vector<float>& out) {
  if (ffmpeg_) return ffmpeg_->read(out, stop_);
  if (stop_.stop_requested()) return Error{Code::kCancelled, "decoding was stopped"};
  return mono_->read(out);
}

std::optional<double> AnyReader::seconds() const {
  if (ffmpeg_) return ffmpeg_->seconds();
  const Format& format = mono_->format();
  if (!format.frames) return std::nullopt;
  return static_cast<double>(*format.frames) / format.sample_rate;
}

bool AnyReader::cut_short() const {
  return ffmpeg_ ? ffmpeg_->cut_short() : mono_->cut_short();
}

std::string AnyReader::format() const {
  return ffmpeg_ ? "ffmpeg" : mono_->format().container;
}

}  // namespace anynpu::audio
