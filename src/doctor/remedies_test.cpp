// SPDX-License-Identifier: Apache-2.0
// What remedies tell people to type: the right thing for the machine, and no more than one word for
// a name that a stranger chose.
#include "npu/remedies.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "doctor/doctor.h"
#include "host/manifest.h"
#include "npu/devices.h"

namespace anynpu::doctor {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// The remedy of the finding `id` on a machine of sim/machines with `lines` laid over it.
std::string remedy_of(std::string_view id, const std::string& base, const std::string& lines) {
  auto load = [](const std::string& name) {
    return host::load_manifest(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines" / (name + ".machine"));
  };
  auto description = host::parse_manifest("base " + base + "\n" + lines, load);
  EXPECT_TRUE(description) << description.error().message;
  if (!description) return {};
  auto machine = host::simulated_machine(std::move(*description));
  Options here;
  here.isolated = false;
  for (const npu::Finding& finding : diagnose(*machine, here).findings())
    if (finding.id == id)
      return finding.remedy.text + "\n" + join(finding.remedy.commands, "\n") + "\n" +
             finding.remedy.risk;
  ADD_FAILURE() << "no finding " << id;
  return {};
}

constexpr const char* kNoble =
    "file /etc/os-release\n| PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\n| ID=ubuntu\n| "
    "ID_LIKE=debian\n| VERSION_ID=\"24.04\"\n";
constexpr const char* kFedora =
    "file /etc/os-release\n| PRETTY_NAME=\"Fedora Linux 43\"\n| ID=fedora\n| "
    "VERSION_ID=\"43\"\n";
constexpr const char* kNoArmbian = "remove /etc/armbian-release\n";
constexpr const char* kTrixie =
    "file /etc/os-release\n| PRETTY_NAME=\"Debian GNU/Linux 13 "
    "(trixie)\"\n| ID=debian\n| VERSION_ID=\"13\"\n";
constexpr const char* kForky =
    "file /etc/os-release\n| PRETTY_NAME=\"Debian GNU/Linux "
    "forky/sid\"\n| ID=debian\n| VERSION_CODENAME=forky\n";
constexpr const char* kBookworm =
    "file /etc/os-release\n| PRETTY_NAME=\"Debian GNU/Linux 12 "
    "(bookworm)\"\n| ID=debian\n| VERSION_ID=\"12\"\n";

TEST(ShellQuoted, IsOneWordWhateverIsInIt) {
  EXPECT_EQ(npu::shell_quoted("/usr/lib/librknnrt.so"), "/usr/lib/librknnrt.so");
  EXPECT_EQ(npu::shell_quoted("/opt/my&app/x.so"), "'/opt/my&app/x.so'");
  EXPECT_EQ(npu::shell_quoted("a'; reboot #"), "'a'\\''; reboot #'");
  EXPECT_EQ(npu::shell_quoted("$(reboot)"), "'$(reboot)'");
  EXPECT_EQ(npu::shell_quoted("a\nb\x1b'"), "$'a\\x0ab\\x1b\\''");
  EXPECT_EQ(npu::shell_quoted(""), "''");
}

TEST(Remedies, PathsOfStrangersAreQuoted) {
  EXPECT_THAT(remedy_of("RK-LIB-SHADOWED", "rk3588-vendor",
                        "env LD_LIBRARY_PATH=/opt/my&app\n"
                        "elf /opt/my&app/librknnrt.so arch=aarch64 text=\"librknnrt version: 1.4.0 "
                        "(a)\"\n"),
              HasSubstr("sudo rm '/opt/my&app/librknnrt.so'"));
  EXPECT_THAT(
      remedy_of("XD-MODULE-BLACKLISTED", "_phoenix-no-driver",
                "remove /sys/module/amdxdna\n"
                "file /etc/modprobe.d/my&npu.conf\n| options amdxdna x=1\n| blacklist amdxdna\n"),
      AllOf(HasSubstr(
                "'/^[[:space:]]*blacklist amdxdna[[:space:]]*$/d' '/etc/modprobe.d/my&npu.conf'"),
            Not(HasSubstr("/amdxdna/d"))));
}

TEST(Remedies, OneCardIsRebootedAndNoMore) {
  EXPECT_THAT(remedy_of("AX-DEAD-DAEMON", "rpi5-ax650",
                        "answer /dev/axcl_host axcl-cards = 1 0\nkmsg [ 90.0] device 1: dead!\n"),
              AllOf(HasSubstr("anynpu recover axcl0 --step card-reboot --apply"),
                    HasSubstr("XDG_DATA_HOME")));
}

TEST(Remedies, ARuleForTheNpuLeavesTheDisplayAlone) {
  EXPECT_THAT(remedy_of("RK-NODE-PERM", "rk3588-vendor-root-only", ""),
              HasSubstr("SUBSYSTEM==\"drm\", KERNELS==\"fdab0000.npu\""));
}

TEST(Remedies, ARuleForAnNpuLeavesOtherAcceleratorsAlone) {
  EXPECT_THAT(remedy_of("ROCKET-NODE-PERM", "rocket-debian12-udev", ""),
              HasSubstr("echo 'SUBSYSTEM==\"accel\", KERNELS==\"rknn\", GROUP="));
  EXPECT_THAT(
      remedy_of("XD-NODE-PERM", "phoenix-no-group", "char /dev/accel/accel0 261:0 0600 0:0\n"),
      HasSubstr("echo 'SUBSYSTEM==\"accel\", DRIVERS==\"amdxdna\", GROUP="));
}

TEST(Remedies, AContainerCannotMendWhatOnlyTheHostMay) {
  const std::string docker =
      "char /dev/dri/card1 226:1 0600 0:0\n"
      "char /dev/dri/renderD129 226:129 0600 0:0\n"
      "file /.dockerenv =\n";
  EXPECT_THAT(remedy_of("RK-NODE-PERM", "rk3588-vendor", docker),
              AllOf(HasSubstr("on the host"), HasSubstr("70-anynpu.rules"),
                    HasSubstr("getent group render"), Not(HasSubstr("--group-add 0"))));
}

TEST(Remedies, ARuleForAContainersCardIsForItsThreeNodes) {
  EXPECT_THAT(
      remedy_of("AX-NODE-PERM", "rpi5-docker-closed-nodes", ""),
      AllOf(HasSubstr("echo 'KERNEL==\"axcl_host|msg_userdev|ax_mmb_dev\", GROUP="),
            HasSubstr("--device /dev/axcl_host --device /dev/msg_userdev --device /dev/ax_mmb_dev"),
            Not(HasSubstr("echo ', "))));
}

TEST(Readiness, OnlyAGroupThatHelpsIsJoined) {
  auto hint_on = [](const std::string& machine) {
    auto description =
        host::load_manifest(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines" / (machine + ".machine"));
    EXPECT_TRUE(description) << description.error().message;
    if (!description) return std::string();
    return npu::find_devices(*host::simulated_machine(std::move(*description))).back().hint;
  };
  EXPECT_THAT(hint_on("rocket-no-groups"), HasSubstr("usermod"));
  // Root's group, and one without a name in a container.
  EXPECT_EQ(hint_on("rocket-debian12-udev"), "`anynpu doctor` says how to open it");
  EXPECT_EQ(hint_on("phoenix-docker-gid"), "`anynpu doctor` says how to open it");
}

TEST(Remedies, ANodeThatIsGoneIsMadeAgain) {
  EXPECT_THAT(remedy_of("RK-NODE-MISSING", "rk3588-vendor-node-removed", ""),
              HasSubstr("sudo mknod -m 600 /dev/dri/card1 c $(tr : ' ' < /sys/class/drm/card1/dev) "
                        "&& sudo udevadm trigger --action=add /sys/class/drm/card1"));
  EXPECT_THAT(remedy_of("ROCKET-NODE-MISSING", "rocket-node-missing", ""),
              HasSubstr("sudo mkdir -p /dev/accel && sudo mknod -m 600 /dev/accel/accel0"));
  EXPECT_THAT(remedy_of("XD-NODE-MISSING", "phoenix", "remove /dev/accel/accel0\n"),
              HasSubstr("< /sys/class/accel/accel0/dev)"));
  EXPECT_THAT(remedy_of("AX-NODES-MISSING", "rpi5-ax650", "remove /dev/msg_userdev\n"),
              AllOf(HasSubstr("sudo reboot"), Not(HasSubstr("udevadm"))));
}

TEST(Remedies, EachOfACardsModulesIsLoadedByItsName) {
  constexpr const char* kAll =
      "sudo modprobe -a ax_pcie_host_dev ax_pcie_msg ax_pcie_mmb axcl_host";
  EXPECT_THAT(remedy_of("AX-MODULE-NOT-LOADED", "rpi5-not-loaded", ""),
              AllOf(HasSubstr(kAll), HasSubstr("printf '%s\\n' ax_pcie_host_dev ax_pcie_msg")));
  EXPECT_THAT(remedy_of("AX-NODES-MISSING", "rpi5-half-loaded", ""), HasSubstr(kAll));
  EXPECT_THAT(
      remedy_of("AX-MODULE-BUILD", "rpi5-kernel-updated", ""),
      AllOf(HasSubstr(kAll), HasSubstr("dpkg-reconfigure axclhost"), Not(HasSubstr("reinstall"))));
}

TEST(Remedies, AnOldRuntimeIsReplacedWhereItIs) {
  EXPECT_THAT(remedy_of("RK-LIB-OLD", "rk3588-vendor",
                        "remove /usr/lib/librknnrt.so\n"
                        "elf /usr/lib/aarch64-linux-gnu/librknnrt.so arch=aarch64 text=\"librknnrt "
                        "version: 1.5.2 (c6b7b351a)\"\n"),
              HasSubstr("install -m 755 librknnrt.so /usr/lib/aarch64-linux-gnu/librknnrt.so"));
  EXPECT_THAT(remedy_of("RK-LIB-BROKEN", "rk3588-lib-lfs-first", ""),
              HasSubstr("sudo rm /opt/app/lib/librknnrt.so"));
}

TEST(Remedies, ALogThatIsNeverEmptiedIsMovedAway) {
  EXPECT_THAT(remedy_of("AX-NPU-FAULT", "rpi5-npu-fault", ""),
              AllOf(HasSubstr("axcl-smi reboot"),
                    HasSubstr("sudo mv /tmp/axcl/axcl_logs.txt /tmp/axcl/axcl_logs.txt.before")));
}

TEST(Remedies, UbuntuBefore2604HasNothingForAnNpu) {
  EXPECT_THAT(remedy_of("XD-XRT-MISSING", "phoenix-no-xrt", kNoble),
              AllOf(HasSubstr("ppa:amd-team/xrt"), Not(HasSubstr("apt-get"))));
  // Armbian's images on Ubuntu's ground too.
  EXPECT_THAT(remedy_of("ROCKET-TEFLON-MISSING", "_rocket",
                        std::string(kNoble) + "remove /usr/lib/teflon\n"),
              AllOf(HasSubstr("26.04 has it"), Not(HasSubstr("apt-get"))));
  EXPECT_THAT(remedy_of("ROCKET-MESA-LEAK", "rocket-ubuntu-26.04", "file /.dockerenv =\n"),
              HasSubstr("add-apt-repository ppa:kisak/kisak-mesa"));
}

TEST(Remedies, BackportsAreAddedWhereTheyAreNot) {
  constexpr const char* kAdd = "trixie-backports main' | sudo tee";
  EXPECT_THAT(remedy_of("XD-KERNEL-OLD", "phoenix-kernel-6.12", ""),
              AllOf(HasSubstr(kAdd), HasSubstr("apt-get update")));
  EXPECT_THAT(remedy_of("XD-KERNEL-OLD", "phoenix-kernel-6.12",
                        "file /etc/apt/sources.list.d/debian.sources\n"
                        "| Suites: trixie trixie-updates trixie-backports\n"),
              Not(HasSubstr(kAdd)));
}

TEST(Remedies, KrackansFirmwareIsStrixs) {
  EXPECT_THAT(remedy_of("XD-FW-MISSING", "krackan-no-firmware", ""),
              HasSubstr("sudo ln -s 17f0_10 /lib/firmware/amdnpu/17f0_20"));
}

TEST(Remedies, ToolsAreThoseOfTheDistribution) {
  EXPECT_THAT(remedy_of("XD-DRIVER-SHADOWED", "phoenix-dkms-shadowed", ""),
              HasSubstr("update-initramfs"));
  EXPECT_THAT(remedy_of("XD-DRIVER-SHADOWED", "phoenix-dkms-shadowed", kFedora),
              AllOf(HasSubstr("sudo dracut --force"), Not(HasSubstr("update-initramfs"))));
  EXPECT_THAT(
      remedy_of("ROCKET-REGULATOR", "rocket-regulator", std::string(kNoArmbian) + kFedora),
      AllOf(HasSubstr("/etc/dracut.conf.d/rocket.conf"), Not(HasSubstr("update-initramfs"))));
  EXPECT_THAT(remedy_of("XD-XRT-MIXED", "phoenix-two-xrts", kFedora),
              AllOf(HasSubstr("rpm -qf"), Not(HasSubstr("apt-get"))));
  EXPECT_THAT(
      remedy_of("RK-DT-DISABLED", "rk3566-vendor-dt-disabled", std::string(kNoArmbian) + kBookworm),
      Not(HasSubstr("rsetup")));
  EXPECT_THAT(remedy_of("RK-DT-DISABLED", "rk3566-vendor-dt-disabled",
                        std::string(kNoArmbian) + kBookworm + "file /usr/bin/rsetup 0755 = x\n"),
              HasSubstr("sudo rsetup"));
}

TEST(Remedies, MesaComesFromWhereThereIsOneThatMendsIt) {
  const std::string old = "file /var/lib/dpkg/status\n| Package: mesa-teflon-delegate\n| Version: ";
  EXPECT_THAT(remedy_of("ROCKET-MESA-WRONG", "_rocket", old + "26.1.6-1\n" + kNoArmbian + kTrixie),
              AllOf(HasSubstr("sid has 26.2.6"), Not(HasSubstr("apt-get"))));
  EXPECT_THAT(remedy_of("ROCKET-MESA-LEAK", "_rocket", old + "26.0.8-1\n" + kNoArmbian + kTrixie),
              HasSubstr("sudo apt-get install -t trixie-backports mesa-teflon-delegate"));
  EXPECT_THAT(remedy_of("ROCKET-MESA-LEAK", "_rocket", old + "26.0.8-1\n" + kNoArmbian + kForky),
              HasSubstr("sudo apt-get install mesa-teflon-delegate"));
  EXPECT_THAT(remedy_of("ROCKET-MESA-LEAK", "_rocket", old + "26.0.8-1\n" + kNoArmbian + kBookworm),
              Not(HasSubstr("apt-get")));
}

TEST(Remedies, KernelsAndXrtComeFromSuitesThatHaveThem) {
  EXPECT_THAT(remedy_of("XD-KERNEL-CONFIG", "phoenix-cloud-kernel", ""),
              HasSubstr("apt-get install -t trixie-backports linux-image-amd64"));
  EXPECT_THAT(remedy_of("XD-KERNEL-CONFIG", "phoenix-cloud-kernel", kForky),
              HasSubstr("sudo apt-get install linux-image-amd64"));
  EXPECT_THAT(remedy_of("XD-KERNEL-OLD", "phoenix-kernel-6.12", kBookworm),
              AllOf(HasSubstr("Debian 13"), Not(HasSubstr("apt-get"))));
  EXPECT_THAT(remedy_of("XD-XRT-MISSING", "phoenix-no-xrt", kForky),
              HasSubstr("sudo apt-get install libxrt2 libxrt-npu2"));
  EXPECT_THAT(remedy_of("XD-XRT-MISSING", "phoenix-no-xrt", kBookworm), Not(HasSubstr("apt-get")));
}

TEST(Remedies, ACdiSpecificationHasTheNamesThatServicesAskFor) {
  EXPECT_THAT(
      remedy_of("CDI-STALE", "rk3588-cdi-own-names", ""),
      HasSubstr(
          "{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/dri/card1\""));
  // Two files that describe the same device describe none.
  EXPECT_THAT(remedy_of("CDI-MISSING", "rocket-cdi-all", ""),
              AllOf(HasSubstr("\"name\":\"all\""), HasSubstr("\"name\":\"rocket0\""),
                    HasSubstr("| sudo tee /etc/cdi/npu.json")));
  EXPECT_THAT(remedy_of("CDI-MISSING", "rocket-cdi-missing", ""),
              AllOf(HasSubstr("sudo mkdir -p /etc/cdi\n"),
                    HasSubstr("| sudo tee /etc/cdi/anynpu.dev-npu.json")));
}

TEST(Remedies, AnOldCdiSpecificationIsKept) {
  EXPECT_THAT(remedy_of("CDI-STALE", "rk3588-cdi-stale", ""),
              AllOf(HasSubstr("sudo cp -a /etc/cdi/npu.json /etc/cdi/npu.json.before"),
                    HasSubstr("mounts, hooks")));
  EXPECT_THAT(
      remedy_of("CDI-STALE", "rk3588-vendor",
                "file /etc/cdi/a.json = {\"cdiVersion\":\"0.5.0\",\"kind\":\"x';reboot "
                "#/npu\",\"devices\":[{\"name\":\"rknpu0\",\"containerEdits\":{\"deviceNodes\":[{"
                "\"path\":\"/dev/dri/renderD130\"}]}}]}\n"),
      HasSubstr("x'\\'';reboot #/npu"));
}

}  // namespace
}  // namespace anynpu::doctor
