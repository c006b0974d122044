// SPDX-License-Identifier: Apache-2.0
// JPEG through libjpeg-turbo, at a reduced scale where that is enough.
//
// The inverse DCT can give an n/8 scale of the picture at a fraction of the cost, filtered as well
// as a resize would: the high frequencies are simply left out. A cut or damaged file is an error,
// though libjpeg only warns of it and fills the missing rows with grey.
#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <turbojpeg.h>

#include "vision/codecs.h"
#include "vision/jpeg_header.h"

namespace anynpu::vision {
namespace {

constexpr int kMostScans = 100;  // ordinary progressive files have about ten; each costs a pass
constexpr int kFullScale = 8;

struct CloseJpeg {
  void operator()(void* handle) const { tjDestroy(handle); }
};

int scaled(int size, int eighths) {
  return (size * eighths + kFullScale - 1) / kFullScale;
}

// In eighths. 1/2, 1/4 and 1/8 have vector code in libjpeg-turbo; 3/8 takes longer than 1/2.
int choose_scale(const JpegHeader& header, const Wanted& wanted) {
  if (wanted.width <= 0 || header.width / 2 < wanted.width || header.height / 2 < wanted.height)
    return kFullScale;
  for (int eighths = 1; eighths < kFullScale; eighths *= 2)
    if (scaled(header.width, eighths) >= wanted.width &&
        scaled(header.height, eighths) >= wanted.height)
      return eighths;
  return kFullScale;
}

// What libjpeg said against what it means for the picture.
Result<> judge(std::string_view said, bool fatal, bool ended) {
  if (fatal && (said.find("nsupported") != std::string_view::npos ||
                said.find("not supported") != std::string_view::npos))
    return Error{Code::kUnsupported, fmt::format("this kind of JPEG is not read: {}", said)}
        .with_hint("save it as an ordinary JPEG");
  if (!ended) return cut_short("JPEG");
  const auto says = [&](std::string_view part) {
    return said.find(part) != std::string_view::npos;
  };
  if (fatal || says("remature end") || says("bad Huffman code") || says("found marker") ||
      says("arithmetic"))
    return broken("JPEG", said);
  return {};
}

Image from_inks(const std::vector<std::uint8_t>& inks, int width, int height, bool inverted) {
  Image image = uncleared_image(width, height);
  const std::uint8_t* in = inks.data();
  const unsigned flip = inverted ? 0 : 255;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3, in += 4) {
    const unsigned light = in[3] ^ flip;
    for (std::size_t c = 0; c < 3; ++c)
      image.rgb[i + c] = static_cast<std::uint8_t>(((in[c] ^ flip) * light + 127) / 255);
  }
  return image;
}

}  // namespace

Result<Decoded> decode_jpeg(std::span<const std::byte> encoded, const DecodeOptions& options) {
  ANYNPU_TRY(header, read_jpeg_header(encoded));
  ANYNPU_CHECK(check_size("JPEG", header.width, header.height, header.buffered, options.limits));
  if (header.buffered && count_scans(encoded, header.first_scan) > kMostScans)
    return Error{Code::kTooLarge, fmt::format("the JPEG has more than {} scans", kMostScans)}
        .with_hint("save it as an ordinary JPEG");
  const int eighths =
      choose_scale(header, wanted_size(header.width, header.height, header.orientation, options));
  const int width = scaled(header.width, eighths);
  const int height = scaled(header.height, eighths);

  std::unique_ptr<void, CloseJpeg> handle(tjInitDecompress());
  if (!handle) return Error{Code::kInternal, "libjpeg-turbo could not be started"};
  const bool inks = header.components == 4;
  Image image;
  std::vector<std::uint8_t> ink_pixels;
  if (inks) {
    ink_pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4);
  } else {
    image = uncleared_image(width, height);
  }
  // At a reduced scale the chroma planes seldom need upsampling, and its finest way does not show.
  const int flags = TJFLAG_LIMITSCANS | (eighths < kFullScale ? TJFLAG_FASTUPSAMPLE : 0);
  const int failed = tjDecompress2(
      handle.get(), reinterpret_cast<const unsigned char*>(encoded.data()),
      static_cast<unsigned long>(encoded.size()), inks ? ink_pixels.data() : image.rgb.data(),
      width, 0, height, inks ? TJPF_CMYK : TJPF_RGB, flags);
  if (failed != 0) {
    const bool fatal = tjGetErrorCode(handle.get()) == TJERR_FATAL;
    ANYNPU_CHECK(judge(tjGetErrorStr2(handle.get()), fatal, has_end(encoded, header.first_scan)));
  }
  if (inks) image = from_inks(ink_pixels, width, height, header.adobe);
  const Region part = {0, 0, static_cast<double>(header.width) * eighths / kFullScale,
                       static_cast<double>(header.height) * eighths / kFullScale};
  return finish(std::move(image), part, header.width, header.height, header.orientation);
}

}  // namespace anynpu::vision
