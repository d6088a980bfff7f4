// SPDX-License-Identifier: BSD-3-Clause
// A line's spool for coroutines: its calls run in the worker pool, one after
// the other, and what is known of it can be asked at any time.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "core/event.hpp"
#include "store/spool.hpp"

namespace llp::core {

[[nodiscard]] inline store::Time wall_clock() {
  return std::chrono::time_point_cast<store::Time::duration>(std::chrono::system_clock::now());
}

class SpoolAccess : public std::enable_shared_from_this<SpoolAccess> {
 public:
  // `changed` is notified after every call; it must live as long as this.
  SpoolAccess(asio::any_io_executor executor, std::shared_ptr<WorkerPool> pool, Event& changed)
      : pool_(std::move(pool)), changed_(changed), free_(std::move(executor)) {}

  [[nodiscard]] asio::awaitable<Result<void>> open(std::shared_ptr<store::Files> files, store::Path dir,
                                                   std::string line, store::SpoolLimits limits,
                                                   std::vector<std::string>& notes);

  // As it is after the last call that ended.
  [[nodiscard]] const store::SpoolState& state() const noexcept { return state_; }

  // As in store::Spool, with the wall clock as it is now.
  [[nodiscard]] asio::awaitable<Result<store::Letter>> put(store::Bytes text, store::MessageKey key,
                                                           bool possible_duplicate);
  [[nodiscard]] asio::awaitable<Result<store::Bytes>> read(store::Place place, store::MessageNumber id);
  [[nodiscard]] asio::awaitable<Result<void>> remove(store::MessageNumber id);
  [[nodiscard]] asio::awaitable<Result<void>> tidy();
  [[nodiscard]] asio::awaitable<Result<void>> mark(store::MessageNumber id, bool possible_duplicate,
                                                   std::uint32_t attempts);
  [[nodiscard]] asio::awaitable<Result<void>> bury(store::MessageNumber id, std::string reason);
  [[nodiscard]] asio::awaitable<Result<std::size_t>> keep(store::LetterKind kind, store::Bytes text);
  [[nodiscard]] asio::awaitable<Result<void>> retry(store::MessageNumber id);
  [[nodiscard]] asio::awaitable<Result<void>> drop(store::Place place, store::MessageNumber id);
  [[nodiscard]] asio::awaitable<Result<std::vector<store::Letter>>> list(store::Place place);
  [[nodiscard]] asio::awaitable<Result<void>> probe(std::size_t size);

 private:
  // Calls f(spool) on a worker; f returns a Result.
  template <class F>
  [[nodiscard]] asio::awaitable<std::invoke_result_t<F&, store::Spool&>> run(F f);

  std::shared_ptr<WorkerPool> pool_;
  Event& changed_;
  Event free_;
  bool busy_ = false;
  std::shared_ptr<store::Spool> spool_;
  store::SpoolState state_;
};

}  // namespace llp::core
