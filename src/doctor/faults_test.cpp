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
    // A hot one's clock is lowered by the kernel: the same place.
    {"clock",
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

constexpr Fault kAxeraFaults[] = {
    // Whether a card is dead, and how fast its link is, cannot be told of one that cannot be asked,
    // never started, or is gone: the same place.
    {"card", "answer /dev/axcl_host axcl-cards = 1 0\nkmsg [ 90.0] device 1: dead!\n",
     "AX-DEAD-DAEMON axcl0"},
    {"card",
     "answer /dev/axcl_host axcl-cards = 1 0\nkmsg [ 90.0] device 1: dead!\n"
     "raw /sys/devices/pci0001:01/0001:01:00.0/config = \\xff\\xff\\xff\\xff\n",
     "AX-DEAD-HEAT axcl0"},
    {"card",
     "answer /dev/axcl_host axcl-cards = 1 0\nkmsg [ 80.0] PM: suspend entry (deep)\n"
     "kmsg [ 90.0] device 1: dead!\n"
     "raw /sys/devices/pci0001:01/0001:01:00.0/config = \\xff\\xff\\xff\\xff\n",
     "AX-DEAD-SUSPEND axcl0"},
    {"card",
     "answer /dev/axcl_host axcl-cards = 1 0\nkmsg [ 90.0] device 1: dead!\n"
     "raw /sys/devices/pci0001:01/0001:01:00.0/config = \\xff\\xff\\xff\\xff\n"
     "file /opt/sysdump-0001.vmcore = dump\n",
     "AX-DEAD-PANIC axcl0"},
    {"card", "kmsg [ 130.9] [step0]: Handshake timeout!\n", "AX-HANDSHAKE axcl0"},
    {"card",
     "answer /dev/axcl_host axcl-cards = 1 4294967295\nkmsg [ 8.1] [STATUS]: FAILED[-110]\n",
     "AX-FW-LOAD axcl0"},
    {"card",
     "answer /dev/axcl_host axcl-cards = 1 4294967295\nremove /lib/firmware/axcl\n"
     "kmsg [ 8.1] Patch file not found axcl/ax650_card.pac.\nkmsg [ 8.2] [STATUS]: FAILED[-2]\n",
     "AX-FW-MISSING"},
    {"card", "kmsg [ 70.1] Recv port ack timeout.\n", "AX-PORTS"},
    {"card", "answer /dev/axcl_host axcl-cards ! ETIMEDOUT\n", "AX-DRIVER-HUNG"},
    {"card", "answer /dev/axcl_host axcl-cards =\n", "AX-NO-CARDS"},
    {"card",
     "remove /sys/bus/pci/drivers/ax_pcie_dev_host\n"
     "remove /sys/devices/pci0001:01/0001:01:00.0/driver\n"
     "answer /dev/axcl_host axcl-cards =\n",
     "AX-NOT-BOUND axcl0"},
    {"node", "remove /dev/ax_mmb_dev\n", "AX-NODES-MISSING"},
    {"node", "char /dev/msg_userdev 10:121 0600 0:0\n", "AX-NODE-PERM"},
    {"library", "remove /usr/lib/axcl\nremove /etc/ld.so.conf.d/axcl.conf\n", "AX-LIB-MISSING"},
    {"library", "elf /usr/lib/axcl/libaxcl_rt.so arch=x86_64\n", "AX-LIB-ARCH"},
    {"library", "remove /etc/ld.so.conf.d/axcl.conf\n", "AX-LIB-PATH"},
    {"library", "remove /usr/lib/axcl/libspdlog.so.1.14\n", "AX-LIB-PARTS"},
    {"card", "file /sys/devices/pci0001:01/0001:01:00.0/current_link_speed = 2.5 GT/s PCIe\n",
     "AX-LINK-SLOW axcl0"},
    {"iommu", "kmsg [ 62.1] ax_pcie_dev_host 0001:01:00.0: IO_PAGE_FAULT address=0x7f000000\n",
     "AX-IOMMU-FAULT"},
    {"program", "file /tmp/axcl/axcl_logs.txt = axclrtSetDevice(0) fail, ret = 0x80300184\n",
     "AX-DEVICE-ID"},
};

constexpr Fault kRyzenFaults[] = {
    // Without a driver there is no node, and nothing of the node can be told: the same place.
    {"node", "user 1000 1000\n", "XD-NODE-PERM xdna0"},
    {"node", "remove /dev/accel/accel0\n", "XD-NODE-MISSING xdna0"},
    {"node",
     "file /proc/self/limits\n| Max locked memory         8388608              8388608         "
     "     bytes\n",
     "XD-MEMLOCK xdna0"},
    {"xrt", "remove /usr/lib/x86_64-linux-gnu/libxrt_driver_xdna.so.2\n", "XD-XRT-PLUGIN"},
    {"xrt", "remove /usr/lib/x86_64-linux-gnu\n", "XD-XRT-MISSING xdna0"},
    {"xrt",
     "remove /usr/lib/x86_64-linux-gnu\n"
     "elf /usr/lib/x86_64-linux-gnu/libxrt_coreutil.so.2.13.0 arch=x86_64\n"
     "link /usr/lib/x86_64-linux-gnu/libxrt_coreutil.so.2 -> libxrt_coreutil.so.2.13.0\n",
     "XD-XRT-OLD"},
    {"xrt",
     "elf /usr/lib/x86_64-linux-gnu/libxrt_driver_xdna.so.2.21.75 arch=x86_64\n"
     "link /usr/lib/x86_64-linux-gnu/libxrt_driver_xdna.so.2 -> libxrt_driver_xdna.so.2.21.75\n",
     "XD-XRT-VERSIONS"},
    {"xrt",
     "elf /opt/xilinx/xrt/lib/libxrt_coreutil.so.2.19.0 arch=x86_64\n"
     "link /opt/xilinx/xrt/lib/libxrt_coreutil.so.2 -> libxrt_coreutil.so.2.19.0\n",
     "XD-XRT-MIXED"},
    {"driver", "folder /var/lib/dkms/xrt-amdxdna/2.25.75\n", "XD-DRIVER-SHADOWED"},
    {"attributes", "remove /sys/devices/pci0000:c4/0000:c4:00.1/vbnv\n", "XD-DRIVER-OLD"},
    {"suspend", "kmsg [ 90.1] amdxdna 0000:c4:00.1: suspend NPU firmware failed -19\n",
     "XD-SUSPEND"},
    {"firmware", "kmsg [ 90.2] amdxdna: command opcode 0x2 failed, status 0x2000003\n",
     "XD-FW-WEDGED"},
    {"job", "kmsg [ 90.3] amdxdna: aie2_sched_job_timedout: TDR timeout detected\n", "XD-TDR"},
    {"reset", "kmsg [ 90.4] amdxdna: NPU firmware unhealthy, power-cycling NPU\n",
     "XD-POWER-CYCLED"},
    {"columns", "kmsg [ 90.5] amdxdna: Allocate AIE resource failed, ret -19\n", "XD-COLUMNS"},
    {"python", "file /usr/lib/python3/dist-packages/xrt/backends/raycing.py = import numpy\n",
     "XD-PYTHON-XRT"},
    {"carveout", "kmsg [ 90.6] amdxdna: PASID unavailable and carveout not configured\n",
     "XD-CARVEOUT"},
};

// Before a driver has taken the NPU: what is asked of its start.
constexpr Fault kRyzenStartFaults[] = {
    {"driver", "remove /sys/module/amdxdna\n", "XD-MODULE-NOT-LOADED"},
    {"driver", "remove /sys/module/amdxdna\nfile /etc/modprobe.d/no-npu.conf = blacklist amdxdna\n",
     "XD-MODULE-BLACKLISTED"},
    {"driver",
     "remove /sys/module/amdxdna\nkernel 6.12.48+deb13-amd64\n"
     "file /lib/modules/6.12.48+deb13-amd64/modules.dep = kernel/fs/btrfs/btrfs.ko:\n"
     "file /lib/modules/6.12.48+deb13-amd64/modules.builtin = kernel/fs/ext4/ext4.ko\n",
     "XD-KERNEL-OLD"},
    {"driver",
     "remove /sys/module/amdxdna\n"
     "file /lib/modules/7.2.13+deb13-amd64/modules.dep = kernel/fs/btrfs/btrfs.ko:\n",
     "XD-KERNEL-CONFIG"},
    {"iommu",
     "file /proc/cmdline = ro amd_iommu=off\nremove /sys/class/iommu\n"
     "kmsg [ 4.4] amdxdna: SVA bind device failed, ret -19\n",
     "XD-IOMMU-CMDLINE"},
    {"iommu", "remove /sys/class/iommu\nkmsg [ 4.4] amdxdna: Enable PASID failed, ret -19\n",
     "XD-IOMMU-BIOS"},
    {"python", "file /usr/lib/python3/dist-packages/xrt/backends/raycing.py = import numpy\n",
     "XD-PYTHON-XRT"},
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

/// `always` is a place that has one fault in each round; empty: none.
void try_combinations(const std::string& base, std::span<const Fault> faults, int rounds,
                      std::string_view always = {}) {
  std::mt19937 random(20261126);
  if (always.empty()) {
    EXPECT_EQ(findings_of(base, ""), std::set<std::string>());
  }
  for (int round = 0; round < rounds; ++round) {
    std::map<std::string_view, const Fault*> chosen;
    std::size_t count = 1 + random() % 6;
    for (std::size_t i = 0; i < count; ++i) {
      const Fault& fault = faults[random() % faults.size()];
      chosen.emplace(fault.place, &fault);
    }
    while (!always.empty() && !chosen.contains(always)) {
      const Fault& fault = faults[random() % faults.size()];
      if (fault.place == always) chosen.emplace(fault.place, &fault);
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

TEST(FaultsTest, CombinationsOnAnAxeraCard) {
  try_combinations("rpi5-ax650", kAxeraFaults, 250);
}

TEST(FaultsTest, CombinationsOnARyzenWithItsDriver) {
  try_combinations("phoenix", kRyzenFaults, 250);
}

TEST(FaultsTest, CombinationsOnARyzenBeforeItsDriver) {
  try_combinations("_phoenix-no-driver", kRyzenStartFaults, 100, "driver");
}

}  // namespace
}  // namespace anynpu::doctor
