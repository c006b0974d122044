// SPDX-License-Identifier: Apache-2.0
// Device: the driver's calls, in the order of its checks.
#include "sim/rocket/device.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>

#include "sim/rocket/command_stream.h"
#include "sim/rocket/compute.h"
#include "sim/rocket/task.h"
#include "sim/rocket/text.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;  // in ns
constexpr std::int64_t kTimeout = 500 * kMillisecond;
constexpr std::int64_t kSlowness = 20 * kMillisecond;
constexpr std::uint32_t kMostOfAKind = 1 << 16;  // jobs of a submit, tasks and handles of a job

/// All buffers of an open file, mapped for the length of a submit.
class MappedBuffers final : public Memory {
 public:
  MappedBuffers(int fd, const Buffers& buffers) : buffers_(buffers), size_(buffers.end()) {
    void* mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (mapped != MAP_FAILED) base_ = static_cast<std::uint8_t*>(mapped);
  }
  ~MappedBuffers() override {
    if (base_ != nullptr) munmap(base_, size_);
  }
  MappedBuffers(const MappedBuffers&) = delete;
  MappedBuffers& operator=(const MappedBuffers&) = delete;

  bool mapped() const { return base_ != nullptr; }
  std::uint8_t* range(std::uint32_t address, std::uint64_t size) override {
    return buffers_.contains(address, size) ? base_ + address : nullptr;
  }

 private:
  const Buffers& buffers_;
  std::size_t size_;
  std::uint8_t* base_ = nullptr;
};

/// As the kernel's copy of a string: as much as there is room for, no end mark, and the true
/// length.
void copy_out(std::string_view from, char* to, std::uint64_t& length) {
  if (to != nullptr) std::memcpy(to, from.data(), std::min<std::uint64_t>(length, from.size()));
  length = from.size();
}

std::int64_t duration_of(const Fault& fault, std::int64_t usual) {
  return fault.ms > 0 ? fault.ms * kMillisecond : usual;
}

void sleep_until(std::int64_t moment) {
  timespec when = {static_cast<time_t>(moment / 1'000'000'000),
                   static_cast<long>(moment % 1'000'000'000)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr);
}

std::vector<std::uint32_t> read_handles(std::uint64_t address, std::uint32_t count) {
  std::vector<std::uint32_t> handles(count);
  if (count > 0)
    std::memcpy(handles.data(), reinterpret_cast<const void*>(address), std::size_t{4} * count);
  return handles;
}

}  // namespace

int Device::call(int fd, std::uint32_t request, void* argument) {
  if (((request >> 8) & 0xff) != 'd') return -ENOTTY;
  if (simulation_.gone()) return -ENODEV;
  if (argument == nullptr) return -EFAULT;
  switch (request) {
    case abi::kVersion:
      return version(*static_cast<abi::Version*>(argument));
    case abi::kCreateBo:
      return create(*static_cast<abi::CreateBo*>(argument));
    case abi::kGemClose:
      return close(fd, *static_cast<abi::GemClose*>(argument));
    case abi::kSubmit:
      return submit(fd, *static_cast<abi::Submit*>(argument));
    case abi::kPrepBo:
      return prepare(*static_cast<abi::PrepBo*>(argument));
    case abi::kFiniBo:
      return finish(*static_cast<abi::FiniBo*>(argument));
    default:
      return -EINVAL;
  }
}

int Device::version(abi::Version& version) {
  if (std::optional<int> error = simulation_.failure("version", EACCES)) return -*error;
  version.major = version.minor = version.patch = 0;
  copy_out(simulation_.settings().driver, version.name, version.name_length);
  copy_out("0", version.date, version.date_length);
  copy_out("rocket DRM", version.description, version.description_length);
  return 0;
}

int Device::create(abi::CreateBo& create) {
  if (std::optional<int> error = simulation_.failure("create", ENOMEM)) return -*error;
  if (create.size == 0) return -EINVAL;
  std::lock_guard lock(mutex_);
  std::optional<std::uint32_t> handle = buffers_.create(create.size);
  if (!handle) return -ENOMEM;
  create.handle = *handle;
  create.dma_address = create.offset = buffers_.find(*handle)->address;
  simulation_.log(2, text("buffer %u: %u bytes at 0x%llx", *handle, create.size,
                          static_cast<unsigned long long>(create.dma_address)));
  return 0;
}

int Device::close(int fd, const abi::GemClose& close) {
  if (std::optional<int> error = simulation_.failure("close", EINVAL)) return -*error;
  std::lock_guard lock(mutex_);
  Buffer* buffer = buffers_.find(close.handle);
  if (buffer == nullptr) return -EINVAL;
  // Buffers of the driver are zero when they are new.
  fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, buffer->address, buffer->size);
  buffers_.release(close.handle);
  return 0;
}

int Device::prepare(const abi::PrepBo& prepare) {
  if (std::optional<int> error = simulation_.failure("prepare", ETIMEDOUT)) return -*error;
  if (prepare.reserved != 0) return -EINVAL;
  constexpr std::int64_t kSlice = 10 * kMillisecond;
  bool waited = false;
  while (true) {
    std::int64_t now = monotonic_ns();
    std::int64_t until = 0;
    {
      std::lock_guard lock(mutex_);
      Buffer* buffer = buffers_.find(prepare.handle);
      if (buffer == nullptr) return -ENOENT;
      until = buffer->busy_until;
    }
    if (now >= until) return 0;
    if (now >= prepare.timeout_ns) return waited ? -ETIMEDOUT : -EBUSY;
    sleep_until(std::min({until, prepare.timeout_ns, now + kSlice}));
    waited = true;
  }
}

int Device::finish(const abi::FiniBo& finish) {
  if (std::optional<int> error = simulation_.failure("finish", EIO)) return -*error;
  if (finish.reserved != 0) return -EINVAL;
  std::lock_guard lock(mutex_);
  return buffers_.find(finish.handle) != nullptr ? 0 : -ENOENT;
}

int Device::submit(int fd, const abi::Submit& submit) {
  if (simulation_.goes_away()) return -ENODEV;
  if (std::optional<int> error = simulation_.failure("submit", EIO)) return -*error;
  if (submit.job_count == 0) return 0;
  if (submit.job_struct_size < sizeof(abi::Job) || submit.reserved != 0) return -EINVAL;
  if (submit.jobs == 0) return -EFAULT;
  if (submit.job_count > kMostOfAKind) return -ENOMEM;
  Faults& faults = simulation_.faults();
  Hindrance hindrance;
  hindrance.timeout = faults.strikes("timeout");
  if (std::optional<Fault> wedge = faults.strikes("wedge")) {
    hindrance.timeout = wedge;
    hindrance.wedge = true;
  }
  hindrance.slow = faults.strikes("slow");
  hindrance.hang = faults.strikes("hang").has_value();
  hindrance.corrupt = faults.strikes("corrupt").has_value();
  std::lock_guard lock(mutex_);
  std::int64_t start = monotonic_ns();
  std::vector<PlannedJob> jobs = plan(submit, reinterpret_cast<const std::byte*>(submit.jobs));
  int result = run(fd, jobs, hindrance);
  std::size_t tasks = 0;
  for (const PlannedJob& job : jobs) tasks += job.tasks.size();
  simulation_.log(1, text("submit: %u jobs, %zu tasks, %zu buffers up to 0x%x, %.1f ms",
                          submit.job_count, tasks, buffers_.count(), buffers_.end(),
                          static_cast<double>(monotonic_ns() - start) / 1e6));
  return result;
}

/// The jobs that the driver would take; one that it drops has no tasks here.
std::vector<Device::PlannedJob> Device::plan(const abi::Submit& submit, const std::byte* jobs) {
  std::vector<PlannedJob> planned;
  for (std::uint32_t index = 0; index < submit.job_count; ++index) {
    abi::Job job;
    std::memcpy(&job, jobs + std::size_t{submit.job_struct_size} * index, sizeof job);
    PlannedJob& to = planned.emplace_back();
    bool good =
        job.task_count > 0 && job.task_struct_size >= sizeof(abi::Task) &&
        std::max({job.task_count, job.in_handle_count, job.out_handle_count}) <= kMostOfAKind;
    if (good) {
      for (std::uint32_t handle : read_handles(job.in_handles, job.in_handle_count))
        good = good && buffers_.find(handle) != nullptr;
      to.outputs = read_handles(job.out_handles, job.out_handle_count);
      for (std::uint32_t handle : to.outputs) good = good && buffers_.find(handle) != nullptr;
      const auto* tasks = reinterpret_cast<const std::byte*>(job.tasks);
      for (std::uint32_t number = 0; number < job.task_count; ++number) {
        abi::Task task;
        std::memcpy(&task, tasks + std::size_t{job.task_struct_size} * number, sizeof task);
        good = good && task.regcmd_count > 0;
        to.tasks.push_back(task);
      }
    }
    if (good) continue;
    to = {};
    simulation_.refuse("a job that the driver drops");
  }
  return planned;
}

int Device::run(int fd, const std::vector<PlannedJob>& jobs, const Hindrance& hindrance) {
  MappedBuffers memory(fd, buffers_);
  if (!memory.mapped()) return 0;  // no buffers, or no memory: the driver drops the jobs silently
  std::int64_t now = monotonic_ns();
  busy_until_ = std::max(busy_until_, now);
  if (hindrance.slow) busy_until_ += duration_of(*hindrance.slow, kSlowness);
  std::size_t victim = hindrance.timeout ? jobs.size() - 1 : jobs.size();
  if (hindrance.timeout) timeout_ns_ = duration_of(*hindrance.timeout, kTimeout);
  for (std::size_t index = 0; index < jobs.size(); ++index) {
    if (index == victim || wedged_) {
      busy_until_ += timeout_ns_;
      simulation_.log_to_kernel("rocket fdab0000.npu: NPU job timed out");
      wedged_ = wedged_ || hindrance.wedge;
    } else if (simulation_.settings().compute) {
      run(jobs[index], memory);
    }
    for (std::uint32_t handle : jobs[index].outputs)
      if (busy_until_ > now) buffers_.find(handle)->busy_until = busy_until_;
  }
  if (hindrance.hang)
    for (const PlannedJob& job : jobs)
      for (std::uint32_t handle : job.outputs) buffers_.find(handle)->busy_until = Buffer::kForEver;
  if (hindrance.corrupt) corrupt(jobs.back(), memory);
  return 0;
}

void Device::run(const PlannedJob& job, Memory& memory) {
  for (const abi::Task& task : job.tasks) {
    std::uint64_t size = std::uint64_t{task.regcmd_count} * 8;
    const std::uint8_t* stream = memory.range(task.regcmd, size);
    if (stream == nullptr || task.regcmd_count > kMostWords) {
      simulation_.refuse("a command stream outside of all buffers");
      continue;
    }
    std::vector<std::uint64_t> words(task.regcmd_count);
    std::memcpy(words.data(), stream, size);
    run(words, memory);
  }
}

void Device::run(std::span<const std::uint64_t> words, Memory& memory) {
  tl::expected<RegisterFile, std::string> registers = parse(words);
  if (!registers) return simulation_.refuse(registers.error());
  if (std::optional<std::string> constant = unexpected_constant(*registers))
    return simulation_.refuse(*constant);
  tl::expected<Task, std::string> task = decode(*registers);
  if (!task) return simulation_.refuse(task.error());
  std::int64_t start = monotonic_ns();
  const Settings& settings = simulation_.settings();
  if (std::optional<std::string> refusal =
          compute(*task, memory, weights_, settings.quirks, settings.threads))
    return simulation_.refuse(*refusal);
  simulation_.log(2, text("task: %s %dx%d stride %d, %dx%dx%d -> %dx%dx%d, %.1f ms",
                          task->depthwise ? "depthwise" : "convolution", task->kernel_width,
                          task->kernel_height, task->stride_x, task->width, task->height,
                          task->channels, task->out_width, task->out_height, task->out_channels,
                          static_cast<double>(monotonic_ns() - start) / 1e6));
}

/// Inverts bytes at the beginning of the job's first output.
void Device::corrupt(const PlannedJob& job, Memory& memory) {
  constexpr std::uint32_t kBytes = 256;
  if (job.outputs.empty()) return;
  const Buffer* buffer = buffers_.find(job.outputs.front());
  std::uint8_t* output = memory.range(buffer->address, buffer->size);
  for (std::uint32_t index = 0; index < std::min(kBytes, buffer->size); ++index)
    output[index] ^= 0xff;
}

}  // namespace anynpu::sim::rocket
