// SPDX-License-Identifier: Apache-2.0
// A support bundle has no secrets and no names of people.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/bundle.h"
#include "host/manifest.h"

namespace anynpu::host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MachineDescription plain(const std::string& lines) {
  auto description = parse_manifest(lines);
  EXPECT_TRUE(description) << description.error().message;
  return description ? without_secrets(std::move(*description)) : MachineDescription{};
}

TEST(RedactTest, NamesOfPeopleAndTheirFolders) {
  MachineDescription machine = plain(
      "user 1000 1000\n"
      "file /etc/passwd\n| root:x:0:0:root:/root:/bin/sh\n| erika:x:1000:1000:Erika "
      "M:/home/erika:/bin/sh\n"
      "| max:x:1001:1001:Max M:/home/max:/bin/sh\n"
      "file /etc/group\n| video:x:44:erika\n| erika:x:1000:\n"
      "link /proc/7/fd/3 -> /home/erika/letter.odt\nkmsg [ 1.0] eth0: 11:22:33:aa:bb:cc up\n");
  const std::string passwd = machine.entries.at("/etc/passwd").content;
  EXPECT_THAT(passwd, Not(HasSubstr("rika")));
  EXPECT_THAT(passwd, Not(HasSubstr("ax M")));
  EXPECT_THAT(passwd, HasSubstr("user:x:1000:1000"));
  EXPECT_THAT(machine.entries.at("/etc/group").content, Not(HasSubstr("erika")));
  EXPECT_EQ(machine.entries.at("/proc/7/fd/3").target, "hidden");
  EXPECT_THAT(machine.log.at(0), HasSubstr("xx:xx:xx:xx:xx:xx"));
}

TEST(RedactTest, SecretsOfTheEnvironmentAndOfServices) {
  MachineDescription machine = plain(
      "env TOKEN=secret\nenv PULSE_SERVER=unix:/run/pulse/native\nenv LD_LIBRARY_PATH=/opt\n"
      "file /etc/containers/systemd/a.container\n| [Container]\n| Environment=PASSWORD=secret\n"
      "| AddDevice=anynpu.dev/npu=rocket0\n");
  const std::string environment = machine.entries.at("/proc/self/environ").content;
  EXPECT_THAT(environment, Not(HasSubstr("secret")));
  EXPECT_THAT(environment, HasSubstr("PULSE_SERVER=unix:/run/pulse/native"));
  EXPECT_THAT(environment, HasSubstr("LD_LIBRARY_PATH=/opt"));
  EXPECT_EQ(machine.entries.at("/etc/containers/systemd/a.container").content,
            "AddDevice=anynpu.dev/npu=rocket0\n");
}

TEST(RedactTest, ASoundServerElsewhereIsNotNamed) {
  EXPECT_THAT(
      plain("env PULSE_SERVER=tcp:server.example\n").entries.at("/proc/self/environ").content,
      Not(HasSubstr("server.example")));
}

}  // namespace
}  // namespace anynpu::host
