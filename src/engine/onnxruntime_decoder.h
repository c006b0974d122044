// SPDX-License-Identifier: Apache-2.0
// Decoder: a merged decoder and its key/value cache, one step at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/onnxruntime_abi.h"
#include "engine/onnxruntime_describe.h"
#include "engine/repeated_memory.h"

namespace anynpu::engine::ort {

/// A network with the names of its inputs and outputs.
struct Network {
  Owned<SessionHandle> handle;
  Description description;

  /// The outputs `outputs` for the inputs `inputs`.
  Result<std::vector<Owned<Value>>> run(const Api& api, const std::vector<const char*>& input_names,
                                        const std::vector<const Value*>& inputs,
                                        const std::vector<const char*>& output_names) const;
};

/// The floats of a value, and its shape.
struct Floats {
  Shape shape;
  std::span<float> values;
};
Result<Floats> floats_of(const Api& api, Value* value);

class Decoder {
 public:
  /// kUnsupported when the network is no merged decoder; says what it lacks.
  static Result<Decoder> create(const Api& api, Network network, Owned<MemoryInfo> memory);

  std::size_t vocabulary() const { return vocabulary_; }
  /// Whether it tells where it listens: cross_attentions.*.
  bool has_attention() const { return layers_with_attention_ > 0; }

  struct Step {
    std::span<float> logits;  // rows x vocabulary, of the last tokens; valid until the next step
  };
  /// Reads `tokens` (rows x count) from the start, hearing `hidden` (rows x frames x width), which
  /// must live until the last step.
  Result<Step> first(std::span<const std::int64_t> tokens, std::size_t rows, const Value* hidden,
                     std::span<const std::int32_t> attention_layers = {});
  /// The logits at one position of what first() read, of one row.
  std::span<const float> first_logits(std::size_t row, std::size_t position) const;
  /// What first() was asked for: 1 row's layer x heads x count x frames.
  Result<Floats> attention(std::size_t index);

  /// Reads one more token per row. `parents`: which row of the step before each one continues;
  /// `inputs`: which row of `hidden` it hears.
  Result<Step> next(std::span<const std::int64_t> tokens, std::span<const std::size_t> parents,
                    std::span<const std::size_t> inputs);

 private:
  struct Past {
    std::string past, present;
    bool of_encoder = false;
    Owned<Value> value;
    std::optional<RepeatedMemory> memory = {};  // of the value, while it is repeated
    bool is_repeated = false;
  };
  Decoder(const Api& api, Network network, Owned<MemoryInfo> memory);
  Result<Owned<Value>> ids(std::span<const std::int64_t> tokens, std::size_t rows);
  Result<Owned<Value>> take_rows(Value* from, std::span<const std::size_t> rows) const;
  Result<bool> repeat(Past& past, std::size_t rows) const;
  Result<Step> run(const Value* ids, bool cached, const std::vector<const char*>& outputs);
  Result<> keep(std::vector<Owned<Value>> outputs, bool cached);

  const Api* api_;
  std::unique_ptr<Network> network_;
  Owned<MemoryInfo> memory_;
  std::size_t vocabulary_ = 0;
  std::size_t layers_with_attention_ = 0;
  bool takes_hidden_ = false;
  std::vector<Past> past_;
  std::vector<Owned<Value>> nothing_;  // what past_ is before the first step
  std::vector<float> no_floats_;
  std::vector<std::int64_t> tokens_;
  std::unique_ptr<bool> cached_flag_;
  Owned<Value> cached_;
  const Value* hidden_ = nullptr;

  Owned<Value> logits_;
  Floats logits_view_;
  std::vector<float> last_logits_;
  std::vector<Owned<Value>> attention_;
  std::vector<std::string> attention_names_;
  std::vector<std::size_t> rows_;  // which row of hidden_ each row of the cache hears
  bool hears_one_ = false;         // there is only one
};

}  // namespace anynpu::engine::ort
