// SPDX-License-Identifier: BSD-3-Clause
#include "core/journal_access.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <exception>
#include <utility>

#include "core/spool_access.hpp"

namespace llp::core {

namespace {

// Ends of attempts wait so long for something that must be synced anyway.
constexpr auto kSoon = std::chrono::seconds(1);

// As `busy` of one who has the journal.
class Taken {
 public:
  Taken(bool& busy, Event& changed) : busy_(busy), changed_(changed) { busy_ = true; }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  ~Taken() {
    busy_ = false;
    changed_.notify();
  }

 private:
  bool& busy_;
  Event& changed_;
};

asio::awaitable<void> flush_it(std::shared_ptr<JournalAccess> journal) { co_await journal->flush(); }

}  // namespace

JournalAccess::JournalAccess(asio::any_io_executor executor, std::shared_ptr<WorkerPool> pool,
                             std::shared_ptr<store::Files> files, store::Path path)
    : executor_(std::move(executor)),
      pool_(std::move(pool)),
      files_(std::move(files)),
      path_(std::move(path)),
      changed_(executor_),
      soon_(executor_) {}

asio::awaitable<Result<void>> JournalAccess::join(store::JournalLimits limits,
                                                  std::vector<std::string>& notes) {
  const auto self = shared_from_this();
  while (busy_) co_await changed_.wait();
  const Taken taken(busy_, changed_);
  if (journal_) {
    journal_->widen(limits);
    co_return Result<void>{};
  }
  using Opened = std::pair<std::unique_ptr<store::Journal>, std::vector<std::string>>;
  auto job = [files = files_, path = path_, limits, now = wall_clock()]() -> Result<Opened> {
    std::vector<std::string> said;
    auto journal = store::Journal::open(files, path, limits, now, said);
    if (!journal) return std::unexpected(std::move(journal.error()));
    return Opened(std::move(*journal), std::move(said));
  };
  auto opened = co_await pool_->run(std::move(job));
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  journal_ = std::move(opened->first);
  notes = std::move(opened->second);
  next_ = journal_->next();
  co_return Result<void>{};
}

asio::awaitable<std::vector<store::AttemptRecord>> JournalAccess::of_line(std::string line) {
  const auto self = shared_from_this();
  while (busy_) co_await changed_.wait();
  co_return journal_->of_line(line);
}

asio::awaitable<Result<store::AttemptId>> JournalAccess::begin(std::string line, store::MessageKey key) {
  const auto self = shared_from_this();
  const auto batch = batch_;
  const store::AttemptId id = next_++;
  batch->entries.push_back({store::JournalEntry::Kind::begin,
                            {id, std::move(line), key, wall_clock(), store::AttemptState::begun}});
  while (!batch->result) {
    if (busy_) {
      co_await changed_.wait();
    } else {
      co_await write();
    }
  }
  if (!*batch->result) co_return std::unexpected(batch->result->error());
  co_return id;
}

void JournalAccess::end(store::AttemptId id, store::AttemptState state) {
  batch_->entries.push_back({store::JournalEntry::Kind::end, {id, {}, {}, wall_clock(), state}});
  write_soon();
}

void JournalAccess::write_soon() {
  if (std::exchange(waiting_, true)) return;
  soon_.expires_after(kSoon);
  soon_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->waiting_ = false;
    asio::co_spawn(self->executor_, flush_it(self), asio::detached);
  });
}

asio::awaitable<void> JournalAccess::flush() {
  const auto self = shared_from_this();
  const auto batch = batch_;
  while (!batch->result && !batch->entries.empty()) {
    if (busy_) {
      co_await changed_.wait();
    } else {
      co_await write();
    }
  }
}

// Everything that waits now, in one write.
asio::awaitable<void> JournalAccess::write() {
  const Taken taken(busy_, changed_);
  const auto batch = std::exchange(batch_, std::make_shared<Batch>());
  auto job = [journal = journal_, batch, now = wall_clock()]() -> Result<void> {
    return journal->append(batch->entries, now);
  };
  try {
    batch->result = co_await pool_->run(std::move(job));
  } catch (const std::exception& e) {
    batch->result = fail(Errc::system, path_.native() + ": " + e.what());
  }
}

std::shared_ptr<JournalAccess> JournalSet::get(asio::any_io_executor executor,
                                               std::shared_ptr<WorkerPool> pool,
                                               std::shared_ptr<store::Files> files, const store::Path& path) {
  auto& known = journals_[path.lexically_normal().native()];
  auto journal = known.lock();
  if (!journal) {
    journal = std::make_shared<JournalAccess>(std::move(executor), std::move(pool), std::move(files), path);
    known = journal;
  }
  return journal;
}

}  // namespace llp::core
