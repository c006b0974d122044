// SPDX-License-Identifier: Apache-2.0
// Files of a job: job.json (question and end), audio, segments.jsonl, result.json.
#include "server/speech/jobs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utc_time.h"
#include "speech/formats.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostJobBytes = 1 << 20;
constexpr std::size_t kMostResultBytes = 256 << 20;
constexpr std::string_view kIncoming = ".incoming";

Result<std::string> new_job_id() {
  std::array<unsigned char, 12> bytes = {};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return system_error("no random number for a job");
  std::string id;
  for (unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

void remove_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

bool is_open(JobState state) {
  return state == JobState::kQueued || state == JobState::kRunning;
}

Result<JobState> job_state(const std::string& word) {
  for (JobState state : {JobState::kQueued, JobState::kRunning, JobState::kDone, JobState::kFailed,
                         JobState::kCancelled})
    if (to_string(state) == word) return state;
  return Error{Code::kInvalid, "its state is none"};
}

// One transcript of one segment is kept a line: the same writer and reader as for whole ones.
std::string segment_line(const speech::Segment& segment) {
  speech::Transcript one;
  one.segments = {segment};
  return speech::to_json(one)["segments"][0].dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

// What was written when the power went may be half a line: it ends there.
std::vector<speech::Segment> read_segments(const std::filesystem::path& file) {
  std::vector<speech::Segment> segments;
  auto text = read_text(file, kMostResultBytes);
  if (!text) return segments;
  for (const std::string& line : split(*text, '\n')) {
    Json whole = speech::to_json(speech::Transcript());
    Json segment = Json::parse(line, nullptr, false);
    if (segment.is_discarded()) break;
    whole["segments"].push_back(std::move(segment));
    auto read = speech::transcript_from_json(whole);
    if (!read) break;
    segments.push_back(std::move(read->segments.front()));
  }
  return segments;
}

void shift(speech::Segment& segment, double seconds, int id) {
  segment.id = id;
  segment.seek += seconds;
  segment.start += seconds;
  segment.end += seconds;
  for (speech::Word& word : segment.words) {
    word.start += seconds;
    word.end += seconds;
  }
}

std::string joined(const std::vector<speech::Segment>& segments) {
  std::string text;
  for (const speech::Segment& segment : segments) text += segment.text;
  return std::string(trim(text));
}

}  // namespace

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kDone:
      return "done";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "queued";
}

SpeechJobs::SpeechJobs(SpeechService& service, std::filesystem::path folder)
    : service_(service), folder_(std::move(folder)) {
  load();
  service_.on_tick([this] { tick(); });
}

SpeechJobs::~SpeechJobs() {
  service_.on_tick({});
}

SpeechJobs::Draft::~Draft() {
  if (folder.empty()) return;
  if (audio) audio->fail();
  remove_folder(folder);
}

void SpeechJobs::load() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(kIncoming)) {
      remove_folder(entry.path());  // its client has gone with the server that it spoke to
      continue;
    }
    if (auto loaded = load_job(entry.path()); !loaded)
      log::warn("{} is no job that can be gone on with: {}", entry.path().string(),
                loaded.error().message);
  }
}

Result<> SpeechJobs::load_job(const std::filesystem::path& folder) {
  ANYNPU_TRY(text, read_text(folder / "job.json", kMostJobBytes));
  Job job;
  job.folder = folder;
  job.status.id = folder.filename();
  try {
    const Json json = Json::parse(text);
    job.status.work = SpeechWork::from_json(json.at("work"));
    job.status.filename = json.value("filename", "");
    job.status.created = json.value("created", "");
    ANYNPU_TRY(state, job_state(json.at("state").get<std::string>()));
    job.status.state = state;
    job.status.done = json.value("done", 0.0);
    job.status.segments = json.value("segments", std::size_t{0});
    if (json.contains("error"))
      job.status.error = Error{Code::kInvalid, json["error"].get<std::string>()};
  } catch (const Json::exception& problem) {
    return Error{Code::kInvalid, problem.what()};
  }
  if (is_open(job.status.state)) {
    job.status.state = JobState::kQueued;
    job.earlier = read_segments(folder / "segments.jsonl");
    if (!job.earlier.empty()) job.skip = job.earlier.back().end;
    job.status.done = job.skip;
    job.status.segments = job.earlier.size();
    log::info("job {} goes on at {:.1f} s", job.status.id, job.skip);
  }
  jobs_.emplace(job.status.id, std::move(job));
  return {};
}

Result<std::shared_ptr<SpeechJobs::Draft>> SpeechJobs::draft() {
  auto draft = std::make_shared<Draft>();
  ANYNPU_TRY(id, new_job_id());
  draft->id = id;
  const std::filesystem::path folder = folder_ / (id + std::string(kIncoming));
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder_, error);
  if (!error && is_new)
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, error);
  if (!error) std::filesystem::create_directory(folder, error);
  if (error)
    return Error{Code::kIo,
                 fmt::format("cannot keep a job in {}: {}", folder_.string(), error.message()), 0,
                 "name a folder that can be written: speech.jobs"};
  draft->folder = folder;
  Fd file(::open((folder / "audio").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return system_error("cannot keep the audio of a job");
  draft->audio = std::make_shared<audio::Spool>(std::move(file), service_.options().upload_bytes);
  return draft;
}

Result<JobStatus> SpeechJobs::add(Draft& draft, const SpeechWork& work,
                                  const std::string& filename) {
  Job job;
  job.status.id = draft.id;
  job.status.work = work;
  job.status.filename = printable(filename, 120);
  // With milliseconds, so that jobs have an order.
  job.status.created = utc_time_ms(std::chrono::system_clock::now());
  std::lock_guard lock(mutex_);
  const auto open = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& each) {
    return is_open(each.second.status.state);
  });
  if (open >= service_.options().most_jobs)
    return Error{Code::kBusy, fmt::format("{} jobs are not done yet", open)}.with_hint(
        "try again later, or remove some: DELETE /transcribe/jobs/ID");
  job.folder = draft.folder;
  ANYNPU_CHECK(keep(job));
  std::error_code error;
  std::filesystem::rename(draft.folder, folder_ / draft.id, error);
  if (error)
    return Error{Code::kIo,
                 fmt::format("cannot keep a job in {}: {}", folder_.string(), error.message())};
  draft.folder.clear();
  job.folder = folder_ / draft.id;
  JobStatus status = job.status;
  jobs_.emplace(draft.id, std::move(job));
  forget_oldest();
  return status;
}

void SpeechJobs::forget_oldest() {
  while (jobs_.size() > static_cast<std::size_t>(service_.options().most_jobs)) {
    auto oldest = jobs_.end();
    for (auto each = jobs_.begin(); each != jobs_.end(); ++each)
      if (!is_open(each->second.status.state) &&
          (oldest == jobs_.end() || each->second.status.created < oldest->second.status.created))
        oldest = each;
    if (oldest == jobs_.end()) return;
    remove_folder(oldest->second.folder);
    jobs_.erase(oldest);
  }
}

std::vector<JobStatus> SpeechJobs::list() const {
  std::lock_guard lock(mutex_);
  std::vector<JobStatus> all;
  for (const auto& [id, job] : jobs_) {
    all.push_back(job.status);
    all.back().text.clear();
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const JobStatus& a, const JobStatus& b) { return a.created < b.created; });
  return all;
}

Result<JobStatus> SpeechJobs::find(const std::string& id) const {
  std::lock_guard lock(mutex_);
  auto found = jobs_.find(id);
  if (found == jobs_.end())
    return Error{Code::kNotFound, fmt::format("there is no job '{}'", printable(id, 40))};
  const Job& job = found->second;
  JobStatus status = job.status;
  std::vector<speech::Segment> all = job.earlier;
  if (job.transcription) {
    const Transcription::News news = job.transcription->news(0);
    status.done = std::max(status.done, job.skip + news.progress.done);
    if (news.progress.total) status.total = job.skip + *news.progress.total;
    all.insert(all.end(), news.segments.begin(), news.segments.end());
  }
  if (is_open(status.state)) {
    status.segments = all.size();
    status.text = joined(all);
  }
  return status;
}

Result<speech::Transcript> SpeechJobs::result(const std::string& id) const {
  std::filesystem::path file;
  {
    std::lock_guard lock(mutex_);
    auto found = jobs_.find(id);
    if (found == jobs_.end())
      return Error{Code::kNotFound, fmt::format("there is no job '{}'", printable(id, 40))};
    const JobStatus& status = found->second.status;
    if (status.error) return *status.error;
    if (status.state != JobState::kDone)
      return Error{Code::kBusy, fmt::format("the job is {}", to_string(status.state)), 0,
                   "ask again in a while"};
    file = found->second.folder / "result.json";
  }
  ANYNPU_TRY(text, read_text(file, kMostResultBytes));
  return speech::transcript_from_json(Json::parse(text, nullptr, false));
}

Result<> SpeechJobs::remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto found = jobs_.find(id);
  if (found == jobs_.end())
    return Error{Code::kNotFound, fmt::format("there is no job '{}'", printable(id, 40))};
  if (found->second.transcription) found->second.transcription->stop();
  remove_folder(found->second.folder);
  jobs_.erase(found);
  return {};
}

std::size_t SpeechJobs::open_jobs() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [](const auto& each) {
    return is_open(each.second.status.state);
  }));
}

// One job at a time: who waits with an open connection goes before.
void SpeechJobs::tick() {
  std::lock_guard lock(mutex_);
  Job* next = nullptr;
  for (auto& [id, job] : jobs_) {
    if (job.transcription &&
        job.transcription->news(SIZE_MAX).state == Transcription::State::kEnded)
      settle(job);
    if (job.status.state == JobState::kRunning) return;
    if (job.status.state == JobState::kQueued &&
        (next == nullptr || job.status.created < next->status.created))
      next = &job;
  }
  if (next != nullptr) begin(*next);
}

void SpeechJobs::begin(Job& job) {
  auto source = audio::file_source(job.folder / "audio");
  Result<std::shared_ptr<Transcription>> begun = Error{Code::kIo, ""};
  if (!source) {
    begun = source.error();
  } else {
    const std::filesystem::path file = job.folder / "segments.jsonl";
    const int first_id = static_cast<int>(job.earlier.size());
    begun = service_.start(job.status.work,
                           {.audio = std::move(*source),
                            .skip = job.skip,
                            .on_segment = [file, skip = job.skip,
                                           id = first_id](const speech::Segment& heard) mutable {
                              speech::Segment segment = heard;
                              shift(segment, skip, id++);
                              std::ofstream(file, std::ios::app) << segment_line(segment);
                            }});
  }
  if (begun) {
    job.transcription = *begun;
    job.status.state = JobState::kRunning;
  } else if (begun.error().code != Code::kBusy && begun.error().code != Code::kCancelled) {
    job.status.state = JobState::kFailed;
    job.status.error = begun.error();
    (void)keep(job);
  }
}

// A job that ends with the server has not ended: it stays queued on the disk.
void SpeechJobs::settle(Job& job) {
  const Result<speech::Transcript>& ended = job.transcription->result();
  if (!ended && ended.error().code == Code::kCancelled) {
    job.status.state = JobState::kQueued;
    job.transcription.reset();
    return;
  }
  if (ended) {
    speech::Transcript whole = *ended;
    std::vector<speech::Segment> all = job.earlier;
    for (speech::Segment segment : ended->segments) {
      shift(segment, job.skip, static_cast<int>(all.size()));
      all.push_back(std::move(segment));
    }
    whole.segments = std::move(all);
    whole.duration = job.skip + ended->duration;
    if (!job.earlier.empty()) {
      whole.text = joined(whole.segments);
      whole.notes.push_back(
          fmt::format("the server was started again at {:.1f} s of the audio", job.skip));
    }
    job.status.done = whole.duration;
    job.status.total = whole.duration;
    job.status.segments = whole.segments.size();
    const std::string text =
        speech::to_json(whole).dump(-1, ' ', false, Json::error_handler_t::replace);
    auto written = write_file(job.folder / "result.json", text);
    if (written)
      job.status.state = JobState::kDone;
    else
      job.status.error = written.error();
  } else {
    job.status.error = ended.error();
  }
  if (job.status.error) job.status.state = JobState::kFailed;
  job.transcription.reset();
  job.earlier.clear();
  (void)keep(job);
  std::error_code ignored;
  std::filesystem::remove(job.folder / "audio", ignored);
  std::filesystem::remove(job.folder / "segments.jsonl", ignored);
}

Result<> SpeechJobs::keep(const Job& job) const {
  Json json = {{"filename", job.status.filename},      {"created", job.status.created},
               {"state", to_string(job.status.state)}, {"done", job.status.done},
               {"segments", job.status.segments},      {"work", job.status.work.to_json()}};
  if (job.status.error) json["error"] = job.status.error->message;
  auto written =
      write_file(job.folder / "job.json", json.dump(1, ' ', false, Json::error_handler_t::replace));
  if (written) return {};
  log::warn("a job cannot be kept: {}", written.error().message);
  return std::move(written)
      .error()
      .within("cannot keep a job")
      .with_hint("make room where the jobs are, or name another folder: speech.jobs");
}

}  // namespace anynpu::server
