// SPDX-License-Identifier: Apache-2.0
// A stub of the vendor kernel's rknpu device, for those who have Rockchip's own librknnrt.so.
//
// It lets the real runtime go from rknn_init to rknn_destroy without an NPU and makes every fault
// of a device on demand, so that what anynpu says of them is tested against the real library. It
// computes nothing: outputs are what is in the buffers.
//
//   LD_PRELOAD=.../librknpu-device.so ANYNPU_RKNPU_DEVICE=device=/dev/dri/card0 anynpu ...
//
// The words of the variable, with ':' between them because qemu-user splits at commas:
//   device=PATH   /dev/dri/cardN, or /dev/rknpu for the other build; nothing happens without it
//   name=WORD     of the driver: rknpu, rocket
//   hw=HEX        hardware version: 46495245 is an RK3588, 0 an RK3566 or RK3568
//   drv=X.Y.Z     0.9.8
//   iommu=0|1
//   fail=WHAT[@N[@ERRNO]]  open, version, unique, action, action18, create, map, prime, flink,
//   sync,
//                 submit, destroy: the N-th call, or every one
//   delay=MS      of a submit
//   hang=1        a submit never returns
//   log=1         each ioctl on the standard error
// As root it refuses to start: the real runtime makes and removes device nodes then.
//
// Nothing but libc and libstdc++ is needed, so that it also runs in a small system root under
// qemu-user.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace anynpu::sim::rknpu {

struct Failure {
  std::string what;
  unsigned long nth = 0;  // 0: every one
  int number = 0;         // errno; 0: the usual one
};

struct Settings {
  std::string path;
  std::string name = "rknpu";
  std::uint32_t hardware = 0x46495245;
  int driver[3] = {0, 9, 8};
  bool iommu = true;
  std::vector<Failure> failures;
  int delay_ms = 0;
  bool hang = false;
  bool log = false;

  bool is_misc() const { return path == "/dev/rknpu"; }
};

/// None when a word is not understood, or there is no device.
std::optional<Settings> parse_settings(std::string_view text);

class Device {
 public:
  explicit Device(Settings settings);

  const Settings& settings() const { return settings_; }
  /// A descriptor, or a negative errno.
  int open();
  /// Whether the descriptor is one of open()'s, or a copy of one.
  bool owns(int fd) const;
  /// 0, or a negative errno.
  int ioctl(std::uint32_t request, void* argument);
  /// As stat(2) shows the node.
  void describe(struct stat& info) const;

 private:
  int drm_ioctl(unsigned number, unsigned size, void* argument);
  int misc_ioctl(unsigned number, unsigned size, void* argument);
  int action(void* argument);
  int submit(void* argument);
  int create(unsigned size, void* argument);
  /// The errno of a failure that is asked for; 0 when the call succeeds.
  int failure(const std::string& what, int usual);

  Settings settings_;
  int memory_ = -1;  // what all descriptors are, and what buffers are mapped from
  dev_t memory_device_ = 0;
  ino_t memory_inode_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, unsigned long> calls_;
  std::map<std::uint32_t, std::uint64_t> buffers_;  // handle: offset
  std::uint32_t next_handle_ = 1;
  std::uint64_t next_offset_ = 0x10000;
};

}  // namespace anynpu::sim::rknpu
