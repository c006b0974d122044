// SPDX-License-Identifier: Apache-2.0
// multipart/form-data bodies from untrusted bytes. However a body is cut into reads, the same parts
// come out of it, never more bytes than went in, and begin, data and end come in their order.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/multipart.h"

using anynpu::Result;
using anynpu::server::MultipartParser;
using anynpu::server::MultipartPart;
using anynpu::server::MultipartSink;

namespace {

class Recorder : public MultipartSink {
 public:
  Result<> begin_part(const MultipartPart& part) override {
    if (open_) std::abort();
    open_ = true;
    record += '[' + part.name + '|' + part.filename + '|' + part.content_type + ']';
    return {};
  }
  Result<> part_data(std::string_view data) override {
    if (!open_ || data.empty()) std::abort();
    bytes += data.size();
    record += data;
    return {};
  }
  Result<> end_part() override {
    if (!open_) std::abort();
    open_ = false;
    record += "[end]";
    return {};
  }

  std::string record;
  std::size_t bytes = 0;

 private:
  bool open_ = false;
};

struct Outcome {
  std::string record;
  bool good = true;
};

Outcome parse(std::string_view body, std::string_view boundary, std::size_t step) {
  Recorder recorder;
  MultipartParser parser(boundary, recorder,
                         {.parts = 8, .header_bytes = 512, .preamble_bytes = 1024});
  Outcome outcome;
  for (std::size_t at = 0; at < body.size() && outcome.good; at += step)
    outcome.good = parser.feed(body.substr(at, step)).has_value();
  outcome.good = outcome.good && parser.finish().has_value();
  if (recorder.bytes > body.size()) std::abort();
  outcome.record = std::move(recorder.record);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // The first line is the value of Content-Type, the rest is the body.
  std::string_view type = text.substr(0, text.find('\n'));
  std::string_view body = text.substr(type.size() < size ? type.size() + 1 : size);
  Result<std::string> boundary = anynpu::server::multipart_boundary(type);
  if (!boundary) return 0;
  Outcome whole = parse(body, *boundary, body.size() + 1);
  for (std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    Outcome cut = parse(body, *boundary, step);
    if (cut.good != whole.good) std::abort();
    if (whole.good && cut.record != whole.record) std::abort();
  }
  return 0;
}
