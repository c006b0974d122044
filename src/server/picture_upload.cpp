// SPDX-License-Identifier: Apache-2.0
// Collects pictures from a body as it arrives.
#include "server/picture_upload.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "server/multipart.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostFieldBytes = 256;
constexpr std::size_t kMostFields = 64;         // besides pictures
constexpr std::size_t kMostReserved = 1 << 20;  // what a Content-Length may claim in advance
constexpr const char* kHowTo = "send it with: curl -F image=@picture.jpg";

// What a route reads of a form besides pictures. Clients send much else, which is read over.
bool is_known_field(std::string_view name) {
  constexpr std::array<std::string_view, 6> kKnown = {"model",     "version",        "top",
                                                      "threshold", "min_confidence", "api_key"};
  return std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
}

bool is_picture_field(std::string_view name) {
  return name == "image" || name == "images" || name == "file";
}

class FormSink : public MultipartSink {
 public:
  FormSink(std::size_t most_bytes, std::size_t most_pictures)
      : most_bytes_(most_bytes), most_pictures_(most_pictures) {}

  Result<> begin_part(const MultipartPart& part) override {
    field_ = part.name;
    is_picture_ = is_picture_field(part.name);
    is_passed_over_ = !is_picture_ && (!part.filename.empty() || !is_known_field(part.name));
    if (is_picture_ && upload.pictures.size() >= most_pictures_)
      return Error{Code::kTooLarge, fmt::format("the form has more than {} picture{}",
                                                most_pictures_, most_pictures_ == 1 ? "" : "s")}
          .with_hint("send several requests");
    if (is_picture_)
      upload.pictures.emplace_back();
    else if (!is_passed_over_)
      upload.fields[field_].clear();
    return {};
  }

  Result<> part_data(std::string_view bytes) override {
    if (is_passed_over_) return {};
    std::string& to = is_picture_ ? upload.pictures.back() : upload.fields[field_];
    std::size_t most = is_picture_ ? most_bytes_ : kMostFieldBytes;
    if (to.size() + bytes.size() > most)
      return Error{Code::kTooLarge, fmt::format("the form's field '{}' is over {}",
                                                printable(field_, 40), human_bytes(most))};
    to.append(bytes);
    return {};
  }

  Result<> end_part() override { return {}; }

  PictureUpload upload;

 private:
  std::size_t most_bytes_, most_pictures_;
  std::string field_;
  bool is_picture_ = false, is_passed_over_ = false;
};

asio::awaitable<Result<PictureUpload>> read_form(RequestContext& context, std::size_t most_bytes,
                                                 std::size_t most_pictures) {
  Result<std::string> boundary = multipart_boundary(context.head().header("Content-Type"));
  if (!boundary) co_return std::move(boundary).error();
  FormSink sink(most_bytes, most_pictures);
  MultipartParser parser(*boundary, sink, {.parts = most_pictures + kMostFields});
  while (true) {
    Result<std::string_view> bytes = co_await context.read_some();
    if (!bytes) co_return std::move(bytes).error();
    Result<> parsed = bytes->empty() ? parser.finish() : parser.feed(*bytes);
    if (!parsed) co_return std::move(parsed).error();
    if (bytes->empty()) break;
  }
  if (sink.upload.pictures.empty())
    co_return Error{Code::kInvalid, "the form has no field named 'image'"}.with_hint(kHowTo);
  co_return std::move(sink.upload);
}

asio::awaitable<Result<PictureUpload>> read_bare(RequestContext& context, std::size_t most_bytes) {
  PictureUpload upload;
  std::string& bytes = upload.pictures.emplace_back();
  std::uint64_t announced = context.head().content_length.value_or(0);
  bytes.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(announced, kMostReserved)));
  while (true) {
    Result<std::string_view> more = co_await context.read_some();
    if (!more) co_return std::move(more).error();
    if (more->empty()) break;
    if (bytes.size() + more->size() > most_bytes)
      co_return Error{Code::kTooLarge,
                      fmt::format("the picture is over {}", human_bytes(most_bytes))};
    bytes.append(*more);
  }
  co_return upload;
}

}  // namespace

asio::awaitable<Result<PictureUpload>> read_picture(RequestContext& context, std::size_t most_bytes,
                                                    std::size_t most_pictures) {
  std::string type = context.head().media_type();
  std::string_view coding = context.head().header("Content-Encoding");
  if (!coding.empty() && !equal_ignoring_case(coding, "identity"))
    co_return Error{Code::kUnsupported,
                    fmt::format("the body has the content encoding '{}'", printable(coding, 40))}
        .with_hint("send the picture as it is; pictures are compressed already");
  Result<PictureUpload> upload = PictureUpload();
  if (type == "multipart/form-data")
    upload = co_await read_form(context, most_bytes, most_pictures);
  else if (type.empty() || type == "application/octet-stream" || type.starts_with("image/"))
    upload = co_await read_bare(context, most_bytes);
  else
    co_return Error{Code::kUnsupported,
                    fmt::format("a body of the type '{}' is no picture", printable(type, 60))}
        .with_hint(kHowTo);
  if (upload)
    for (const std::string& picture : upload->pictures)
      if (picture.empty())
        co_return Error{Code::kInvalid, upload->pictures.size() == 1
                                            ? "the request has no picture"
                                            : "one of the pictures is empty"}
            .with_hint(kHowTo);
  co_return upload;
}

}  // namespace anynpu::server
