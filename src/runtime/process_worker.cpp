// SPDX-License-Identifier: Apache-2.0
// A worker in a process of its own: started with posix_spawn, spoken to over a socket pair, fed
// through shared memory, ended with its whole process group.
#include <array>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "host/own_processes.h"
#include "runtime/hand_over.h"
#include "runtime/huge_pages.h"
#include "runtime/session_json.h"
#include "runtime/shared_memory.h"
#include "runtime/wire.h"
#include "runtime/worker.h"

extern char** environ;

namespace anynpu::runtime {
namespace {

constexpr int kControlFd = 3;
constexpr std::size_t kFirstDynamicOutput = 1 << 16;
constexpr std::size_t kMostRemark = 300;
constexpr off_t kMostPrinted = 1 << 20;
constexpr std::size_t kLastWords = 400;
constexpr std::size_t kMostMemory = std::size_t{1} << 30;
constexpr auto kAskedFor = milliseconds(300);
constexpr auto kTermedFor = milliseconds(300);
constexpr auto kKilledFor = seconds(3);

/// 'R', 'S', 'D' for an uninterruptible sleep in the kernel, ...; '?' when there is none.
char state_of(pid_t pid) {
  auto stat = read_text(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  return name_end != std::string::npos && name_end + 2 < stat->size() ? (*stat)[name_end + 2] : '?';
}

class ProcessWorker : public Worker {
 public:
  ProcessWorker(Channel channel, StopFlag stop)
      : channel_(std::move(channel)), stop_(std::move(stop)) {}
  ~ProcessWorker() override {
    if (!ended_ && !stuck_) end(false);
  }

  Result<> spawn(Fd worker_end, const Placement& placement) {
    printed_ = Fd(::memfd_create("anynpu-worker-output", MFD_CLOEXEC));
    if (!printed_ || ::fcntl(printed_.get(), F_SETFL, O_APPEND) != 0)
      return system_error("cannot keep a worker's output");

    // A runner in between (an emulator, a vendor's own) may want to be told on its standard input.
    Fd runner_end;
    if (has_launcher()) {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return system_error("cannot connect a worker's input");
      runner_input_ = Fd(ends[0]);
      runner_end = Fd(ends[1]);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (runner_end)
      posix_spawn_file_actions_adddup2(&actions, runner_end.get(), 0);
    else
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, printed_.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, printed_.get(), 2);
    posix_spawn_file_actions_adddup2(&actions, worker_end.get(), kControlFd);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // Its own process group, so that whatever it starts ends with it and Ctrl-C reaches the server
    // only.
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);

    std::vector<std::string> command = launcher();
    for (const std::string& word :
         {std::string("worker"), std::string("--control-fd"), std::to_string(kControlFd),
          std::string("--placement"), placement.id()})
      command.push_back(word);
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> environment;
    if (!has_launcher()) environment = worker_environment();
    std::vector<char*> variables;
    for (std::string& variable : environment) variables.push_back(variable.data());
    variables.push_back(nullptr);
    int failed = ::posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(),
                                has_launcher() ? environ : variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) return system_error("cannot start a worker (" + command[0] + ")", failed);
    ended_ = false;
    pid_fd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    record_ = host::ProcessRecord(pid_, "worker", placement.device);
    return {};
  }

  Result<> load(const Placement& placement, TimePoint deadline) {
    Json request{{"engine", placement.engine},
                 {"variant", placement.variant},
                 {"artifact", placement.artifact.path.string()},
                 {"decoder", placement.artifact.decoder.string()},
                 {"threads", placement.threads},
                 {"device_node", placement.node},
                 {"device_index", placement.index},
                 {"core_mask", placement.core_mask}};
    ANYNPU_CHECK(channel_.send(Message{
        MessageType::kLoad, {}, request.dump(-1, ' ', false, Json::error_handler_t::replace)}));
    ANYNPU_TRY(answer, channel_.receive(deadline, stop_));
    if (answer.type == MessageType::kFailed) return failure_of(answer);
    if (answer.type != MessageType::kLoaded)
      return Error{Code::kCrashed, "a worker answered out of turn"};
    ANYNPU_TRY(session, session_from_json(answer.text));
    session_ = std::move(session);
    return {};
  }

  const engine::SessionInfo& session() const override { return session_; }

  Result<std::vector<std::span<std::byte>>> prepare(const std::vector<InputSize>& inputs) override {
    inputs_.clear();
    std::size_t at = 0;
    for (const InputSize& input : inputs) {
      at = aligned(at);
      inputs_.push_back(Slot{at, input.bytes, input.shape});
      at += input.bytes;
    }
    output_offset_ = aligned(at);
    ANYNPU_CHECK(make_room(output_offset_ + std::max(output_bytes_, kFirstDynamicOutput)));
    std::vector<std::span<std::byte>> spans;
    for (const Slot& slot : inputs_)
      spans.push_back(memory_.bytes().subspan(slot.offset, slot.bytes));
    return spans;
  }

  Result<RunOutput> run(TimePoint give_up) override {
    Message request{MessageType::kRun,
                    {confine_beside(pid_) ? 1 : 0, static_cast<std::int64_t>(output_offset_),
                     static_cast<std::int64_t>(inputs_.size())}};
    for (const Slot& slot : inputs_) append(request.numbers, slot);
    ANYNPU_TRY(answer, ask(request, give_up));
    keep_output_small();
    if (answer.type == MessageType::kGrow) {
      Numbers numbers(answer.numbers);
      numbers.next();
      auto needed = static_cast<std::size_t>(numbers.next());
      if (!numbers.ok() || needed > kMostMemory) return too_much(needed);
      output_bytes_ = needed;
      ANYNPU_CHECK(make_room(output_offset_ + needed));
      ANYNPU_TRY(
          fetched,
          ask(Message{MessageType::kFetch, {static_cast<std::int64_t>(output_offset_)}}, give_up));
      return read_outputs(fetched);
    }
    return read_outputs(answer);
  }

  void obey(const StopFlag& stop) override { stop_ = stop; }

  bool end(bool hangs) override {
    if (pid_ <= 0) return true;  // never started
    if (!ended_ && !end_itself(hangs)) {
      stuck_ = true;
      log::error("worker {} cannot be ended: it hangs in the kernel{}", pid_,
                 state_of(pid_) == 'D' ? " (uninterruptible sleep)" : "");
      return false;
    }
    // What it started may hold the device as well, and was ended with it.
    std::vector<pid_t> left = host::processes_of_group(pid_);
    for (const TimePoint until = Clock::now() + kKilledFor; !left.empty() && Clock::now() < until;
         left = host::processes_of_group(pid_))
      ::poll(nullptr, 0, 5);
    if (left.empty()) return true;
    log::error("process {}, which worker {} has started, cannot be ended{}", left[0], pid_,
               state_of(left[0]) == 'D' ? ": it hangs in the kernel" : "");
    return false;
  }

  bool alive() override { return !wait_for(Duration::zero()); }

  std::string obituary(Duration patience) override {
    wait_for(patience);
    std::string why = !ended_ && channel_.is_gone() ? "has closed its connection and not ended yet"
                      : !ended_                     ? "has lost its place in the conversation"
                      : WIFSIGNALED(status_)
                          ? fmt::format("ended by signal {} ({})", WTERMSIG(status_),
                                        ::strsignal(WTERMSIG(status_)))
                          : fmt::format("ended with exit code {}", WEXITSTATUS(status_));
    std::string last = last_words();
    return last.empty() ? why : why + "; it last printed: " + last;
  }

  pid_t pid() const override { return pid_; }
  std::optional<int> processor() const override { return processor_; }

  std::size_t peak_memory() const override {
    auto status = read_text(fmt::format("/proc/{}/status", pid_));
    if (!status) return 0;
    std::size_t at = status->find("VmHWM:");
    return at == std::string::npos ? 0
                                   : std::strtoull(status->c_str() + at + 6, nullptr, 10) * 1024;
  }

 private:
  // The program itself, or what ANYNPU_WORKER_LAUNCHER puts before it: an emulator, a debugger.
  static bool has_launcher() {
    const char* before = std::getenv("ANYNPU_WORKER_LAUNCHER");
    return before != nullptr && *before != '\0';
  }
  static std::vector<std::string> launcher() {
    if (!has_launcher()) return {"/proc/self/exe"};
    std::vector<std::string> command = split(std::getenv("ANYNPU_WORKER_LAUNCHER"), ' ');
    std::array<char, 4096> path{};
    ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    command.emplace_back(path.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    return command;
  }

  /// What the engine reports. A worker that can still tell of a time-out or of a crash (of the
  /// device, or of a process that it asked) neither hangs nor has crashed.
  static Error failure_of(const Message& answer) {
    Error error = error_of(answer);
    if (error.code == Code::kTimeout || error.code == Code::kCrashed) error.code = Code::kDevice;
    return error;
  }

  bool end_itself(bool hangs) {
    if (!hangs && channel_.send(Message{MessageType::kQuit}) && wait_for(kAskedFor)) return true;
    if (runner_input_ && ::send(runner_input_.get(), "q\n", 2, MSG_NOSIGNAL | MSG_DONTWAIT) == 2 &&
        wait_for(kAskedFor))
      return true;
    ::kill(-pid_, SIGTERM);
    if (wait_for(kTermedFor)) return true;
    ::kill(-pid_, SIGKILL);
    return wait_for(kKilledFor);
  }

  static Error too_much(std::size_t bytes) {
    return Error{Code::kTooLarge, fmt::format("the tensors need {}, the limit is {}",
                                              human_bytes(bytes), human_bytes(kMostMemory))};
  }

  Result<> make_room(std::size_t bytes) {
    if (bytes <= memory_.size()) return {};
    if (bytes > kMostMemory) return too_much(bytes);
    ANYNPU_TRY(memory, SharedMemory::create(bytes));
    if (memory_.size() > 0)
      std::memcpy(memory.bytes().data(), memory_.bytes().data(), memory_.size());
    ANYNPU_TRY(copy, memory.duplicate());
    Message message{MessageType::kMemory, {static_cast<std::int64_t>(memory.size())}};
    message.fd = std::move(copy);
    ANYNPU_CHECK(channel_.send(message));
    memory_ = std::move(memory);  // not before the worker has it: both must mean the same
    return {};
  }

  // A worker that owes an answer would give it to the next question.
  Result<Message> ask(const Message& question, TimePoint give_up) {
    if (owes_answer_)
      return Error{Code::kCrashed, "a worker has not answered the question before this one"};
    ANYNPU_CHECK(channel_.send(question));
    owes_answer_ = true;
    ANYNPU_TRY(answer, channel_.receive(give_up, stop_));
    owes_answer_ = false;
    return std::move(answer);
  }

  // A library that prints a line for every run would fill the memory of the machine.
  void keep_output_small() {
    struct stat info {};
    if (::fstat(printed_.get(), &info) != 0 || info.st_size <= kMostPrinted) return;
    std::array<char, kLastWords> tail{};
    const ssize_t got = ::pread(printed_.get(), tail.data(), tail.size(),
                                info.st_size - static_cast<off_t>(tail.size()));
    if (::ftruncate(printed_.get(), 0) != 0 || got <= 0) return;
    // Appended, as is what the worker prints.
    if (::write(printed_.get(), tail.data(), static_cast<std::size_t>(got)) < got)
      log::debug("the last words of worker {} are lost", pid_);
  }

  Result<RunOutput> read_outputs(const Message& answer) {
    if (answer.type == MessageType::kFailed) return failure_of(answer);
    if (answer.type != MessageType::kRan)
      return Error{Code::kCrashed, "a worker answered out of turn"};
    Numbers numbers(answer.numbers);
    RunOutput output;
    output.infer_ms = static_cast<double>(numbers.next()) / 1e6;
    output.remarks = {printable(answer.text, kMostRemark), numbers.next() != 0};
    processor_ = static_cast<int>(numbers.next());
    std::int64_t count = numbers.next();
    if (count != static_cast<std::int64_t>(session_.outputs.size()))
      return Error{Code::kCrashed, "a worker answered with the wrong number of outputs"};
    output_bytes_ = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      ANYNPU_TRY(slot, read_slot(numbers, memory_.size()));
      output_bytes_ =
          std::max(output_bytes_, slot.offset + slot.bytes - std::min(slot.offset, output_offset_));
      output.outputs.push_back(
          {std::move(slot.shape), memory_.bytes().subspan(slot.offset, slot.bytes)});
    }
    return output;
  }

  // Reaps the process if it ends within `time`. A pidfd is missing on kernels before 5.3: then
  // polls.
  bool wait_for(Duration time) {
    TimePoint until = Clock::now() + time;
    while (!ended_) {
      siginfo_t info{};
      const int waited =
          ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (waited != 0 && errno == ECHILD) {  // somebody else has waited for it
        ended_ = true;
        break;
      }
      if (waited == 0 && info.si_pid == pid_) {
        ::kill(-pid_, SIGKILL);  // what it started and left behind, while its number is still taken
        ::waitpid(pid_, &status_, 0);
        ended_ = true;
        break;
      }
      auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
      if (left <= 0) break;
      if (pid_fd_) {
        pollfd watched{pid_fd_.get(), POLLIN, 0};
        ::poll(&watched, 1, static_cast<int>(left) + 1);
      } else {
        ::poll(nullptr, 0, 5);
      }
    }
    return ended_;
  }

  std::string last_words() {
    off_t size = ::lseek(printed_.get(), 0, SEEK_END);
    std::array<char, kLastWords> tail{};
    off_t from = std::max<off_t>(0, size - static_cast<off_t>(tail.size()));
    ssize_t got = ::pread(printed_.get(), tail.data(), tail.size(), from);
    if (got <= 0) return "";
    std::vector<std::string> lines =
        split(trim(std::string_view(tail.data(), static_cast<std::size_t>(got))), '\n');
    std::string_view last = trim(lines.back());
    return last.starts_with("INFO") ? "" : printable(last);  // that is chatter, not a reason
  }

  Channel channel_;
  StopFlag stop_;
  Fd printed_;
  Fd runner_input_;  // of a launcher
  Fd pid_fd_;
  host::ProcessRecord record_;
  pid_t pid_ = 0;
  bool ended_ = true;         // or was never started
  bool stuck_ = false;        // could not be ended
  bool owes_answer_ = false;  // to run()
  int status_ = 0;
  engine::SessionInfo session_;
  SharedMemory memory_;
  std::vector<Slot> inputs_;
  std::size_t output_offset_ = 0;
  std::size_t output_bytes_ = 0;  // of the last run: the best guess for the next
  std::optional<int> processor_;
};

}  // namespace

Result<std::unique_ptr<Worker>> start_worker_process(const Placement& placement, TimePoint deadline,
                                                     const StopFlag& stop,
                                                     std::unique_ptr<Worker>* stuck) {
  ANYNPU_TRY(pair, Channel::make_pair());
  auto worker = std::make_unique<ProcessWorker>(std::move(pair.first), stop);
  ANYNPU_CHECK(worker->spawn(std::move(pair.second), placement));
  if (auto loaded = worker->load(placement, deadline); !loaded) {
    Error error = loaded.error();
    if (error.code == Code::kTimeout) error.message = "did not load in time";
    if (error.code == Code::kCrashed)
      error.message = "while loading, the worker " + worker->obituary(kLongObituaryPatience);
    if (!worker->end(must_be_ended(error)) && stuck != nullptr) *stuck = std::move(worker);
    return error;
  }
  return std::unique_ptr<Worker>(std::move(worker));
}

}  // namespace anynpu::runtime
