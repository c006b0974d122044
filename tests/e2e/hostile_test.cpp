// SPDX-License-Identifier: Apache-2.0
// What strangers send: every bad request is answered with 4xx or loses its connection, the log says
// why, nothing is left behind, and good clients notice nothing.
#include <algorithm>
#include <cstdlib>
#include <list>
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/report.h"
#include "server/test_client.h"
#include "server_process.h"
#include "tiny_store.h"

namespace anynpu {
namespace {

using server::TestClient;
using server::TestResponse;
using test::ServerProcess;
using ::testing::HasSubstr;

constexpr const char* kGood =
    R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]})";

std::string form(const std::string& head, const std::string& content) {
  return "--B\r\n" + head + "\r\n\r\n" + content + "\r\n--B--\r\n";
}
const std::string kImagePart = "Content-Disposition: form-data; name=\"image\"; filename=\"a\"";
constexpr const char* kForm = "Content-Type: multipart/form-data; boundary=B\r\n";

/// A PNG that says to be of that size and has no pixels to speak of.
std::string png_of(std::uint32_t width, std::uint32_t height) {
  std::string bytes = "\x89PNG\r\n\x1a\n";
  auto put = [&bytes](std::uint32_t value) {
    for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
  };
  put(13);
  const std::size_t start = bytes.size();
  bytes += "IHDR";
  put(width);
  put(height);
  bytes += std::string("\x08\x02\0\0\0", 5);
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = start; i < bytes.size(); ++i) {
    crc ^= static_cast<unsigned char>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  put(~crc);
  put(1000);
  return bytes + "IDAT" + "not really";
}

class HostileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_.add_identity("fp32", {1});
    store_.add_colours("colours", {1});
    ::setenv("ANYNPU_MODELS", store_.path().c_str(), 1);
  }
  void TearDown() override {
    if (server_) {
      EXPECT_EQ(server_->stop(), 0);
    }
  }

  void start(std::vector<std::string> more = {}) {
    std::vector<std::string> options = {"--model", "colours",     "--model",
                                        "fp32",    "--instances", "1"};
    options.insert(options.end(), more.begin(), more.end());
    server_ = std::make_unique<ServerProcess>(ANYNPU_BINARY, ServerProcess::free_port(), options,
                                              store_.path() / "log");
    ASSERT_TRUE(server_->wait_until_ready()) << log();
    ASSERT_EQ(good(), 200);
    ASSERT_EQ(TestClient(server_->port())
                  .ask("POST", "/infer?model=colours", "Content-Type: image/bmp\r\n",
                       test::bmp(32, 9, 9, 9))
                  .status,
              200);
  }

  std::string log() {
    auto text = read_text(store_.path() / "log", std::size_t{64} << 20);
    return text ? *text : text.error().message;
  }
  /// The line of a request is written when its answer has been sent.
  bool is_logged(const std::string& words) {
    for (int i = 0; i < 600; ++i) {
      if (log().find(words) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }
  int good() {
    return TestClient(server_->port()).ask("POST", "/v2/models/fp32/infer", "", kGood).status;
  }

  /// What the server holds once its start is over: lanes and loaders come and go until then.
  test::Holdings settled() {
    test::Holdings last = test::holdings_of(server_->pid());
    for (int same = 0, i = 0; same < 10 && i < 300; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      const test::Holdings now = test::holdings_of(server_->pid());
      const bool equal = now.threads == last.threads && now.descriptors == last.descriptors;
      same = equal ? same + 1 : 0;
      last = now;
    }
    return last;
  }

  /// Descriptors and threads go back to what they were, whatever was done to the server; a thread
  /// that is on its way out is waited for.
  void expect_nothing_left(const test::Holdings& before) {
    test::Holdings now;
    for (int i = 0; i < 300; ++i) {
      now = test::holdings_of(server_->pid());
      if (now.descriptors <= before.descriptors && now.threads <= before.threads) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_LE(now.descriptors, before.descriptors);
    EXPECT_LE(now.threads, before.threads);
    EXPECT_EQ(now.children, before.children);
    EXPECT_LT(now.resident_kb, before.resident_kb + 128 * 1024);
  }

  test::TinyStore store_;
  std::unique_ptr<ServerProcess> server_;
};

struct Bad {
  std::string what;
  std::string bytes;  // the whole request
  int status;         // 0: closed without a word
  std::string reason = {};
};

std::vector<Bad> bad_http() {
  auto with = [](const std::string& line, const std::string& headers = "Host: a\r\n") {
    return line + "\r\n" + headers + "\r\n";
  };
  std::vector<Bad> all = {
      {"no HTTP at all",
       std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n", 400},
      {"a bare line", "hello\r\n\r\n", 400},
      {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "Host"},
      {"two Hosts", with("GET / HTTP/1.1", "Host: a\r\nHost: b\r\n"), 400, "Host"},
      {"a bad escape", with("GET /%zz HTTP/1.1"), 400},
      {"a NUL in the path", with("GET /%00 HTTP/1.1"), 400},
      {"a path upwards", with("GET /../../etc/passwd HTTP/1.1"), 404},
      {"a long address", with("GET /" + std::string(10000, 'a') + " HTTP/1.1"), 414},
      {"too many parameters",
       with("GET /?" +
            [] {
              std::string query;
              for (int i = 0; i < 500; ++i) query += "a=1&";
              return query;
            }() +
            " HTTP/1.1"),
       400},
      {"a header flood",
       with("GET / HTTP/1.1",
            [] {
              std::string headers = "Host: a\r\n";
              for (int i = 0; i < 5000; ++i) headers += "X-" + std::to_string(i) + ": y\r\n";
              return headers;
            }()),
       431},
      {"one endless header", with("GET / HTTP/1.1", "Host: " + std::string(100000, 'h') + "\r\n"),
       431},
      {"two lengths",
       with("POST /infer HTTP/1.1", "Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n") + "x",
       400},
      {"a negative length", with("POST /infer HTTP/1.1", "Host: a\r\nContent-Length: -1\r\n"), 400},
      {"a length and chunks",
       with("POST /infer HTTP/1.1",
            "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n") +
           "0\r\n\r\n",
       400},
      {"a bad chunk",
       with("POST /infer HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n") + "zz\r\nhello",
       400},
      {"an endless chunk size",
       with("POST /infer HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n") +
           std::string(50000, '1'),
       400},
      {"a huge length",
       with("POST /infer HTTP/1.1", "Host: a\r\nContent-Length: 99999999999999\r\n"), 413},
      {"another expectation",
       with("POST /infer HTTP/1.1", "Host: a\r\nExpect: 200-maybe\r\nContent-Length: 0\r\n"), 417},
      {"HTTP/3.7", with("GET / HTTP/3.7"), 400},
  };
  return all;
}

TEST_F(HostileTest, MalformedHttp) {
  start();
  const test::Holdings before = settled();
  for (const Bad& bad : bad_http()) {
    TestClient client(server_->port());
    client.send(bad.bytes);
    TestResponse reply = client.read();
    if (reply.status == 505) reply.status = 400;  // which of the two a parser sees first
    EXPECT_EQ(reply.status, bad.status == 505 ? 400 : bad.status) << bad.what << ": " << reply.body;
    if (!bad.reason.empty()) {
      EXPECT_THAT(reply.body, HasSubstr(bad.reason)) << bad.what;
    }
    if (reply.status != 0 && bad.status != 404) {
      EXPECT_TRUE(client.closed_by_server()) << bad.what << ": the next bytes cannot be trusted";
    }
    EXPECT_TRUE(is_logged("request_id=" + reply.headers["x-request-id"])) << bad.what;
  }
  EXPECT_EQ(good(), 200);
  expect_nothing_left(before);
}

TEST_F(HostileTest, MalformedFormsPicturesAndTensors) {
  start({"--body-limit", "4MiB"});
  const test::Holdings before = settled();
  struct Body {
    std::string what, target, headers, body;
    int status;
  };
  const std::string oip = "/v2/models/fp32/infer";
  const std::string tensor = R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32")";
  const std::string picture = test::bmp(64, 1, 2, 3);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":[";
  std::vector<Body> bodies = {
      {"a form without a boundary", "/infer", "Content-Type: multipart/form-data\r\n", "x", 400},
      {"a form with a long boundary", "/infer",
       "Content-Type: multipart/form-data; boundary=" + std::string(500, 'b') + "\r\n", "x", 400},
      {"a form that never begins", "/infer", kForm, std::string(100000, '-'), 400},
      {"a form without an end", "/infer", kForm, "--B\r\n" + kImagePart + "\r\n\r\nabc", 400},
      {"a part without a head", "/infer", kForm, "--B\r\n\r\nabc\r\n--B--\r\n", 400},
      {"a part with an endless head", "/infer", kForm,
       form(kImagePart + "\r\nX: " + std::string(100000, 'x'), "y"), 413},
      {"ten thousand parts", "/infer", kForm,
       [] {
         std::string text;
         for (int i = 0; i < 10000; ++i)
           text += "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
         return text + "--B--\r\n";
       }(),
       413},
      {"a picture over the limit", "/infer", kForm, form(kImagePart, std::string(5 << 20, 'x')),
       413},
      {"a picture of the wrong kind", "/infer", kForm, form(kImagePart, "GIF89a not supported"),
       415},
      {"half a picture", "/infer", kForm, form(kImagePart, picture.substr(0, 100)), 422},
      {"a picture of 60000 x 60000", "/infer", kForm, form(kImagePart, png_of(60000, 60000)), 413},
      {"a PNG without pixels", "/infer", kForm, form(kImagePart, png_of(64, 64)), 422},
      {"a JPEG that ends after its head", "/infer", kForm,
       form(kImagePart, std::string("\xff\xd8\xff\xe0\x00\x10JFIF\x00", 11)), 422},
      {"a field that is too long", "/infer", kForm,
       form("Content-Disposition: form-data; name=\"model\"", std::string(5000, 'm')), 413},
      {"another type", "/infer", "Content-Type: application/pdf\r\n", "%PDF", 415},
      {"a parameter out of range", "/infer?top=99999999999999999999", "", picture, 400},
      {"no JSON", oip, "", "<xml/>", 400},
      {"deep JSON", oip, "", deep, 400},
      {"deep JSON in a place that is skipped", oip, "", R"({"id":"a","what":)" + deep, 400},
      {"cut JSON", oip, "", tensor, 400},
      {"a huge shape", oip, "",
       R"({"inputs":[{"name":"x","shape":[4294967296,4294967296],"datatype":"FP32","data":[1]}]})",
       400},
      {"another shape", oip, "",
       R"({"inputs":[{"name":"x","shape":[2,1],"datatype":"FP32","data":[1,2]}]})", 400},
      {"too little data", oip, "", tensor + R"(,"data":[1]}]})", 400},
      {"too much data", oip, "", tensor + R"(,"data":[1,2,3]}]})", 400},
      {"text for numbers", oip, "", tensor + R"(,"data":["1",2]}]})", 400},
      {"a binary size that lies", oip, "Inference-Header-Content-Length: 102\r\n",
       tensor + R"(,"parameters":{"binary_data_size":9999999999}}]})" + "12345678", 400},
      {"a JSON length over the body", oip, "Inference-Header-Content-Length: 99999\r\n", kGood,
       400},
      {"a JSON length that is none", oip, "Inference-Header-Content-Length: -3\r\n", kGood, 400},
      {"invalid UTF-8", oip, "", "{\"id\":\"\xff\xfe\",\"inputs\":[]}", 400},
      {"an unknown content encoding", oip, "Content-Encoding: br\r\n", kGood, 501},
      {"a detection that is no form", "/v1/vision/detection", "Content-Type: text/plain\r\n", "x",
       415},
  };
  int number = 0;
  for (const Body& each : bodies) {
    const std::string id = "bad-" + std::to_string(++number);
    TestClient client(server_->port());
    TestResponse reply =
        client.ask("POST", each.target, each.headers + "X-Request-Id: " + id + "\r\n", each.body);
    EXPECT_EQ(reply.status, each.status) << each.what << ": " << reply.body;
    EXPECT_TRUE(is_logged("request_id=" + id)) << each.what;
  }
  EXPECT_EQ(good(), 200);
  expect_nothing_left(before);
}

TEST_F(HostileTest, ConnectionsThatEndInTheMiddle) {
  start();
  const test::Holdings before = settled();
  const std::string whole =
      TestClient::request("POST", "/infer", "Content-Type: image/bmp\r\n", test::bmp(32, 9, 9, 9));
  for (std::size_t cut = 1; cut < whole.size(); cut += 97) {
    TestClient gone(server_->port());
    gone.send(whole.substr(0, cut));
    cut % 2 == 0 ? gone.reset() : gone.close();
    TestClient half(server_->port());
    half.send(whole.substr(0, cut));
    half.half_close();
    const int status = half.read().status;
    EXPECT_TRUE(status == 0 || status == 400) << cut << ": " << status;
  }
  // A half-closed socket whose request was complete is answered, or was cancelled: never left
  // hanging.
  TestClient complete(server_->port());
  complete.send(whole);
  complete.half_close();
  (void)complete.read();
  EXPECT_TRUE(complete.closed_by_server());
  EXPECT_EQ(good(), 200);
  expect_nothing_left(before);
}

// The kernel's limit on this process, for many sockets.
bool raise_descriptors(rlim_t wanted) {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur >= wanted;
}

TEST_F(HostileTest, SlowAndIdleClientsHoldNobodyUpAndAreSentAway) {
  ASSERT_TRUE(raise_descriptors(4096));
  start({"--header-timeout", "2", "--body-idle-timeout", "2", "--keep-alive-timeout", "3"});
  const test::Holdings before = settled();
  std::list<TestClient> idle, heads, bodies;
  for (int i = 0; i < 1500; ++i) idle.emplace_back(server_->port());
  for (int i = 0; i < 300; ++i) heads.emplace_back(server_->port()).send("GET / HT");
  for (int i = 0; i < 300; ++i)
    bodies.emplace_back(server_->port())
        .send("POST /infer HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nB");
  EXPECT_LE(test::holdings_of(server_->pid()).threads, before.threads)
      << "a client that waits costs no thread";
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(good(), 200);
    EXPECT_EQ(TestClient(server_->port()).ask("GET", "/health").status, 200);
  }
  for (TestClient& each : heads) EXPECT_EQ(each.read().status, 408);
  for (TestClient& each : bodies) EXPECT_EQ(each.read().status, 408);
  for (TestClient& each : idle) EXPECT_TRUE(each.closed_by_server());
  EXPECT_TRUE(is_logged("the headers did not come in time"));
  EXPECT_TRUE(is_logged("the body did not come in time"));
  idle.clear();
  heads.clear();
  bodies.clear();
  expect_nothing_left(before);
}

}  // namespace
}  // namespace anynpu
