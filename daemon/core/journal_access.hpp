// SPDX-License-Identifier: BSD-3-Clause
// The attempt journal for coroutines of many lines: what they write at one time
// is synced at once, in the worker pool.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "core/event.hpp"
#include "store/journal.hpp"

namespace llp::core {

class JournalAccess : public std::enable_shared_from_this<JournalAccess> {
 public:
  JournalAccess(asio::any_io_executor executor, std::shared_ptr<WorkerPool> pool,
                std::shared_ptr<store::Files> files, store::Path path);

  // Opens it, if that was not done before, and makes room for one more line.
  // `notes`: what could not be read of it.
  [[nodiscard]] asio::awaitable<Result<void>> join(store::JournalLimits limits,
                                                   std::vector<std::string>& notes);
  // What is known of a line's messages, the oldest first.
  [[nodiscard]] asio::awaitable<std::vector<store::AttemptRecord>> of_line(std::string line);

  // An attempt begins: returns when that is on the disk.
  [[nodiscard]] asio::awaitable<Result<store::AttemptId>> begin(std::string line, store::MessageKey key);
  // It has ended. Written soon: if that is too late, the attempt counts as one
  // whose end is not known.
  void end(store::AttemptId id, store::AttemptState state);
  // All that was said is on the disk, or cannot be written.
  [[nodiscard]] asio::awaitable<void> flush();

  [[nodiscard]] const store::Path& path() const noexcept { return path_; }

 private:
  struct Batch {
    std::vector<store::JournalEntry> entries;
    std::optional<Result<void>> result;
  };
  [[nodiscard]] asio::awaitable<void> write();
  void write_soon();

  asio::any_io_executor executor_;
  std::shared_ptr<WorkerPool> pool_;
  std::shared_ptr<store::Files> files_;
  store::Path path_;
  Event changed_;
  asio::steady_timer soon_;
  bool waiting_ = false;  // for soon_
  bool busy_ = false;     // a worker has the journal
  std::shared_ptr<store::Journal> journal_;
  store::AttemptId next_ = 1;
  std::shared_ptr<Batch> batch_ = std::make_shared<Batch>();
};

// The journals of a program, one for each file.
class JournalSet {
 public:
  [[nodiscard]] std::shared_ptr<JournalAccess> get(asio::any_io_executor executor,
                                                   std::shared_ptr<WorkerPool> pool,
                                                   std::shared_ptr<store::Files> files,
                                                   const store::Path& path);

 private:
  std::map<std::string, std::weak_ptr<JournalAccess>> journals_;
};

}  // namespace llp::core
