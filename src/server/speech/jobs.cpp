// SPDX-License-Identifier: Apache-2.0
// Files of a job: job.json (question and end), audio, segments.jsonl, result.json.
#include "server/speech/jobs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
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
constexpr Duration kPause = seconds(1);  // before a result that could not be written is tried again

Result<std::string> new_job_id() {
  std::array<unsigned char, 12> bytes = {};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return system_error("no random number for a job");
  std::string id;
  for (unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

// First under another name, so that a transcription that has yet to end adds nothing while it is
// emptied. A server that ends meanwhile removes it at its next start.
void remove_folder(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::path going = folder;
  if (!folder.string().ends_with(kIncoming)) going += kIncoming;
  std::filesystem::rename(folder, going, failed);
  std::filesystem::remove_all(failed ? folder : going, failed);
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

struct KeptSegments {
  std::vector<speech::Segment> segments;
  std::size_t bytes = 0;  // of the lines that hold them
};

// What was written when the power went may be half a line: it ends before it.
KeptSegments read_segments(const std::filesystem::path& file) {
  KeptSegments kept;
  auto text = read_text(file, kMostResultBytes);
  if (!text) return kept;
  for (std::size_t end; (end = text->find('\n', kept.bytes)) != std::string::npos;) {
    Json whole = speech::to_json(speech::Transcript());
    Json segment = Json::parse(text->substr(kept.bytes, end - kept.bytes), nullptr, false);
    if (segment.is_discarded()) break;
    whole["segments"].push_back(std::move(segment));
    auto read = speech::transcript_from_json(whole);
    if (!read) break;
    kept.segments.push_back(std::move(read->segments.front()));
    kept.bytes = end + 1;
  }
  return kept;
}

// Appends segments. What a full disk refuses comes before the next one, over what there is of it.
class SegmentFile {
 public:
  /// `path`: of whole lines, or not there.
  explicit SegmentFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(path_, none);
    if (!none) whole_ = size;
  }

  void add(const speech::Segment& segment) {
    pending_ += segment_line(segment);
    const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return;
    std::size_t done = 0;
    while (done < pending_.size()) {
      const ssize_t wrote = ::pwrite(file.get(), pending_.data() + done, pending_.size() - done,
                                     static_cast<off_t>(whole_ + done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return;
      done += static_cast<std::size_t>(wrote);
    }
    whole_ += done;
    pending_.clear();
  }

 private:
  const std::filesystem::path path_;
  std::uint64_t whole_ = 0;  // bytes of whole lines
  std::string pending_;
};

Result<speech::Transcript> read_result(const std::filesystem::path& file) {
  ANYNPU_TRY(text, read_text(file, kMostResultBytes));
  return speech::transcript_from_json(Json::parse(text, nullptr, false));
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
  count_open();
  service_.on_tick([this] {
    tick();
    return open_jobs() > 0;
  });
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
    KeptSegments kept = read_segments(folder / "segments.jsonl");
    std::error_code none;
    std::filesystem::resize_file(folder / "segments.jsonl", kept.bytes, none);
    job.earlier = std::move(kept.segments);
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
  job.folder = draft.folder;
  ANYNPU_CHECK(keep(job));
  std::unique_lock lock(mutex_);
  if (open_ >= static_cast<std::size_t>(service_.options().most_jobs))
    return Error{Code::kBusy, fmt::format("{} jobs are not done yet", open_.load())}.with_hint(
        "try again later, or remove some: DELETE /transcribe/jobs/ID");
  std::error_code error;
  std::filesystem::rename(draft.folder, folder_ / draft.id, error);
  if (error)
    return Error{Code::kIo,
                 fmt::format("cannot keep a job in {}: {}", folder_.string(), error.message())};
  draft.folder.clear();
  job.folder = folder_ / draft.id;
  JobStatus status = job.status;
  jobs_.emplace(draft.id, std::move(job));
  const std::vector<std::filesystem::path> forgotten = forget_oldest();
  count_open();
  lock.unlock();
  service_.tick_soon();
  for (const std::filesystem::path& folder : forgotten) remove_folder(folder);
  return status;
}

std::vector<std::filesystem::path> SpeechJobs::forget_oldest() {
  std::vector<std::filesystem::path> folders;
  while (jobs_.size() > static_cast<std::size_t>(service_.options().most_jobs)) {
    auto oldest = jobs_.end();
    for (auto each = jobs_.begin(); each != jobs_.end(); ++each)
      if (!is_open(each->second.status.state) &&
          (oldest == jobs_.end() || each->second.status.created < oldest->second.status.created))
        oldest = each;
    if (oldest == jobs_.end()) break;
    folders.push_back(oldest->second.folder);
    jobs_.erase(oldest);
  }
  return folders;
}

void SpeechJobs::count_open() {
  open_ = static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [](const auto& each) {
    return is_open(each.second.status.state);
  }));
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
  std::unique_lock lock(mutex_);
  auto found = jobs_.find(id);
  if (found == jobs_.end())
    return Error{Code::kNotFound, fmt::format("there is no job '{}'", printable(id, 40))};
  const Job& job = found->second;
  JobStatus status = job.status;
  if (!is_open(status.state)) {
    const std::filesystem::path file = job.folder / "result.json";
    lock.unlock();
    if (auto kept = read_result(file)) status.text = std::move(kept->text);
    return status;
  }
  std::vector<speech::Segment> all = job.earlier;
  if (job.transcription) {
    const Transcription::News news = job.transcription->news(0);
    status.done = std::max(status.done, job.skip + news.progress.done);
    if (news.progress.total) status.total = job.skip + *news.progress.total;
    all.insert(all.end(), news.segments.begin(), news.segments.end());
  }
  status.segments = all.size();
  status.text = joined(all);
  return status;
}

Result<JobResult> SpeechJobs::result(const std::string& id, bool partial) const {
  std::filesystem::path file;
  SpeechWork work;
  {
    std::lock_guard lock(mutex_);
    auto found = jobs_.find(id);
    if (found == jobs_.end())
      return Error{Code::kNotFound, fmt::format("there is no job '{}'", printable(id, 40))};
    const JobStatus& status = found->second.status;
    if (status.error && !partial) return *status.error;
    if (is_open(status.state))
      return Error{Code::kBusy, fmt::format("the job is {}", to_string(status.state)), 0,
                   "ask again in a while"};
    file = found->second.folder / "result.json";
    work = status.work;
  }
  ANYNPU_TRY(transcript, read_result(file));
  return JobResult{std::move(work), std::move(transcript)};
}

Result<> SpeechJobs::remove(const std::string& id) {
  std::filesystem::path folder;
  {
    std::lock_guard lock(mutex_);
    auto found = jobs_.find(id);
    if (found == jobs_.end())
      return Error{Code::kNotFound, fmt::format("there is no job '{}'", printable(id, 40))};
    if (found->second.transcription) found->second.transcription->stop();
    folder = found->second.folder;
    jobs_.erase(found);
    count_open();
  }
  remove_folder(folder);
  return {};
}

// One job at a time: who waits with an open connection goes before.
void SpeechJobs::tick() {
  std::optional<Job> ended;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, job] : jobs_)
      if (job.transcription && Clock::now() >= job.again &&
          job.transcription->news(SIZE_MAX).state == Transcription::State::kEnded)
        ended = job;
  }
  if (ended) settle(std::move(*ended));
  std::lock_guard lock(mutex_);
  Job* next = nullptr;
  for (auto& [id, job] : jobs_) {
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
    auto file = std::make_shared<SegmentFile>(job.folder / "segments.jsonl");
    const int first_id = static_cast<int>(job.earlier.size());
    begun =
        service_.start(job.status.work, {.audio = std::move(*source),
                                         .skip = job.skip,
                                         .on_segment = [file, skip = job.skip, id = first_id](
                                                           const speech::Segment& heard) mutable {
                                           speech::Segment segment = heard;
                                           shift(segment, skip, id++);
                                           file->add(segment);
                                         }});
  }
  if (!begun && (begun.error().code == Code::kBusy || begun.error().code == Code::kCancelled))
    return;
  if (begun) {
    job.transcription = *begun;
  } else {
    job.transcription = std::make_shared<Transcription>(job.status.work);
    job.transcription->end(begun.error());
  }
  job.status.state = JobState::kRunning;
}

// With what was heard before a server's end, and before an error.
speech::Transcript SpeechJobs::whole_of(const Job& job) {
  const Result<speech::Transcript>& ended = job.transcription->result();
  speech::Transcript whole = ended ? *ended : speech::Transcript();
  whole.segments = job.earlier;
  Transcription::News news = job.transcription->news(0);
  for (speech::Segment& segment : news.segments) {
    shift(segment, job.skip, static_cast<int>(whole.segments.size()));
    whole.segments.push_back(std::move(segment));
  }
  whole.duration += job.skip;
  if (!job.earlier.empty() || !ended) whole.text = joined(whole.segments);
  if (!job.earlier.empty())
    whole.notes.push_back(
        fmt::format("the server was started again at {:.1f} s of the audio", job.skip));
  if (!ended) {
    if (!whole.segments.empty()) whole.duration = whole.segments.back().end;
    whole.notes.push_back("it ended early: " + ended.error().message);
  }
  return whole;
}

// A copy, since the disk is waited for without the lock. Nothing of the job is removed before its
// end has been written. A job that ends with the server has not ended: it stays queued on the disk.
void SpeechJobs::settle(Job job) {
  const std::shared_ptr<Transcription> transcription = job.transcription;
  const Result<speech::Transcript>& ended = transcription->result();
  JobStatus& status = job.status;
  Result<> kept;
  if (!ended && ended.error().code == Code::kCancelled) {
    status.state = JobState::kQueued;
  } else {
    const speech::Transcript whole = whole_of(job);
    job.earlier.clear();
    status.state = ended ? JobState::kDone : JobState::kFailed;
    if (!ended) status.error = ended.error();
    if (ended) status.total = whole.duration;
    status.done = whole.duration;
    status.segments = whole.segments.size();
    kept = write_file(job.folder / "result.json",
                      speech::to_json(whole).dump(-1, ' ', false, Json::error_handler_t::replace));
    if (kept) kept = keep(job);
    if (kept) {
      std::error_code ignored;
      std::filesystem::remove(job.folder / "audio", ignored);
      std::filesystem::remove(job.folder / "segments.jsonl", ignored);
    }
  }
  job.transcription.reset();
  status.held_up.reset();
  std::lock_guard lock(mutex_);
  const auto found = jobs_.find(status.id);
  if (found == jobs_.end()) return remove_folder(job.folder);  // meanwhile
  std::error_code unknown;
  if (!kept && std::filesystem::exists(job.folder, unknown)) {
    if (!found->second.status.held_up)
      log::warn("the end of job {} cannot be written yet: {}", status.id, kept.error().message);
    found->second.status.held_up = kept.error();
    found->second.again = Clock::now() + kPause;
    return;
  }
  if (!kept) {
    status.state = JobState::kFailed;
    status.error = kept.error();
  }
  found->second = std::move(job);
  count_open();
}

Result<> SpeechJobs::keep(const Job& job) const {
  Json json = {{"filename", job.status.filename},      {"created", job.status.created},
               {"state", to_string(job.status.state)}, {"done", job.status.done},
               {"segments", job.status.segments},      {"work", job.status.work.to_json()}};
  if (job.status.error) json["error"] = job.status.error->message;
  auto written =
      write_file(job.folder / "job.json", json.dump(1, ' ', false, Json::error_handler_t::replace));
  if (written) return {};
  return std::move(written)
      .error()
      .within("cannot keep a job")
      .with_hint("make room where the jobs are, or name another folder: speech.jobs");
}

}  // namespace anynpu::server
