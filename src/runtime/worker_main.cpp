// SPDX-License-Identifier: Apache-2.0
// What runs in a worker process: loads one artifact, runs it on tensors in shared memory.
//
// Everything that a vendor library can do wrong happens here: it may crash, hang, print, or write
// over this process's memory. The server survives all of that because it holds nothing but a
// socket, a sealed piece of memory and a process id.
#include "runtime/worker_main.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tell.h"
#include "engine/engines.h"
#include "runtime/hand_over.h"
#include "runtime/session_json.h"
#include "runtime/shared_memory.h"
#include "runtime/wire.h"

namespace anynpu::runtime {
namespace {

class WorkerLoop {
 public:
  explicit WorkerLoop(Channel channel) : channel_(std::move(channel)) {}

  int run() {
    while (true) {
      auto message = channel_.receive(std::nullopt);
      if (!message) return 0;  // the server is gone
      if (message->type == MessageType::kQuit) {
        session_.reset();  // gives the device back before the process ends
        return 0;
      }
      auto answer = handle(*message);
      if (message->type == MessageType::kMemory) {
        if (answer) continue;
        // Nobody waits for an answer to that: it would be taken for the next one's.
        tell("{}\n", answer.error().message);
        return 1;
      }
      if (!answer) answer = failure_message(answer.error());
      auto sent = channel_.send(*answer);
      if (!sent && sent.error().code == Code::kTooLarge)
        sent = channel_.send(failure_message(sent.error()));
      if (!sent) return 0;
    }
  }

 private:
  Result<Message> handle(Message& message) {
    switch (message.type) {
      case MessageType::kLoad:
        return load(message.text);
      case MessageType::kMemory:
        return attach(message);
      case MessageType::kRun:
        return run(message.numbers);
      case MessageType::kFetch:
        return fetch(message.numbers);
      default:
        return Error{Code::kInternal, "a worker got a message that only servers get"};
    }
  }

  Result<Message> load(const std::string& text) {
    Json request = Json::parse(text, nullptr, false);
    if (!request.is_object()) return Error{Code::kInternal, "a worker got a garbled load message"};
    ANYNPU_TRY(engine, engine::open_engine(request.value("engine", "")));
    engine::LoadOptions options{request.value("threads", 1), request.value("variant", "")};
    options.device_node = request.value("device_node", "");
    options.device_index = request.value("device_index", 0);
    options.decoder = request.value("decoder", "");
    options.core_mask = request.value("core_mask", 0U);
    ANYNPU_TRY(session, engine->load(request.value("artifact", ""), options));
    session_ = std::move(session);
    return Message{MessageType::kLoaded,
                   {},
                   to_json(session_->info()).dump(-1, ' ', false, Json::error_handler_t::replace)};
  }

  // Not answered: the next message is, and messages keep their order. What fails here ends the
  // worker.
  Result<Message> attach(Message& message) {
    Numbers numbers(message.numbers);
    memory_ = SharedMemory();
    ANYNPU_TRY(memory, SharedMemory::attach(std::move(message.fd),
                                            static_cast<std::size_t>(numbers.next())));
    memory_ = std::move(memory);
    return Message{MessageType::kMemory};
  }

  Result<Message> run(const std::vector<std::int64_t>& request) {
    if (!session_) return Error{Code::kInternal, "a worker was asked to run before it had loaded"};
    Numbers numbers(request);
    if (numbers.next() != 0) run_anywhere();
    auto output_offset = static_cast<std::size_t>(numbers.next());
    std::vector<Slot> inputs;
    std::vector<engine::Shape> shapes;
    for (std::int64_t count = numbers.next(); count > 0; --count) {
      ANYNPU_TRY(slot, read_slot(numbers, memory_.size()));
      shapes.push_back(slot.shape);
      inputs.push_back(std::move(slot));
    }
    TimePoint start = Clock::now();
    ANYNPU_CHECK(session_->set_input_shapes(shapes));
    for (std::size_t i = 0; i < inputs.size(); ++i)
      ANYNPU_CHECK(
          session_->set_input(i, memory_.bytes().subspan(inputs[i].offset, inputs[i].bytes)));
    ANYNPU_CHECK(session_->run());
    nanoseconds_ =
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
    return copy_outputs(output_offset);
  }

  Result<Message> fetch(const std::vector<std::int64_t>& request) {
    if (!session_)
      return Error{Code::kInternal, "a worker was asked for outputs before it had loaded"};
    Numbers numbers(request);
    return copy_outputs(static_cast<std::size_t>(numbers.next()));
  }

  Result<Message> copy_outputs(std::size_t offset) {
    std::vector<engine::Session::OutputView> views;
    std::size_t needed = 0;
    for (std::size_t i = 0; i < session_->info().outputs.size(); ++i) {
      ANYNPU_TRY(view, session_->output(i));
      needed = aligned(needed) + view.bytes.size();
      views.push_back(std::move(view));
    }
    if (offset > memory_.size() || needed > memory_.size() - offset)
      return Message{MessageType::kGrow, {nanoseconds_, static_cast<std::int64_t>(needed)}};
    const engine::Session::Remarks remarks = session_->remarks();
    Message answer{MessageType::kRan,
                   {nanoseconds_, remarks.worn ? 1 : 0, ::sched_getcpu(),
                    static_cast<std::int64_t>(views.size())},
                   remarks.suspect};
    std::size_t at = 0;
    for (auto& view : views) {
      at = aligned(at);
      if (!view.bytes.empty())
        std::memcpy(memory_.bytes().data() + offset + at, view.bytes.data(), view.bytes.size());
      append(answer.numbers, Slot{offset + at, view.bytes.size(), std::move(view.shape)});
      at += view.bytes.size();
    }
    return answer;
  }

  Channel channel_;
  std::unique_ptr<engine::Session> session_;
  SharedMemory memory_;
  std::int64_t nanoseconds_ = 0;
};

// Ends this process when the server is gone, even while the main thread hangs in a vendor library.
void end_with_server(int control_fd) {
  pollfd watched{control_fd, 0, 0};  // POLLHUP is always reported
  while (::poll(&watched, 1, -1) <= 0) {
  }
  ::_exit(0);
}

}  // namespace

int worker_main(int control_fd) {
  ::prctl(PR_SET_NAME, "anynpu-worker");
  ::signal(SIGPIPE, SIG_IGN);
  std::ofstream("/proc/self/oom_score_adj") << "500";  // when memory runs out, not the server first
  if (auto ready = log::set_up("warn"); !ready) return 1;
  std::thread(end_with_server, control_fd).detach();
  engine::allow_vendor_libraries();
  // It outlives this function: a socket that is closed here would be taken for a server that is
  // gone.
  WorkerLoop loop(Channel{Fd(control_fd)});
  const int code = loop.run();
  // Destructors of vendor libraries are known to crash or hang at exit; there is nothing left to
  // save.
  ::_exit(code);
}

}  // namespace anynpu::runtime
