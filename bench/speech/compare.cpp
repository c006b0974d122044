// SPDX-License-Identifier: Apache-2.0
// Speech to text over a folder of clips: anynpu, and a plain greedy loop over ONNX Runtime with the
// same models, in turn and on one thread: word error rates, times and their ratio.
//
//   speech_compare MODEL FOLDER [beam=N] [temperatures=0] [verbose=1] [peer=0] [clips=N]
//                  [workers=N] [vad=MODEL] [language=en] [words=1] [mel=tile] [gain=X]
//
// beam: as speech::TranscribeOptions has it; 1 is greedy.
//
// mel=tile: Whisper hears the features of the fixed-point kernel for an NPU's tile. gain: what the
// samples are multiplied by.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include <fmt/format.h>

#include "audio/mono.h"
#include "base/clock.h"
#include "bench/speech/plain_loop.h"
#include "bench/speech/word_error.h"
#include "mel/xdna/tile_kernel.h"
#include "model/store.h"
#include "runtime/served_model.h"
#include "speech/transcriber.h"

namespace anynpu {
namespace {

std::vector<float> samples_of(const std::filesystem::path& file) {
  auto source = audio::file_source(file);
  if (!source) return {};
  auto samples = audio::read_mono(**source, speech::kSampleRate, 3600);
  return samples ? *samples : std::vector<float>();
}

int fail(const Error& error) {
  fmt::print(stderr, "{} {}\n", error.message, error.hint);
  return 1;
}

int program(int argc, char** argv) {
  if (argc < 3) return fail({Code::kInvalid, "speech_compare MODEL FOLDER [NAME=VALUE ...]"});
  std::map<std::string, std::string> settings;
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    settings[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  const auto setting = [&](const std::string& name, int otherwise) {
    const auto found = settings.find(name);
    return found == settings.end() ? otherwise : std::atoi(found->second.c_str());
  };
  auto package = model::open_package(argv[1]);
  if (!package) return fail(package.error());
  auto canary = speech::canary(*package);
  if (!canary) return fail(canary.error());
  runtime::ServeOptions options;
  options.isolated = false;
  options.instances = setting("workers", 1);
  options.policy = runtime::Policy::kCpuOnly;
  auto served = runtime::ServedModel::start(*package, package->latest().number, *canary, options);
  if (!served) return fail(served.error());
  std::shared_ptr<runtime::ServedModel> vad;
  if (settings.contains("vad")) {
    auto of_vad = model::open_package(settings["vad"]);
    if (!of_vad) return fail(of_vad.error());
    auto sound = speech::canary(*of_vad);
    if (!sound) return fail(sound.error());
    auto started = runtime::ServedModel::start(*of_vad, 1, *sound, options);
    if (!started) return fail(started.error());
    vad = std::move(*started);
  }
  const bool tile = settings.contains("mel") && settings["mel"] == "tile";
  auto transcriber = speech::Transcriber::open(std::move(*served), vad,
                                               tile ? &mel::xdna::tile_kernel() : nullptr);
  if (!transcriber) return fail(transcriber.error());

  std::unique_ptr<bench::PlainLoop> plain;
  if (setting("peer", 1) != 0) {
    auto opened = bench::PlainLoop::open(*package);
    if (!opened) return fail(opened.error());
    plain = std::move(*opened);
  }

  const float gain = settings.contains("gain") ? std::strtof(settings["gain"].c_str(), nullptr) : 1;
  test::WordErrors ours, theirs;
  double audio_seconds = 0, our_ms = 0, their_ms = 0;
  int count = 0;
  for (const test::Clip& clip : test::clips_of(argv[2])) {
    if (count >= setting("clips", 100000)) break;
    ++count;
    std::vector<float> samples = samples_of(clip.file);
    for (float& sample : samples) sample *= gain;
    if (samples.empty()) return fail({Code::kInvalid, clip.file.string() + " cannot be read"});
    audio_seconds += static_cast<double>(samples.size()) / speech::kSampleRate;
    speech::TranscribeOptions asked;
    asked.beam_size = setting("beam", 0);
    asked.word_times = setting("words", 0) != 0;
    if (settings.contains("vad")) asked.segmentation = speech::Segmentation::kVad;
    if (settings.contains("temperatures")) asked.temperatures = {0};
    if (settings.contains("language")) asked.language = settings["language"];
    const TimePoint start = Clock::now();
    auto source = speech::pcm_source(samples);
    auto transcript = (*transcriber)->transcribe(*source, asked);
    our_ms += ms_since(start);
    if (!transcript) return fail(transcript.error());
    ours.add(clip.text, transcript->text);
    std::string peer_text;
    if (plain) {
      const TimePoint their_start = Clock::now();
      auto text = plain->transcribe(samples);
      their_ms += ms_since(their_start);
      if (!text) return fail(text.error());
      theirs.add(clip.text, *text);
      peer_text = std::move(*text);
    }
    if (setting("verbose", 0) != 0) {
      fmt::print("{} {:.1f} s {} {:.2f} infer {:.0f} ms retries {}\n  ref {}\n  got {}\n",
                 clip.file.filename().string(), transcript->duration, transcript->language,
                 transcript->language_probability.value_or(1), transcript->timings.infer,
                 transcript->retries, clip.text, transcript->text);
      if (plain) fmt::print("  peer {}\n", peer_text);
      for (const auto& segment : transcript->segments) {
        fmt::print("   [{:.2f} {:.2f}] t {:.1f} lp {:.2f} cr {:.2f} ns {:.2f}{}\n", segment.start,
                   segment.end, segment.temperature, segment.avg_logprob, segment.compression_ratio,
                   segment.no_speech_prob, segment.text);
        for (const auto& word : segment.words)
          fmt::print("      {:.2f}-{:.2f} {:.2f} {}\n", word.start, word.end, word.probability,
                     word.word);
      }
    }
  }
  const auto line = [&](const char* who, const test::WordErrors& errors, double ms) {
    fmt::print("  {:12} word error rate {:5.2f} % ({} of {}), {:.0f} ms, {:.1f}x real time\n", who,
               errors.percent(), errors.errors, errors.words, ms, audio_seconds * 1000 / ms);
  };
  fmt::print("{}: {} clips, {:.1f} s\n", argv[1], count, audio_seconds);
  line("anynpu", ours, our_ms);
  if (plain) {
    line("plain loop", theirs, their_ms);
    fmt::print("  time to the plain loop's: {:.3f}\n", our_ms / their_ms);
  }
  return 0;
}

}  // namespace
}  // namespace anynpu

int main(int argc, char** argv) {
  return anynpu::program(argc, argv);
}
