// SPDX-License-Identifier: Apache-2.0
// SpeechJobs: long transcriptions that nobody waits for with an open connection.
//
// A job is a folder: the question, the audio, and each segment as soon as it is there. So a server
// that is stopped, or killed, goes on with it where the last segment ended. Finished jobs keep the
// transcript, not the audio.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/speech/service.h"

namespace anynpu::server {

enum class JobState { kQueued, kRunning, kDone, kFailed, kCancelled };
std::string_view to_string(JobState state);

struct JobStatus {
  std::string id;
  std::string filename;  // as the client called it
  std::string created;   // UTC
  JobState state = JobState::kQueued;
  SpeechWork work;
  double done = 0;              // seconds of audio
  std::optional<double> total;  // when it is known
  std::size_t segments = 0;
  std::string text;  // so far
  std::optional<Error> error;
  std::optional<Error> held_up;  // why its end cannot be written yet
};

struct JobResult {
  SpeechWork work;
  speech::Transcript transcript;
};

class SpeechJobs {
 public:
  /// Finds what an earlier server left in `folder`. `service` is borrowed.
  SpeechJobs(SpeechService& service, std::filesystem::path folder);
  ~SpeechJobs();
  SpeechJobs(const SpeechJobs&) = delete;
  SpeechJobs& operator=(const SpeechJobs&) = delete;

  /// A file for the audio of a job to be. The folder goes with it unless add() takes it.
  struct Draft {
    std::string id;
    std::filesystem::path folder;
    std::shared_ptr<audio::Spool> audio;
    ~Draft();
  };
  Result<std::shared_ptr<Draft>> draft();
  /// The audio has come. Code::kBusy when there are too many jobs that are not done.
  Result<JobStatus> add(Draft& draft, const SpeechWork& work, const std::string& filename);

  std::vector<JobStatus> list() const;
  /// Reads a file once it has ended.
  Result<JobStatus> find(const std::string& id) const;
  /// Code::kBusy while it is not done; the error of one that failed, or with `partial` what was
  /// heard before. Reads a file.
  Result<JobResult> result(const std::string& id, bool partial = false) const;
  /// Ends it and removes what there is of it.
  Result<> remove(const std::string& id);

  /// Waits for nothing.
  std::size_t open_jobs() const { return open_; }

  /// Begins what can be begun and keeps what has ended; the service's tick calls it.
  void tick();

 private:
  struct Job {
    JobStatus status;
    std::filesystem::path folder;
    std::shared_ptr<Transcription> transcription;
    std::vector<speech::Segment> earlier;  // of a server before this one
    double skip = 0;
    TimePoint again = {};  // when its end is written once more
  };

  void load();
  Result<> load_job(const std::filesystem::path& folder);
  void begin(Job& job);
  void settle(Job job);
  static speech::Transcript whole_of(const Job& job);
  Result<> keep(const Job& job) const;
  std::vector<std::filesystem::path> forget_oldest();
  void count_open();

  SpeechService& service_;
  const std::filesystem::path folder_;
  mutable std::mutex mutex_;  // nobody waits for the disk's writing with it
  std::map<std::string, Job> jobs_;
  std::atomic<std::size_t> open_ = 0;
};

}  // namespace anynpu::server
