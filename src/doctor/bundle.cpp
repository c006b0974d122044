// SPDX-License-Identifier: Apache-2.0
// A support bundle of a machine, with the doctor's own report in it.
#include "doctor/bundle.h"

#include <sstream>

#include "doctor/doctor.h"
#include "doctor/json.h"
#include "host/bundle.h"
#include "host/recorder.h"

namespace anynpu::doctor {

std::string make_bundle(const host::Machine& machine) {
  Diagnosis guarded = diagnose(machine);
  std::ostringstream text;
  auto report = json_report(text);
  write(guarded, false, *report);
  report->finish();

  host::Recorder recorder(machine);
  std::vector<const npu::Check*> safe;
  for (const Outcome& outcome : guarded.outcomes)
    if (!outcome.lost) safe.push_back(outcome.check);
  Options here;
  here.isolated = false;
  if (guarded.failure.empty()) diagnose(recorder, safe, here);
  return host::write_bundle(host::without_secrets(recorder.description()),
                            {{"doctor.json", text.str()}});
}

}  // namespace anynpu::doctor
