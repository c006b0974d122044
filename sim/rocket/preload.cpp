// SPDX-License-Identifier: Apache-2.0
// The preloaded library: stands in for the C library's functions that reach a device node.
//
//   LD_PRELOAD=libanynpu-sim-rocket.so ANYNPU_SIM_ROCKET=log=1 PROGRAM
//
// An open file of the simulated NPU is a memfd, so mmap, dup, poll and close work by themselves.
// Mesa closes the number that it opened and goes on with a duplicate, so a file is known by its
// inode. All other files go to the kernel, by system calls: this library never calls what it stands
// in for.
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sim/rocket/device.h"
#include "sim/rocket/raw_calls.h"
#include "sim/rocket/simulation.h"
#include "sim/rocket/text.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::string_view kAccelNodes = "/dev/accel/accel";
constexpr unsigned kMajor = 261;  // of accel nodes

class OpenFiles {
 public:
  /// Never destroyed: programs call until their last moment.
  static OpenFiles& instance() {
    static auto* files = new OpenFiles;
    return *files;
  }

  Simulation& simulation() { return *simulation_; }

  enum class Kind { kOther, kNode, kHidden, kKernelLog };
  Kind kind_of(const char* path) const {
    if (path == nullptr || std::strncmp(path, "/dev/", 5) != 0) return Kind::kOther;
    const Settings& settings = simulation_->settings();
    if (settings.device == path) return Kind::kNode;
    if (std::strncmp(path, kAccelNodes.data(), kAccelNodes.size()) == 0) return Kind::kHidden;
    bool kernel_log = !settings.kernel_log.empty() && std::strcmp(path, "/dev/kmsg") == 0;
    return kernel_log ? Kind::kKernelLog : Kind::kOther;
  }

  /// A file number, or -1 and errno.
  int open_node(int flags) {
    if (simulation_->goes_away()) return fail(ENOENT);
    if (std::optional<int> error = simulation_->failure("open", EACCES)) return fail(*error);
    int fd = memfd_create("accel0", (flags & O_CLOEXEC) != 0 ? MFD_CLOEXEC : 0U);
    struct stat status = {};
    if (fd < 0) return -1;
    if (ftruncate(fd, Buffers::kSpan) != 0 || raw::fstat(fd, &status) != 0) {
      int error = errno;
      close(fd);
      return fail(error);
    }
    std::lock_guard lock(mutex_);
    devices_[{status.st_dev, status.st_ino}] = std::make_shared<Device>(*simulation_);
    simulation_->log(1, text("open %s as %d", simulation_->settings().device.c_str(), fd));
    return fd;
  }

  std::shared_ptr<Device> device_of(int fd) {
    struct stat status = {};
    int before = errno;
    std::lock_guard lock(mutex_);
    if (devices_.empty() || raw::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
      errno = before;
      return nullptr;
    }
    auto found = devices_.find({status.st_dev, status.st_ino});
    return found != devices_.end() ? found->second : nullptr;
  }

  /// What stat says of the node.
  static void describe(struct stat& status) {
    status = {};
    status.st_mode = S_IFCHR | 0660;
    status.st_nlink = 1;
    status.st_uid = getuid();
    status.st_gid = getgid();
    status.st_rdev = makedev(kMajor, 0);
    status.st_blksize = 4096;
  }

  static int fail(int error) {
    errno = error;
    return -1;
  }

 private:
  OpenFiles() {
    const char* variable = std::getenv("ANYNPU_SIM_ROCKET");
    tl::expected<Settings, std::string> settings =
        parse_settings(variable != nullptr ? variable : "");
    if (!settings) {
      std::string line =
          text("anynpu-sim-rocket: ANYNPU_SIM_ROCKET: %s\n", settings.error().c_str());
      [[maybe_unused]] ssize_t written = write(STDERR_FILENO, line.data(), line.size());
      std::abort();
    }
    simulation_ = std::make_unique<Simulation>(std::move(*settings));
  }

  std::unique_ptr<Simulation> simulation_;
  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, std::shared_ptr<Device>> devices_;
};

using Kind = OpenFiles::Kind;

int open_path(int folder, const char* path, int flags, mode_t mode) {
  OpenFiles& files = OpenFiles::instance();
  switch (files.kind_of(path)) {
    case Kind::kNode:
      return files.open_node(flags);
    case Kind::kHidden:
      return OpenFiles::fail(ENOENT);
    case Kind::kKernelLog:
      return raw::open(AT_FDCWD, files.simulation().settings().kernel_log.c_str(),
                       O_RDONLY | O_CREAT | (flags & O_CLOEXEC), 0644);
    case Kind::kOther:
      break;
  }
  return raw::open(folder, path, flags, mode);
}

int stat_path(int folder, const char* path, struct stat* status, int flags) {
  OpenFiles& files = OpenFiles::instance();
  Kind kind = files.kind_of(path);
  if (kind == Kind::kHidden || (kind == Kind::kNode && files.simulation().gone()))
    return OpenFiles::fail(ENOENT);
  if (kind != Kind::kNode) return raw::stat(folder, path, status, flags);
  OpenFiles::describe(*status);
  return 0;
}

int stat_file(int fd, struct stat* status) {
  if (OpenFiles::instance().device_of(fd) == nullptr) return raw::fstat(fd, status);
  OpenFiles::describe(*status);
  return 0;
}

int access_path(int folder, const char* path, int mode) {
  OpenFiles& files = OpenFiles::instance();
  Kind kind = files.kind_of(path);
  if (kind == Kind::kHidden || (kind == Kind::kNode && files.simulation().gone()))
    return OpenFiles::fail(ENOENT);
  return kind == Kind::kNode ? 0 : raw::access(folder, path, mode);
}

/// The mode is there only when a file may be made; O_TMPFILE contains the bit of O_DIRECTORY.
bool has_mode(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

}  // namespace
}  // namespace anynpu::sim::rocket

namespace rocket = anynpu::sim::rocket;

#define ANYNPU_STANDS_IN extern "C" __attribute__((visibility("default")))

// Reads the mode of a variadic open.
#define ANYNPU_MODE(flags)            \
  mode_t mode = 0;                    \
  if (rocket::has_mode(flags)) {      \
    va_list arguments;                \
    va_start(arguments, flags);       \
    mode = va_arg(arguments, mode_t); \
    va_end(arguments);                \
  }

// The symbols are named in the assembler's words: the C library's headers give several of them
// inline definitions or other types.
ANYNPU_STANDS_IN int sim_open(const char* path, int flags, ...) __asm__("open");
int sim_open(const char* path, int flags, ...) {
  ANYNPU_MODE(flags)
  return rocket::open_path(AT_FDCWD, path, flags, mode);
}

ANYNPU_STANDS_IN int sim_open64(const char* path, int flags, ...) __asm__("open64");
int sim_open64(const char* path, int flags, ...) {
  ANYNPU_MODE(flags)
  return rocket::open_path(AT_FDCWD, path, flags, mode);
}

ANYNPU_STANDS_IN int sim_openat(int folder, const char* path, int flags, ...) __asm__("openat");
int sim_openat(int folder, const char* path, int flags, ...) {
  ANYNPU_MODE(flags)
  return rocket::open_path(folder, path, flags, mode);
}

ANYNPU_STANDS_IN int sim_openat64(int folder, const char* path, int flags, ...) __asm__("openat64");
int sim_openat64(int folder, const char* path, int flags, ...) {
  ANYNPU_MODE(flags)
  return rocket::open_path(folder, path, flags, mode);
}

ANYNPU_STANDS_IN int sim_open_2(const char* path, int flags) __asm__("__open_2");
int sim_open_2(const char* path, int flags) {
  return rocket::open_path(AT_FDCWD, path, flags, 0);
}

ANYNPU_STANDS_IN int sim_open64_2(const char* path, int flags) __asm__("__open64_2");
int sim_open64_2(const char* path, int flags) {
  return rocket::open_path(AT_FDCWD, path, flags, 0);
}

ANYNPU_STANDS_IN int sim_openat_2(int folder, const char* path, int flags) __asm__("__openat_2");
int sim_openat_2(int folder, const char* path, int flags) {
  return rocket::open_path(folder, path, flags, 0);
}

ANYNPU_STANDS_IN int sim_openat64_2(int folder, const char* path,
                                    int flags) __asm__("__openat64_2");
int sim_openat64_2(int folder, const char* path, int flags) {
  return rocket::open_path(folder, path, flags, 0);
}

ANYNPU_STANDS_IN int sim_stat(const char* path, struct stat* status) __asm__("stat");
int sim_stat(const char* path, struct stat* status) {
  return rocket::stat_path(AT_FDCWD, path, status, 0);
}

ANYNPU_STANDS_IN int sim_stat64(const char* path, struct stat* status) __asm__("stat64");
int sim_stat64(const char* path, struct stat* status) {
  return rocket::stat_path(AT_FDCWD, path, status, 0);
}

ANYNPU_STANDS_IN int sim_lstat(const char* path, struct stat* status) __asm__("lstat");
int sim_lstat(const char* path, struct stat* status) {
  return rocket::stat_path(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

ANYNPU_STANDS_IN int sim_lstat64(const char* path, struct stat* status) __asm__("lstat64");
int sim_lstat64(const char* path, struct stat* status) {
  return rocket::stat_path(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

ANYNPU_STANDS_IN int sim_fstatat(int folder, const char* path, struct stat* status,
                                 int flags) __asm__("fstatat");
int sim_fstatat(int folder, const char* path, struct stat* status, int flags) {
  return rocket::stat_path(folder, path, status, flags);
}

ANYNPU_STANDS_IN int sim_fstatat64(int folder, const char* path, struct stat* status,
                                   int flags) __asm__("fstatat64");
int sim_fstatat64(int folder, const char* path, struct stat* status, int flags) {
  return rocket::stat_path(folder, path, status, flags);
}

ANYNPU_STANDS_IN int sim_fstat(int fd, struct stat* status) __asm__("fstat");
int sim_fstat(int fd, struct stat* status) {
  return rocket::stat_file(fd, status);
}

ANYNPU_STANDS_IN int sim_fstat64(int fd, struct stat* status) __asm__("fstat64");
int sim_fstat64(int fd, struct stat* status) {
  return rocket::stat_file(fd, status);
}

ANYNPU_STANDS_IN int sim_access(const char* path, int mode) __asm__("access");
int sim_access(const char* path, int mode) {
  return rocket::access_path(AT_FDCWD, path, mode);
}

// The request has 32 bits; callers' constants come with their sign in the upper half.
ANYNPU_STANDS_IN int sim_ioctl(int fd, unsigned long request, ...) __asm__("ioctl");
int sim_ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  std::shared_ptr<rocket::Device> device = rocket::OpenFiles::instance().device_of(fd);
  if (device == nullptr) return rocket::raw::ioctl(fd, request, argument);
  int result = device->call(fd, static_cast<std::uint32_t>(request), argument);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}
