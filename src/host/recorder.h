// SPDX-License-Identifier: Apache-2.0
// A machine that remembers all that it was asked, for support bundles.
#pragma once

#include <map>
#include <string>

#include "host/machine.h"
#include "host/manifest.h"

namespace anynpu::host {

/// Answers with another machine's answers, and describes them as a machine of its own, so that who
/// asks the same questions of that one gets the same answers.
class Recorder : public Machine {
 public:
  explicit Recorder(const Machine& machine) : machine_(machine) {}

  /// What was asked until now.
  MachineDescription description() const;

  Result<std::string> read_text(const std::string& path, std::size_t most_bytes) const override;
  Result<std::string> read_tail(const std::string& path, std::size_t most_bytes) const override;
  Result<std::vector<std::string>> names(const std::string& path) const override;
  Result<std::string> read_link(const std::string& path) const override;
  Result<Node> stat(const std::string& path) const override;
  Result<Node> lstat(const std::string& path) const override;
  bool may_open(const std::string& path) const override;
  Identity identity() const override { return machine_.identity(); }
  KernelLog kernel_log() const override;
  std::string architecture() const override { return machine_.architecture(); }
  std::chrono::system_clock::time_point now() const override { return machine_.now(); }
  Result<ElfFacts> elf(const std::string& path,
                       std::span<const std::string_view> wanted) const override;
  Result<std::string> digest(const std::string& path, const Digest& wanted) const override;
  Result<std::string> ask(const std::string& node, const Asked& asked) const override;

 private:
  std::string resolve(const std::string& path, bool follow_last) const;
  Result<std::string> keep_text(const std::string& path, Result<std::string> text) const;
  void keep_node(const std::string& path, bool follow) const;
  void keep_failure(const std::string& path, const Error& error) const;
  Entry& entry(const std::string& real) const { return described_.entries[real]; }

  const Machine& machine_;
  mutable MachineDescription described_;
  mutable std::map<std::string, std::string> links_;  // targets; empty: no link
  mutable bool log_asked_ = false;
};

}  // namespace anynpu::host
