// SPDX-License-Identifier: Apache-2.0
// GET /metrics.
#include "server/metrics_route.h"

#include <algorithm>

namespace anynpu::server {

ServerFigures figures_of(const Services& services) {
  ServerFigures figures;
  figures.http = services.http.counters();
  figures.decode_waiting = services.pool.waiting();
  for (const ModelStatus& model : services.models.status()) {
    ModelFigures one{.model = model.package.name, .version = model.version};
    one.ready = model.state == ModelState::kReady && model.hosted != nullptr;
    if (one.ready) {
      for (runtime::DeviceCircuit& circuit : model.hosted->served->circuits())
        if (std::none_of(figures.circuits.begin(), figures.circuits.end(),
                         [&](const auto& known) { return known.device == circuit.device; }))
          figures.circuits.push_back(std::move(circuit));
      one.counters = model.hosted->served->counters();
      for (const runtime::Candidate& candidate : model.hosted->served->placements().ranked)
        one.placements.push_back(candidate.placement);
    }
    figures.models.push_back(std::move(one));
  }
  if (services.speech_figures) figures.speech = services.speech_figures();
  return figures;
}

void add_metrics_route(Router& router, const Services& services, const Metrics& metrics) {
  router.add_plain(
      "GET", "/metrics", "Figures for Prometheus.", [&services, &metrics](RequestContext&) {
        Response response;
        response.headers.push_back({"Content-Type", std::string(Metrics::kContentType)});
        response.body = metrics.text(figures_of(services));
        return response;
      });
}

}  // namespace anynpu::server
