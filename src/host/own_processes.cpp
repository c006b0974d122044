// SPDX-License-Identifier: Apache-2.0
// Records of anynpu's processes, and what is done about those that were left behind.
#include "host/own_processes.h"

#include <cstdlib>
#include <cstring>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace anynpu::host {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMostRecordBytes = 4096;
constexpr std::size_t kMostRecords = 10000;

// The end of /proc/PID/stat, after the name: it may hold spaces and parentheses itself.
constexpr std::size_t kStartTimeField = 22 - 3;  // counted from the state, which is field 3
constexpr std::size_t kGroupField = 5 - 3;

std::string boot_id() {
  auto text = read_text("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trim(*text)) : "";
}

std::string pid_namespace(const fs::path& proc = "/proc") {
  std::error_code failed;
  return fs::read_symlink(proc / "self/ns/pid", failed).string();
}

// The machine's own, by the number that the kernel gives it (linux/proc_ns.h, PROC_PID_INIT_INO).
constexpr std::string_view kFirstNamespace = "pid:[4026531836]";

// The processes of all PID namespaces: our number by namespace and by the number in there.
struct Namespaces {
  std::map<std::string, std::map<pid_t, pid_t>> numbers;
  bool whole = true;  // false: some process hides its namespace

  static Namespaces read(const fs::path& proc) {
    Namespaces found;
    std::error_code failed;
    for (fs::directory_iterator at(proc, failed), end; !failed && at != end; at.increment(failed)) {
      const std::string name = at->path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code hidden;
      const std::string space = fs::read_symlink(at->path() / "ns/pid", hidden).string();
      if (hidden && hidden != std::errc::no_such_file_or_directory &&
          hidden != std::errc::no_such_process)
        found.whole = false;
      if (hidden) continue;
      auto status = read_text(at->path() / "status", 64 << 10);
      const std::size_t mark = status ? status->find("\nNSpid:") : std::string::npos;
      if (mark == std::string::npos) continue;
      // "NSpid:  4711  7": here, and in the namespaces below, the process's own last.
      std::string_view line = std::string_view(*status).substr(mark + 1);
      line = trim(line.substr(0, line.find('\n')));
      const std::size_t last = line.find_last_of(" \t:");
      found.numbers[space][static_cast<pid_t>(
          std::strtol(std::string(line.substr(last + 1)).c_str(), nullptr, 10))] =
          static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    }
    found.whole = found.whole && !failed;
    return found;
  }
  bool exists(const std::string& space) const { return numbers.contains(space); }
  // Number 0, which nobody has, when there is no such process.
  ProcessId here(const std::string& space, const ProcessId& there) const {
    auto processes = numbers.find(space);
    if (processes == numbers.end()) return {0, there.started};
    auto process = processes->second.find(there.pid);
    return {process == processes->second.end() ? 0 : process->second, there.started};
  }
};

// Only a folder of this user's own that nobody else may write to is trusted. Root may use that of a
// service's user, whose records are then believed of that user's processes only.
Result<> make_private(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder.parent_path(), failed);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("cannot make " + folder.string());
  struct stat status = {};
  if (::lstat(folder.c_str(), &status) != 0)
    return system_error("cannot look at " + folder.string());
  const bool ours = status.st_uid == ::geteuid() || ::geteuid() == 0;
  if (!S_ISDIR(status.st_mode) || !ours || (status.st_mode & 0022) != 0)
    return Error{Code::kPermission, folder.string() + " is not a folder of this user's own"}
        .with_hint("remove it, or name another one in ANYNPU_RUN_DIR");
  return {};
}

struct Record {
  OwnProcess own;
  std::string boot;
  std::string space;
};

std::optional<ProcessId> id_from(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  auto pid = json.find("pid"), started = json.find("started");
  if (pid == json.end() || started == json.end() || !pid->is_number_integer() ||
      !started->is_number_unsigned())
    return std::nullopt;
  auto number = pid->get<std::int64_t>();
  if (number < 1 || number > 0x7fffffff) return std::nullopt;
  return ProcessId{static_cast<pid_t>(number), started->get<std::uint64_t>()};
}

std::string text_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<Record> read_record(const fs::path& file) {
  auto text = read_text(file, kMostRecordBytes);
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto process = id_from(json.value("process", Json()));
  auto parent = id_from(json.value("parent", Json()));
  // A server that is a container's first process is a parent like any other; nobody ends number 1.
  if (!process || !parent || process->pid == 1) return std::nullopt;
  return Record{{*process, *parent, text_of(json, "role"), text_of(json, "device")},
                text_of(json, "boot"),
                text_of(json, "pid_namespace")};
}

// A socket file is left over when connecting to it is refused.
bool nobody_listens(const fs::path& socket) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return false;
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

/// A folder's owner can write any record, but has no say over the processes of others. A process
/// that is gone is nobody's.
bool of_owner_of(const fs::path& folder, pid_t pid) {
  struct stat owner = {}, process = {};
  if (::stat(folder.c_str(), &owner) != 0) return false;
  if (::stat(fmt::format("/proc/{}", pid).c_str(), &process) != 0) return errno == ENOENT;
  return owner.st_uid == process.st_uid;
}

}  // namespace

std::optional<ProcessId> process_id(pid_t pid) {
  auto text = read_text(fmt::format("/proc/{}/stat", pid), kMostRecordBytes);
  if (!text) return std::nullopt;
  std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::vector<std::string> fields = split(trim(std::string_view(*text).substr(name_end + 1)), ' ');
  if (fields.size() <= kStartTimeField || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
  return ProcessId{pid, std::strtoull(fields[kStartTimeField].c_str(), nullptr, 10)};
}

bool is_running(const ProcessId& process) {
  return process_id(process.pid) == process;
}

Result<bool> signal_process(const ProcessId& process, int signal) {
  // The descriptor is taken first and the start time compared after it: from then on the number
  // cannot come to mean another process.
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd) {
    if (errno == ESRCH) return false;
    return system_error(fmt::format("cannot open process {}", process.pid));
  }
  if (!is_running(process)) return false;
  if (::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  return system_error(fmt::format("cannot signal process {}", process.pid));
}

Result<fs::path> run_folder() {
  fs::path folder;
  if (const char* chosen = std::getenv("ANYNPU_RUN_DIR"); chosen != nullptr && *chosen != '\0')
    folder = chosen;
  else if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user != nullptr && *user != '\0')
    folder = fs::path(user) / "anynpu";
  else if (::geteuid() == 0)
    folder = "/run/anynpu";
  else
    folder = fmt::format("/tmp/anynpu-{}", ::geteuid());
  ANYNPU_CHECK(make_private(folder));
  return folder;
}

ProcessRecord::ProcessRecord(pid_t pid, const std::string& role, const std::string& device) {
  auto folder = run_folder();
  auto process = process_id(pid);
  auto parent = process_id(::getpid());
  if (!folder || !process || !parent) return;
  auto json_of = [](const ProcessId& id) { return Json{{"pid", id.pid}, {"started", id.started}}; };
  Json json{{"process", json_of(*process)},
            {"parent", json_of(*parent)},
            {"role", role},
            {"device", device},
            {"boot", boot_id()},
            {"pid_namespace", pid_namespace()}};
  fs::path file = *folder / fmt::format("process-{}-{}.json", pid, process->started);
  // No synchronising to the disk: a record means nothing after a crash of the machine.
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  std::string text = json.dump();
  if (fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    file_ = std::move(file);
}

ProcessRecord& ProcessRecord::operator=(ProcessRecord&& other) noexcept {
  if (this != &other) {
    erase();
    file_ = std::exchange(other.file_, {});
  }
  return *this;
}

void ProcessRecord::erase() {
  if (!file_.empty()) ::unlink(file_.c_str());
  file_.clear();
}

Result<Leftovers> find_leftovers(const fs::path& folder, const fs::path& proc) {
  Leftovers found;
  std::error_code failed;
  const std::string boot = boot_id(), space = pid_namespace(proc);
  std::optional<Namespaces> others;
  std::size_t seen = 0;
  for (auto entry = fs::directory_iterator(folder, failed);
       !failed && entry != fs::directory_iterator() && seen < kMostRecords;
       entry.increment(failed), ++seen) {
    const fs::path& file = entry->path();
    const std::string name = file.filename().string();
    std::error_code ignored;
    if (entry->is_socket(ignored)) {
      if (nobody_listens(file)) found.files.push_back(file);
      continue;
    }
    if (!name.starts_with("process-") || !name.ends_with(".json")) continue;
    auto record = read_record(file);
    if (!record) {
      found.files.push_back(file);
      continue;
    }
    if (record->boot == boot && record->space != space) {  // of a container
      if (space != kFirstNamespace) continue;
      if (!others) others = Namespaces::read(proc);
      // Not seen is gone only where all are seen.
      if (!others->exists(record->space) && !others->whole) continue;
      record->own.process = others->here(record->space, record->own.process);
      record->own.parent = others->here(record->space, record->own.parent);
    }
    if (record->boot == boot && !of_owner_of(folder, record->own.process.pid)) continue;
    if (record->boot != boot || !is_running(record->own.process))
      found.files.push_back(file);
    else
      (is_running(record->own.parent) ? found.looked_after : found.orphans).push_back(record->own);
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    return system_error("cannot list " + folder.string(), failed.value());
  return found;
}

std::vector<pid_t> processes_of_group(pid_t group) {
  std::vector<pid_t> found;
  // Mostly there is nothing to look for; and where the kernel sees some, they may have ended.
  if (::kill(-group, 0) != 0 && errno == ESRCH) return found;
  std::error_code failed;
  for (fs::directory_iterator at("/proc", failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto text = read_text(at->path() / "stat", kMostRecordBytes);
    const std::size_t name_end = text ? text->rfind(')') : std::string::npos;
    if (name_end == std::string::npos) continue;
    const std::vector<std::string> fields =
        split(trim(std::string_view(*text).substr(name_end + 1)), ' ');
    if (fields.size() <= kGroupField || fields[0] == "Z" || fields[0] == "X") continue;
    if (std::strtol(fields[kGroupField].c_str(), nullptr, 10) == group)
      found.push_back(static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10)));
  }
  return found;
}

bool end_process(const ProcessId& process, Duration patience) {
  for (int signal : {SIGTERM, SIGKILL}) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
    auto sent = signal_process(process, signal);
    if (sent && !*sent) return true;
    if (!sent || !fd) return false;
    pollfd ended{fd.get(), POLLIN, 0};
    auto wait = std::chrono::duration_cast<milliseconds>(patience).count();
    if (::poll(&ended, 1, static_cast<int>(wait)) == 1) return true;
  }
  return !is_running(process);
}

}  // namespace anynpu::host
