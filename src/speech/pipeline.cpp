// SPDX-License-Identifier: Apache-2.0
// Opening a model by its kind; growing transcripts.
#include "speech/pipeline.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::speech {
namespace {

constexpr double kCanarySeconds = 6;

// Something like a voice: a tone with overtones that moves, in syllables.
std::vector<float> made_up_sound() {
  std::vector<float> sound(static_cast<std::size_t>(kCanarySeconds * kSampleRate));
  double phase = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    const double t = static_cast<double>(i) / kSampleRate;
    const double pitch = 140 + 30 * std::sin(2 * std::numbers::pi * 0.7 * t);
    phase += 2 * std::numbers::pi * pitch / kSampleRate;
    const double syllable = std::max(0.0, std::sin(2 * std::numbers::pi * 3 * t));
    double value = 0;
    for (int overtone = 1; overtone <= 12; ++overtone)
      value += std::sin(phase * overtone) / overtone *
               (1 + std::sin(2 * std::numbers::pi * (0.3 + 0.1 * overtone) * t));
    sound[i] = static_cast<float>(0.1 * syllable * value);
  }
  return sound;
}

Result<std::shared_ptr<const Tokenizer>> tokenizer_of(const model::Package& package) {
  ANYNPU_TRY(tokenizer, Tokenizer::open(package.speech.tokenizer));
  return std::shared_ptr<const Tokenizer>(std::make_shared<Tokenizer>(std::move(tokenizer)));
}

}  // namespace

Result<std::unique_ptr<Transcriber>> Transcriber::open(std::shared_ptr<runtime::ServedModel> model,
                                                       std::shared_ptr<runtime::ServedModel> vad,
                                                       const mel::Kernel* features) {
  const model::Package& package = model->package();
  if (package.task != model::Task::kTranscribe)
    return Error{Code::kUnsupported, fmt::format("{} does not transcribe: its task is {}",
                                                 package.name, to_string(package.task))};
  if (vad && vad->package().task != model::Task::kVad)
    return Error{Code::kUnsupported,
                 fmt::format("{} does not tell voice activity: its task is {}", vad->package().name,
                             to_string(vad->package().task))};
  ANYNPU_TRY(tokenizer, tokenizer_of(package));
  PipelineParts parts{std::move(model), std::move(vad), tokenizer, features};
  return package.speech.kind == model::Speech::Kind::kWhisper ? open_whisper(std::move(parts))
                                                              : open_moonshine(std::move(parts));
}

bool may_understand(const model::Package& package, std::string_view language, bool translate) {
  if (package.speech.kind != model::Speech::Kind::kMoonshine) return true;
  return !translate && (language.empty() || language == "en");
}

Result<std::shared_ptr<const runtime::InputSource>> canary(const model::Package& package) {
  const std::vector<float> sound = made_up_sound();
  if (package.task == model::Task::kVad) return silero_canary(sound);
  if (package.task != model::Task::kTranscribe)
    return Error{Code::kUnsupported, fmt::format("{} is no speech model: its task is {}",
                                                 package.name, to_string(package.task))};
  if (package.speech.kind == model::Speech::Kind::kMoonshine)
    return input_of(moonshine_canary(sound));
  ANYNPU_TRY(tokenizer, tokenizer_of(package));
  ANYNPU_TRY(question, whisper_canary(*tokenizer, sound));
  return input_of(std::move(question));
}

std::unique_ptr<Activity> activity_of(const PipelineParts& parts) {
  return parts.vad ? silero_activity(*parts.vad) : loudness_activity();
}

std::size_t windows_at_once(const runtime::ServedModel& model) {
  const auto& ranked = model.placements().ranked;
  if (ranked.empty()) return 1;
  const std::string serving = ranked[0].placement.id();
  const auto instances = model.instances();
  const auto count = std::count_if(
      instances.begin(), instances.end(),
      [&](const runtime::InstanceStatus& instance) { return instance.placement == serving; });
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(count, 1, 8));
}

TranscriptBuilder::TranscriptBuilder(const TranscribeOptions& options, const PcmSource& source,
                                     const runtime::ServedModel& model)
    : options_(options), source_(source) {
  transcript_.model = model.package().name;
  transcript_.version = model.version();
}

void TranscriptBuilder::add(Segment segment) {
  segment.id = static_cast<int>(transcript_.segments.size());
  transcript_.text += segment.text;
  if (options_.on_segment) options_.on_segment(segment);
  transcript_.segments.push_back(std::move(segment));
}

void TranscriptBuilder::progress(double done) const {
  if (options_.on_progress) options_.on_progress({done, source_.duration()});
}

Transcript TranscriptBuilder::finish(std::size_t samples, const Listener& listener) {
  transcript_.duration = static_cast<double>(samples) / kSampleRate;
  transcript_.text = std::string(trim(transcript_.text));
  listener.report(transcript_);
  transcript_.timings.total = ms_since(start_);
  progress(transcript_.duration);
  return std::move(transcript_);
}

Error stopped() {
  return Error{Code::kCancelled, "the transcription was stopped"};
}

}  // namespace anynpu::speech
