// SPDX-License-Identifier: Apache-2.0
// A thread for each file at work; the first thread waits, shows how far they are, and hands results
// out in the order of the files.
#include "command/transcribe_files.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "speech/audio_input.h"

namespace anynpu::command {
namespace {

namespace fs = std::filesystem;

bool ends_as_audio(const fs::path& path) {
  constexpr std::array<std::string_view, 20> kEndings = {
      ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a",  ".mp4", ".webm", ".mkv",
      ".mov", ".aac",  ".wma", ".avi", ".3gp",  ".amr", ".aiff", ".aif", ".mpga", ".mpeg"};
  return std::find(kEndings.begin(), kEndings.end(), to_lower(path.extension().string())) !=
         kEndings.end();
}

void add_audio_folder(const fs::path& folder, std::vector<AudioFile>& files) {
  const std::size_t before = files.size();
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code unknown;
    if (ends_as_audio(entry->path()) && !entry->is_directory(unknown))
      files.push_back({entry->path(), entry->path().lexically_relative(folder), {}, std::nullopt});
  }
  if (error) files.push_back({folder, folder, {}, system_error(folder.string(), error.value())});
  std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end(),
            [](const AudioFile& a, const AudioFile& b) { return a.path < b.path; });
  if (files.size() == before)
    files.push_back({folder,
                     folder,
                     {},
                     Error{Code::kNotFound, folder.string() + ": no audio in this folder", 0,
                           "name the files themselves when they end in another way"}});
}

/// Bytes of all files that are through, for the bar: lengths in seconds are not known before.
class Bar {
 public:
  explicit Bar(const std::vector<std::uint64_t>& sizes) : sizes_(sizes), shares_(sizes.size()) {
    std::uint64_t total = 0;
    for (std::uint64_t size : sizes) total += size;
    progress_.emplace("audio", total, ProgressUnit::kBytes);
  }
  void set(std::size_t file, double share) {
    std::lock_guard lock(mutex_);
    shares_[file] = std::clamp(share, 0.0, 1.0);
    double done = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i)
      done += shares_[i] * static_cast<double>(sizes_[i]);
    progress_->set(static_cast<std::uint64_t>(done));
  }
  void clear() {
    std::lock_guard lock(mutex_);
    progress_->clear();
  }

 private:
  std::mutex mutex_;
  const std::vector<std::uint64_t> sizes_;
  std::vector<double> shares_;
  std::optional<Progress> progress_;
};

std::vector<std::uint64_t> sizes_of(const std::vector<AudioFile>& files) {
  std::vector<std::uint64_t> sizes;
  for (const AudioFile& file : files) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file.path, error);
    sizes.push_back(error ? 0 : size);
  }
  return sizes;
}

class Work {
 public:
  Work(const TranscribePlan& plan, speech::Transcriber& transcriber)
      : plan_(plan), transcriber_(transcriber), bar_(sizes_of(plan.files)) {}

  void run(const std::function<void(const AudioResult&)>& done) {
    std::vector<std::jthread> threads;
    const std::size_t count =
        std::min<std::size_t>(plan_.files.size(), static_cast<std::size_t>(plan_.parallel));
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { take_files(); });
    std::unique_lock lock(mutex_);
    for (std::size_t next = 0; next < plan_.files.size(); ++next) {
      while (!results_.contains(next) && !(stop_.stop_requested() && working_ == 0)) {
        changed_.wait_for(lock, std::chrono::milliseconds(100));
        if (plan_.stop && plan_.stop()) stop_.request_stop();
      }
      auto found = results_.find(next);
      if (found == results_.end()) break;
      const AudioResult result = std::move(found->second);
      results_.erase(found);
      lock.unlock();
      bar_.clear();
      const bool left_out = result.error && result.error->code == Code::kCancelled;
      if (!left_out) done(result);
      lock.lock();
    }
  }

 private:
  void take_files() {
    while (true) {
      std::size_t mine = 0;
      {
        std::lock_guard lock(mutex_);
        if (next_ == plan_.files.size() || stop_.stop_requested()) return;
        mine = next_++;
        ++working_;
      }
      AudioResult result = work_on(mine);
      bar_.set(mine, 1);
      {
        std::lock_guard lock(mutex_);
        results_.emplace(mine, std::move(result));
        --working_;
      }
      changed_.notify_all();
    }
  }

  AudioResult work_on(std::size_t index) {
    const AudioFile& file = plan_.files[index];
    AudioResult result;
    result.file = &file;
    std::error_code ignored;
    if (file.error) {
      result.error = file.error;
    } else if (!plan_.again && !file.result.empty() && fs::exists(file.result, ignored)) {
      result.skipped = true;
    } else if (auto transcript = transcribe(index); !transcript) {
      Error error = std::move(transcript).error();
      const std::string path = file.path.string();
      const bool named = error.message.find(path) != std::string::npos;
      result.error = named ? std::move(error) : std::move(error).within(path);
    } else {
      result.transcript = std::move(*transcript);
      if (auto kept = keep(result); !kept) result.error = kept.error();
    }
    return result;
  }

  Result<speech::Transcript> transcribe(std::size_t index) {
    ANYNPU_TRY(source, audio::file_source(plan_.files[index].path));
    speech::AudioInput input(*source, {}, stop_.get_token());
    speech::TranscribeOptions options = plan_.options;
    options.stop = stop_.get_token();
    options.on_progress = [&](const speech::Progress& progress) {
      if (progress.total && *progress.total > 0) bar_.set(index, progress.done / *progress.total);
    };
    ANYNPU_TRY(transcript, transcriber_.transcribe(input, options));
    for (std::string& note : input.notes()) transcript.notes.push_back(std::move(note));
    return std::move(transcript);
  }

  // Whole or not at all, so that a file that is there is a file that is done.
  Result<> keep(const AudioResult& result) const {
    const fs::path& path = result.file->result;
    if (path.empty()) return {};
    std::error_code error;
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
    return write_file(path, speech::write(result.transcript, plan_.format, plan_.writing));
  }

  const TranscribePlan& plan_;
  speech::Transcriber& transcriber_;
  Bar bar_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
  int working_ = 0;
  std::map<std::size_t, AudioResult> results_;
};

}  // namespace

std::vector<AudioFile> find_audio(const std::vector<std::string>& arguments) {
  std::vector<AudioFile> files;
  for (const std::string& argument : arguments) {
    std::error_code unknown;
    if (fs::is_directory(argument, unknown))
      add_audio_folder(argument, files);
    else
      files.push_back({argument, fs::path(argument).filename(), {}, std::nullopt});
  }
  return files;
}

Result<> place_results(std::vector<AudioFile>& files, const std::string& output,
                       speech::Format format, bool beside) {
  if (output == "-" || (output.empty() && !beside)) return {};
  std::error_code unknown;
  const bool is_file = files.size() == 1 && !output.empty() && !output.ends_with('/') &&
                       !fs::is_directory(output, unknown) && fs::path(output).has_extension();
  std::map<fs::path, fs::path> taken;
  for (AudioFile& file : files) {
    if (is_file) {
      file.result = output;
    } else {
      file.result = output.empty() ? file.path : fs::path(output) / file.name;
      file.result.replace_extension(speech::extension(format));
    }
    auto [other, fresh] = taken.emplace(file.result.lexically_normal(), file.path);
    if (!fresh)
      return Error{Code::kInvalid,
                   fmt::format("{} and {} would both become {}", other->second.string(),
                               file.path.string(), file.result.string())};
  }
  return {};
}

void transcribe_files(const TranscribePlan& plan, speech::Transcriber& transcriber,
                      const std::function<void(const AudioResult&)>& done) {
  Work(plan, transcriber).run(done);
}

}  // namespace anynpu::command
