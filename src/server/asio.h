// SPDX-License-Identifier: Apache-2.0
// Boost.Asio's coroutines under a short name, and the bridge from callbacks to co_await.
//
// GCC 12 miscompiles some temporaries inside co_await expressions: coroutines here take their
// arguments by value or as references to named objects, and give every awaitable a name.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unistd.h>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/hand_over.h"

// GCC 12 takes the frames of inlined coroutines, which Asio allocates by itself, for a mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace anynpu::server {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

/// Suspends the coroutine, calls `start` with a callback, and resumes with the callback's value on
/// the coroutine's own executor. The callback may come from any thread, and must come exactly once.
template <typename T>
asio::awaitable<T> await_callback(std::function<void(std::function<void(T)>)> start) {
  auto initiate = [&start](auto handler) {
    auto executor = asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked);  // NOLINT
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    start([waiting, executor, loop = ::gettid()](T value) {
      // The loop goes on where the lane that calls this falls asleep, if no other run is under way.
      const bool confined = runtime::confine_beside(loop);
      asio::post(executor, [waiting, confined, value = std::move(value)]() mutable {
        if (confined) runtime::run_anywhere();
        auto resume = std::move(*waiting);
        resume(std::move(value));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      initiate, asio::use_awaitable);
}

/// `done`, called once: with what the result is called with, or with `late` at the deadline.
template <typename T>
std::function<void(Result<T>)> by_deadline(const asio::any_io_executor& executor,
                                           TimePoint deadline, Error late,
                                           std::function<void(Result<T>)> done) {
  struct Race {
    Race(asio::steady_timer timer_in, std::function<void(Result<T>)> done_in)
        : timer(std::move(timer_in)), done(std::move(done_in)) {}
    asio::steady_timer timer;
    std::function<void(Result<T>)> done;
    std::atomic<bool> over = false;
  };
  auto race = std::make_shared<Race>(asio::steady_timer(executor, deadline), std::move(done));
  race->timer.async_wait([race, late = std::move(late)](const ErrorCode&) mutable {
    if (!race->over.exchange(true)) race->done(std::move(late));
  });
  return [race, executor](Result<T> result) {
    if (race->over.exchange(true)) return;
    asio::post(executor, [race] { race->timer.cancel(); });
    race->done(std::move(result));
  };
}

}  // namespace anynpu::server
