// SPDX-License-Identifier: BSD-3-Clause
// Attempts that are written down, and messages that may have been delivered
// before.
#include <utility>

#include "core/proximal.hpp"

namespace llp::core {

// `suspect`: a possible duplicate. `id` is set when the attempt is in the journal.
std::shared_ptr<Attempt> Proximal::make_attempt(Bytes text, const MessageKey& key, Clock::time_point deadline,
                                                bool watch_host, bool suspect,
                                                std::shared_ptr<std::optional<store::AttemptId>> id) {
  const bool divert = suspect && c_.config.on_duplicate == OnDuplicate::divert;
  if (divert) ++c_.counters.duplicates_diverted;
  auto attempt = std::make_shared<Attempt>(c_.executor, divert ? diverted_ : targets_, c_.config.illp,
                                           c_.changed, std::move(text), key, deadline, watch_host, c_.log);
  if (c_.journal) {
    attempt->before_first_byte([this, key, id = std::move(id)] { return begin_journal(key, id); });
  }
  return attempt;
}

asio::awaitable<Result<void>> Proximal::begin_journal(MessageKey key,
                                                      std::shared_ptr<std::optional<store::AttemptId>> id) {
  auto begun = co_await c_.journal->begin(c_.config.name, key);
  if (!begun) {
    ++c_.counters.journal_errors;
    c_.log.error("the attempt journal cannot be written, so nothing is delivered: {}", begun.error().message);
    co_return std::unexpected(std::move(begun.error()));
  }
  *id = *begun;
  co_return Result<void>{};
}

void Proximal::end_journal(const Attempt& attempt, const std::optional<store::AttemptId>& id) {
  if (!id) return;
  using store::AttemptState;
  c_.journal->end(*id, attempt.result()        ? AttemptState::done
                       : attempt.handed_over() ? AttemptState::failed
                                               : AttemptState::unseen);
}

void Proximal::note_duplicate(std::size_t size, const char* what) {
  ++c_.counters.possible_duplicates;
  c_.tell({{}, false, "possible-duplicate", size, 0, {}, what});
  c_.log.warning("message of {} bytes is a possible duplicate of one before: {}", size, what);
}

// on_duplicate=drop: the instrument is told that we have it.
asio::awaitable<void> Proximal::drop_duplicate(Inbound in) {
  note_duplicate(in.key.length, "acknowledged and not delivered (on_duplicate)");
  ++c_.counters.duplicates_dropped;
  c_.audit_message(in.key, in.id, "duplicate-dropped");
  const bool known = co_await settle(in, false);
  if (!known) ++c_.counters.too_late;
  if (c_.transaction_over) c_.transaction_over();
}

}  // namespace llp::core
