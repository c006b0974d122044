// SPDX-License-Identifier: Apache-2.0
// What `anynpu sim` would run, on machines and folders that the test makes.
#include "command/sim_plan.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/library.h"
#include "temporary_folder.h"

namespace anynpu::command {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(SimRequest, NameAndWhatElse) {
  auto plain = parse_sim_request("rk3588-vendor");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->machine, "rk3588-vendor");
  EXPECT_FALSE(plain->stand_in);
  auto full = parse_sim_request("board,fault=hang:after=3,fault=crash,mesa=forky,teflon=stand-in");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->fault, "hang:after=3+crash");
  EXPECT_EQ(full->mesa, "forky");
  EXPECT_TRUE(full->stand_in);
}

TEST(SimRequest, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", ",fault=x", "a/b", "../x", "board,fault=", "board,colour=red",
                           "board,mesa=../..", "board,teflon=real"}) {
    auto request = parse_sim_request(text);
    ASSERT_FALSE(request) << text;
    EXPECT_FALSE(request.error().hint.empty()) << text;
  }
}

class SimPlanTest : public ::testing::Test {
 protected:
  SimPlanTest() {
    places_.program = folder_ / "bin/anynpu";
    places_.machines = folder_ / "machines";
    places_.libraries = folder_ / "lib";
    places_.arm64_program = folder_ / "arm64/anynpu";
    places_.arm64_libraries = folder_ / "arm64/lib";
    places_.mesa = folder_ / "mesa";
    places_.emulator = "sh";  // any program that is there
    for (const char* name : {"board-vendor", "board-mainline", "_part"})
      file(std::string("machines/") + name + ".machine", "machine A board\nkernel 1\n");
  }

  void file(const std::string& path, const std::string& text = "x") {
    std::filesystem::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  Result<SimPlan> plan(const std::string& machine, const std::vector<std::string>& arguments) {
    auto request = parse_sim_request(machine);
    if (!request) return request.error();
    return plan_sim(*request, places_, arguments, {"devices", "serve"});
  }
  std::string path(const std::string& name) { return (folder_ / name).string(); }

  TemporaryFolder folder_;
  SimPlaces places_;
};

TEST_F(SimPlanTest, AVendorBoardIsThisProgramWithOtherLibraries) {
  EXPECT_THAT(sim_machines(places_), ElementsAre("board-mainline", "board-vendor"));
  auto planned = plan("board-vendor,fault=hang", {"devices", "--json"});
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_THAT(planned->command, ElementsAre(path("bin/anynpu"), "devices", "--json"));
  EXPECT_THAT(planned->environment,
              Contains(Pair("ANYNPU_MACHINE", path("machines/board-vendor.machine"))));
  EXPECT_THAT(planned->environment, Contains(Pair("ANYNPU_SIM_FAULT", "hang")));
  EXPECT_THAT(planned->environment,
              Contains(Pair("ANYNPU_LIBRARY_PATH", HasSubstr(path("lib/rknn")))));
  EXPECT_EQ(planned->title, "A board; fault hang");
}

TEST_F(SimPlanTest, AnyOtherProgramSeesTheMachineToo) {
  auto planned = plan("board-vendor", {"python3", "x.py"});
  ASSERT_TRUE(planned);
  EXPECT_THAT(planned->command, ElementsAre("python3", "x.py"));
  auto named = plan("board-vendor", {"anynpu", "serve"});
  ASSERT_TRUE(named);
  EXPECT_THAT(named->command, ElementsAre(path("bin/anynpu"), "serve"));
}

TEST_F(SimPlanTest, AnUnknownMachineIsExplained) {
  auto unknown = plan("board-vender", {"devices"});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().hint, HasSubstr("board-vendor"));
  EXPECT_FALSE(plan("_part", {"devices"}));
}

TEST_F(SimPlanTest, AProgramWithoutItsMachinesSaysWhereTheyBelong) {
  std::filesystem::remove_all(places_.machines);
  auto without = plan("board-vendor", {"devices"});
  ASSERT_FALSE(without);
  EXPECT_THAT(without.error().message, HasSubstr(places_.machines.string()));
  EXPECT_THAT(without.error().hint, HasSubstr("sim/machines"));
}

TEST_F(SimPlanTest, TheStandInNeedsNoEmulator) {
  auto missing = plan("board-mainline,teflon=stand-in", {"devices"});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().hint, HasSubstr("anynpu_sim_teflon"));
  file("lib/teflon/libteflon.so");
  auto planned = plan("board-mainline,teflon=stand-in", {"devices"});
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_THAT(planned->command, ElementsAre(path("bin/anynpu"), "devices"));
  EXPECT_THAT(planned->environment, Contains(Pair("LD_PRELOAD", path("lib/teflon/libteflon.so"))));
  EXPECT_THAT(planned->title, HasSubstr("stand-in"));
  file("with space/teflon/libteflon.so");
  places_.libraries = places_.libraries.parent_path() / "with space";
  auto spaced = plan("board-mainline,teflon=stand-in", {"devices"});
  ASSERT_FALSE(spaced);
  EXPECT_THAT(spaced.error().message, HasSubstr("space"));
}

TEST_F(SimPlanTest, TheMainlineBoardSaysWhatItLacksOneByOne) {
  const bool native = engine::processor_name() == "arm64";
  auto lacks = [&](const std::string& what) {
    auto planned = plan("board-mainline", {"devices"});
    ASSERT_FALSE(planned) << what;
    EXPECT_THAT(planned.error().message + planned.error().hint, HasSubstr(what));
  };
  lacks("tools/mesa-arm64 sid");
  file("mesa/forky/usr/lib/teflon/libteflon.so");
  file("mesa/forky/mesa-version", "26.1.6-1\n");
  if (!native) {
    lacks("tools/build arm64 anynpu");
    file("arm64/anynpu");
  }
  lacks("anynpu_sim_rocket_preload");
  const std::string preload =
      std::string(native ? "lib" : "arm64/lib") + "/rocket/libanynpu-sim-rocket.so";
  file(preload);
  if (!native) {
    places_.emulator = "no-such-emulator";
    lacks("apt-get install qemu-user");
    places_.emulator = "sh";
  }
  auto planned = plan("board-mainline,mesa=forky", {"devices"});
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_THAT(planned->title, HasSubstr("Mesa 26.1.6-1"));
  EXPECT_THAT(planned->environment,
              Contains(Pair("ANYNPU_TEFLON", path("mesa/forky/usr/lib/teflon/libteflon.so"))));
  if (native) {
    EXPECT_THAT(planned->command, ElementsAre(path("bin/anynpu"), "devices"));
  } else {
    EXPECT_THAT(planned->command,
                ElementsAre("sh", "-L", path("mesa/forky"), "-E", "LD_PRELOAD=" + path(preload),
                            path("arm64/anynpu"), "devices"));
    EXPECT_THAT(planned->environment, Contains(Pair("ANYNPU_WORKER_LAUNCHER", HasSubstr("sh -L"))));
  }
  EXPECT_FALSE(plan("board-mainline", {"python3"})) << "there is no arm64 Python in the emulator";
}

}  // namespace
}  // namespace anynpu::command
