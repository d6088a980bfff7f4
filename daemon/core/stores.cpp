// SPDX-License-Identifier: BSD-3-Clause
#include "core/stores.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

namespace llp::core {

namespace {

asio::awaitable<Result<void>> open_spool(Context& c, std::shared_ptr<store::Files> files) {
  const SpoolConfig& config = c.config.spool;
  auto spool = std::make_shared<SpoolAccess>(c.executor, c.pool, c.changed);
  const store::SpoolLimits limits{config.max_bytes, config.max_messages, c.config.dead_letter_bytes,
                                  c.config.dead_letters};
  std::vector<std::string> notes;
  auto up = co_await spool->open(std::move(files), config.dir, c.config.name, limits, notes);
  if (!up) {
    up.error().message = "the spool cannot be used: " + up.error().message;
    co_return up;
  }
  c.counters.torn_files += notes.size();
  for (const std::string& note : notes) c.log.warning("{}", note);
  c.spool = std::move(spool);
  const store::SpoolState& state = c.spool->state();
  if (state.queued + state.dead > 0) {
    c.log.notice("in the spool: {} messages wait, {} are dead letters", state.queued, state.dead);
  }
  co_return Result<void>{};
}

// Where the journal is; empty: nowhere.
store::Path journal_path(const LineConfig& config) {
  const JournalConfig& journal = config.journal;
  if (journal.mode == JournalMode::off) return {};
  if (!journal.path.empty()) return journal.path;
  if (!journal.state_dir.empty()) return store::Path(journal.state_dir) / "journal";
  if (!config.spool.dir.empty()) return store::Path(config.spool.dir) / config.name / "journal";
  return {};
}

Result<void> make_state_dir(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  const store::Path parent = store::Path(path).parent_path();
  std::filesystem::create_directories(parent, error);
  if (error) return fail_errno(parent.native(), error.value());
  return store::system_files()->make_directory(path, store::Files::Access::ours);
}

asio::awaitable<Result<void>> join_journal(Context& c, std::shared_ptr<store::Files> files,
                                           const store::Path& path) {
  const JournalConfig& config = c.config.journal;
  if (config.path.empty() && !config.state_dir.empty()) {
    auto job = [directory = config.state_dir] { return make_state_dir(directory); };
    auto made = co_await c.pool->run(std::move(job));
    if (!made) co_return made;
  }
  const auto set = c.config.journals ? c.config.journals : std::make_shared<JournalSet>();
  auto journal = set->get(c.executor, c.pool, std::move(files), path);
  std::vector<std::string> notes;
  auto joined = co_await journal->join({c.config.dup_window, c.config.dup_entries}, notes);
  if (!joined) co_return joined;
  c.counters.torn_files += notes.size();
  for (const std::string& note : notes) c.log.warning("{}", note);
  c.journal = std::move(journal);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> open_journal(Context& c, std::shared_ptr<store::Files> files) {
  const store::Path path = journal_path(c.config);
  if (path.empty()) {
    if (c.config.journal.mode != JournalMode::on) co_return Result<void>{};
    co_return fail(Errc::invalid, "journal=on needs a place for it: write its path, or give a spool");
  }
  auto joined = co_await join_journal(c, std::move(files), path);
  if (joined) co_return joined;
  if (c.config.journal.mode == JournalMode::automatic && c.config.journal.path.empty()) {
    c.log.warning("there is no attempt journal, so after a restart possible duplicates are not known: {}",
                  joined.error().message);
    co_return Result<void>{};
  }
  joined.error().message = "the attempt journal cannot be used: " + joined.error().message;
  co_return joined;
}

// What was known of this line's messages before the restart.
using Known = std::map<MessageKey, store::AttemptState>;
asio::awaitable<Known> restore(Context& c) {
  using store::AttemptState;
  Known known;
  if (!c.journal) co_return known;
  const auto records = co_await c.journal->of_line(c.config.name);
  const auto now = Clock::now();
  const auto wall = wall_clock();
  std::size_t unfinished = 0;
  for (const store::AttemptRecord& record : records) {
    known[record.key] = record.state;
    if (record.state == AttemptState::begun) {
      ++unfinished;
      c.duplicates.restore(record.key, DuplicateStore::State::failed, now, kNever);
      continue;
    }
    const auto left = c.config.dup_window - store::age(record.time, wall);
    if (left <= std::chrono::nanoseconds::zero()) continue;
    c.duplicates.restore(
        record.key,
        record.state == AttemptState::done ? DuplicateStore::State::done : DuplicateStore::State::failed, now,
        later(now, left));
  }
  if (unfinished > 0) {
    c.log.notice("{} deliveries were cut off before: their messages are possible duplicates", unfinished);
  }
  co_return known;
}

// Messages in the spool that were perhaps delivered before the restart.
asio::awaitable<void> mark_doubtful(Context& c, const Known& known) {
  if (!c.spool) co_return;
  const auto letters = co_await c.spool->list(store::Place::queue);
  if (!letters) co_return;
  bool first = true;
  for (const store::Letter& letter : *letters) {
    // Its sender may not know that it is here, and send it again.
    c.duplicates.restore(letter.key, DuplicateStore::State::done, Clock::now(), kNever);
    // Without a journal only the first can have been under way.
    const auto record = known.find(letter.key);
    const bool doubtful =
        c.journal ? record != known.end() && record->second != store::AttemptState::failed : first;
    first = false;
    if (!doubtful || letter.possible_duplicate) continue;
    ++c.counters.possible_duplicates;
    c.tell({{}, false, "possible-duplicate", letter.key.length, 0, {}, "its delivery was cut off"});
    c.log.warning("message {} in the spool, {} bytes, is a possible duplicate: its delivery was cut off",
                  letter.id, letter.key.length);
    const auto marked = co_await c.spool->mark(letter.id, true, letter.attempts);
    if (!marked)
      c.log.error("message {} cannot be marked on the disk: {}", letter.id, marked.error().message);
  }
}

}  // namespace

asio::awaitable<Result<void>> open_stores(Context& c) {
  const bool spool = !c.config.spool.dir.empty();
  if (!spool && journal_path(c.config).empty() && c.config.journal.mode != JournalMode::on) {
    co_return Result<void>{};
  }
  c.pool = c.config.stream.pool ? c.config.stream.pool : std::make_shared<WorkerPool>(2);
  const auto files = store::system_files();
  Result<void> up;
  if (spool) up = co_await open_spool(c, files);
  if (up) up = co_await open_journal(c, files);
  if (!up) co_return up;
  const Known known = co_await restore(c);
  co_await mark_doubtful(c, known);
  co_return up;
}

asio::awaitable<void> close_stores(Context& c) {
  if (c.journal) co_await c.journal->flush();
  c.journal.reset();
  c.spool.reset();
}

}  // namespace llp::core
