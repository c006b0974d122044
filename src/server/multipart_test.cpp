// SPDX-License-Identifier: Apache-2.0
#include "server/multipart.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace anynpu::server {
namespace {

class Collector : public MultipartSink {
 public:
  struct Part {
    MultipartPart head;
    std::string data;
    bool ended = false;
  };

  Result<> begin_part(const MultipartPart& part) override {
    parts.push_back({part, "", false});
    return {};
  }
  Result<> part_data(std::string_view bytes) override {
    if (parts.back().data.size() + bytes.size() > most) return Error{Code::kTooLarge, "enough"};
    parts.back().data += bytes;
    return {};
  }
  Result<> end_part() override {
    parts.back().ended = true;
    return {};
  }

  std::size_t most = 1 << 20;
  std::vector<Part> parts;
};

// Feeds `body` in steps of `step` bytes.
Result<> parse(std::string_view body, Collector& collector, std::size_t step = 1 << 20,
               MultipartLimits limits = {}) {
  MultipartParser parser("XYZ", collector, limits);
  for (std::size_t i = 0; i < body.size(); i += step)
    ANYNPU_CHECK(parser.feed(body.substr(i, step)));
  return parser.finish();
}

constexpr std::string_view kTwoParts =
    "preamble\r\n--XYZ  \r\n"
    "Content-Disposition: form-data; name=\"image\"; filename=\"a \\\"b\\\".jpg\"\r\n"
    "Content-Type: Image/JPEG; x=y\r\n\r\n"
    "one\r\n--XY\r\n\r\n--XZ\r\ntwo\r\n"
    "--XYZ\r\n"
    "content-disposition: form-data; name=top\r\n\r\n"
    "\r\n--XYZ--\r\nepilogue";

TEST(Multipart, ReadsPartsHoweverTheyAreCut) {
  for (std::size_t step = 1; step <= kTwoParts.size(); ++step) {
    Collector collector;
    auto result = parse(kTwoParts, collector, step);
    ASSERT_TRUE(result) << result.error().message << " in steps of " << step;
    ASSERT_EQ(collector.parts.size(), 2U);
    EXPECT_EQ(collector.parts[0].head.name, "image");
    EXPECT_EQ(collector.parts[0].head.filename, "a \"b\".jpg");
    EXPECT_EQ(collector.parts[0].head.content_type, "image/jpeg");
    EXPECT_EQ(collector.parts[0].data, "one\r\n--XY\r\n\r\n--XZ\r\ntwo");
    EXPECT_TRUE(collector.parts[0].ended);
    EXPECT_EQ(collector.parts[1].head.name, "top");
    EXPECT_EQ(collector.parts[1].data, "");
    EXPECT_TRUE(collector.parts[1].ended);
  }
}

TEST(Multipart, NoPartsAtAll) {
  Collector collector;
  EXPECT_TRUE(parse("--XYZ--", collector));
  EXPECT_TRUE(collector.parts.empty());
}

TEST(Multipart, RefusesWhatIsMalformed) {
  const std::string head = "--XYZ\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  for (const std::string& bad :
       {std::string(), std::string("nothing of the kind"), std::string("--XYZ"),
        std::string("--XYZ\r\n\r\ndata\r\n--XYZ--"), head + "data", head + "data\r\n--XYZ",
        head + "data\r\n--XYZtail\r\n", std::string("--XYZ\r\nno colon\r\n\r\n\r\n--XYZ--"),
        std::string("--XYZ\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--XYZ--"),
        std::string("--XYZ\r\nContent-Disposition: form-data\r\n\r\n\r\n--XYZ--"),
        std::string("--XYZ\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--XYZ--")}) {
    Collector collector;
    auto result = parse(bad, collector);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, Code::kInvalid) << bad;
  }
}

TEST(Multipart, HasLimits) {
  Collector collector;
  const std::string part = "--XYZ\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
  EXPECT_EQ(parse(part + part + part + "--XYZ--", collector, 7, {.parts = 2}).error().code,
            Code::kTooLarge);
  EXPECT_EQ(parse("--XYZ\r\nX: " + std::string(300, 'a'), collector, 7, {.header_bytes = 100})
                .error()
                .code,
            Code::kTooLarge);
  EXPECT_FALSE(parse(std::string(1000, 'p'), collector, 7, {.preamble_bytes = 100}));
  EXPECT_FALSE(parse("--XYZ" + std::string(1000, ' '), collector, 7));
  collector.most = 2;
  EXPECT_EQ(
      parse("--XYZ\r\nContent-Disposition: form-data; name=a\r\n\r\n12345\r\n--XYZ--", collector)
          .error()
          .message,
      "enough");
}

TEST(Multipart, EncodedPartsAreRefused) {
  Collector collector;
  auto result = parse(
      "--XYZ\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "QUJD\r\n--XYZ--",
      collector);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kUnsupported);
}

TEST(Multipart, Boundaries) {
  EXPECT_EQ(*multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*multipart_boundary("multipart/form-data; charset=utf-8; Boundary=\"a b\""), "a b");
  for (const std::string& bad :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"a"),
        std::string("multipart/form-data; boundary=\"a \""),
        std::string("multipart/form-data; boundary=a\"b"),
        "multipart/form-data; boundary=" + std::string(71, 'a')})
    EXPECT_FALSE(multipart_boundary(bad)) << bad;
}

}  // namespace
}  // namespace anynpu::server
