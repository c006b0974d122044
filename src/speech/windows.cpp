// SPDX-License-Identifier: Apache-2.0
// Where to cut: in a pause when there is one, else where it is quietest.
#include "speech/windows.h"

#include <algorithm>

#include "base/clock.h"

namespace anynpu::speech {
namespace {

constexpr std::size_t frames_of(double seconds) {
  return static_cast<std::size_t>(seconds * kSampleRate / kActivityFrame);
}

constexpr std::size_t kPad = frames_of(0.3);          // kept around speech
constexpr std::size_t kPause = frames_of(0.25);       // a place to cut
constexpr std::size_t kLongPause = frames_of(1.5);    // always cut there
constexpr std::size_t kLeastSpeech = frames_of(0.1);  // a click is no speech
constexpr std::size_t kAhead = frames_of(2);          // read beyond a window, to see its end

bool speaks(const std::vector<float>& activity, std::size_t frame) {
  return activity[frame] >= kSpeech;
}

// The first frame from which somebody speaks for a while.
std::size_t first_speech(const std::vector<float>& activity) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < activity.size(); ++i) {
    run = speaks(activity, i) ? run + 1 : 0;
    if (run >= kLeastSpeech) return i + 1 - run;
  }
  return activity.size();
}

}  // namespace

double Window::speech_start() const {
  const auto found = std::find_if(activity.begin(), activity.end(),
                                  [](float likely) { return likely >= kSpeech; });
  if (found == activity.end()) return start();
  return start() + static_cast<double>((found - activity.begin())) * kActivityFrame / kSampleRate;
}

double Window::speech_end() const {
  const auto found = std::find_if(activity.rbegin(), activity.rend(),
                                  [](float likely) { return likely >= kSpeech; });
  const double end = start() + seconds();
  if (found == activity.rend()) return end;
  const auto frames = activity.rend() - found;
  return std::min(end, start() + static_cast<double>(frames) * kActivityFrame / kSampleRate);
}

WindowCutter::WindowCutter(PcmSource& source, Activity& activity, double most_seconds)
    : source_(source), activity_(activity), most_frames_(frames_of(most_seconds)) {}

Result<> WindowCutter::read() {
  piece_.clear();
  ANYNPU_TRY(more, source_.read(piece_));
  ended_ = !more;
  samples_.insert(samples_.end(), piece_.begin(), piece_.end());
  const TimePoint start = Clock::now();
  ANYNPU_CHECK(activity_.push(piece_, ended_, activity_frames_));
  activity_ms_ += ms_since(start);
  return {};
}

void WindowCutter::drop(std::size_t frames) {
  const std::size_t samples = std::min(frames * kActivityFrame, samples_.size());
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(samples));
  activity_frames_.erase(
      activity_frames_.begin(),
      activity_frames_.begin() + static_cast<std::ptrdiff_t>(std::min(frames, this->frames())));
  first_ += samples;
}

Window WindowCutter::take(std::size_t begin, std::size_t end, std::size_t drop_to) {
  Window window;
  const std::size_t from = begin * kActivityFrame;
  const std::size_t to = std::min(end * kActivityFrame, samples_.size());
  window.first = first_ + from;
  window.samples.assign(samples_.begin() + static_cast<std::ptrdiff_t>(from),
                        samples_.begin() + static_cast<std::ptrdiff_t>(to));
  window.activity.assign(
      activity_frames_.begin() + static_cast<std::ptrdiff_t>(begin),
      activity_frames_.begin() + static_cast<std::ptrdiff_t>(std::min(end, frames())));
  drop(drop_to);
  return window;
}

Result<std::optional<Window>> WindowCutter::next() {
  while (true) {
    while (!ended_ && frames() < most_frames_ + kAhead) ANYNPU_CHECK(read());
    const std::size_t speech = first_speech(activity_frames_);
    if (speech == frames()) {
      if (ended_) {
        drop(frames());
        first_ += samples_.size();
        samples_.clear();
        return std::optional<Window>();
      }
      drop(frames() - std::min(frames(), kPad));
      continue;
    }
    // The whole of it: nothing is gained by cutting, and the model hears it as it is.
    if (ended_ && first_ == 0 && frames() <= most_frames_)
      return std::optional(take(0, frames(), frames()));
    if (speech > kPad) {
      drop(speech - kPad);
      continue;  // with more behind it
    }
    // Walks on to the end of speech, noting pauses.
    std::size_t last = speech, pause_from = 0, pause_to = 0;
    std::size_t i = speech;
    for (; i < std::min(frames(), most_frames_); ++i) {
      if (activity_frames_[i] >= kStillSpeech) {
        if (i > last + kPause) {
          pause_from = last + 1;
          pause_to = i;
        }
        last = i;
      } else if (i - last >= kLongPause) {
        break;
      }
    }
    const std::size_t end = last + 1;
    const bool through = i - last >= kLongPause || (ended_ && i == frames());
    if (through || i - last > kPause)
      return std::optional(take(0, std::min({end + kPad, frames(), most_frames_}), i));
    if (pause_to > most_frames_ / 3) {
      const std::size_t middle = (pause_from + pause_to) / 2;
      return std::optional(take(0, middle, middle));
    }
    // Speech without a pause: where it is least like speech, late in the window.
    const auto from = activity_frames_.begin() + static_cast<std::ptrdiff_t>(i * 2 / 3);
    const auto quietest =
        std::min_element(from, activity_frames_.begin() + static_cast<std::ptrdiff_t>(i));
    const auto at = static_cast<std::size_t>(quietest - activity_frames_.begin()) + 1;
    return std::optional(take(0, at, at));
  }
}

}  // namespace anynpu::speech
