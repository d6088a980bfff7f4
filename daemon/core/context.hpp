// SPDX-License-Identifier: BSD-3-Clause
// What the two servers of a line share. Not for use outside daemon/core.
#pragma once

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "core/audit_log.hpp"
#include "core/copies.hpp"
#include "core/dead_letters.hpp"
#include "core/duplicates.hpp"
#include "core/event.hpp"
#include "core/journal_access.hpp"
#include "core/line_service.hpp"
#include "core/scope.hpp"
#include "core/spool_access.hpp"
#include "core/transactor.hpp"

namespace llp::core {

// Whether the line takes messages: the sum of what several parts think.
class Readiness {
 public:
  void attach(line::Line& line) {
    line_ = &line;
    line_->set_ready(ready_);
    update();
  }
  void set_target(bool there) { set(target_, there); }  // there is an application to call
  void set_up(bool up) { set(up_, up); }                // one of them answers, as far as is known
  void set_room(bool room) { set(room_, room); }        // answers can be written
  void set_store(bool room) { set(store_, room); }      // messages can be stored, if they must be
  void set_stopping() { set(stopping_, true); }
  // A reply of the instrument is waited for: it must be able to come.
  void expect(int change) {
    expected_ += change;
    update();
  }
  [[nodiscard]] bool ready() const noexcept { return ready_; }

 private:
  void set(bool& what, bool value) {
    what = value;
    update();
  }
  void update() {
    const bool now = expected_ > 0 || (target_ && up_ && room_ && store_ && !stopping_);
    if (std::exchange(ready_, now) != now && line_ != nullptr) line_->set_ready(now);
  }

  line::Line* line_ = nullptr;
  bool target_ = false;
  bool up_ = true;
  bool room_ = true;
  bool store_ = true;
  bool stopping_ = false;
  int expected_ = 0;
  bool ready_ = false;
};

struct Context {
  Context(asio::any_io_executor e, LineConfig c, Logger l)
      : executor(std::move(e)),
        config(resolved(std::move(c))),
        log(std::move(l)),
        changed(executor),
        scope(executor, log),
        transactor(executor, transaction_lock_file(config), changed, log),
        duplicates({config.dup_window, config.dup_entries, config.dup_bytes}),
        dead_letters(config.dead_letters, config.dead_letter_bytes),
        copies(executor, config.copies, config.illp,
               {.retry_min = config.retry_min, .retry_max = config.retry_max}, counters, log) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  asio::any_io_executor executor;
  const LineConfig config;
  Logger log;
  LineCounters counters;
  LineTimes times;
  std::unique_ptr<line::Line> line;
  Event changed;  // something that anybody of this line may wait for
  Scope scope;
  Transactor transactor;
  Readiness ready;
  DuplicateStore duplicates;
  DeadLetters dead_letters;
  Copies copies;
  std::shared_ptr<WorkerPool> pool;        // for files
  std::shared_ptr<SpoolAccess> spool;      // nothing: there is none
  std::shared_ptr<JournalAccess> journal;  // nothing: attempts are not written down
  bool stopping = false;                   // nothing new is begun
  bool closed = false;                     // everything ends

  std::function<void()> first_message;     // the line has brought a message
  std::function<void()> transaction_over;  // for lines that are left after each
  std::function<void(Error)> failed;

  // Commit point `automatic` decided, applications secured.
  [[nodiscard]] static LineConfig resolved(LineConfig config) {
    config.illp.security = config.tls.for_to() ? config.security : nullptr;
    if (config.commit != CommitPoint::automatic) return config;
    const bool acknowledges = config.protocol == LLP_PROTO_X328 ||
                              (config.protocol == LLP_PROTO_MLLP && config.params.release == 2);
    config.commit = acknowledges && !config.spool.dir.empty() ? CommitPoint::spooled : CommitPoint::received;
    return config;
  }

  // This happened to a message or a request, and it is no end that the audit
  // log knows. The line is filled in here.
  void tell(MessageEvent event) const {
    if (!config.on_message) return;
    event.line = config.name;
    config.on_message(event);
  }
  // A message from the instrument, or a request to it, has come to this.
  void audit_message(const MessageKey& key, std::string_view id, std::string_view outcome,
                     std::size_t reply_size = 0, std::string_view peer = {},
                     std::string_view cause = {}) const {
    tell({{}, false, outcome, key.length, reply_size, peer, cause});
    if (config.audit) config.audit->record({config.name, false, key, id, outcome, reply_size, peer});
  }
  // `key` is used if there is an audit log.
  void audit_request(const MessageKey& key, std::string_view id, std::size_t size, std::string_view outcome,
                     std::size_t reply_size, std::string_view peer, std::string_view cause = {}) const {
    tell({{}, true, outcome, size, reply_size, peer, cause});
    if (config.audit) config.audit->record({config.name, true, key, id, outcome, reply_size, peer});
  }
  // MSH-10 if it is asked for.
  [[nodiscard]] std::string audit_id(std::span<const std::uint8_t> text) const {
    return config.audit && config.audit->with_ids() ? message_id(text) : std::string();
  }

  // What the instrument is told about `cause` in words, for logs.
  [[nodiscard]] static std::string words(const line::SendResult& result) {
    return fmt::format("{}, {}", llp_cause_name(result.cause), llp_outcome_name(result.outcome));
  }
};

}  // namespace llp::core
