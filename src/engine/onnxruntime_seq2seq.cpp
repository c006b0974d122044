// SPDX-License-Identifier: Apache-2.0
// One run: what was not heard before goes through the encoder, then the decoder writes.
//
// The encoder's output of the last run is kept. Asking again about the same audio, at another
// temperature or for the attention of what was written, costs the decoder alone.
#include "engine/onnxruntime_seq2seq.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "engine/decode_search.h"
#include "engine/file_mapping.h"
#include "engine/onnx_rewrite.h"
#include "engine/onnxruntime_decoder.h"
#include "engine/onnxruntime_session.h"
#include "engine/seq2seq.h"
#include "engine/session_inputs.h"

namespace anynpu::engine::ort {
namespace {

constexpr std::size_t kMostModelBytes = std::size_t{4} << 30;
constexpr std::size_t kMostRows = 32;  // times beams: each has a cache of its own
constexpr std::size_t kMostHeads = 256;
constexpr std::size_t kMostPrompt = 4096;

template <typename T>
std::vector<T> elements(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

class Seq2SeqSession : public engine::Session {
 public:
  Seq2SeqSession(const Api& api, Network encoder, Decoder decoder, Owned<MemoryInfo> memory,
                 SessionInfo info)
      : api_(api),
        encoder_(std::move(encoder)),
        decoder_(std::move(decoder)),
        memory_(std::move(memory)),
        info_(std::move(info)),
        joined_value_(nullptr, api.release_value) {}

  const SessionInfo& info() const override { return info_; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    ANYNPU_CHECK(check_input_shapes(info_, shapes, 0));
    const std::int64_t rows = shapes[kAudioInput][0];
    if (rows < 1 || static_cast<std::size_t>(rows) > kMostRows || shapes[kPromptInput][0] != rows ||
        shapes[kPromptInput][1] < 1 ||
        static_cast<std::size_t>(shapes[kPromptInput][1]) > kMostPrompt ||
        element_count(shapes[kAudioInput]) == 0)
      return Error{Code::kInvalid,
                   fmt::format("audio of {} and a prompt of {} do not belong together",
                               to_string(shapes[kAudioInput]), to_string(shapes[kPromptInput]))};
    shapes_ = shapes;
    return {};
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    if (shapes_.empty()) return shapes_missing(info_);
    ANYNPU_CHECK(
        check_input(info_, index, index < shapes_.size() ? shapes_[index] : Shape{}, bytes));
    inputs_[index].assign(bytes.begin(), bytes.end());
    return {};
  }

  Result<> run() override {
    outputs_.clear();
    if (shapes_.empty()) return shapes_missing(info_);
    ANYNPU_TRY(settings, DecodeSettings::unpack(elements<float>(inputs_[kSettingsInput]),
                                                decoder_.vocabulary()));
    const auto prompt = elements<std::int32_t>(inputs_[kPromptInput]);
    const auto rows = static_cast<std::size_t>(shapes_[kPromptInput][0]);
    const auto count = static_cast<std::size_t>(shapes_[kPromptInput][1]);
    if (rows * static_cast<std::size_t>(settings.beam_size) > kMostRows)
      return Error{Code::kTooLarge, fmt::format("{} rows with {} beams each; {} are the most", rows,
                                                settings.beam_size, kMostRows)}
          .with_hint("send fewer rows at one time");
    ANYNPU_TRY(detect, check_prompt(prompt, count, settings));
    ANYNPU_CHECK(read_heads());
    ANYNPU_CHECK(listen());

    sums_.assign(rows * kSums, 0);
    for (std::size_t row = 0; row < rows; ++row) sums_[row * kSums + kLanguage] = -1;
    ANYNPU_TRY(step, read_prompt(prompt, rows, count, detect, settings));
    ANYNPU_CHECK(take_attention(count));
    DecodeSearch search(settings,
                        DecodeRules(settings, elements<std::int32_t>(inputs_[kSuppressInput]),
                                    elements<std::int32_t>(inputs_[kSuppressFirstInput])),
                        rows);
    Decoder::Step logits = step;
    while (!search.live().empty()) {
      search.step(logits.logits);
      if (search.live().empty()) break;
      std::vector<std::int64_t> tokens;
      std::vector<std::size_t> parents, hears;
      for (const DecodeSearch::Live& live : search.live()) {
        tokens.push_back(live.written.tokens.back());
        parents.push_back(live.parent);
        hears.push_back(live.row);
      }
      ANYNPU_TRY(next, decoder_.next(tokens, parents, hears));
      logits = next;
    }
    write_down(search, rows);
    return {};
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= info_.outputs.size()) return no_such_output(info_, index);
    if (outputs_.empty())
      return Error{Code::kInvalid, fmt::format("output '{}' has no value: nothing has run",
                                               info_.outputs[index].name)};
    return outputs_[index];
  }

 private:
  /// One row of audio and what the encoder made of it.
  struct Heard {
    std::vector<std::byte> audio;
    Owned<Value> hidden;
  };

  // The column of the prompt that waits for the language; its length when none does.
  Result<std::size_t> check_prompt(const std::vector<std::int32_t>& prompt, std::size_t count,
                                   const DecodeSettings& settings) const {
    std::size_t detect = count;
    for (std::size_t i = 0; i < prompt.size(); ++i) {
      const std::int32_t token = prompt[i];
      if (token == kDetect) detect = std::min(detect, i % count);
      if (token < kDetect || token >= static_cast<std::int32_t>(decoder_.vocabulary()))
        return Error{Code::kInvalid, fmt::format("the prompt has a token {}, there are {}", token,
                                                 decoder_.vocabulary())};
    }
    const auto start = static_cast<std::size_t>(settings.start_position);
    if (start >= std::max<std::size_t>(1, detect) ||
        (detect < count && settings.language_first < 0))
      return Error{Code::kInvalid, "the prompt asks for a language where none can be told"};
    for (std::size_t i = 0; i < prompt.size(); ++i)
      if ((prompt[i] == kDetect) != (i % count == detect))
        return Error{Code::kInvalid,
                     "the rows of a prompt ask for the language at different places"};
    return detect;
  }

  Result<> read_heads() {
    heads_ = elements<std::int32_t>(inputs_[kHeadsInput]);
    layers_.clear();
    if (heads_.empty()) return {};
    std::set<std::pair<std::int32_t, std::int32_t>> asked;
    for (std::size_t i = 0; i + 1 < heads_.size(); i += 2) asked.insert({heads_[i], heads_[i + 1]});
    if (asked.size() * 2 != heads_.size() || asked.size() > kMostHeads)
      return Error{
          Code::kInvalid,
          fmt::format("the attention of {} heads is told at most, of each once", kMostHeads)};
    if (!decoder_.has_attention())
      return Error{Code::kUnsupported, "this decoder does not tell where it listens"};
    for (std::size_t i = 0; i < heads_.size(); i += 2) {
      const std::string name = "cross_attentions." + std::to_string(heads_[i]);
      if (heads_[i] < 0 || heads_[i] > 1000 || heads_[i + 1] < 0)
        return Error{Code::kInvalid, "there is no layer " + std::to_string(heads_[i])};
      if (std::find(layers_.begin(), layers_.end(), heads_[i]) == layers_.end())
        layers_.push_back(heads_[i]);
    }
    return {};
  }

  // Runs the encoder over the rows that it has not just heard: one by one, because its attention
  // takes more memory than all the rest, and gains nothing from company.
  Result<> listen() {
    const std::vector<std::byte>& audio = inputs_[kAudioInput];
    const Shape& shape = shapes_[kAudioInput];
    const auto rows = static_cast<std::size_t>(shape[0]);
    const std::size_t each = audio.size() / rows;
    std::vector<Heard> now;
    for (std::size_t row = 0; row < rows; ++row) {
      const std::span<const std::byte> one = std::span(audio).subspan(row * each, each);
      const auto known = std::find_if(heard_.begin(), heard_.end(), [&](const Heard& heard) {
        return heard.hidden != nullptr &&
               std::equal(heard.audio.begin(), heard.audio.end(), one.begin(), one.end());
      });
      if (known != heard_.end()) {
        now.push_back(std::move(*known));
        continue;
      }
      Heard heard{{one.begin(), one.end()}, {nullptr, api_.release_value}};
      Shape single = shape;
      single[0] = 1;
      Value* value = nullptr;
      ANYNPU_CHECK(check(api_,
                         api_.create_tensor_with_data(memory_.get(), heard.audio.data(), each,
                                                      single.data(), single.size(), kFloat, &value),
                         "audio"));
      const Owned<Value> input(value, api_.release_value);
      ANYNPU_TRY(outputs, encoder_.run(api_, {encoder_.description.input_names[0].c_str()}, {value},
                                       {encoder_.description.output_names[0].c_str()}));
      heard.hidden = std::move(outputs[0]);
      now.push_back(std::move(heard));
    }
    heard_ = std::move(now);
    return join_rows();
  }

  Result<> join_rows() {
    joined_value_.reset();
    if (heard_.size() == 1) {
      hidden_ = heard_[0].hidden.get();
      return {};
    }
    joined_.clear();
    Shape shape;
    for (const Heard& heard : heard_) {
      ANYNPU_TRY(floats, floats_of(api_, heard.hidden.get()));
      if (shape.empty()) shape = floats.shape;
      if (floats.shape != shape)
        return Error{Code::kDevice, "the encoder's rows are not equally long"};
      joined_.insert(joined_.end(), floats.values.begin(), floats.values.end());
    }
    shape[0] = static_cast<std::int64_t>(heard_.size());
    Value* value = nullptr;
    ANYNPU_CHECK(check(
        api_,
        api_.create_tensor_with_data(memory_.get(), joined_.data(), joined_.size() * sizeof(float),
                                     shape.data(), shape.size(), kFloat, &value),
        "what was heard"));
    joined_value_ = Owned<Value>(value, api_.release_value);
    hidden_ = value;
    return {};
  }

  Result<Decoder::Step> read_prompt(const std::vector<std::int32_t>& prompt, std::size_t rows,
                                    std::size_t count, std::size_t detect,
                                    const DecodeSettings& settings) {
    std::vector<std::int64_t> tokens;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t i = 0; i < detect; ++i) tokens.push_back(prompt[row * count + i]);
    ANYNPU_TRY(step, decoder_.first(tokens, rows, hidden_, layers_));
    Decoder::Step last = step;
    for (std::size_t row = 0; row < rows; ++row) look_at_start(row, settings);
    std::vector<std::size_t> order(rows);
    for (std::size_t row = 0; row < rows; ++row) order[row] = row;
    for (std::size_t i = detect; i < count; ++i) {
      tokens.clear();
      for (std::size_t row = 0; row < rows; ++row) {
        if (i != detect) {
          tokens.push_back(prompt[row * count + i]);
          continue;
        }
        const std::span<const float> likely =
            std::span<const float>(languages_).subspan(row * language_count_, language_count_);
        const auto language = settings.language_first + static_cast<int>(likeliest(likely));
        sums_[row * kSums + kLanguage] = static_cast<float>(language);
        tokens.push_back(language);
      }
      ANYNPU_TRY(next, decoder_.next(tokens, order, order));
      last = next;
    }
    return last;
  }

  // How likely silence and each language are, before any rule.
  void look_at_start(std::size_t row, const DecodeSettings& settings) {
    const std::span<const float> logits =
        decoder_.first_logits(row, static_cast<std::size_t>(settings.start_position));
    if (settings.no_speech_token >= 0)
      sums_[row * kSums + kNoSpeech] = std::exp(
          logits[static_cast<std::size_t>(settings.no_speech_token)] - log_sum_exp(logits));
    language_count_ =
        settings.language_first < 0
            ? 1
            : static_cast<std::size_t>(settings.language_last - settings.language_first + 1);
    languages_.resize((row + 1) * language_count_);
    if (settings.language_first < 0) {
      languages_[row] = 0;
      return;
    }
    const std::span<const float> spoken =
        logits.subspan(static_cast<std::size_t>(settings.language_first), language_count_);
    const float total = log_sum_exp(spoken);
    for (std::size_t i = 0; i < language_count_; ++i)
      languages_[row * language_count_ + i] = std::exp(spoken[i] - total);
  }

  Result<> take_attention(std::size_t count) {
    attention_.clear();
    attention_shape_ = {0, 0, 0};
    for (std::size_t i = 0; i < heads_.size(); i += 2) {
      const auto layer = std::find(layers_.begin(), layers_.end(), heads_[i]) - layers_.begin();
      ANYNPU_TRY(view, decoder_.attention(static_cast<std::size_t>(layer)));
      if (view.shape.size() != 4 || view.shape[2] != static_cast<std::int64_t>(count) ||
          heads_[i + 1] >= view.shape[1])
        return Error{Code::kInvalid,
                     fmt::format("layer {} has no head {}", heads_[i], heads_[i + 1])};
      const auto each = static_cast<std::size_t>(view.shape[2] * view.shape[3]);
      const auto one = view.values.subspan(static_cast<std::size_t>(heads_[i + 1]) * each, each);
      attention_.insert(attention_.end(), one.begin(), one.end());
      attention_shape_ = {attention_shape_[0] + 1, view.shape[2], view.shape[3]};
    }
    return {};
  }

  void write_down(const DecodeSearch& search, std::size_t rows) {
    std::size_t longest = 1;
    for (std::size_t row = 0; row < rows; ++row)
      longest = std::max(longest, search.best(row).tokens.size());
    tokens_.assign(rows * longest, -1);
    logprobs_.assign(rows * longest, 0);
    for (std::size_t row = 0; row < rows; ++row) {
      const Written& best = search.best(row);
      std::copy(best.tokens.begin(), best.tokens.end(),
                tokens_.begin() + static_cast<std::ptrdiff_t>(row * longest));
      std::copy(best.logprobs.begin(), best.logprobs.end(),
                logprobs_.begin() + static_cast<std::ptrdiff_t>(row * longest));
      float* sums = sums_.data() + row * kSums;
      sums[kSumLogprob] = static_cast<float>(best.sum_logprob);
      sums[kSumTokens] = static_cast<float>(best.tokens.size());
      sums[kRepeated] = best.repeated ? 1.0F : 0.0F;
    }
    const auto lines = static_cast<std::int64_t>(rows);
    const auto columns = static_cast<std::int64_t>(longest);
    outputs_ = {
        {{lines, columns}, std::as_bytes(std::span(tokens_))},
        {{lines, columns}, std::as_bytes(std::span(logprobs_))},
        {{lines, static_cast<std::int64_t>(kSums)}, std::as_bytes(std::span(sums_))},
        {{lines, static_cast<std::int64_t>(language_count_)}, std::as_bytes(std::span(languages_))},
        {attention_shape_, std::as_bytes(std::span(attention_))},
    };
  }

  const Api& api_;
  Network encoder_;
  Decoder decoder_;
  Owned<MemoryInfo> memory_;
  SessionInfo info_;
  std::vector<Shape> shapes_;
  std::array<std::vector<std::byte>, kSeq2SeqInputs> inputs_;

  std::vector<Heard> heard_;   // the rows of the last run
  std::vector<float> joined_;  // their hidden states, one after the other
  Owned<Value> joined_value_;
  const Value* hidden_ = nullptr;
  std::vector<std::int32_t> heads_, layers_;

  std::vector<std::int32_t> tokens_;
  std::vector<float> logprobs_, sums_, languages_, attention_;
  std::size_t language_count_ = 1;
  Shape attention_shape_;
  std::vector<OutputView> outputs_;
};

std::string lean_encoder(std::string_view model) {
  return with_fused_attention(with_first_output(model));
}

// A model after `rewrite`; as it is where its weights are in other files.
Result<Network> open_rewritten(const Api& api, const Env& env, const std::filesystem::path& file,
                               const SessionOptions& settings,
                               std::string (*rewrite)(std::string_view)) {
  ANYNPU_TRY(mapping, FileMapping::open(file, kMostModelBytes));
  const std::span<const std::byte> bytes = mapping.bytes();
  const std::string_view written(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Owned<SessionHandle> handle(nullptr, api.release_session);
  if (has_external_weights(written)) {
    ANYNPU_TRY(opened, open_model(api, env, file, settings));
    handle = std::move(opened);
  } else {
    SessionHandle* raw = nullptr;
    const auto create = [&](std::string_view model) {
      return check(api,
                   api.create_session_from_array(&env, model.data(), model.size(), &settings, &raw),
                   file.filename().string());
    };
    auto created = create(rewrite(written));
    if (!created) created = create(written);  // an older runtime has fewer operators of its own
    if (!created) return no_model(std::move(created).error());
    handle.reset(raw);
  }
  auto description = describe(api, *handle);
  if (!description) return std::move(description).error().within(file.filename().string());
  return Network{std::move(handle), std::move(*description)};
}

}  // namespace

Result<std::unique_ptr<engine::Session>> load_seq2seq(const Api& api, const Env& env,
                                                      const std::filesystem::path& artifact,
                                                      const LoadOptions& options) {
  ANYNPU_CHECK(check_threads(options.threads));
  ANYNPU_TRY(settings, make_options(api, options.threads));
  // Every step has shapes of its own: a plan of memory for each would never be used again.
  ANYNPU_CHECK(check(api, api.disable_mem_pattern(settings.get()), "memory patterns"));
  ANYNPU_TRY(encoder, open_rewritten(api, env, artifact, *settings, lean_encoder));
  const SessionInfo& hears = encoder.description.info;
  if (hears.inputs.size() != 1 || hears.inputs[0].type != DType::kFloat32 ||
      hears.inputs[0].shape.size() < 2 || hears.outputs.empty() ||
      hears.outputs[0].shape.size() != 3)
    return Error{Code::kUnsupported,
                 artifact.filename().string() +
                     " is no encoder: it takes one tensor of floats and gives one of rank 3"};
  SessionInfo info = seq2seq_info(hears.inputs[0]);
  info.note = "ONNX Runtime's CPU provider, encoder and decoder";
  ANYNPU_TRY(writes, open_rewritten(api, env, options.decoder, *settings, with_integer_logits));
  ANYNPU_TRY(memory, cpu_memory(api));
  auto decoder = Decoder::create(api, std::move(writes), std::move(memory));
  if (!decoder) return std::move(decoder).error().within(options.decoder.filename().string());
  ANYNPU_TRY(own, cpu_memory(api));
  return std::unique_ptr<engine::Session>(std::make_unique<Seq2SeqSession>(
      api, std::move(encoder), std::move(*decoder), std::move(own), std::move(info)));
}

}  // namespace anynpu::engine::ort
