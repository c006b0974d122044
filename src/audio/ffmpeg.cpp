// SPDX-License-Identifier: Apache-2.0
// Between fork() and exec() only calls that are safe in a program with threads.
#include "audio/ffmpeg.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audio/sane_sample.h"
#include "base/text.h"

namespace anynpu::audio {
namespace {

// Demuxers whose files are whole by themselves: no playlists, no lists of other files.
constexpr const char* kContainers =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,ac3,eac3,aiff,amr,amrnb,amrwb,asf,avi,caf,dsf,dts,"
    "flac,flv,mp3,mpeg,mpegts,mpegvideo,ogg,opus,wav,w64,wv,tta,ape,au,gsm,voc,rm,truehd,loas,"
    "latm,mxf,nut,sox,tak,oma,mpc,mpc8";
constexpr std::size_t kMostSaid = 16384;
constexpr int kPollMs = 100;
constexpr Duration kLastMoment = seconds(5);  // from its last sample to its end

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    std::string file = folder + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

template <typename Resource>
void limit(Resource resource, rlim_t most) {
  const rlimit value = {most, most};
  ::setrlimit(resource, &value);
}

struct Descriptors {
  int input, output, errors;
};

// In the child.
[[noreturn]] void become(const char* program, char* const* arguments, const Descriptors& fds,
                         pid_t parent, const FfmpegLimits& limits) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  limit(RLIMIT_AS, limits.memory_bytes);
  limit(RLIMIT_CPU,
        static_cast<rlim_t>(
            std::chrono::duration_cast<std::chrono::seconds>(limits.processor_time).count()));
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CORE, 0);
  // The three are above 2, so none is overwritten before it is copied.
  if (::dup2(fds.input, 0) < 0 || ::dup2(fds.output, 1) < 0 || ::dup2(fds.errors, 2) < 0)
    ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(program, arguments);
  ::_exit(127);
}

struct Ends {
  Fd read, write;
};

Result<Ends> pipe_above_2() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe");
  Ends pipe = {Fd(ends[0]), Fd(ends[1])};
  if (pipe.write.get() <= 2) pipe.write = Fd(::fcntl(pipe.write.get(), F_DUPFD_CLOEXEC, 3));
  return pipe;
}

// The last line that says something, without the tag of the part of ffmpeg that said it. Nothing
// of this machine is in it: the file is called by its descriptor.
std::string last_words(std::string_view said) {
  std::string last;
  for (const std::string& line : split(said, '\n')) {
    std::string_view text = trim(line);
    if (text.starts_with("[")) {
      const std::size_t end = text.find("] ");
      if (end != std::string_view::npos) text.remove_prefix(end + 2);
    }
    constexpr std::string_view kFile = "/proc/self/fd/0: ";
    if (text.starts_with(kFile)) text.remove_prefix(kFile.size());
    if (!text.empty() && text != "Conversion failed!") last = printable(text, 160);
  }
  return last;
}

}  // namespace

Result<std::unique_ptr<Ffmpeg>> Ffmpeg::start(int file, int sample_rate,
                                              const FfmpegLimits& limits) {
  const std::string program = find_program(limits.program);
  if (program.empty())
    return Error{Code::kUnsupported, "this audio needs ffmpeg, which is not installed", 0,
                 "install the package ffmpeg (apt install ffmpeg), or send WAV, FLAC, Ogg or MP3"};
  const std::string rate = std::to_string(sample_rate);
  // What is read is named by its descriptor, so that ffmpeg can seek in it.
  const std::vector<std::string> words = {program,
                                          "-hide_banner",
                                          "-nostdin",
                                          "-threads",
                                          "1",
                                          "-protocol_whitelist",
                                          "file",
                                          "-format_whitelist",
                                          kContainers,
                                          "-i",
                                          "/proc/self/fd/0",
                                          "-map",
                                          "0:a:0",
                                          "-vn",
                                          "-sn",
                                          "-dn",
                                          "-threads",
                                          "1",
                                          "-ac",
                                          "1",
                                          "-ar",
                                          rate,
                                          "-nostats",
                                          "-f",
                                          "f32le",
                                          "pipe:1"};
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ANYNPU_TRY(samples, pipe_above_2());
  ANYNPU_TRY(errors, pipe_above_2());
  Fd input(::fcntl(file, F_DUPFD_CLOEXEC, 3));
  if (!input) return system_error("cannot give ffmpeg the audio");

  const Descriptors fds = {input.get(), samples.write.get(), errors.write.get()};
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot start ffmpeg");
  if (pid == 0) become(program.c_str(), arguments.data(), fds, parent, limits);
  ::setpgid(pid, pid);  // here too: whoever comes first
  ::fcntl(errors.read.get(), F_SETFL, O_NONBLOCK);
  return std::unique_ptr<Ffmpeg>(
      new Ffmpeg(pid, std::move(samples.read), std::move(errors.read), limits));
}

Ffmpeg::~Ffmpeg() {
  reap(true);
}

Result<bool> Ffmpeg::read(std::vector<float>& out, const std::stop_token& stop) {
  if (ended_) return false;
  const TimePoint patience = Clock::now() + limits_.silence;
  std::array<pollfd, 2> ready = {pollfd{samples_.get(), POLLIN, 0},
                                 pollfd{words_.get(), POLLIN, 0}};
  while (true) {
    if (stop.stop_requested()) {
      reap(true);
      return Error{Code::kCancelled, "decoding was stopped"};
    }
    if (Clock::now() > patience) {
      reap(true);
      return Error{Code::kTimeout, fmt::format("ffmpeg gave no sample for {:.0f} s",
                                               to_ms(limits_.silence) / 1000)};
    }
    ::poll(ready.data(), words_ ? 2 : 1, kPollMs);
    listen();
    if (!words_) ready[1].fd = -1;
    if (ready[0].revents != 0) break;
  }
  std::array<char, 65536> block;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t got = ::read(samples_.get(), block.data(), block.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return finish();
  any_ = true;
  partial_.append(block.data(), static_cast<std::size_t>(got));
  const std::size_t count = partial_.size() / sizeof(float);
  if (count == 0) return true;
  const std::size_t before = out.size();
  out.resize(before + count);
  std::memcpy(out.data() + before, partial_.data(), count * sizeof(float));
  partial_.erase(0, count * sizeof(float));
  for (std::size_t i = before; i < out.size(); ++i) out[i] = sane_sample(out[i]);
  return true;
}

// Keeps the start, where the header is told, and the end, where the error is.
void Ffmpeg::listen() {
  std::array<char, 4096> block;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (words_) {
    const ssize_t got = ::read(words_.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) words_.reset();
    if (got <= 0) return;
    said_.append(block.data(), static_cast<std::size_t>(got));
    if (said_.size() > kMostSaid) said_.erase(kMostSaid / 2, said_.size() - kMostSaid);
  }
}

Result<bool> Ffmpeg::finish() {
  ended_ = true;
  const int status = reap(false);
  listen();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return false;
  if (any_) {
    cut_short_ = true;
    return false;
  }
  if (WIFSIGNALED(status))
    return Error{Code::kInvalid,
                 fmt::format("ffmpeg was ended by signal {} over this audio", WTERMSIG(status)), 0,
                 "send it as WAV, FLAC, Ogg or MP3"};
  const std::string words = last_words(said_);
  return Error{Code::kInvalid,
               fmt::format("ffmpeg cannot read this audio{}{}", words.empty() ? "" : ": ", words),
               0, "play it with another program, or send it as WAV, FLAC, Ogg or MP3"};
}

// Until it has been waited for, its id, which is its group's, is nobody else's.
int Ffmpeg::reap(bool kill) {
  ended_ = true;
  if (pid_ <= 0) return 0;
  const TimePoint patience = Clock::now() + kLastMoment;
  siginfo_t info = {};
  while (!kill && info.si_pid == 0 && Clock::now() < patience) {
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | WNOHANG) != 0) break;
    if (info.si_pid == 0) ::poll(nullptr, 0, 5);
  }
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

// "  Duration: 00:01:02.50, start: 0.000000, bitrate: 64 kb/s"
std::optional<double> Ffmpeg::seconds() const {
  constexpr std::string_view kKey = "Duration: ";
  const std::size_t at = said_.find(kKey);
  if (at == std::string::npos) return std::nullopt;
  double total = 0;
  std::string_view rest = std::string_view(said_).substr(at + kKey.size());
  for (int part = 0; part < 3; ++part) {
    double value = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (problem != std::errc()) return std::nullopt;
    total = total * 60 + value;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (part < 2 && (rest.empty() || rest.front() != ':')) return std::nullopt;
    if (part < 2) rest.remove_prefix(1);
  }
  return total;
}

}  // namespace anynpu::audio
