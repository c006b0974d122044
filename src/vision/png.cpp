// SPDX-License-Identifier: Apache-2.0
// PNG through libpng, row by row.
//
// libpng reports errors with longjmp, which skips destructors. So it is only called from functions
// of PngReader that set the jump themselves and hold nothing to destroy; all memory belongs to the
// caller.
#include <csetjmp>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <png.h>

#include "vision/codecs.h"
#include "vision/reduce.h"

namespace anynpu::vision {
namespace {

class PngReader {
 public:
  explicit PngReader(std::span<const std::byte> encoded) : rest_(encoded) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &on_error, &on_warning);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool started() const { return info_ != nullptr; }

  // Each returns false after an error, which failure() tells.
  bool read_header(int most_side) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, &on_read);
    png_set_user_limits(png_, static_cast<png_uint_32>(most_side),
                        static_cast<png_uint_32>(most_side));
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    // Text, profiles and the like, which may be compressed and huge, are passed over unread.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    width = static_cast<int>(png_get_image_width(png_, info_));
    height = static_cast<int>(png_get_image_height(png_, info_));
    interlaced = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
    return true;
  }

  bool start_rows() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    channels = png_get_channels(png_, info_);
    row_bytes = png_get_rowbytes(png_, info_);
    return true;
  }

  bool read_row(std::uint8_t* row) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_row(png_, row, nullptr);
    return true;
  }

  bool read_end() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_end(png_, nullptr);
    return true;
  }

  Error failure() const { return cut_ ? cut_short("PNG") : broken("PNG", message_); }

  int width = 0, height = 0;
  bool interlaced = false;
  int passes = 1;
  int channels = 0;  // 3, or 4 with alpha
  std::size_t row_bytes = 0;

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(reader->message_, message, sizeof reader->message_ - 1);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep to, std::size_t count) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader->rest_.size()) {
      reader->cut_ = true;
      png_error(png, "cut short");
    }
    std::memcpy(to, reader->rest_.data(), count);
    reader->rest_ = reader->rest_.subspan(count);
  }

  std::span<const std::byte> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  bool cut_ = false;
  char message_[128] = {};
};

// Hands RGB rows on, transparent ones over white.
void add_row(const std::uint8_t* row, const PngReader& reader, std::vector<std::uint8_t>& rgb,
             Reducer& reducer) {
  if (reader.channels == 3) return reducer.add(row);
  for (std::size_t x = 0; x < static_cast<std::size_t>(reader.width); ++x) {
    const std::uint8_t* in = row + 4 * x;
    for (std::size_t c = 0; c < 3; ++c) rgb[3 * x + c] = over_white(in[c], in[3]);
  }
  reducer.add(rgb.data());
}

}  // namespace

Result<Decoded> decode_png(std::span<const std::byte> encoded, const DecodeOptions& options) {
  PngReader reader(encoded);
  if (!reader.started()) return Error{Code::kInternal, "libpng could not be started"};
  // The sides are checked below, with a better message; libpng's own limit is the format's.
  if (!reader.read_header(PNG_UINT_31_MAX)) return reader.failure();
  ANYNPU_CHECK(check_size("PNG", reader.width, reader.height, reader.interlaced, options.limits));
  if (!reader.start_rows()) return reader.failure();
  const auto width = static_cast<std::size_t>(reader.width);
  if ((reader.channels != 3 && reader.channels != 4) ||
      reader.row_bytes != width * static_cast<std::size_t>(reader.channels))
    return Error{Code::kInternal, "libpng gives rows of a size that was not asked for"};

  const Orientation orientation = orientation_of_png(encoded);
  const Wanted wanted = wanted_size(reader.width, reader.height, orientation, options);
  Reducer reducer(reader.width, reader.height, reduction(reader.width, wanted.width),
                  reduction(reader.height, wanted.height));
  const std::size_t rows_held = reader.interlaced ? static_cast<std::size_t>(reader.height) : 1;
  std::vector<std::uint8_t> held(reader.row_bytes * rows_held);
  std::vector<std::uint8_t> rgb(reader.channels == 4 ? width * 3 : 0);
  for (int pass = 0; pass < reader.passes; ++pass) {
    for (int y = 0; y < reader.height; ++y) {
      std::uint8_t* row =
          held.data() + (reader.interlaced ? static_cast<std::size_t>(y) * reader.row_bytes : 0);
      if (!reader.read_row(row)) return reader.failure();
      if (pass == reader.passes - 1) add_row(row, reader, rgb, reducer);
    }
  }
  if (!reader.read_end()) return reader.failure();
  const Region part = reducer.part();
  return finish(reducer.take(), part, reader.width, reader.height, orientation);
}

}  // namespace anynpu::vision
