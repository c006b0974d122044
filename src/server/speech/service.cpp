// SPDX-License-Identifier: Apache-2.0
// Threads, places and figures of transcriptions.
#include "server/speech/service.h"

#include <algorithm>
#include <exception>
#include <system_error>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "speech/audio_input.h"

namespace anynpu::server {
namespace {

constexpr Duration kTick = milliseconds(100);
constexpr Duration kIdleTick = seconds(1);
constexpr double kDetectSeconds = 30;

int places(const SpeechOptions& options) {
  if (options.parallel > 0) return options.parallel;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// The place of one transcription, given away while it waits for bytes, and its time in it.
class Place {
 public:
  Place(Slots& slots, const Transcription& transcription)
      : slots_(slots), transcription_(transcription) {}
  ~Place() { leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  bool enter() {
    has_ = slots_.enter([this] { return transcription_.stopped(); });
    since_ = Clock::now();
    return has_;
  }
  void leave() {
    if (!has_) return;
    busy_ += Clock::now() - since_;
    has_ = false;
    slots_.leave();
  }
  double busy_seconds() const { return to_ms(busy_) / 1000; }

 private:
  Slots& slots_;
  const Transcription& transcription_;
  bool has_ = false;
  TimePoint since_;
  Duration busy_ = Duration::zero();
};

/// The beginning of a recording.
class FirstSeconds : public speech::PcmSource {
 public:
  FirstSeconds(speech::PcmSource& whole, double seconds)
      : whole_(whole), left_(static_cast<std::size_t>(seconds * speech::kSampleRate)) {}

  Result<bool> read(std::vector<float>& out) override {
    if (left_ == 0) return false;
    const std::size_t before = out.size();
    ANYNPU_TRY(more, whole_.read(out));
    out.resize(std::min(out.size(), before + left_));
    left_ -= out.size() - before;
    return more;
  }

 private:
  speech::PcmSource& whole_;
  std::size_t left_;
};

bool can(const speech::Transcriber& transcriber, const SpeechWork& work) {
  const std::vector<std::string>& known = transcriber.languages();
  const bool hears = work.language.empty() || contains(known, work.language);
  return hears && (!work.detect || known.size() > 1) &&
         (!work.translate || transcriber.can_translate());
}

}  // namespace

SpeechService::SpeechService(SpeechModels& models, SpeechOptions options)
    : models_(models),
      options_(std::move(options)),
      slots_(places(options_)),
      keeper_([this] { look_after(); }) {}

SpeechService::~SpeechService() {
  end();
}

void SpeechService::end() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    for (Running& running : running_) running.transcription->stop();
  }
  changed_.notify_all();
  if (keeper_.joinable()) keeper_.join();
}

void SpeechService::on_tick(std::function<bool()> tick) {
  {
    std::lock_guard lock(tick_mutex_);
    tick_ = std::move(tick);
  }
  tick_soon();
}

void SpeechService::tick_soon() {
  {
    std::lock_guard lock(mutex_);
    soon_ = true;
  }
  changed_.notify_all();
}

Result<std::shared_ptr<Transcription>> SpeechService::start(SpeechWork work, Input input) {
  auto transcription = std::make_shared<Transcription>(std::move(work));
  if (input.upload) {
    transcription->on_stop([weak = std::weak_ptr(input.upload)] {
      if (auto upload = weak.lock()) upload->fail();
    });
  }
  transcription->on_stop([this] { slots_.wake(); });
  std::lock_guard lock(mutex_);
  if (ending_) return Error{Code::kCancelled, "the server ends"};
  const auto open = std::count_if(running_.begin(), running_.end(), [](const Running& running) {
    return running.transcription->news(SIZE_MAX).state != Transcription::State::kEnded;
  });
  if (open >= options_.most)
    return Error{Code::kBusy, fmt::format("{} transcriptions are under way", open)}.with_hint(
        "try again in a moment");
  Running& running = running_.emplace_back();
  running.transcription = transcription;
  try {
    running.thread = std::thread([this, &running, input = std::move(input)]() mutable {
      run(running, input);
      input = {};  // the audio is let go of before this is known to have ended
      running.ended = true;
    });
  } catch (const std::system_error& problem) {
    running_.pop_back();
    return Error{Code::kBusy, fmt::format("no thread for a transcription: {}", problem.what())};
  }
  changed_.notify_all();
  return transcription;
}

void SpeechService::run(Running& running, const Input& input) {
  Transcription& transcription = *running.transcription;
  Place place(slots_, transcription);
  Result<speech::Transcript> result = Error{Code::kCancelled, "it was stopped"};
  if (place.enter()) {
    if (input.upload)
      input.upload->on_waiting([&place](bool waits) {
        if (waits)
          place.leave();
        else
          place.enter();
      });
    transcription.begin();
    try {
      result = transcribe(transcription, input);
    } catch (const std::exception& problem) {
      result = Error{Code::kInternal, fmt::format("the transcription broke: {}", problem.what())};
    }
    if (input.upload) input.upload->on_waiting({});
  }
  place.leave();
  if (!result && transcription.stopped())
    result = Error{Code::kCancelled, "the transcription was stopped"};
  note(result, place.busy_seconds());
  transcription.end(std::move(result));
}

Result<speech::Transcript> SpeechService::transcribe(Transcription& transcription,
                                                     const Input& input) {
  speech::AudioLimits limits;
  limits.most_seconds = options_.most_seconds;
  speech::AudioInput samples(*input.audio, limits, transcription.token(), input.skip,
                             transcription.work().raw);
  speech::TranscribeOptions options = transcription.work().options();
  options.stop = transcription.token();
  options.on_segment = [&](const speech::Segment& segment) {
    if (input.on_segment) input.on_segment(segment);
    transcription.add(segment);
  };
  options.on_progress = [&](const speech::Progress& progress) { transcription.progress(progress); };
  ANYNPU_TRY(transcriber, choose(transcription.work()));
  const bool detect = transcription.work().detect;
  if (detect && transcriber->languages().size() < 2)
    return Error{Code::kUnsupported, "there is no model that tells languages apart", 0,
                 "fetch one: anynpu models pull whisper_base"};
  FirstSeconds beginning(samples, kDetectSeconds);
  Result<speech::Transcript> transcript = transcriber->transcribe(
      detect ? static_cast<speech::PcmSource&>(beginning) : samples, options);
  if (!transcript) return transcript;
  if (input.upload && input.upload->failed())
    return Error{Code::kInvalid, "the upload broke off before its end"};
  for (std::string& note : samples.notes()) transcript->notes.push_back(std::move(note));
  return transcript;
}

Result<std::shared_ptr<speech::Transcriber>> SpeechService::choose(const SpeechWork& work) {
  if (!work.model.empty()) return models_.open(work.model);
  const std::vector<std::string> names = models_.names();
  if (names.empty())
    return Error{Code::kNotFound, "there is no model that transcribes", 0,
                 "fetch one: anynpu models pull moonshine_tiny"};
  std::shared_ptr<speech::Transcriber> first;
  for (const std::string& name : names) {
    Result<std::shared_ptr<speech::Transcriber>> opened = models_.open(name);
    if (!opened && names.size() == 1) return opened;
    if (!opened) continue;
    if (can(**opened, work)) return opened;
    if (!first) first = *opened;
  }
  if (first) return first;  // whose own words say what it cannot do
  return models_.open(names.front());
}

void SpeechService::note(const Result<speech::Transcript>& result, double busy_seconds) {
  std::lock_guard lock(mutex_);
  if (!result) {
    ++(result.error().code == Code::kCancelled ? figures_.cancelled : figures_.failed);
    return;
  }
  ++figures_.answered;
  figures_.audio_seconds += result->duration;
  figures_.busy_seconds += busy_seconds;
  figures_.model = result->model;
  figures_.device = result->device;
  figures_.engine = result->engine;
  if (result->fallback) figures_.fallback = result->fallback;
  if (result->batches > 0)
    figures_.batch_windows = (result->windows + result->batches - 1) / result->batches;
}

SpeechFigures SpeechService::figures() const {
  std::lock_guard lock(mutex_);
  SpeechFigures figures = figures_;
  for (const Running& running : running_) {
    if (running.ended) continue;
    const Transcription::State state = running.transcription->news(SIZE_MAX).state;
    figures.working += state == Transcription::State::kWorking ? 1 : 0;
    figures.waiting += state == Transcription::State::kWaiting ? 1 : 0;
  }
  return figures;
}

// Ends what nobody waits for any more, and joins the threads of what has ended.
void SpeechService::look_after() {
  std::unique_lock lock(mutex_);
  while (!ending_ || !running_.empty()) {
    std::list<Running> ended;
    std::vector<std::shared_ptr<Transcription>> abandoned;
    for (auto each = running_.begin(); each != running_.end();) {
      auto next = std::next(each);
      if (each->ended)
        ended.splice(ended.end(), running_, each);
      else if (each->transcription->gone())
        abandoned.push_back(each->transcription);
      each = next;
    }
    const bool ending = ending_;
    bool soon = std::exchange(soon_, false);
    lock.unlock();
    for (const auto& transcription : abandoned) transcription->stop();
    for (Running& running : ended) running.thread.join();
    models_.tidy();
    if (!ending) {
      std::lock_guard ticking(tick_mutex_);
      if (tick_) soon = tick_() || soon;
    }
    lock.lock();
    if (soon_ || (ending_ && running_.empty())) continue;
    const bool idle = running_.empty() && !soon;
    changed_.wait_for(lock, ending_ ? milliseconds(5) : idle ? kIdleTick : kTick);
  }
}

}  // namespace anynpu::server
