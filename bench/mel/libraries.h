// SPDX-License-Identifier: Apache-2.0
// whisper.cpp and sherpa-onnx, opened at run time from the folder that tools/mel-peers makes, each
// brought to compute its mel features and nothing else. Their names and structs are those of
// whisper.h and of sherpa-onnx's c-api.h.
//
// Both want a model before they compute any feature, so each gets a small one without weights that
// mean anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <dlfcn.h>

#include "mel/filter_bank.h"
#include "mel/options.h"
#include "tiny_onnx.h"

namespace anynpu::bench {

class Library {
 public:
  explicit Library(const std::string& path) : handle_(::dlopen(path.c_str(), RTLD_NOW)) {
    if (handle_ == nullptr)
      throw std::runtime_error(std::string(::dlerror()) + "; run tools/mel-peers");
  }
  template <typename Function>
  void bind(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(::dlsym(handle_, name));
    if (function == nullptr) throw std::runtime_error(std::string(name) + " is missing");
  }

 private:
  void* handle_;  // open until the program ends
};

/// whisper_pcm_to_mel() on one thread: Whisper's 80 bins with its scale.
class WhisperCpp {
 public:
  explicit WhisperCpp(const std::string& folder) : library_(folder + "/libwhisper.so") {
    library_.bind(log_set_, "whisper_log_set");
    library_.bind(version_, "whisper_version");
    library_.bind(init_, "whisper_init_from_buffer");
    library_.bind(pcm_to_mel_, "whisper_pcm_to_mel");
    library_.bind(n_len_, "whisper_n_len");
    log_set_([](int, const char*, void*) {}, nullptr);
    std::string model = empty_model();
    context_ = init_(model.data(), model.size());
    if (context_ == nullptr) throw std::runtime_error("whisper.cpp does not take the empty model");
  }

  std::string version() const { return version_(); }

  /// As whisper_full() does it: the whole item at once. Its 30 s of padding are not counted.
  std::size_t compute(const std::vector<float>& samples) {
    if (pcm_to_mel_(context_, samples.data(), static_cast<int>(samples.size()), 1) != 0)
      throw std::runtime_error("whisper_pcm_to_mel failed");
    const int frames = n_len_(context_);
    if (frames < static_cast<int>(samples.size()) / 160 - 1)
      throw std::runtime_error("whisper.cpp made fewer frames than there are");
    return static_cast<std::size_t>(frames);
  }

 private:
  /// A file of whisper.cpp's format with filters, four words and no tensors, which it takes "for
  /// testing".
  static std::string empty_model() {
    std::string file;
    auto put = [&](const auto& value) {
      file.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    put(std::uint32_t{0x67676d6c});
    constexpr std::int32_t kWords = 4, kContext = 64, kState = 64, kHeads = 1, kLayers = 4;
    for (std::int32_t value : {kWords, kContext, kState, kHeads, kLayers, kContext, kState, kHeads,
                               kLayers, std::int32_t{80}, std::int32_t{1}})
      put(value);
    put(std::int32_t{80});
    put(std::int32_t{201});
    for (const mel::Filter& filter : mel::filter_bank(mel::whisper())) {
      std::vector<float> row(201);
      for (std::size_t i = 0; i < filter.weights.size(); ++i)
        row[static_cast<std::size_t>(filter.first) + i] = static_cast<float>(filter.weights[i]);
      for (float weight : row) put(weight);
    }
    put(kWords);
    for (char word = 'a'; word < 'a' + kWords; ++word) {
      put(std::uint32_t{1});
      put(word);
    }
    return file;
  }

  using LogFunction = void(int, const char*, void*);
  Library library_;
  void (*log_set_)(LogFunction*, void*) = nullptr;
  const char* (*version_)() = nullptr;
  void* (*init_)(void*, std::size_t) = nullptr;
  int (*pcm_to_mel_)(void*, const float*, int, int) = nullptr;
  int (*n_len_)(void*) = nullptr;
  void* context_ = nullptr;
};

/// The features of a stream of sherpa-onnx, which are kaldi-native-fbank's: 80 bins, dither 0,
/// computed while the samples are accepted.
class KaldiNativeFbank {
 public:
  explicit KaldiNativeFbank(const std::string& folder)
      : library_(folder + "/sherpa/libsherpa-onnx-c-api.so"), model_(folder + "/speaker.onnx") {
    library_.bind(create_, "SherpaOnnxCreateSpeakerEmbeddingExtractor");
    library_.bind(create_stream_, "SherpaOnnxSpeakerEmbeddingExtractorCreateStream");
    library_.bind(accept_, "SherpaOnnxOnlineStreamAcceptWaveform");
    library_.bind(ready_, "SherpaOnnxSpeakerEmbeddingExtractorIsReady");
    library_.bind(destroy_stream_, "SherpaOnnxDestroyOnlineStream");
    write_model();
    const Config config = {
        .model = model_.c_str(), .num_threads = 1, .debug = 0, .provider = "cpu"};
    extractor_ = create_(&config);
    if (extractor_ == nullptr) throw std::runtime_error("sherpa-onnx does not take the model");
  }

  /// A stream with its tables per chunk.
  std::size_t compute(const std::vector<float>& samples, std::size_t chunk) {
    std::size_t frames = 0;
    for (std::size_t at = 0; at + chunk <= samples.size(); at += chunk) {
      const void* stream = create_stream_(extractor_);
      accept_(stream, 16000, samples.data() + at, static_cast<std::int32_t>(chunk));
      if (ready_(extractor_, stream) == 0) throw std::runtime_error("sherpa-onnx has no frames");
      destroy_stream_(stream);
      frames += chunk / 160;
    }
    return frames;
  }

 private:
  struct Config {
    const char* model;
    std::int32_t num_threads;
    std::int32_t debug;
    const char* provider;
  };

  void write_model() const {
    test::TinyOnnx onnx;
    onnx.input("x", test::OnnxType::kFloat, {"batch", "frames", "80"});
    onnx.node("Identity", {"x"}, {"y"});
    onnx.output("y", test::OnnxType::kFloat, {"batch", "frames", "80"});
    const std::vector<std::byte> bytes = onnx.build();
    std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    auto text = [](char tag, const std::string& value) {
      return std::string{tag, static_cast<char>(value.size())} + value;
    };
    const std::vector<std::pair<std::string, std::string>> metadata = {{"framework", "wespeaker"},
                                                                       {"language", "English"},
                                                                       {"output_dim", "80"},
                                                                       {"sample_rate", "16000"},
                                                                       {"normalize_samples", "1"}};
    for (const auto& [key, value] : metadata)  // ModelProto.metadata_props
      file += text(14 << 3 | 2, text(1 << 3 | 2, key) + text(2 << 3 | 2, value));
    std::ofstream(model_, std::ios::binary) << file;
  }

  Library library_;
  std::string model_;
  const void* (*create_)(const Config*) = nullptr;
  const void* (*create_stream_)(const void*) = nullptr;
  void (*accept_)(const void*, std::int32_t, const float*, std::int32_t) = nullptr;
  std::int32_t (*ready_)(const void*, const void*) = nullptr;
  void (*destroy_stream_)(const void*) = nullptr;
  const void* extractor_ = nullptr;
};

}  // namespace anynpu::bench
