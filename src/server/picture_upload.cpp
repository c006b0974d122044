// SPDX-License-Identifier: Apache-2.0
// Collects a picture from a body as it arrives.
#include "server/picture_upload.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/multipart.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostFieldBytes = 256;
constexpr std::size_t kMostReserved = 1 << 20;  // what a Content-Length may claim in advance
constexpr const char* kHowTo = "send it with: curl -F image=@picture.jpg";

class FormSink : public MultipartSink {
 public:
  explicit FormSink(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  Result<> begin_part(const MultipartPart& part) override {
    field_ = part.name;
    is_picture_ = part.name == "image" || part.name == "file";
    is_file_ = !is_picture_ && !part.filename.empty();
    if (is_picture_ && has_picture_)
      return Error{Code::kInvalid, "the form has more than one picture"}.with_hint(
          "send one request per picture");
    has_picture_ = has_picture_ || is_picture_;
    if (!is_picture_ && !is_file_) upload.fields[field_].clear();
    return {};
  }

  Result<> part_data(std::string_view bytes) override {
    if (is_file_) return {};  // a file that nobody asked for is read over
    std::string& to = is_picture_ ? upload.bytes : upload.fields[field_];
    std::size_t most = is_picture_ ? most_bytes_ : kMostFieldBytes;
    if (to.size() + bytes.size() > most)
      return Error{Code::kTooLarge, fmt::format("the form's field '{}' is over {}",
                                                printable(field_, 40), human_bytes(most))};
    to.append(bytes);
    return {};
  }

  Result<> end_part() override { return {}; }

  bool has_picture() const { return has_picture_; }

  PictureUpload upload;

 private:
  std::size_t most_bytes_;
  std::string field_;
  bool is_picture_ = false, is_file_ = false, has_picture_ = false;
};

asio::awaitable<Result<PictureUpload>> read_form(RequestContext& context, std::size_t most_bytes) {
  Result<std::string> boundary = multipart_boundary(context.head().header("Content-Type"));
  if (!boundary) co_return std::move(boundary).error();
  FormSink sink(most_bytes);
  MultipartParser parser(*boundary, sink);
  while (true) {
    Result<std::string_view> bytes = co_await context.read_some();
    if (!bytes) co_return std::move(bytes).error();
    Result<> parsed = bytes->empty() ? parser.finish() : parser.feed(*bytes);
    if (!parsed) co_return std::move(parsed).error();
    if (bytes->empty()) break;
  }
  if (!sink.has_picture())
    co_return Error{Code::kInvalid, "the form has no field named 'image'"}.with_hint(kHowTo);
  co_return std::move(sink.upload);
}

asio::awaitable<Result<PictureUpload>> read_bare(RequestContext& context, std::size_t most_bytes) {
  PictureUpload upload;
  std::uint64_t announced = context.head().content_length.value_or(0);
  upload.bytes.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(announced, kMostReserved)));
  while (true) {
    Result<std::string_view> bytes = co_await context.read_some();
    if (!bytes) co_return std::move(bytes).error();
    if (bytes->empty()) break;
    if (upload.bytes.size() + bytes->size() > most_bytes)
      co_return Error{Code::kTooLarge,
                      fmt::format("the picture is over {}", human_bytes(most_bytes))};
    upload.bytes.append(*bytes);
  }
  co_return upload;
}

}  // namespace

asio::awaitable<Result<PictureUpload>> read_picture(RequestContext& context,
                                                    std::size_t most_bytes) {
  std::string type = context.head().media_type();
  std::string_view coding = context.head().header("Content-Encoding");
  if (!coding.empty() && !equal_ignoring_case(coding, "identity"))
    co_return Error{Code::kUnsupported,
                    fmt::format("the body has the content encoding '{}'", printable(coding, 40))}
        .with_hint("send the picture as it is; pictures are compressed already");
  Result<PictureUpload> upload = PictureUpload();
  if (type == "multipart/form-data")
    upload = co_await read_form(context, most_bytes);
  else if (type.empty() || type == "application/octet-stream" || type.starts_with("image/"))
    upload = co_await read_bare(context, most_bytes);
  else
    co_return Error{Code::kUnsupported,
                    fmt::format("a body of the type '{}' is no picture", printable(type, 60))}
        .with_hint(kHowTo);
  if (upload && upload->bytes.empty())
    co_return Error{Code::kInvalid, "the request has no picture"}.with_hint(kHowTo);
  co_return upload;
}

}  // namespace anynpu::server
