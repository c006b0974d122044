// SPDX-License-Identifier: Apache-2.0
// PNG through libpng's simplified interface, which reports errors without longjmp.
#include "vision/png_writer.h"

#include <fmt/format.h>
#include <png.h>

#include "base/file.h"

namespace anynpu::vision {

Result<std::vector<std::byte>> encode_png(const Image& image) {
  if (image.width < 1 || image.height < 1)
    return Error{Code::kInvalid, fmt::format("an image of {} x {} pixels cannot be written",
                                             image.width, image.height)};
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<std::byte> png(size);
  if (png_image_write_to_memory(&header, png.data(), &size, 0, image.rgb.data(), 0, nullptr) == 0)
    return Error{Code::kInternal,
                 fmt::format("libpng could not write the image: {}", header.message)};
  png.resize(size);
  return png;
}

Result<> write_png(const std::filesystem::path& path, const Image& image) {
  ANYNPU_TRY(png, encode_png(image));
  return write_file(path, png);
}

}  // namespace anynpu::vision
