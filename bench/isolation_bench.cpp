// SPDX-License-Identifier: Apache-2.0
// What isolation costs: the same session called directly, through a worker process (shared memory
// and control socket), and through the whole of a served model (queue, lane, worker). And what any
// other process would cost at least: one that gets a byte, runs the same session and sends its time
// back, with no tensor and no message.
//
//   build/release/bin/isolation_bench [ROUNDS]       ANYNPU_BENCH_MODEL=mobilenet_v1
//
// Two figures, by the method of bench/in_turn.h: what a whole call takes longer, in which the noise
// of the engine's own milliseconds remains; and what a call takes beyond the time that the engine
// itself reports, in which that noise is not, but neither what isolation does to the engine.
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/engines.h"
#include "in_turn.h"
#include "model/store.h"
#include "runtime/choose.h"
#include "runtime/hand_over.h"
#include "runtime/served_model.h"
#include "runtime/worker.h"
#include "runtime/worker_main.h"
#include "same_memory.h"

namespace {

using namespace anynpu;
using namespace anynpu::runtime;

constexpr int kRounds = 60;

class ZeroSource : public InputSource {
 public:
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo& tensor) const override {
    return tensor.shape;
  }
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte> to) const override {
    std::memset(to.data(), 0, to.size());
    return {};
  }
};

Result<double> call_worker(Worker& worker, const InputSource& source) {
  const InputSource* sources[] = {&source};
  auto ran = run_batch(worker, sources, {}, Clock::now() + seconds(60));
  if (!ran) return ran.error().error;
  return ran->infer_ms;
}

/// A forked process with a session of its own, over a socket pair.
class BareProcess {
 public:
  // Forked while this process has one thread.
  Result<> start(const Placement& placement) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return system_error("socketpair");
    socket_ = Fd(ends[0]);
    const Fd other(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("fork");
    if (pid == 0) {
      socket_ = Fd();  // so that it ends with its parent
      serve(placement, other.get());
    }
    return {};
  }

  Result<double> call() {
    double engine_ms = 0;
    if (::send(socket_.get(), "", 1, MSG_NOSIGNAL) != 1 ||
        ::recv(socket_.get(), &engine_ms, sizeof engine_ms, 0) != sizeof engine_ms)
      return Error{Code::kCrashed, "the bare process has ended"};
    return engine_ms;
  }

 private:
  [[noreturn]] static void serve(const Placement& placement, int socket) {
    Quarantine quarantine;
    auto worker = start_worker(placement, false, Clock::now() + kLoadLimit, {}, quarantine);
    char asked = 0;
    while (worker && ::recv(socket, &asked, 1, 0) == 1) {
      const auto engine_ms = call_worker(**worker, ZeroSource());
      if (!engine_ms || ::send(socket, &*engine_ms, sizeof *engine_ms, MSG_NOSIGNAL) < 0) break;
    }
    ::_exit(0);
  }

  Fd socket_;
};

Result<> measure(int rounds) {
  const char* wanted = std::getenv("ANYNPU_BENCH_MODEL");
  ANYNPU_TRY(package, model::open_package(wanted != nullptr ? wanted : "mobilenet_v1"));
  const model::Artifact& artifact = package.latest().artifacts[0];
  ANYNPU_TRY(engine, engine::open_engine(artifact.engine));
  const Placement placement{artifact, artifact.engine, engine->variants()[0], "cpu", 1};

  BareProcess bare;
  ANYNPU_CHECK(bare.start(placement));
  Quarantine quarantine;
  ANYNPU_TRY(direct, start_worker(placement, false, Clock::now() + kLoadLimit, {}, quarantine));
  ANYNPU_TRY(process, start_worker(placement, true, Clock::now() + kLoadLimit, {}, quarantine));
  const auto source = std::make_shared<ZeroSource>();
  ServeOptions options;
  options.instances = 1;
  options.only = placement.id();
  ANYNPU_TRY(served, ServedModel::start(package, package.latest().number, source, options));

  std::vector<bench::Way> ways;
  HandOver hand_over;
  ways.push_back({"direct call", [&] {
                    hand_over.end();
                    return call_worker(*direct, *source);
                  }});
  ways.push_back({"in a bare process", [&] {
                    hand_over.end();
                    return bare.call();
                  }});
  ways.push_back({"in a worker process", [&] {
                    const HandOver::Run run(hand_over, *process);  // as a lane does
                    return call_worker(*process, *source);
                  }});
  ways.push_back({"served model", [&]() -> Result<double> {
                    hand_over.end();
                    Request request;
                    request.input = source;
                    ANYNPU_TRY(reply, served->infer(std::move(request)));
                    return reply.infer_ms;
                  }});
  ANYNPU_CHECK(bench::take_turns(ways, rounds));

  fmt::print("{}, {} blocks of {} calls each way; medians in ms, added ones with 95 % intervals\n",
             placement.id(), 2 * rounds, bench::kCallsOfBlock);
  fmt::print("{:20}{:>9}{:>9}  {:26}{}\n", "", "call", "outside", "added to the call",
             "added outside the engine");
  for (const bench::Way& way : ways) {
    fmt::print("{:20}{:>9.3f}{:>9.3f}", way.name, bench::median(way.whole),
               bench::median(way.outside));
    if (&way != &ways[0])
      fmt::print("  {:26}{}", to_string(bench::difference(way.whole, ways[0].whole)),
                 to_string(bench::difference(way.outside, ways[0].outside)));
    fmt::print("\n");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "worker") == 0) return worker_main(std::atoi(argv[3]));
  bench::take_same_memory(argv);
  const int rounds = argc > 1 ? std::atoi(argv[1]) : kRounds;
  if (rounds < bench::kLeastRounds) {
    fmt::print(stderr, "usage: isolation_bench [ROUNDS, at least {}]\n", bench::kLeastRounds);
    return 2;
  }
  if (auto measured = measure(rounds); !measured) {
    fmt::print(stderr, "{}\n", measured.error().message);
    return 1;
  }
  return 0;
}
