// SPDX-License-Identifier: Apache-2.0
// The ladder of each family on simulated machines: its order, and what is never taken where.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manifest.h"
#include "npu/registry.h"

namespace anynpu::npu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kXdna =
    "arch x86_64\nuser 0 0\nmodule amdxdna\n"
    "pci 0000:c4:00.1 1022:1502 driver=amdxdna\n"
    "link /sys/class/accel/accel0/device -> ../../../bus/pci/devices/0000:c4:00.1\n"
    "char /dev/accel/accel0 261:0 0660 0:105\n";
constexpr std::string_view kAxcl =
    "arch aarch64\nuser 0 0\nmodule axcl_host\n"
    "pci 0001:01:00.0 1f4b:0650 driver=ax_pcie_dev_host\n"
    "file /usr/bin/axcl/axcl-smi 0755 = program\n"
    "elf /usr/lib/axcl/libaxcl_rt.so arch=aarch64 "
    "text=\"[AXCL version]: libaxcl_rt.so V3.10.2_20251215\"\n"
    "char /dev/axcl_host 10:120 0666 0:0\n";
constexpr std::string_view kRocket =
    "arch aarch64\nuser 0 0\nmodule rocket\nfile /sys/module/rocket/initstate = live\n"
    "folder /sys/bus/platform/drivers/rocket/fdab0000.npu\n"
    "folder /sys/bus/platform/drivers/rocket/fdac0000.npu\n"
    "folder /sys/bus/platform/drivers/rocket/fdad0000.npu\n";

Ladder ladder_of(std::string_view family, std::string_view manifest) {
  auto description = host::parse_manifest(manifest);
  EXPECT_TRUE(description) << description.error().message;
  auto machine = host::simulated_machine(std::move(*description));
  Device device;
  device.id = std::string(family) + "0";
  device.family = family;
  for (const Family& known : families())
    if (known.name == family && known.ladder != nullptr) return known.ladder(*machine, device);
  ADD_FAILURE() << "no ladder for " << family;
  return {};
}

std::vector<std::string> names_of(const Ladder& ladder) {
  std::vector<std::string> names;
  for (const RecoveryStep& step : ladder.steps) names.push_back(step.name);
  return names;
}

const RecoveryStep& step_of(const Ladder& ladder, std::string_view name) {
  auto found = std::find_if(ladder.steps.begin(), ladder.steps.end(),
                            [&](const RecoveryStep& step) { return step.name == name; });
  EXPECT_NE(found, ladder.steps.end()) << name;
  return *found;
}

TEST(Ladders, EveryFamilyOfNpusHasOne) {
  for (const Family& family : families())
    EXPECT_EQ(family.ladder != nullptr, family.name != "cpu" && family.name != "unknown")
        << family.name;
}

TEST(Ladders, EachStartsWithOurWorkersAndEndsWithThePower) {
  for (auto [family, manifest] :
       {std::pair{"xdna", kXdna}, std::pair{"axcl", kAxcl}, std::pair{"rocket", kRocket}}) {
    Ladder ladder = ladder_of(family, manifest);
    ASSERT_FALSE(ladder.steps.empty());
    EXPECT_EQ(ladder.steps.front().name, "end-workers");
    EXPECT_EQ(ladder.steps.back().name, "power-cycle");
    EXPECT_TRUE(ladder.steps.back().by_hand);
    EXPECT_FALSE(ladder.evidence.empty());
  }
}

TEST(Ladders, XdnaIsNeverResetThroughItsFunction) {
  Ladder ladder = ladder_of("xdna", kXdna);
  EXPECT_THAT(names_of(ladder),
              ElementsAre("end-workers", "wait-for-driver", "suspend", "rebind", "module-reload",
                          "flr", "pci-rescan", "reboot", "power-cycle"));
  EXPECT_THAT(step_of(ladder, "flr").never, HasSubstr("does not work on AIE2"));
  EXPECT_THAT(step_of(ladder, "rebind").never, IsEmpty());
}

TEST(Ladders, ADriverIsNotTakenAwayUnderItsUser) {
  Ladder ladder = ladder_of("xdna", std::string(kXdna) +
                                        "link /proc/812/fd/5 -> /dev/accel/accel0\n"
                                        "file /proc/812/comm = python3\n");
  for (const char* step : {"rebind", "pci-rescan"}) {
    EXPECT_THAT(step_of(ladder, step).unheld, ElementsAre("/dev/accel/accel0"));
    EXPECT_THAT(step_of(ladder, step).never, IsEmpty());  // a holder may end
  }
}

// A driver that was unloaded, and a device that was unbound, come back whatever failed in between.
TEST(Ladders, WhatIsTakenAwayIsGivenBack) {
  for (auto [family, manifest] :
       {std::pair{"xdna", kXdna}, std::pair{"axcl", kAxcl}, std::pair{"rocket", kRocket}})
    for (const RecoveryStep& step : ladder_of(family, manifest).steps) {
      int taken = 0;
      for (const Act& act : step.acts) {
        const std::string shown = act.shown();
        const bool takes = shown.find("modprobe -r") != std::string::npos ||
                           shown.find("/unbind") != std::string::npos ||
                           shown.find("/remove") != std::string::npos;
        const bool gives = shown.starts_with("modprobe") ||
                           shown.find("/bind") != std::string::npos ||
                           shown.find("/rescan") != std::string::npos;
        taken += takes ? 1 : 0;
        EXPECT_EQ(act.always, !takes && (gives || taken > 0))
            << family << " " << step.name << ": " << shown;
      }
    }
}

TEST(Ladders, AnAxeraCardStaysOnTheBusWhileItsDriverIsLoaded) {
  Ladder ladder = ladder_of("axcl", kAxcl);
  EXPECT_THAT(names_of(ladder),
              ElementsAre("end-workers", "wait-for-memory", "card-reboot", "module-reload",
                          "pci-rescan", "reboot", "power-cycle"));
  EXPECT_THAT(step_of(ladder, "pci-rescan").never, HasSubstr("axcl_host is loaded"));
  EXPECT_THAT(step_of(ladder, "module-reload").disturbs, HasSubstr("ALL"));
  EXPECT_THAT(step_of(ladder, "card-reboot").never, IsEmpty());
  EXPECT_EQ(step_of(ladder, "card-reboot").acts[0].shown(),
            "echo y | /usr/bin/axcl/axcl-smi reboot -d 0");
}

TEST(Ladders, ACardWhoseFirmwareNeverLoadedIsNotRebooted) {
  const std::string failed =
      std::string(kAxcl) + "kmsg [   12.000000] Device 1 firmware load failed.\n";
  EXPECT_THAT(step_of(ladder_of("axcl", failed), "card-reboot").never,
              HasSubstr("firmware never loaded"));
  // Until it loads; and another card's failure is no concern of this one.
  EXPECT_THAT(
      step_of(ladder_of("axcl", failed + "kmsg [   90.0] ############### Dev 1 Firmware loading\n"
                                         "kmsg [   92.0] [STATUS]: SUCCESS\n"),
              "card-reboot")
          .never,
      IsEmpty());
  EXPECT_THAT(
      step_of(ladder_of("axcl", std::string(kAxcl) +
                                    "kmsg [   12.0] ############### Dev 4 Firmware loading\n"
                                    "kmsg [   13.0] [STATUS]: FAILED[-2]\n"
                                    "kmsg [   14.0] ############### Dev 1 Firmware loading\n"
                                    "kmsg [   15.0] [STATUS]: SUCCESS\n"),
              "card-reboot")
          .never,
      IsEmpty());
  // Nor does a card's success hide another one's failure.
  EXPECT_THAT(
      step_of(ladder_of("axcl", std::string(kAxcl) +
                                    "kmsg [   12.0] ############### Dev 1 Firmware loading\n"
                                    "kmsg [   13.0] [STATUS]: FAILED[-2]\n"
                                    "kmsg [   14.0] ############### Dev 4 Firmware loading\n"
                                    "kmsg [   15.0] [STATUS]: SUCCESS\n"),
              "card-reboot")
          .never,
      HasSubstr("firmware never loaded"));
}

TEST(Ladders, TheRightCardIsRebooted) {
  // Another function of AXERA's stands before the card, and counts for nobody.
  const std::string two = std::string(kAxcl) + "pci 0000:81:00.0 1f4b:0651\n";
  EXPECT_EQ(step_of(ladder_of("axcl", two), "card-reboot").acts[0].shown(),
            "echo y | /usr/bin/axcl/axcl-smi reboot -d 0");
  EXPECT_THAT(step_of(ladder_of("axcl", two), "card-reboot").touches, HasSubstr("0001:01:00.0"));
  // Older tools take the number of the bus, and of one that does not say its version nothing is
  // known.
  std::string old = std::string(kAxcl);
  old.replace(old.find("V3.10.2"), 7, "V2.25.0");
  old.replace(old.find("0001:01:00.0"), 12, "0001:81:00.0");
  EXPECT_EQ(step_of(ladder_of("axcl", old), "card-reboot").acts[0].shown(),
            "echo y | /usr/bin/axcl/axcl-smi reboot -d 129");
  std::string unknown = std::string(kAxcl);
  unknown.replace(unknown.find("V3.10.2"), 7, "unknown");
  EXPECT_THAT(step_of(ladder_of("axcl", unknown), "card-reboot").not_here,
              HasSubstr("the bus number before 2.26.0"));
}

TEST(Ladders, RocketBindsItsThreeCoresAnew) {
  Ladder ladder = ladder_of("rocket", kRocket);
  EXPECT_THAT(names_of(ladder), ElementsAre("end-workers", "suspend", "rebind", "module-reload",
                                            "reboot", "power-cycle"));
  EXPECT_EQ(step_of(ladder, "rebind").acts.size(), 7U);
  EXPECT_THAT(step_of(ladder, "module-reload").not_here, IsEmpty());
  EXPECT_FALSE(step_of(ladder, "suspend").needs_root);
}

}  // namespace
}  // namespace anynpu::npu
