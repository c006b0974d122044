// SPDX-License-Identifier: Apache-2.0
// What the probes find on trees that look like real machines.
#include "npu/devices.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manifest.h"
#include "npu/holders.h"
#include "npu/kernel_lines.h"
#include "npu/registry.h"

namespace anynpu::npu {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr std::string_view kX86 =
    "processor\t: 0\nmodel name\t: AMD Ryzen 7 7840HS\nflags\t\t: fpu avx2 avx512f avx512_vnni\n\n"
    "processor\t: 1\nmodel name\t: AMD Ryzen 7 7840HS\nflags\t\t: fpu avx2 avx512f avx512_vnni\n";
constexpr std::string_view kRk3588 =
    "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n"
    "processor\t: 1\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";

class DevicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "anynpu-devices-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void file(const std::string& path, std::string_view content) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  void link(const std::string& path, const std::string& target) {
    fs::create_directories((root_ / path).parent_path());
    fs::create_symlink(target, root_ / path);
  }
  void pci(const std::string& address, std::string_view vendor, std::string_view device,
           std::string_view revision, const std::string& driver) {
    std::string folder = "sys/bus/pci/devices/" + address + "/";
    file(folder + "vendor", std::string(vendor) + "\n");
    file(folder + "device", std::string(device) + "\n");
    file(folder + "revision", std::string(revision) + "\n");
    if (!driver.empty()) link(folder + "driver", "../../../../bus/pci/drivers/" + driver);
  }
  std::vector<Device> devices() {
    auto machine = host::machine_of_tree(root_);
    EXPECT_TRUE(machine) << machine.error().message;
    return find_devices(**machine);
  }
  /// The one device that is not the CPU.
  Device npu() {
    std::vector<Device> found = devices();
    EXPECT_EQ(found.size(), 2U);
    return found.size() == 2 ? found[1] : Device{};
  }

  fs::path root_;
};

TEST_F(DevicesTest, AMachineWithoutNpuHasItsCpu) {
  file("proc/cpuinfo", kX86);
  auto found = devices();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, "cpu");
  EXPECT_EQ(found[0].title, "AMD Ryzen 7 7840HS");
  EXPECT_EQ(found[0].cores, 2);
  EXPECT_EQ(found[0].status, Status::kReady);
  EXPECT_THAT(found[0].features, ElementsAre("avx2", "avx512f", "avx512_vnni"));
  EXPECT_EQ(why_no_npu(found),
            "no NPU on this machine: no accel or NPU node in /dev, no known NPU on PCI, no NPU in "
            "the device tree");
}

TEST_F(DevicesTest, AnEmptyTreeStillHasACpu) {
  auto found = devices();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].status, Status::kReady);
  EXPECT_THAT(found[0].evidence, ElementsAre("/proc/cpuinfo cannot be read"));
}

TEST_F(DevicesTest, ArmCoresAreNamed) {
  file("proc/cpuinfo", kRk3588);
  file("proc/device-tree/model", std::string("Orange Pi 5 Plus\0", 17));
  auto found = devices();
  EXPECT_EQ(found[0].title, "Cortex-A55 + Cortex-A76 (Orange Pi 5 Plus)");
  EXPECT_THAT(found[0].features, ElementsAre("asimd", "asimddp"));
}

TEST_F(DevicesTest, RknpuByItsDrmNodes) {
  file("proc/device-tree/compatible", std::string("xunlong,orangepi-5\0rockchip,rk3588s\0", 36));
  for (const char* name : {"card1", "renderD129"}) {
    std::string folder = std::string("sys/class/drm/") + name;
    link(folder + "/device", "../../../devices/platform/fdab0000.npu");
  }
  file("sys/class/drm/card0-HDMI-A-1/status", "connected");
  file("sys/devices/platform/fdab0000.npu/uevent",
       "DRIVER=RKNPU\nOF_COMPATIBLE_0=rockchip,rk3588-rknpu\n");
  file("machine.json", R"({"uid": 1000, "groups": [1000, 44, 105],
                           "nodes": {"/dev/dri/card1": {"mode": "0660", "gid": 44},
                                     "/dev/dri/renderD129": {"mode": "0660", "gid": 105}}})");
  Device device = npu();
  EXPECT_EQ(device.id, "rknpu0");
  EXPECT_EQ(device.family, "rknpu");
  EXPECT_EQ(device.title, "Rockchip RK3588 NPU");
  EXPECT_EQ(device.cores, 3);
  EXPECT_EQ(device.status, Status::kReady) << device.reason;
  EXPECT_EQ(device.node, "/dev/dri/card1");
  EXPECT_THAT(device.evidence, IsSupersetOf({"/dev/dri/card1: char 0660 uid 0 gid 44",
                                             "/dev/dri/renderD129: char 0660 uid 0 gid 105"}));
  EXPECT_EQ(why_no_npu(devices()), "");
}

TEST_F(DevicesTest, RknpuInAContainerThatHidesTheDeviceTree) {
  file("sys/class/drm/card1/device/uevent",
       "DRIVER=RKNPU\nOF_COMPATIBLE_0=rockchip,rk3576-rknpu\n");
  Device device = npu();
  EXPECT_EQ(device.title, "Rockchip RK3576 NPU");
  EXPECT_EQ(device.cores, 2);
  EXPECT_THAT(device.evidence, Contains("/dev/dri/card1: not there"));
}

TEST_F(DevicesTest, RknpuByItsMiscNodeOnlyWhenItIsADevice) {
  file("dev/rknpu", "a plain file");
  EXPECT_EQ(devices().size(), 1U);
  file("machine.json", R"({"nodes": {"/dev/rknpu": {"mode": "0600"}}})");
  EXPECT_EQ(npu().title, "Rockchip NPU");
}

TEST_F(DevicesTest, ANpuThatTheDeviceTreeDisablesIsSaid) {
  file("proc/device-tree/npu@fde40000/compatible", std::string("rockchip,rk3568-rknpu\0", 22));
  file("proc/device-tree/npu@fde40000/status", std::string("disabled\0", 9));
  Device device = npu();
  EXPECT_EQ(device.id, "rknpu0");
  EXPECT_EQ(device.reason, "disabled in the device tree");
  EXPECT_THAT(device.hint, HasSubstr("overlay"));
}

TEST_F(DevicesTest, RocketByItsFacadeWithoutADriverLink) {
  link("sys/class/accel/accel0/device", "../../../devices/platform/rknn");
  file("sys/devices/platform/rknn/modalias", "platform:rknn\n");
  for (const char* core : {"fdab0000.npu", "fdac0000.npu", "fdad0000.npu", "bind"})
    file(std::string("sys/bus/platform/drivers/rocket/") + core, "");
  file("machine.json",
       R"({"uid": 1000, "groups": [1000],
           "nodes": {"/dev/accel/accel0": {"mode": "0660", "gid": 105, "major": 261}}})");
  Device device = npu();
  EXPECT_EQ(device.id, "rocket0");
  EXPECT_EQ(device.cores, 3);
  EXPECT_EQ(device.status, Status::kUnusable);
  EXPECT_EQ(device.reason, "this user may not open /dev/accel/accel0 (mode 0660, group 105)");
  EXPECT_EQ(device.hint, "`anynpu doctor` says how to open it");  // the group has no name
  file("etc/group", "render:x:105:\n");
  EXPECT_THAT(npu().hint, HasSubstr("usermod"));
  EXPECT_THAT(why_no_npu(devices()), HasSubstr("rocket0 (Rockchip RK3588 NPU): this user may not"));
  EXPECT_THAT(device.evidence, Contains("/dev/accel/accel0: char 0660 uid 0 gid 105"));
}

TEST_F(DevicesTest, RocketInAContainerThatHidesSys) {
  file("machine.json", R"({"nodes": {"/dev/accel/accel0": {"gid": 105, "major": 261}}})");
  EXPECT_EQ(npu().family, "unknown");
  file("proc/device-tree/npu@fdab0000/compatible", std::string("rockchip,rk3588-rknn-core\0", 26));
  EXPECT_EQ(npu().id, "rocket0");
}

TEST_F(DevicesTest, RocketCoresWithoutADriver) {
  file("proc/device-tree/npu@fdab0000/compatible", std::string("rockchip,rk3588-rknn-core\0", 26));
  Device device = npu();
  EXPECT_EQ(device.id, "rocket0");
  EXPECT_THAT(device.reason, HasSubstr("rocket driver has made no device node"));
  EXPECT_THAT(device.hint, HasSubstr("modprobe rocket"));
}

TEST_F(DevicesTest, EveryAxeraCardOnPci) {
  pci("0000:01:00.0", "0x1f4b", "0x0650", "0x00", "ax_pcie_dev_host");
  pci("0001:81:00.0", "0x1f4b", "0x0650", "0x00", "");
  pci("0000:02:00.0", "0x8086", "0x0650", "0x00", "e1000");
  auto found = devices();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[1].id, "axcl0");
  EXPECT_EQ(found[2].id, "axcl1");
  EXPECT_EQ(found[1].index, 0x01);  // AXERA's runtime names cards by their bus
  EXPECT_EQ(found[2].index, 0x81);
  EXPECT_THAT(found[1].evidence,
              Contains("/sys/bus/pci/devices/0000:01:00.0: 1f4b:0650, driver ax_pcie_dev_host"));
  EXPECT_THAT(found[2].evidence,
              Contains("/sys/bus/pci/devices/0001:81:00.0: 1f4b:0650, no driver"));
}

TEST_F(DevicesTest, AxeraByItsNodeWherePciIsHidden) {
  file("machine.json", R"({"nodes": {"/dev/axcl_host": {"mode": "0666"}}})");
  EXPECT_EQ(npu().id, "axcl0");
}

TEST_F(DevicesTest, XdnaByPciIdAndRevision) {
  pci("0000:c4:00.1", "0x1022", "0x17f0", "0x11", "amdxdna");
  file("sys/bus/pci/devices/0000:c4:00.1/accel/accel0/dev", "261:0");
  link("sys/class/accel/accel0/device", "../../../bus/pci/devices/0000:c4:00.1");
  file("machine.json", R"({"nodes": {"/dev/accel/accel0": {"mode": "0660", "gid": 992}}})");
  Device device = npu();
  EXPECT_EQ(device.id, "xdna0");
  EXPECT_EQ(device.title, "AMD Ryzen AI NPU (Strix Halo)");
  EXPECT_THAT(
      device.evidence,
      ElementsAre("/sys/bus/pci/devices/0000:c4:00.1: 1022:17f0 revision 11, driver amdxdna",
                  "/dev/accel/accel0: char 0660 uid 0 gid 992"));
}

TEST_F(DevicesTest, OtherDriversAreNamedAndClaimedByNoFamily) {
  link("sys/class/accel/accel0/device/driver", "../../../../bus/pci/drivers/intel_vpu");
  Device device = npu();
  EXPECT_EQ(device.family, "unknown");
  EXPECT_EQ(device.id, "accel0");
  EXPECT_THAT(device.title, HasSubstr("intel_vpu"));
}

TEST_F(DevicesTest, SeveralNpusAreAllNamed) {
  pci("0000:01:00.0", "0x1f4b", "0x0650", "0x00", "");
  pci("0000:c4:00.1", "0x1022", "0x1502", "0x00", "amdxdna");
  std::string why = why_no_npu(devices());
  EXPECT_THAT(why, HasSubstr("axcl0 (AXERA"));
  EXPECT_THAT(why, HasSubstr("; xdna0 (AMD"));
}

TEST(WhyNoNpuTest, IsEmptyWhenOneIsReady) {
  Device device;
  device.family = "rknpu";
  device.status = Status::kReady;
  EXPECT_EQ(why_no_npu({device}), "");
}

TEST_F(DevicesTest, HostileFilesOnlyCostTheirDevice) {
  pci("0000:01:00.0", "zzzz", "0x99999999999999", "", "");
  file("proc/cpuinfo", std::string(100000, ':') + "\nprocessor\nflags\t:\n");
  file("proc/device-tree/npu@0/compatible", std::string(5000, '\0'));
  link("sys/class/accel/accel0/device", "device");
  EXPECT_EQ(devices().front().id, "cpu");
}

TEST(FamiliesTest, NamesAreDistinctAndTheCpuComesFirst) {
  std::set<std::string_view> names;
  for (const Family& family : families()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_FALSE(family.title.empty());
  }
  EXPECT_EQ(families().front().name, "cpu");
}

TEST(Holders, WhatCannotBeLookedAtIsSaid) {
  auto holders_of = [](const std::string& lines) {
    auto description = host::parse_manifest("user 0 0\n" + lines);
    EXPECT_TRUE(description) << description.error().message;
    auto machine = host::simulated_machine(std::move(*description));
    return find_holders(*machine, {"/dev/accel/accel0"});
  };
  EXPECT_FALSE(holders_of("link /proc/9/fd/3 -> /dev/null\n").cut);
  std::string many;
  for (std::size_t i = 0; i < host::Machine::kMostNames; ++i)
    many += fmt::format("link /proc/9/fd/{} -> /dev/null\n", i);
  const Holders cut = holders_of(many);
  EXPECT_TRUE(cut.found.empty());
  EXPECT_TRUE(cut.cut);
}

TEST(KernelLines, EachFamilyOfNpusHasSome) {
  for (const Family& family : families())
    EXPECT_EQ(trouble_lines(family.name).empty(), family.name == "cpu" || family.name == "unknown")
        << family.name;
}

}  // namespace
}  // namespace anynpu::npu
