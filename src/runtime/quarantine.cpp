// SPDX-License-Identifier: Apache-2.0
// A circuit breaker for each device.
#include "runtime/quarantine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "host/own_processes.h"
#include "runtime/placement.h"
#include "runtime/worker.h"

namespace anynpu::runtime {
namespace {

constexpr std::size_t kMostStateBytes = 64 << 10;
constexpr std::size_t kMostDevices = 64;
constexpr int kMostInRow = 1000;
constexpr auto kLookAgain = milliseconds(100);  // while somebody else's probe runs

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Duration pause_for(const QuarantineRules& rules, int failures) {
  Duration pause = rules.first_pause;
  for (int i = 1; i < failures && pause < rules.longest_pause; ++i) pause *= 2;
  return std::min(pause, rules.longest_pause);
}

/// A worker leads a group of its own, so this sees what it has started too.
bool still_there(pid_t worker) {
  return !host::processes_of_group(worker).empty();
}

}  // namespace

std::string_view to_string(Circuit circuit) {
  switch (circuit) {
    case Circuit::kClosed:
      return "closed";
    case Circuit::kOpen:
      return "open";
    case Circuit::kHalfOpen:
      return "half-open";
  }
  return "open";
}

Quarantine::~Quarantine() = default;

Quarantine::Quarantine(QuarantineRules rules) : rules_(std::move(rules)) {
  if (rules_.state_file.empty()) return;
  auto text = read_text(rules_.state_file, kMostStateBytes);
  if (!text) {
    if (text.error().code != Code::kNotFound)
      log::warn("the quarantine of earlier runs is not known: {}", text.error().message);
    return;
  }
  auto kept = parse_quarantine(*text);
  if (!kept) {
    log::warn("{}: {}", rules_.state_file.string(), kept.error().message);
    return;
  }
  for (const KeptCircuit& circuit : *kept) {
    Entry& entry = entries_[circuit.device];
    entry.state.device = circuit.device;
    entry.state.circuit = Circuit::kOpen;
    entry.state.failures_in_row = circuit.failures_in_row;
    entry.state.reason = circuit.reason;
    entry.pause = pause_for(rules_, circuit.failures_in_row);
    // The clock of the machine may have been set meanwhile.
    const double left =
        std::clamp(circuit.until - seconds_since_1970(), 0.0, to_ms(entry.pause) / 1000);
    entry.until =
        Clock::now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(left));
    log::warn("{} is in quarantine since an earlier run: {}", circuit.device, circuit.reason);
  }
}

Quarantine::Permit Quarantine::enter(const std::string& device) {
  std::vector<pid_t> gone;
  {
    const std::lock_guard lock(mutex_);
    auto found = entries_.find(device);
    if (found == entries_.end() || found->second.state.circuit == Circuit::kClosed) return {};
    if (found->second.state.circuit == Circuit::kOpen) gone = found->second.stuck;
  }
  if (!gone.empty()) {
    std::erase_if(gone, still_there);  // which may look through all of /proc
    let_go_of_ended();
  }
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[device];
  if (entry.state.circuit == Circuit::kClosed) return {};
  const TimePoint now = Clock::now();
  if (entry.state.circuit == Circuit::kHalfOpen) return {Pass::kWait, now + kLookAgain};
  if (!entry.stuck.empty()) {
    std::erase_if(entry.stuck, [&](pid_t each) {
      return std::find(gone.begin(), gone.end(), each) != gone.end();
    });
    if (!entry.stuck.empty()) return {Pass::kWait, now + kLookAgain};
    entry.until = now + entry.pause;  // the kernel tidies up
  }
  if (now < entry.until) return {Pass::kWait, entry.until};
  entry.state.circuit = Circuit::kHalfOpen;
  return {Pass::kProbe, now};
}

bool Quarantine::closed(const std::string& device) const {
  const std::lock_guard lock(mutex_);
  auto found = entries_.find(device);
  return found == entries_.end() || found->second.state.circuit == Circuit::kClosed;
}

std::string Quarantine::reason(const std::string& device) const {
  const std::lock_guard lock(mutex_);
  auto found = entries_.find(device);
  if (found == entries_.end() || found->second.state.circuit == Circuit::kClosed) return "";
  return found->second.state.reason;
}

void Quarantine::failed(const std::string& device, const std::string& why) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[device];
  entry.state.device = device;
  // Workers that notice the same fault one after the other make one failure of it.
  if (entry.state.circuit == Circuit::kOpen) return;
  open_locked(entry, why);
  save(std::move(lock));
}

void Quarantine::succeeded(const std::string& device) {
  std::unique_lock lock(mutex_);
  auto found = entries_.find(device);
  if (found == entries_.end() || found->second.state.circuit != Circuit::kHalfOpen) return;
  found->second.state.circuit = Circuit::kClosed;
  found->second.closed_at = Clock::now();
  log::info("{} is back from quarantine: it answers the canary as it should", device);
  save(std::move(lock));
}

void Quarantine::abandoned(const std::string& device) {
  const std::lock_guard lock(mutex_);
  auto found = entries_.find(device);
  if (found != entries_.end() && found->second.state.circuit == Circuit::kHalfOpen)
    found->second.state.circuit = Circuit::kOpen;
}

void Quarantine::give_up(const std::string& device, pid_t stuck, const std::string& why) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[device];
  entry.state.device = device;
  if (entry.state.circuit != Circuit::kOpen) open_locked(entry, why);
  entry.stuck.push_back(stuck);
  entry.state.reason = why;
  save(std::move(lock));
}

void Quarantine::end_worker(std::unique_ptr<Worker> worker, bool hangs,
                            const Placement& placement) {
  if (!worker->end(hangs)) keep_stuck(std::move(worker), placement);
}

void Quarantine::keep_stuck(std::unique_ptr<Worker> worker, const Placement& placement) {
  let_go_of_ended();
  const pid_t pid = worker->pid();
  {
    const std::lock_guard lock(keeping_);
    kept_.push_back(std::move(worker));
  }
  if (placement.on_npu())
    give_up(placement.device, pid,
            fmt::format("worker {} hangs in the kernel and cannot be ended", pid));
}

void Quarantine::let_go_of_ended() {
  std::vector<std::unique_ptr<Worker>> gone;  // let go outside of the lock
  const std::lock_guard lock(keeping_);
  const auto rest =
      std::partition(kept_.begin(), kept_.end(), [](const auto& each) { return each->alive(); });
  std::move(rest, kept_.end(), std::back_inserter(gone));
  kept_.erase(rest, kept_.end());
}

void Quarantine::open_locked(Entry& entry, const std::string& why) {
  DeviceCircuit& state = entry.state;
  const TimePoint now = Clock::now();
  if (state.circuit == Circuit::kClosed &&
      now - entry.closed_at >= std::max(rules_.proven_after, entry.pause))
    state.failures_in_row = 0;
  state.circuit = Circuit::kOpen;
  state.failures_in_row = std::min(state.failures_in_row + 1, kMostInRow);
  ++state.opened;
  state.reason = why;
  entry.pause = pause_for(rules_, state.failures_in_row);
  entry.until = now + entry.pause;
  log::warn("{} is in quarantine for {:.1f} s: {}", state.device, to_ms(entry.pause) / 1000, why);
}

std::vector<DeviceCircuit> Quarantine::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<DeviceCircuit> all;
  for (const auto& [device, entry] : entries_) {
    DeviceCircuit state = entry.state;
    state.pause_s = to_ms(entry.pause) / 1000;
    state.stuck = entry.stuck.empty() ? 0 : entry.stuck.front();
    if (state.circuit == Circuit::kOpen)
      state.left_s = std::max(0.0, to_ms(entry.until - Clock::now()) / 1000);
    all.push_back(std::move(state));
  }
  return all;
}

std::string Quarantine::document_locked() const {
  Json devices = Json::array();
  for (const auto& [device, entry] : entries_) {
    if (entry.state.circuit == Circuit::kClosed) continue;
    devices.push_back({{"device", device},
                       {"reason", entry.state.reason},
                       {"failures_in_row", entry.state.failures_in_row},
                       {"until", seconds_since_1970() + to_ms(entry.until - Clock::now()) / 1000}});
  }
  const Json document{{"schema_version", 1}, {"quarantined", std::move(devices)}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void Quarantine::save(std::unique_lock<std::mutex> lock) {
  if (rules_.state_file.empty()) return;
  const std::string document = document_locked();
  const std::uint64_t number = ++documents_;
  lock.unlock();  // a slow disk holds up nobody but those who have something to write
  const std::lock_guard writing(writing_);
  if (number < written_) return;  // a newer one was quicker
  written_ = number;
  std::error_code ignored;
  std::filesystem::create_directories(rules_.state_file.parent_path(), ignored);
  const auto written = rules_.write ? rules_.write(rules_.state_file, document)
                                    : write_file(rules_.state_file, document);
  if (!written) log::warn("the quarantine cannot be kept: {}", written.error().message);
}

Result<std::vector<KeptCircuit>> parse_quarantine(std::string_view text) {
  const Json document = Json::parse(text, nullptr, false);
  const auto wrong = [](const char* what) { return Error{Code::kInvalid, what}; };
  if (!document.is_object()) return wrong("is not a JSON object");
  const auto list = document.find("quarantined");
  if (list == document.end() || !list->is_array()) return wrong("has no list 'quarantined'");
  if (list->size() > kMostDevices) return wrong("names too many devices");
  std::vector<KeptCircuit> all;
  for (const Json& each : *list) {
    if (!each.is_object()) return wrong("an entry is not an object");
    const auto device = each.find("device"), reason = each.find("reason");
    const auto failures = each.find("failures_in_row"), until = each.find("until");
    if (device == each.end() || !device->is_string() ||
        device->get_ref<const std::string&>().empty())
      return wrong("an entry names no device");
    KeptCircuit circuit;
    circuit.device = printable(device->get<std::string>(), 40);
    if (reason != each.end() && reason->is_string())
      circuit.reason = printable(reason->get<std::string>(), 300);
    if (failures != each.end() && failures->is_number_integer())
      circuit.failures_in_row =
          static_cast<int>(std::clamp<std::int64_t>(failures->get<std::int64_t>(), 1, kMostInRow));
    if (until != each.end() && until->is_number() && std::isfinite(until->get<double>()))
      circuit.until = until->get<double>();
    all.push_back(std::move(circuit));
  }
  return all;
}

Json to_json(const DeviceCircuit& circuit) {
  Json json{{"device", circuit.device},
            {"circuit", to_string(circuit.circuit)},
            {"failures_in_row", circuit.failures_in_row},
            {"opened", circuit.opened},
            {"reason", circuit.reason},
            {"pause_s", circuit.pause_s},
            {"left_s", circuit.left_s}};
  if (circuit.stuck != 0) json["stuck_worker"] = circuit.stuck;
  return json;
}

}  // namespace anynpu::runtime
