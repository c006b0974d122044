// SPDX-License-Identifier: Apache-2.0
// The measuring behind `anynpu bench`.
//
// Latencies are of whole requests, as a caller sees them: queue, worker, shared memory and engine.
// All placements are loaded at once and take turns in short blocks, round after round, so that a
// machine that slows down half-way slows all of them, and ratios mean something. Throughput is
// measured for one placement at a time, with two requests under way per worker.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/package.h"
#include "runtime/served_model.h"

namespace anynpu::command {

struct BenchPlan {
  const model::Package& package;
  int version = 0;
  std::shared_ptr<const runtime::InputSource> input;
  runtime::ServeOptions serve;
  int runs = 100;               // most latencies per placement
  Duration limit = seconds(2);  // most time for each measurement of a placement
  int most_instances = 1;
  std::function<bool()> stop;
};

struct Throughput {
  int instances = 1;
  double per_second = 0;
};

struct PlacementFigures {
  runtime::Candidate candidate;             // with load, first run and agreement
  std::vector<std::vector<double>> rounds;  // milliseconds of every request, by round
  std::vector<double> engine_ms;            // the engine's own part of each
  std::vector<Throughput> throughput;
  std::size_t memory_bytes = 0;  // the worker's peak; 0 when it shares this process
};

struct BenchFigures {
  std::vector<PlacementFigures> placements;  // fastest first
  std::vector<runtime::Candidate> rejected;
  std::string no_npu;
};

Result<BenchFigures> measure(const BenchPlan& plan);

/// The value below which `fraction` of the values lie (nearest rank); 0 of none.
double percentile(std::vector<double> values, double fraction);

/// How many times as long one takes as the other: median and extremes over the rounds that both
/// have.
struct Ratio {
  double median = 1, least = 1, most = 1;
};
Ratio ratio_of(const PlacementFigures& one, const PlacementFigures& base);

/// All latencies of all rounds.
std::vector<double> all_rounds(const PlacementFigures& figures);

}  // namespace anynpu::command
