// SPDX-License-Identifier: Apache-2.0
// The guard: a delegate of our own around Teflon's, which shows it only the nodes that it computes
// rightly (engine/teflon_rules.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/teflon_abi.h"
#include "engine/teflon_rules.h"

namespace anynpu::engine::teflon {

/// What became of a graph.
struct Coverage {
  int operators = 0;                     // of the whole graph
  int taken = 0;                         // by the delegate, after the guard
  int partitions = 0;                    // each is one trip to the NPU
  std::map<std::string, int> kept_back;  // convolutions and additions that stay, by reason

  /// "28 of 31 operators in 2 partitions on the NPU; 3 convolutions kept back: it is dilated"
  std::string text() const;
};

class Guard {
 public:
  /// `inner` must outlive every graph that the guard was applied to.
  Guard(tflite::WholeDelegate* inner, const MesaVersion& version);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// For TfLiteInterpreterModifyGraphWithDelegate. The guard must outlive the interpreter.
  tflite::Delegate* delegate() { return reinterpret_cast<tflite::Delegate*>(&outer_.delegate); }
  const Coverage& coverage() const { return coverage_; }

 private:
  // The delegate is the first member, so that a pointer to it leads back here.
  struct Outer {
    tflite::WholeDelegate delegate;
    Guard* guard;
  };

  static tflite::Status prepare(tflite::WholeContext*, tflite::WholeDelegate*);
  static tflite::Status show_plan(tflite::WholeContext*, tflite::IntArray** plan);
  static tflite::Status replace_nodes(tflite::WholeContext*, tflite::RegistrationArgument,
                                      const tflite::IntArray* nodes, tflite::WholeDelegate*);

  tflite::Status prepare_inner(tflite::WholeContext* context);
  std::vector<int> allowed_nodes(tflite::WholeContext* context, const std::vector<int>& plan);
  std::vector<int> without_unsafe_additions(tflite::WholeContext* context, std::vector<int> nodes);
  void keep_back(const std::string& why) { ++coverage_.kept_back[why]; }

  Outer outer_;
  tflite::WholeDelegate* inner_;
  MesaVersion version_;
  Coverage coverage_;
  // While the inner delegate prepares.
  tflite::Status (*true_plan_)(tflite::WholeContext*, tflite::IntArray**) = nullptr;
  decltype(tflite::WholeContext::replace_nodes) true_replace_ = nullptr;
  std::vector<tflite::IntList> lists_;  // TFLite's or the delegate's to read until it is done
};

}  // namespace anynpu::engine::teflon
