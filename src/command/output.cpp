// SPDX-License-Identifier: Apache-2.0
// Standard output as a stream that knows why it failed.
#include "command/output.h"

#include <cerrno>
#include <streambuf>
#include <vector>

#include <unistd.h>

namespace anynpu::command {
namespace {

class OutputBuffer : public std::streambuf {
 public:
  OutputBuffer() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }
  int failed_with() const { return failed_with_; }

 protected:
  int_type overflow(int_type c) override {
    if (!write_out()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  int sync() override { return write_out() ? 0 : -1; }

 private:
  bool write_out() {
    const char* from = pbase();
    while (from < pptr() && failed_with_ == 0) {
      ssize_t wrote = ::write(STDOUT_FILENO, from, static_cast<std::size_t>(pptr() - from));
      if (wrote >= 0)
        from += wrote;
      else if (errno != EINTR)
        failed_with_ = errno;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return failed_with_ == 0;
  }

  std::vector<char> buffer_ = std::vector<char>(64 << 10);
  int failed_with_ = 0;
};

OutputBuffer& buffer() {
  static OutputBuffer instance;
  return instance;
}

}  // namespace

std::ostream& standard_output() {
  static std::ostream stream(&buffer());
  return stream;
}

int standard_output_errno() {
  return buffer().failed_with();
}

}  // namespace anynpu::command
