// SPDX-License-Identifier: Apache-2.0
// A merged decoder's steps.
//
// What a step returns as present.* is what the next one takes as past_key_values.*: the runtime's
// own values are passed on, and only a beam that changes its order copies any. The keys and values
// of what was heard (present.*.encoder.*) come from the first step and are used by all later ones.
// Those of one input serve all texts of its beam: for Whisper base they are 37 MB, and each step
// reads them for each text.
#include "engine/onnxruntime_decoder.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace anynpu::engine::ort {
namespace {

constexpr const char* kIds = "input_ids";
constexpr const char* kHidden = "encoder_hidden_states";
constexpr const char* kCacheFlag = "use_cache_branch";
constexpr const char* kLogits = "logits";
constexpr std::string_view kPast = "past_key_values";
constexpr std::string_view kPresent = "present";
constexpr std::string_view kAttention = "cross_attentions.";
constexpr std::size_t kBeams = 5;  // for which there is room at once

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Error no_decoder(const std::string& lacks) {
  return Error{Code::kUnsupported, "is no merged decoder: it has no " + lacks}.with_hint(
      "export it with Optimum's automatic-speech-recognition-with-past task, as one merged file");
}

}  // namespace

Result<std::vector<Owned<Value>>> Network::run(const Api& api,
                                               const std::vector<const char*>& input_names,
                                               const std::vector<const Value*>& inputs,
                                               const std::vector<const char*>& output_names) const {
  std::vector<Value*> raw(output_names.size(), nullptr);
  Status* status = api.run(handle.get(), nullptr, input_names.data(), inputs.data(), inputs.size(),
                           output_names.data(), output_names.size(), raw.data());
  std::vector<Owned<Value>> outputs;
  for (Value* value : raw) outputs.emplace_back(value, api.release_value);
  ANYNPU_CHECK(check(api, status, "ONNX Runtime failed"));
  return outputs;
}

Result<Floats> floats_of(const Api& api, Value* value) {
  TensorInfo* raw = nullptr;
  ANYNPU_CHECK(check(api, api.get_tensor_type_and_shape(value, &raw), "a tensor"));
  const Owned<TensorInfo> tensor(raw, api.release_tensor_info);
  ANYNPU_TRY(found, type_and_shape(api, *tensor));
  const std::int64_t count = element_count(found.shape);
  if (found.type != kFloat || count < 0)
    return Error{Code::kUnsupported, "the network computes with other numbers than float32"};
  void* data = nullptr;
  ANYNPU_CHECK(check(api, api.get_tensor_mutable_data(value, &data), "a tensor"));
  return Floats{std::move(found.shape),
                {static_cast<float*>(data), static_cast<std::size_t>(count)}};
}

Decoder::Decoder(const Api& api, Network network, Owned<MemoryInfo> memory)
    : api_(&api),
      network_(std::make_unique<Network>(std::move(network))),
      memory_(std::move(memory)),
      no_floats_(1),
      cached_flag_(std::make_unique<bool>(false)),
      cached_(nullptr, api.release_value),
      logits_(nullptr, api.release_value) {}

Result<Decoder> Decoder::create(const Api& api, Network network, Owned<MemoryInfo> memory) {
  const Description& description = network.description;
  for (const char* name : {kIds, kCacheFlag})
    if (!has(description.input_names, name)) return no_decoder(fmt::format("input '{}'", name));
  Decoder decoder(api, std::move(network), std::move(memory));
  const Description& kept = decoder.network_->description;
  decoder.takes_hidden_ = has(kept.input_names, kHidden);
  const auto logits = std::find(kept.output_names.begin(), kept.output_names.end(), kLogits);
  if (logits == kept.output_names.end()) return no_decoder("output 'logits'");
  const Shape& shape =
      kept.info.outputs[static_cast<std::size_t>(logits - kept.output_names.begin())].shape;
  if (shape.size() != 3 || shape[2] < 2) return no_decoder("vocabulary of a known size");
  decoder.vocabulary_ = static_cast<std::size_t>(shape[2]);
  for (const std::string& name : kept.output_names)
    if (name.starts_with(kAttention)) ++decoder.layers_with_attention_;

  for (std::size_t i = 0; i < kept.input_names.size(); ++i) {
    const std::string& name = kept.input_names[i];
    if (!name.starts_with(kPast)) {
      if (name != kIds && name != kHidden && name != kCacheFlag)
        return Error{Code::kUnsupported,
                     fmt::format("its input '{}' is not known", kept.info.inputs[i].name)};
      continue;
    }
    Past past{name,
              std::string(kPresent) + name.substr(kPast.size()),
              name.find(".encoder.") != std::string::npos,
              {nullptr, api.release_value}};
    if (!has(kept.output_names, past.present))
      return no_decoder(fmt::format("output '{}'", past.present));
    // An empty cache: no rows of no positions, whatever the number of heads.
    Shape none = kept.info.inputs[i].shape;
    if (none.size() != 4) return no_decoder("cache of four dimensions");
    none[0] = 0;
    for (std::int64_t& dimension : none) dimension = std::max<std::int64_t>(dimension, 0);
    if (none[2] == 0) none[2] = 1;
    Value* value = nullptr;
    ANYNPU_CHECK(check(api,
                       api.create_tensor_with_data(decoder.memory_.get(), decoder.no_floats_.data(),
                                                   0, none.data(), none.size(), kFloat, &value),
                       name));
    decoder.nothing_.emplace_back(value, api.release_value);
    decoder.past_.push_back(std::move(past));
  }
  if (decoder.past_.empty()) return no_decoder("input 'past_key_values.*'");
  const std::int64_t one = 1;
  Value* flag = nullptr;
  ANYNPU_CHECK(check(api,
                     api.create_tensor_with_data(decoder.memory_.get(), decoder.cached_flag_.get(),
                                                 1, &one, 1, kBool, &flag),
                     kCacheFlag));
  decoder.cached_ = Owned<Value>(flag, api.release_value);
  return decoder;
}

Result<Owned<Value>> Decoder::ids(std::span<const std::int64_t> tokens, std::size_t rows) {
  tokens_.assign(tokens.begin(), tokens.end());
  const std::array<std::int64_t, 2> shape = {static_cast<std::int64_t>(rows),
                                             static_cast<std::int64_t>(tokens.size() / rows)};
  Value* value = nullptr;
  ANYNPU_CHECK(check(*api_,
                     api_->create_tensor_with_data(memory_.get(), tokens_.data(),
                                                   tokens_.size() * sizeof(std::int64_t),
                                                   shape.data(), shape.size(), kInt64, &value),
                     kIds));
  return Owned<Value>(value, api_->release_value);
}

Result<Owned<Value>> Decoder::take_rows(Value* from, std::span<const std::size_t> rows) const {
  ANYNPU_TRY(source, floats_of(*api_, from));
  if (source.shape.empty() || source.shape[0] <= 0)
    return Error{Code::kDevice, "the decoder's cache has no rows"};
  const std::size_t each = source.values.size() / static_cast<std::size_t>(source.shape[0]);
  Shape shape = source.shape;
  shape[0] = static_cast<std::int64_t>(rows.size());
  Allocator* allocator = nullptr;
  ANYNPU_CHECK(check(*api_, api_->get_allocator_with_default_options(&allocator), "memory"));
  Value* raw = nullptr;
  ANYNPU_CHECK(check(
      *api_, api_->create_tensor(allocator, shape.data(), shape.size(), kFloat, &raw), "memory"));
  Owned<Value> taken(raw, api_->release_value);
  ANYNPU_TRY(target, floats_of(*api_, raw));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if ((rows[i] + 1) * each > source.values.size())
      return Error{Code::kDevice, "the decoder's cache has lost rows"};
    std::memcpy(target.values.data() + i * each, source.values.data() + rows[i] * each,
                each * sizeof(float));
  }
  return taken;
}

// The one row of a value as several. False where its memory cannot be repeated.
Result<bool> Decoder::repeat(Past& past, std::size_t rows) const {
  ANYNPU_TRY(held, floats_of(*api_, past.value.get()));
  if (held.shape.empty() || held.shape[0] < 1) return false;
  const std::size_t each = held.values.size() / static_cast<std::size_t>(held.shape[0]);
  const std::size_t bytes = each * sizeof(float);
  if (!past.is_repeated) {
    if (held.shape[0] != 1) return false;
    if (!past.memory || past.memory->bytes() != bytes || past.memory->times() < rows) {
      past.memory.reset();
      past.memory = RepeatedMemory::create(bytes, std::max(rows, kBeams));
    }
    if (!past.memory) return false;
    std::memcpy(past.memory->data(), held.values.data(), bytes);
  } else if (past.memory->times() < rows) {
    return false;
  }
  Shape shape = held.shape;
  shape[0] = static_cast<std::int64_t>(rows);
  Value* raw = nullptr;
  ANYNPU_CHECK(check(*api_,
                     api_->create_tensor_with_data(memory_.get(), past.memory->data(), bytes * rows,
                                                   shape.data(), shape.size(), kFloat, &raw),
                     past.past));
  past.value = Owned<Value>(raw, api_->release_value);
  past.is_repeated = true;
  return true;
}

Result<Decoder::Step> Decoder::run(const Value* ids, bool cached,
                                   const std::vector<const char*>& outputs) {
  *cached_flag_ = cached;
  std::vector<const char*> names = {kIds, kCacheFlag};
  std::vector<const Value*> inputs = {ids, cached_.get()};
  if (takes_hidden_) {
    names.push_back(kHidden);
    inputs.push_back(hidden_);
  }
  for (std::size_t i = 0; i < past_.size(); ++i) {
    names.push_back(past_[i].past.c_str());
    inputs.push_back(cached ? past_[i].value.get() : nothing_[i].get());
  }
  ANYNPU_TRY(values, network_->run(*api_, names, inputs, outputs));
  logits_ = std::move(values[0]);
  ANYNPU_TRY(view, floats_of(*api_, logits_.get()));
  logits_view_ = view;
  if (view.shape.size() != 3 || view.shape[2] != static_cast<std::int64_t>(vocabulary_) ||
      view.shape[1] < 1)
    return Error{Code::kDevice, "the decoder's logits have shape " + to_string(view.shape)};
  ANYNPU_CHECK(keep(std::move(values), cached));
  if (view.shape[1] == 1) return Step{view.values};
  // Of several positions the last one's.
  const auto rows = static_cast<std::size_t>(view.shape[0]);
  const auto count = static_cast<std::size_t>(view.shape[1]);
  last_logits_.resize(rows * vocabulary_);
  for (std::size_t row = 0; row < rows; ++row)
    std::memcpy(last_logits_.data() + row * vocabulary_,
                view.values.data() + ((row + 1) * count - 1) * vocabulary_,
                vocabulary_ * sizeof(float));
  return Step{last_logits_};
}

Result<> Decoder::keep(std::vector<Owned<Value>> outputs, bool cached) {
  std::size_t at = 1;
  for (Past& past : past_) {
    if (!cached) past.is_repeated = false;
    if (!cached || !past.of_encoder) past.value = std::move(outputs[at++]);
  }
  attention_.clear();
  for (; at < outputs.size(); ++at) attention_.push_back(std::move(outputs[at]));
  return {};
}

Result<Decoder::Step> Decoder::first(std::span<const std::int64_t> tokens, std::size_t rows,
                                     const Value* hidden,
                                     std::span<const std::int32_t> attention_layers) {
  hidden_ = hidden;
  hears_one_ = rows == 1;
  rows_.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) rows_[row] = row;
  std::vector<const char*> outputs = {kLogits};
  for (const Past& past : past_) outputs.push_back(past.present.c_str());
  attention_names_.clear();
  for (const std::int32_t layer : attention_layers)
    attention_names_.push_back(std::string(kAttention) + std::to_string(layer));
  for (const std::string& name : attention_names_) outputs.push_back(name.c_str());
  ANYNPU_TRY(input, ids(tokens, rows));
  return run(input.get(), false, outputs);
}

std::span<const float> Decoder::first_logits(std::size_t row, std::size_t position) const {
  const auto count = static_cast<std::size_t>(logits_view_.shape[1]);
  return logits_view_.values.subspan((row * count + position) * vocabulary_, vocabulary_);
}

Result<Floats> Decoder::attention(std::size_t index) {
  if (index >= attention_.size())
    return Error{Code::kInternal, "the decoder was not asked for its attention"};
  return floats_of(*api_, attention_[index].get());
}

Result<Decoder::Step> Decoder::next(std::span<const std::int64_t> tokens,
                                    std::span<const std::size_t> parents,
                                    std::span<const std::size_t> inputs) {
  bool in_order = parents.size() == rows_.size();
  for (std::size_t i = 0; i < parents.size(); ++i) in_order = in_order && parents[i] == i;
  const bool same_inputs = std::equal(inputs.begin(), inputs.end(), rows_.begin(), rows_.end());
  if (!in_order) {
    for (Past& past : past_) {
      if (past.of_encoder && same_inputs) continue;
      if (past.of_encoder && hears_one_) {
        ANYNPU_TRY(repeated, repeat(past, parents.size()));
        if (repeated) continue;
      }
      ANYNPU_TRY(taken, take_rows(past.value.get(), parents));
      past.value = std::move(taken);
      past.is_repeated = false;
    }
    rows_.assign(inputs.begin(), inputs.end());
  }
  std::vector<const char*> outputs = {kLogits};
  for (const Past& past : past_)
    if (!past.of_encoder) outputs.push_back(past.present.c_str());
  ANYNPU_TRY(input, ids(tokens, parents.size()));
  return run(input.get(), true, outputs);
}

}  // namespace anynpu::engine::ort
