// SPDX-License-Identifier: Apache-2.0
// A transcriber for tests: every second of audio is a word, and it waits where a test says so.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/fake_served_model.h"
#include "server/speech/models.h"

namespace anynpu::server {

class FakeTranscriber : public speech::Transcriber {
 public:
  struct Control {
    std::mutex mutex;
    std::condition_variable changed;
    int allowed = 1 << 30;    // words in all, over every transcription
    int breaks_at = 1 << 30;  // words in all, before an error
    int said = 0;
    std::vector<speech::TranscribeOptions> asked;
    int working = 0, most_working = 0, cancelled = 0;

    void set(const std::function<void()>& change) {
      {
        std::lock_guard lock(mutex);
        change();
      }
      changed.notify_all();
    }
    bool wait_until(const std::function<bool()>& what) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, std::chrono::seconds(60), what);
    }
  };

  FakeTranscriber(std::string name, std::vector<std::string> languages, bool translates,
                  std::shared_ptr<Control> control)
      : served_(fake_package(name), 1, std::make_shared<FakeServedModel::Control>()),
        name_(std::move(name)),
        languages_(std::move(languages)),
        translates_(translates),
        control_(std::move(control)) {}

  Result<speech::Transcript> transcribe(speech::PcmSource& source,
                                        const speech::TranscribeOptions& options) override {
    control_->set([&] {
      control_->asked.push_back(options);
      control_->most_working = std::max(control_->most_working, ++control_->working);
    });
    Result<speech::Transcript> transcript = listen(source, options);
    control_->set([&] {
      --control_->working;
      if (!transcript && options.stop.stop_requested()) ++control_->cancelled;
    });
    return transcript;
  }

  const std::vector<std::string>& languages() const override { return languages_; }
  bool can_translate() const override { return translates_; }
  const runtime::ServedModel& model() const override { return served_; }

 private:
  Result<speech::Transcript> listen(speech::PcmSource& source,
                                    const speech::TranscribeOptions& options) {
    if (!options.language.empty() && options.language != languages_.front())
      return Error{Code::kUnsupported, name_ + " does not know '" + options.language + "'"};
    speech::Transcript transcript;
    std::vector<float> samples;
    std::size_t through = 0;
    bool more = true;
    while (more) {
      ANYNPU_TRY(got, source.read(samples));
      more = got;
      for (; through + speech::kSampleRate <= samples.size(); through += speech::kSampleRate) {
        ANYNPU_CHECK(may_say(options));
        speech::Segment segment;
        const int number = static_cast<int>(transcript.segments.size());
        segment.id = number;
        segment.start = number;
        segment.end = number + 1;
        segment.text = " word" + std::to_string(number);
        if (options.word_times)
          segment.words = {{"word" + std::to_string(number), segment.start, segment.end, 0.5}};
        transcript.text += segment.text;
        transcript.segments.push_back(segment);
        if (options.on_segment) options.on_segment(segment);
        if (options.on_progress) options.on_progress({segment.end, source.duration()});
      }
    }
    if (options.stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    if (!transcript.text.empty()) transcript.text.erase(0, 1);
    transcript.language = languages_.front();
    transcript.duration = static_cast<double>(samples.size()) / speech::kSampleRate;
    transcript.model = name_;
    transcript.version = 1;
    transcript.device = "cpu";
    transcript.engine = "fake";
    transcript.windows = transcript.batches = 1;
    return transcript;
  }

  Result<> may_say(const speech::TranscribeOptions& options) {
    std::unique_lock lock(control_->mutex);
    while (control_->said >= control_->allowed && !options.stop.stop_requested())
      control_->changed.wait_for(lock, std::chrono::milliseconds(5));
    if (options.stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    if (control_->said >= control_->breaks_at) return Error{Code::kInternal, "the model broke"};
    ++control_->said;
    control_->changed.notify_all();
    return {};
  }

  FakeServedModel served_;
  std::string name_;
  std::vector<std::string> languages_;
  bool translates_;
  std::shared_ptr<Control> control_;
};

/// "small" knows English, "large" German and Italian, and translates.
class FakeSpeechModels : public SpeechModels {
 public:
  std::shared_ptr<FakeTranscriber::Control> control = std::make_shared<FakeTranscriber::Control>();

  std::vector<std::string> names() override { return {"small", "large"}; }
  Result<std::shared_ptr<speech::Transcriber>> open(const std::string& name) override {
    if (name == "small") return std::shared_ptr<speech::Transcriber>(small_);
    if (name == "large") return std::shared_ptr<speech::Transcriber>(large_);
    return Error{Code::kNotFound, "there is no model '" + name + "'"};
  }

 private:
  std::shared_ptr<FakeTranscriber> small_ =
      std::make_shared<FakeTranscriber>("small", std::vector<std::string>{"en"}, false, control);
  std::shared_ptr<FakeTranscriber> large_ = std::make_shared<FakeTranscriber>(
      "large", std::vector<std::string>{"de", "it"}, true, control);
};

}  // namespace anynpu::server
