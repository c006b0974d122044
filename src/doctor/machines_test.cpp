// SPDX-License-Identifier: Apache-2.0
// Every machine of sim/machines: exactly the root causes that it expects, and no other.
#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/text.h"
#include "doctor/bundle.h"
#include "doctor/checks.h"
#include "doctor/doctor.h"
#include "doctor/json.h"
#include "doctor/markdown.h"
#include "host/bundle.h"
#include "host/manifest.h"
#include "npu/devices.h"
#include "npu/registry.h"
#include "temporary_folder.h"

namespace anynpu::doctor {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> machine_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines")) {
    std::string name = entry.path().filename().string();
    // A name with "_" before it is a part that machines are built on.
    if (name.ends_with(".machine") && !name.starts_with('_')) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string found_line(const npu::Finding& finding) {
  return finding.id + (finding.device.empty() ? "" : " " + finding.device);
}

std::set<std::string> found_by(const Diagnosis& diagnosis) {
  std::set<std::string> found;
  for (const npu::Finding& finding : diagnosis.findings()) found.insert(found_line(finding));
  return found;
}

std::set<std::string> wanted_by(const host::MachineDescription& machine) {
  std::set<std::string> wanted;
  for (const host::Expectation& expectation : machine.expected)
    wanted.insert(expectation.id + (expectation.device.empty() ? "" : " " + expectation.device));
  return wanted;
}

std::string json_of(const Diagnosis& diagnosis) {
  std::ostringstream text;
  auto report = json_report(text);
  write(diagnosis, false, *report);
  report->finish();
  return text.str();
}

class MachinesTest : public ::testing::TestWithParam<fs::path> {};

TEST_P(MachinesTest, HasExactlyTheExpectedFindings) {
  auto description = host::load_manifest(GetParam());
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_FALSE(description->title.empty()) << "a machine says what it is: machine TITLE";
  auto machine = host::simulated_machine(*description);
  Options patient;
  patient.check_limit = patient.whole_limit = seconds(600);
  Diagnosis diagnosis = diagnose(*machine, patient);
  EXPECT_EQ(diagnosis.failure, "");
  EXPECT_EQ(found_by(diagnosis), wanted_by(*description)) << json_of(diagnosis);
  std::set<std::string> unknown;
  for (const Outcome* outcome : diagnosis.unknown())
    unknown.insert(std::string(outcome->check->id));
  EXPECT_EQ(unknown, std::set<std::string>(description->expected_unknown.begin(),
                                           description->expected_unknown.end()))
      << json_of(diagnosis);
  ASSERT_TRUE(description->expected_exit) << "a machine says the doctor's exit code: expect-exit N";
  EXPECT_EQ(diagnosis.exit_code(), *description->expected_exit);
}

TEST_P(MachinesTest, ProbesNameNoFindingThatTheDoctorDoesNot) {
  auto description = host::load_manifest(GetParam());
  ASSERT_TRUE(description) << description.error().message;
  auto machine = host::simulated_machine(*description);
  Options here;
  here.isolated = false;
  std::set<std::string> ids;
  for (const npu::Finding& finding : diagnose(*machine, here).findings()) ids.insert(finding.id);
  for (const npu::Device& device : npu::find_devices(*machine))
    EXPECT_TRUE(device.finding.empty() || ids.contains(device.finding)) << device.finding;
}

TEST_P(MachinesTest, AsAFolderItIsTheSame) {
  auto description = host::load_manifest(GetParam());
  ASSERT_TRUE(description) << description.error().message;
  TemporaryFolder folder;
  auto expanded = host::expand_manifest(*description, folder.path());
  ASSERT_TRUE(expanded) << expanded.error().message;
  auto tree = host::machine_of_tree(folder.path());
  ASSERT_TRUE(tree) << tree.error().message;
  Options here;
  here.isolated = false;
  auto simulated = host::simulated_machine(*description);
  EXPECT_EQ(json_of(diagnose(**tree, here)), json_of(diagnose(*simulated, here)));
}

TEST_P(MachinesTest, AsABundleItIsTheSame) {
  auto description = host::load_manifest(GetParam());
  ASSERT_TRUE(description) << description.error().message;
  auto machine = host::simulated_machine(*description);
  auto read = host::read_bundle(make_bundle(*machine));
  ASSERT_TRUE(read) << read.error().message;
  auto elsewhere = host::simulated_machine(*read);
  Options here;
  here.isolated = false;
  EXPECT_EQ(json_of(diagnose(*elsewhere, here)), json_of(diagnose(*machine, here)));
}

INSTANTIATE_TEST_SUITE_P(Sim, MachinesTest, ::testing::ValuesIn(machine_files()),
                         [](const auto& one) {
                           std::string name = one.param.stem().string();
                           std::replace_if(
                               name.begin(), name.end(),
                               [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

// Its evidence is too long for a text: a line for each of 41,000 mappings.
TEST(MachineTest, AProcessThatIsAboutToRunOutOfMappingsIsFound) {
  auto rocket = host::load_manifest(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines/rocket.machine");
  ASSERT_TRUE(rocket) << rocket.error().message;
  host::Entry open;
  open.node = {host::NodeKind::kLink, 0777, 1000, 1000, 0, 0};
  open.target = "/dev/accel/accel0";
  rocket->entries["/proc/4242/fd/7"] = open;
  host::Entry maps;
  maps.node = {host::NodeKind::kFile, 0444, 1000, 1000, 0, 0};
  for (int i = 0; i < 41000; ++i) maps.content += "7f00-7f01 rw-s 0 00:06 9 /dev/accel/accel0\n";
  rocket->entries["/proc/4242/maps"] = maps;
  EXPECT_EQ(found_by(diagnose(*host::simulated_machine(*rocket))),
            std::set<std::string>{"ROCKET-LEAKING"});
  rocket->entries["/proc/4242/maps"].content.resize(maps.content.size() / 2);
  EXPECT_TRUE(found_by(diagnose(*host::simulated_machine(*rocket))).empty());
}

TEST(MachineTest, OfALongLogTheEndIsRead) {
  auto pi = host::load_manifest(fs::path(ANYNPU_SOURCE_DIR) / "sim/machines/rpi5-ax650.machine");
  ASSERT_TRUE(pi) << pi.error().message;
  host::Entry log;
  log.node = {host::NodeKind::kFile, 0644, 1000, 1000, 0, 0};
  while (log.content.size() < 3 * host::Machine::kMostText)
    log.content += "[2026-11-26 10:00:00] [I][axcl]: all is well\n";
  log.content += "[2026-11-26 12:00:00] [E][axcl]: npu hard error, please reset npu\n";
  pi->entries["/tmp/axcl/axcl_logs.txt"] = log;
  auto machine = host::simulated_machine(*pi);
  EXPECT_EQ(found_by(diagnose(*machine)), std::set<std::string>{"AX-NPU-FAULT"});
  auto read = host::read_bundle(make_bundle(*machine));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(found_by(diagnose(*host::simulated_machine(*read))),
            std::set<std::string>{"AX-NPU-FAULT"});
}

// Every check is shown by a machine; that of the test above has none.
TEST(ChecksTest, HaveAMachineEach) {
  std::set<std::string> shown = {"ROCKET-LEAKING"};
  for (const fs::path& file : machine_files()) {
    auto description = host::load_manifest(file);
    ASSERT_TRUE(description) << description.error().message;
    for (const host::Expectation& expectation : description->expected) shown.insert(expectation.id);
  }
  for (const npu::Check* check : all_checks())
    EXPECT_TRUE(shown.contains(std::string(check->id))) << check->id << " has no machine";
}

TEST(ChecksTest, AreInTheDocuments) {
  auto text = read_text(fs::path(ANYNPU_SOURCE_DIR) / "docs/findings.md", 4 << 20);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_TRUE(*text == findings_markdown())
      << "docs/findings.md is not current: anynpu explain --markdown > docs/findings.md";
}

TEST(ChecksTest, AreCompleteAndDependOnEachOther) {
  std::set<std::string_view> ids, families;
  for (const npu::Family& family : npu::families()) families.insert(family.name);
  for (const npu::Check* check : all_checks())
    EXPECT_TRUE(ids.insert(check->id).second) << check->id << " is there twice";
  for (const npu::Check* check : all_checks()) {
    EXPECT_NE(check->run, nullptr) << check->id;
    EXPECT_TRUE(check->family.empty() || families.contains(check->family)) << check->id;
    for (std::string_view text : {check->title, check->symptom, check->cause, check->fix}) {
      EXPECT_FALSE(text.empty()) << check->id;
      EXPECT_FALSE(text.ends_with('.')) << check->id << ": " << text;
    }
    for (char c : check->id)
      EXPECT_TRUE((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-') << check->id;
    for (std::string_view premise : check->depends_on)
      EXPECT_TRUE(ids.contains(premise)) << check->id << " depends on " << premise;
  }
}

}  // namespace
}  // namespace anynpu::doctor
