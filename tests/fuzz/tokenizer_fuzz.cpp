// SPDX-License-Identifier: Apache-2.0
// Tables of tokens: whatever is in them, reading ends with a tokenizer or an error, and every token
// can be decoded.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "speech/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu::speech;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto parse : {Tokenizer::parse, Tokenizer::parse_llama}) {
    const auto tokenizer = parse(text);
    if (!tokenizer) {
      if (tokenizer.error().message.empty()) std::abort();
      continue;
    }
    std::vector<int> all;
    for (int token = -1; token < 100; ++token) all.push_back(token);
    (void)tokenizer->decode(all);
    const std::string_view start = text.substr(0, 100);
    if (const auto tokens = tokenizer->encode(start))
      if (tokenizer->decode(*tokens).size() > start.size() * 64) std::abort();
  }
  return 0;
}
