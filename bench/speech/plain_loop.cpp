// SPDX-License-Identifier: Apache-2.0
// A plain greedy loop over ONNX Runtime's C API.
#include "bench/speech/plain_loop.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/engines.h"
#include "engine/library.h"
#include "engine/onnxruntime_abi.h"
#include "engine/onnxruntime_describe.h"
#include "engine/onnxruntime_session.h"
#include "mel/front_end.h"
#include "speech/tokenizer.h"

namespace anynpu::bench {

namespace ort = engine::ort;

struct PlainLoop::State {
  State(const ort::Api& api_in, engine::SharedLibrary library_in, speech::Tokenizer tokenizer_in)
      : api(api_in), library(std::move(library_in)), tokenizer(std::move(tokenizer_in)) {}

  const ort::Api& api;
  engine::SharedLibrary library;
  speech::Tokenizer tokenizer;
  bool whisper = false;
  ort::Owned<ort::SessionHandle> encoder{nullptr, nullptr}, decoder{nullptr, nullptr};
  ort::Owned<ort::MemoryInfo> memory{nullptr, nullptr};
  ort::Description hears, writes;

  Result<ort::Owned<ort::Value>> tensor(void* data, std::size_t bytes,
                                        const std::vector<std::int64_t>& shape,
                                        ort::ElementType type) {
    ort::Value* value = nullptr;
    ANYNPU_CHECK(ort::check(api,
                            api.create_tensor_with_data(memory.get(), data, bytes, shape.data(),
                                                        shape.size(), type, &value),
                            "a tensor"));
    return ort::Owned<ort::Value>(value, api.release_value);
  }
};

namespace {

Result<ort::Owned<ort::SessionHandle>> open_plainly(const ort::Api& api, const ort::Env& env,
                                                    const std::filesystem::path& file) {
  ort::SessionOptions* raw = nullptr;
  ANYNPU_CHECK(ort::check(api, api.create_session_options(&raw), "options"));
  const ort::Owned<ort::SessionOptions> options(raw, api.release_session_options);
  ANYNPU_CHECK(ort::check(api, api.set_intra_op_num_threads(raw, 1), "threads"));
  ANYNPU_CHECK(ort::check(
      api, api.set_session_graph_optimization_level(raw, ort::kAllOptimisations), "optimisation"));
  return ort::open_model(api, env, file, *options);
}

}  // namespace

PlainLoop::PlainLoop(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlainLoop::~PlainLoop() = default;

Result<std::unique_ptr<PlainLoop>> PlainLoop::open(const model::Package& package) {
  ANYNPU_TRY(engine, engine::open_engine("onnxruntime"));
  ANYNPU_TRY(library, engine::SharedLibrary::open(engine->library()));
  ANYNPU_TRY(api, ort::load_api(library));
  ANYNPU_TRY(tokenizer, speech::Tokenizer::open(package.speech.tokenizer));
  auto state = std::make_unique<State>(*api, std::move(library), std::move(tokenizer));
  ort::Env* env = nullptr;
  const auto quiet = [](void*, ort::LogLevel, const char*, const char*, const char*, const char*) {
  };
  ANYNPU_CHECK(ort::check(
      *api, api->create_env_with_custom_logger(quiet, nullptr, ort::kError, "plain", &env), "env"));
  const model::Artifact& artifact = package.latest().artifacts[0];
  ANYNPU_TRY(encoder, open_plainly(*api, *env, artifact.path));
  ANYNPU_TRY(decoder, open_plainly(*api, *env, artifact.decoder));
  ANYNPU_TRY(memory, ort::cpu_memory(*api));
  ANYNPU_TRY(hears, ort::describe(*api, *encoder));
  ANYNPU_TRY(writes, ort::describe(*api, *decoder));
  state->whisper = package.speech.kind == model::Speech::Kind::kWhisper;
  state->encoder = std::move(encoder);
  state->decoder = std::move(decoder);
  state->memory = std::move(memory);
  state->hears = std::move(hears);
  state->writes = std::move(writes);
  return std::unique_ptr<PlainLoop>(new PlainLoop(std::move(state)));
}

Result<std::string> PlainLoop::transcribe(const std::vector<float>& samples) {
  State& s = *state_;
  std::vector<float> audio = samples;
  std::vector<std::int64_t> shape = {1, static_cast<std::int64_t>(audio.size())};
  std::vector<std::int64_t> tokens = {1};
  int end = 2;
  auto most = static_cast<std::size_t>(static_cast<double>(samples.size()) / 16000 * 6.5);
  if (s.whisper) {
    ANYNPU_TRY(front_end, mel::FrontEnd::create(mel::whisper()));
    std::vector<float> padded = samples;
    padded.resize(480000, 0.0F);
    audio.resize(80 * front_end.frames(padded.size()));
    front_end.compute(std::span<const float>(padded), audio.data());
    shape = {1, 80, static_cast<std::int64_t>(audio.size() / 80)};
    tokens.clear();
    for (const char* mark :
         {"<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"})
      tokens.push_back(s.tokenizer.mark(mark).value_or(0));
    end = s.tokenizer.mark("<|endoftext|>").value_or(0);
    most = 224;
  }
  ANYNPU_TRY(input, s.tensor(audio.data(), audio.size() * sizeof(float), shape, ort::kFloat));
  const char* in_name = s.hears.input_names[0].c_str();
  const char* out_name = s.hears.output_names[0].c_str();
  const ort::Value* in = input.get();
  ort::Value* hidden_raw = nullptr;
  ANYNPU_CHECK(ort::check(
      s.api, s.api.run(s.encoder.get(), nullptr, &in_name, &in, 1, &out_name, 1, &hidden_raw),
      "encoder"));
  const ort::Owned<ort::Value> hidden(hidden_raw, s.api.release_value);

  std::vector<std::string> past_names, present_names;
  std::vector<ort::Owned<ort::Value>> past;
  float nothing = 0;
  for (std::size_t i = 0; i < s.writes.input_names.size(); ++i) {
    const std::string& name = s.writes.input_names[i];
    if (!name.starts_with("past_key_values")) continue;
    const engine::Shape& declared = s.writes.info.inputs[i].shape;
    ANYNPU_TRY(empty, s.tensor(&nothing, 0, {0, declared[1], 1, declared[3]}, ort::kFloat));
    past_names.push_back(name);
    present_names.push_back("present" + name.substr(15));
    past.push_back(std::move(empty));
  }
  std::vector<int> written;
  for (bool cached = false; written.size() < most; cached = true) {
    ANYNPU_TRY(ids, s.tensor(tokens.data(), tokens.size() * sizeof(std::int64_t),
                             {1, static_cast<std::int64_t>(tokens.size())}, ort::kInt64));
    ANYNPU_TRY(flag, s.tensor(&cached, 1, {1}, ort::kBool));
    std::vector<const char*> names = {"input_ids", "encoder_hidden_states", "use_cache_branch"};
    std::vector<const ort::Value*> inputs = {ids.get(), hidden.get(), flag.get()};
    std::vector<const char*> outputs = {"logits"};
    for (std::size_t i = 0; i < past.size(); ++i) {
      names.push_back(past_names[i].c_str());
      inputs.push_back(past[i].get());
      outputs.push_back(present_names[i].c_str());
    }
    std::vector<ort::Value*> raw(outputs.size(), nullptr);
    ort::Status* status = s.api.run(s.decoder.get(), nullptr, names.data(), inputs.data(),
                                    inputs.size(), outputs.data(), outputs.size(), raw.data());
    std::vector<ort::Owned<ort::Value>> values;
    for (ort::Value* value : raw) values.emplace_back(value, s.api.release_value);
    ANYNPU_CHECK(ort::check(s.api, status, "decoder"));
    void* data = nullptr;
    ANYNPU_CHECK(
        ort::check(s.api, s.api.get_tensor_mutable_data(values[0].get(), &data), "logits"));
    const std::size_t vocabulary = s.whisper ? 51865 : 32768;
    const float* logits = static_cast<const float*>(data) + (tokens.size() - 1) * vocabulary;
    const auto next = static_cast<int>(std::max_element(logits, logits + vocabulary) - logits);
    if (next == end) break;
    written.push_back(next);
    tokens = {next};
    for (std::size_t i = 0; i < past.size(); ++i)
      if (!cached || past_names[i].find(".decoder.") != std::string::npos)
        past[i] = std::move(values[i + 1]);
  }
  return s.tokenizer.decode(written);
}

}  // namespace anynpu::bench
