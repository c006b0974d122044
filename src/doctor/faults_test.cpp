// SPDX-License-Identifier: Apache-2.0
// Random combinations of independent faults on a healthy machine: the doctor names each root, and
// never what only follows from one.
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "doctor/doctor.h"
#include "host/manifest.h"

namespace anynpu::doctor {
namespace {

namespace fs = std::filesystem;

/// Lines of a manifest, with what follows from the fault among them, and the one finding.
struct Fault {
  std::string_view place;  // of two faults of one place only one can be
  std::string_view lines;
  std::string_view finding;
};

constexpr Fault kVendorFaults[] = {
    {"user", "user 1000 1000\n", "RK-NODE-PERM rknpu0"},
    {"user", "user 1000 1000,44\n", "RK-NODE-PERM rknpu0"},
    {"library", "remove /usr/lib/librknnrt.so\n", "RK-LIB-MISSING"},
    {"library", "elf /usr/lib/librknnrt.so arch=arm\n", "RK-LIB-ARCH"},
    {"library", "file /usr/lib/librknnrt.so = <html>\n", "RK-LIB-BROKEN"},
    {"library", "elf /usr/lib/librknnrt.so arch=aarch64 text=\"librknnrt version: 1.4.0 (a)\"\n",
     "RK-LIB-OLD"},
    {"library",
     "env LD_LIBRARY_PATH=/opt/x\n"
     "elf /opt/x/librknnrt.so arch=aarch64 text=\"librknnrt version: 1.4.0 (a)\"\n",
     "RK-LIB-SHADOWED"},
    {"driver", "file /sys/module/rknpu/version = 0.8.2\n", "RK-DRIVER-OLD"},
    {"driver",
     "file /sys/module/rknpu/version = 0.9.3\nkernel 6.1.43-x\n"
     "kmsg [ 9.0] RKNPU: job timeout, flags: 0x5:\nkmsg [ 9.1] irq 42: nobody cared\n",
     "RK-DRIVER-IRQ"},
    {"driver", "kernel 6.1.43-x\n", "RK-KERNEL-FREEZE"},
    {"link", "link /dev/rknpu -> /dev/dri/renderD129\n", "RK-DEV-RKNPU-LINK"},
    {"memory",
     "kmsg [ 3.9] RKNPU fdab0000.npu: using non-iommu mode\n"
     "kmsg [ 8.0] RKNPU: failed to allocate non-contiguous 1 buffer\n",
     "RK-IOMMU-OFF"},
    {"memory", "kmsg [ 8.0] RKNPU: failed to allocate IOVA\n", "RK-IOVA-FULL"},
    {"heat",
     "file /sys/class/thermal/thermal_zone6/temp = 99000\n"
     "kmsg [ 8.5] RKNPU: soft reset, num: 1\n",
     "RK-HOT"},
    {"clock", "file /sys/devices/platform/fdab0000.npu/devfreq/fdab0000.npu/max_freq = 400000000\n",
     "RK-CLOCK-CAPPED"},
    {"load", "file /proc/rknpu/load = NPU load: Core0: 900%\n", "RK-LOAD-WRONG"},
    {"holder",
     "file /proc/9/stat = 9 (x) D 1\nfile /proc/9/comm = x\nlink /proc/9/fd/3 -> /dev/dri/card1\n",
     "RK-HOLDER-STUCK"},
    {"name", "dt compatible = a,b\\0rockchip,rk3588j\n", "RK-SOC-NAME"},
    {"heap", "remove /dev/dma_heap\n", "RK-DMA-HEAP"},
    {"drivers", "folder /sys/bus/platform/drivers/rocket\n", "RK-BOTH-DRIVERS"},
};

constexpr Fault kMainlineFaults[] = {
    // Whether a node may be opened cannot be told while it is missing: the same place.
    {"node", "user 1000 1000\n", "ROCKET-NODE-PERM rocket0"},
    {"node", "remove /dev/accel/accel0\n", "ROCKET-NODE-MISSING rocket0"},
    {"library", "remove /usr/lib/teflon\n", "ROCKET-TEFLON-MISSING"},
    {"library", "remove /usr/lib/teflon\nelf /usr/lib/librknnrt.so arch=aarch64\n",
     "ROCKET-VENDOR-RUNTIME"},
    {"library", "link /usr/lib/teflon/libteflon.so -> /nowhere\n", "ROCKET-TEFLON-DANGLING"},
    {"library", "elf /usr/lib/teflon/libteflon.so arch=x86_64\n", "ROCKET-TEFLON-ARCH"},
    {"library",
     "elf /usr/lib/teflon/libteflon.so arch=aarch64\n"
     "file /var/lib/dpkg/status\n| Package: mesa-teflon-delegate\n| Version: 25.0.7-2\n",
     "ROCKET-MESA-NO-ROCKET"},
    {"library", "file /var/lib/dpkg/status\n| Package: mesa-teflon-delegate\n| Version: 26.0.8-1\n",
     "ROCKET-MESA-LEAK"},
    {"library", "file /var/lib/dpkg/status\n| Package: mesa-teflon-delegate\n| Version: 26.1.6-1\n",
     "ROCKET-MESA-WRONG"},
    {"cores", "remove /sys/bus/platform/drivers/rocket/fdac0000.npu\n", "ROCKET-CORES rocket0"},
    {"work", "kmsg [ 9.0] rocket fdab0000.npu: NPU job timed out\n", "ROCKET-TIMEOUT"},
    {"work",
     "kmsg [ 9.0] NPU job timed out\nkmsg [ 9.1] NPU job timed out\nkmsg [ 9.2] NPU job timed out\n"
     "kmsg [ 9.3] NPU job timed out\nkmsg [ 9.4] NPU job timed out\n",
     "ROCKET-WEDGED"},
    {"iommu", "kmsg [ 9.5] rk_iommu fdab9000.iommu: Page fault at 0x1\n", "ROCKET-IOMMU-FAULT"},
    {"crash", "file /sys/fs/pstore/dmesg-0 = rocket_job_run\n", "ROCKET-CRASH-RECORD"},
    {"link", "link /dev/dri/renderD180 -> /dev/accel/accel0\n", "ROCKET-OLD-LINK"},
    {"holder", "file /proc/9/stat = 9 (x) D 1\nlink /proc/9/fd/3 -> /dev/accel/accel0\n",
     "ROCKET-HOLDER-STUCK"},
};

std::set<std::string> findings_of(const std::string& base, const std::string& lines) {
  auto load = [](const std::string& name) {
    return host::load_manifest(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines" / (name + ".machine"));
  };
  auto description = host::parse_manifest("base " + base + "\n" + lines, load);
  EXPECT_TRUE(description) << description.error().message;
  if (!description) return {};
  Options here;
  here.isolated = false;
  std::set<std::string> found;
  for (const npu::Finding& finding :
       diagnose(*host::simulated_machine(std::move(*description)), here).findings())
    found.insert(finding.id + (finding.device.empty() ? "" : " " + finding.device));
  return found;
}

void try_combinations(const std::string& base, std::span<const Fault> faults, int rounds) {
  std::mt19937 random(20261126);
  EXPECT_EQ(findings_of(base, ""), std::set<std::string>());
  for (int round = 0; round < rounds; ++round) {
    std::map<std::string_view, const Fault*> chosen;
    std::size_t count = 1 + random() % 6;
    for (std::size_t i = 0; i < count; ++i) {
      const Fault& fault = faults[random() % faults.size()];
      chosen.emplace(fault.place, &fault);
    }
    std::string lines;
    std::set<std::string> wanted;
    for (const auto& [place, fault] : chosen) {
      lines += fault->lines;
      wanted.emplace(fault->finding);
    }
    EXPECT_EQ(findings_of(base, lines), wanted) << lines;
  }
}

TEST(FaultsTest, CombinationsOnTheVendorStack) {
  try_combinations("rk3588-vendor", kVendorFaults, 250);
}

TEST(FaultsTest, CombinationsOnTheMainlineStack) {
  try_combinations("rocket", kMainlineFaults, 250);
}

}  // namespace
}  // namespace anynpu::doctor
