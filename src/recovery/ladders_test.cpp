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
  EXPECT_THAT(step_of(ladder, "rebind").never, HasSubstr("812 (python3)"));
  EXPECT_THAT(step_of(ladder, "pci-rescan").never, HasSubstr("812"));
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
  Ladder ladder = ladder_of(
      "axcl", std::string(kAxcl) + "kmsg [   12.000000] Device 1 firmware load failed.\n");
  EXPECT_THAT(step_of(ladder, "card-reboot").never, HasSubstr("firmware of a card never loaded"));
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
