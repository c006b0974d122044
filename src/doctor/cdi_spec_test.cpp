// SPDX-License-Identifier: Apache-2.0
#include "doctor/cdi_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> faults_of(std::string_view version, std::string_view device) {
  std::string text = "{\"cdiVersion\": \"";
  text += version;
  text += "\", \"kind\": \"anynpu.dev/npu\", \"devices\": [";
  text += device;
  return read_cdi_json(text + "]}").faults;
}

TEST(CdiSpec, AWholeOne) {
  CdiSpec spec = read_cdi_json(
      R"({"cdiVersion": "0.5.0", "kind": "anynpu.dev/npu", "devices": [{"name": "rknpu0",
          "containerEdits": {"env": ["A=1"], "deviceNodes": [{"path": "/dev/dri/card1"},
          {"path": "/dev/dri/renderD128", "hostPath": "/dev/dri/renderD129", "major": 226,
           "minor": 129, "permissions": "rw"}]}}]})");
  EXPECT_THAT(spec.faults, IsEmpty());
  EXPECT_EQ(spec.kind, "anynpu.dev/npu");
  EXPECT_THAT(spec.devices, ElementsAre("rknpu0"));
  ASSERT_EQ(spec.nodes.size(), 2U);
  EXPECT_EQ(spec.nodes[0].host_path, "/dev/dri/card1");
  EXPECT_EQ(spec.nodes[1].host_path, "/dev/dri/renderD129");
  EXPECT_EQ(spec.nodes[1].minor.value_or(0), 129U);
}

TEST(CdiSpec, WhatRuntimesDropTheFileFor) {
  const char* plain = R"({"name": "a", "containerEdits": {"env": ["A=1"]}})";
  EXPECT_THAT(faults_of("0.5.0", plain), IsEmpty());
  EXPECT_THAT(faults_of("0.9.1", plain), ElementsAre(HasSubstr("none that there is")));
  EXPECT_THAT(faults_of("0.5.0", R"({"name": "a"})"), ElementsAre(HasSubstr("no edits")));
  EXPECT_THAT(faults_of("0.5.0", R"({"name": "a", "containerEdits": {}})"),
              ElementsAre(HasSubstr("no edits")));
  EXPECT_THAT(faults_of("0.5.0", R"({"name": "a", "containerEdits": {"additionalGIDs": [44]}})"),
              ElementsAre(HasSubstr("\"additionalGIDs\", which no runtime knows")));
  EXPECT_THAT(faults_of("0.5.0", R"({"name": "a", "containerEdits": {"additionalGids": [44]}})"),
              ElementsAre(HasSubstr("needs cdiVersion 0.7.0")));
  EXPECT_THAT(faults_of("0.7.0", R"({"name": "a", "containerEdits": {"additionalGids": [44]}})"),
              IsEmpty());
  EXPECT_THAT(faults_of("0.4.0", R"({"name": "0", "containerEdits": {"env": ["A=1"]}})"),
              ElementsAre(HasSubstr("needs cdiVersion 0.5.0")));
  EXPECT_THAT(faults_of("0.5.0", ""), ElementsAre("it has no device"));
  EXPECT_THAT(read_cdi_json("{").faults, ElementsAre("it is no JSON object"));
  EXPECT_THAT(read_cdi_json("[]").faults, ElementsAre("it is no JSON object"));
}

TEST(CdiSpec, OfYamlTheNodesAreRead) {
  CdiSpec spec = read_cdi_yaml(
      "---\ncdiVersion: \"0.6.0\"\nkind: vendor.com/npu\ndevices:\n- name: \"0\"\n"
      "  containerEdits:\n    deviceNodes:\n    - path: /dev/accel/accel0\n");
  EXPECT_EQ(spec.version, "0.6.0");
  EXPECT_EQ(spec.kind, "vendor.com/npu");
  EXPECT_THAT(spec.devices, ElementsAre("0"));
  ASSERT_EQ(spec.nodes.size(), 1U);
  EXPECT_EQ(spec.nodes[0].host_path, "/dev/accel/accel0");
}

TEST(CdiSpec, VersionsAreComparedAsNumbers) {
  EXPECT_TRUE(cdi_before("0.5.0", "0.10.0"));
  EXPECT_TRUE(cdi_before("0.8.0", "1.0.0"));
  EXPECT_FALSE(cdi_before("0.5.0", "0.5.0"));
  EXPECT_TRUE(cdi_before("", "0.3.0"));
}

}  // namespace
}  // namespace anynpu::doctor
