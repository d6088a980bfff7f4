// SPDX-License-Identifier: BSD-3-Clause
#include "core/distal.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "illp/inherited.hpp"

namespace llp::core {

namespace {

std::string seconds(std::chrono::nanoseconds t) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(t).count());
}

// Counts one while it lives.
class Counted {
 public:
  Counted(std::size_t& count, Event& changed) : count_(count), changed_(changed) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    --count_;
    changed_.notify();
  }

 private:
  std::size_t& count_;
  Event& changed_;
};

asio::awaitable<void> refuse(std::shared_ptr<illp::ServerTransaction> client) {
  co_await client->cancel("the line is shut down");
}

}  // namespace

asio::awaitable<Result<void>> Distal::listen(std::weak_ptr<Distal> self) {
  illp::ServerOptions options;
  options.illp = c_.config.illp;
  options.illp.security = c_.config.tls.for_dist() ? c_.config.security : nullptr;
  options.max_connections = c_.config.max_connections;
  options.max_per_address = c_.config.max_per_address.value_or(fair_share(c_.config.max_connections));
  options.spare_loopback = !c_.config.max_per_address;
  options.max_total_bytes = c_.config.max_request_bytes;
  options.request_timeout = c_.config.request_timeout;
  options.allow = c_.config.dist_allow;
  options.on_refused = [self] {
    if (const auto distal = self.lock()) ++distal->c_.counters.peers_refused;
  };
  options.on_unserved = [self](const std::string& peer, std::size_t size, const std::string& why, bool cut) {
    if (const auto distal = self.lock()) {
      distal->c_.tell({{}, true, cut ? "cut" : "refused", size, 0, peer, why});
    }
  };
  auto server = std::make_unique<illp::Server>(
      c_.executor, options,
      [self = std::move(self)](std::shared_ptr<illp::ServerTransaction> client) {
        auto distal = self.lock();
        return distal ? handle(std::move(distal), std::move(client)) : refuse(std::move(client));
      },
      c_.log);
  std::vector<illp::ListenSocket> given;
  if (c_.config.inherited) {
    auto found = c_.config.inherited->find(c_.config.name, *c_.config.dist, options.illp);
    if (!found) co_return std::unexpected(std::move(found.error()));
    given = std::move(*found);
  }
  const std::string where =
      given.empty() ? illp::to_string(*c_.config.dist) : given.front().address().text() + ", a socket given";
  // Not in one expression: the compiler would free an error twice.
  Result<void> up;
  if (given.empty()) {
    up = co_await server->listen(*c_.config.dist);
  } else {
    up = server->adopt(std::move(given));
  }
  if (!up) co_return up;
  if (c_.stopping) co_return fail(Errc::cancelled, "the line is shut down");
  server_ = std::move(server);
  c_.log.info("applications are served at {}", where);
  co_return Result<void>{};
}

std::uint16_t Distal::port() const noexcept {
  if (!server_) return 0;
  const auto ports = server_->ports();
  return ports.empty() ? std::uint16_t{0} : ports.front();
}

// Lives as long as the client's connection; sees when it goes.
asio::awaitable<void> Distal::handle(std::shared_ptr<Distal> self,
                                     std::shared_ptr<illp::ServerTransaction> client) {
  Context& c = self->c_;
  const Counted counted(self->clients_, c.changed);
  if (c.stopping || self->queue_.size() >= c.config.max_queue) {
    ++c.counters.distal_refused;
    std::string why = c.stopping ? std::string("the line is shut down")
                                 : fmt::format("{} requests wait for the line already", self->queue_.size());
    c.log.warning("{}: request of {} bytes refused: {}", client->peer(), client->request().size(), why);
    const auto text = client->request();
    c.audit_request(c.config.audit ? key_of(text) : MessageKey{}, c.audit_id(text), text.size(), "refused", 0,
                    client->peer(), why);
    co_await client->cancel(std::move(why));
    co_return;
  }
  auto request = std::make_shared<Request>();
  request->client = client;
  request->text = client->take_request();
  if (c.config.audit) {
    request->key = key_of(request->text);
    request->id = c.audit_id(request->text);
  }
  request->arrived = Clock::now();
  request->deadline = later(request->arrived, c.config.queue_timeout);
  self->queue_.push_back(request);
  c.log.debug("{}: request of {} bytes waits for the line", client->peer(), request->text.size());
  c.changed.notify();
  const bool gone = co_await client->wait_gone();
  if (gone) self->client_gone(request);
  while (request->state != Request::State::done) co_await c.changed.wait();
}

void Distal::client_gone(const RequestPtr& request) {
  request->gone = true;
  if (request->state == Request::State::queued) {
    std::erase(queue_, request);
    end_gone(request, "while it waited for the line; nothing was sent");
  } else if (request->state == Request::State::on_line && request->outgoing) {
    request->outgoing->abort();
  }
}

// A message begins to arrive while a request has the lock.
void Distal::make_room_for_inbound() {
  if (!current_ || !current_->outgoing || current_->withdrawing || !current_->outgoing->can_withdraw())
    return;
  current_->withdrawing = true;
  current_->outgoing->abort();
}

void Distal::expire_now() {
  const auto now = Clock::now();
  while (!queue_.empty() && queue_.front()->deadline <= now) {
    const RequestPtr request = std::move(queue_.front());
    queue_.pop_front();
    ++c_.counters.distal_expired;
    end_cancel(request,
               fmt::format("waited {} for {}", seconds(c_.config.queue_timeout),
                           current_ ? std::string("the request before it") : c_.transactor.waits_for()),
               "expired");
  }
  if (current_ && current_->deadline <= now && !current_->expired && !current_->withdrawing &&
      current_->outgoing && current_->outgoing->can_withdraw()) {
    ++c_.counters.distal_expired;
    current_->expired = true;
    current_->outgoing->abort();
  }
}

asio::awaitable<void> Distal::expire() {
  while (!c_.closed) {
    auto next = kNever;
    if (!queue_.empty()) next = queue_.front()->deadline;
    // Later than that nothing takes back what is on the line.
    if (current_ && current_->deadline > Clock::now()) next = std::min(next, current_->deadline);
    co_await c_.changed.wait_until(next);
    expire_now();
  }
}

asio::awaitable<void> Distal::run() {
  c_.transactor.on_inbound([this] { make_room_for_inbound(); });
  while (!c_.closed) {
    while (queue_.empty() && !c_.closed) co_await c_.changed.wait();
    if (c_.closed) break;
    const auto deadline = queue_.front()->deadline;
    auto turn = co_await c_.transactor.turn(deadline);
    if (!turn) {
      if (turn.error().code == Errc::cancelled) break;
      if (turn.error().code == Errc::timeout) {
        expire_now();
      } else if (!queue_.empty()) {
        const RequestPtr request = std::move(queue_.front());
        queue_.pop_front();
        end_failed(request, turn.error().message);
      }
      continue;
    }
    if (queue_.empty()) continue;  // its client went meanwhile
    RequestPtr request = std::move(queue_.front());
    queue_.pop_front();
    current_ = request;
    co_await transact(request);
    current_.reset();
    c_.changed.notify();
  }
}

asio::awaitable<void> Distal::transact(RequestPtr request) {
  request->state = Request::State::on_line;
  request->withdrawing = false;
  auto outgoing = c_.line->send(request->text, static_cast<llp_expect>(c_.config.params.expect_out));
  if (!outgoing) {
    end_failed(request, "cannot be sent: " + outgoing.error().message);
    co_return;
  }
  request->outgoing = *outgoing;
  c_.changed.notify();  // there is something to take back at its deadline
  // Its reply must be able to come, whether or not others may send.
  c_.ready.expect(1);
  auto reply = co_await request->outgoing->reply();
  if (reply) {
    line::Message message = std::move(*reply);
    co_await deliver(request, std::move(message));
    c_.ready.expect(-1);
  } else {
    c_.ready.expect(-1);
    const line::SendResult sent = co_await request->outgoing->sent();
    if (reply.error().code == Errc::closed && sent.cause == LLP_OK && !request->gone) {
      co_await answer_empty(request);
    } else {
      no_reply(request, reply.error(), sent);
    }
  }
  request->outgoing.reset();
}

// The instrument's reply to the client; only when the client has it is it
// acknowledged.
asio::awaitable<void> Distal::deliver(RequestPtr request, line::Message reply) {
  const std::size_t size = reply.text.size();
  request->delivering = true;
  auto given = co_await request->client->reply(reply.text);
  request->delivering = false;
  if (!given) {
    // Somebody must have it before it is acknowledged.
    bool kept = false;
    if (c_.spool) {
      const auto stored = co_await c_.spool->keep(store::LetterKind::unclaimed_reply, reply.text);
      kept = stored.has_value();
      if (kept) c_.counters.dead_letters_dropped += *stored;
      if (kept) ++c_.counters.dead_letters;
      if (kept)
        c_.tell({{}, false, "unclaimed-reply", size, 0, request->client->peer(), "kept as a dead letter"});
    }
    const llp_settled settled = c_.line->verdict(reply.id, kept ? LLP_ACCEPT : LLP_REJECT);
    // What comes again is the same letter.
    if (kept && settled != LLP_ACKNOWLEDGED) c_.duplicates.keep(key_of(reply.text), {}, Clock::now());
    request->outgoing->abort();
    request->gone = true;
    end_gone(request, fmt::format("before it had the reply of {} bytes, which is {} ({})", size,
                                  kept ? "kept as a dead letter" : "refused", given.error().message));
    co_return;
  }
  const MessageKey key = key_of(reply.text);
  line::MessageId id = reply.id;
  bool repeated = false;
  for (;;) {
    const llp_settled settled = c_.line->verdict(id, LLP_ACCEPT);
    bool acknowledged = settled == LLP_ACKNOWLEDGED;
    if (settled == LLP_LATE) {
      const line::Fate fate = co_await c_.line->fate(id);
      acknowledged = fate.acknowledged;
    }
    if (acknowledged) {
      if (repeated) c_.duplicates.done(key, Clock::now());
      break;
    }
    repeated = true;
    // The instrument does not know and sends it again. If that is no reply any
    // more as the line sees it, it is still known for what it is.
    ++c_.counters.too_late;
    c_.duplicates.keep(key, {}, Clock::now());
    auto again = co_await request->outgoing->reply();
    if (!again) {
      c_.log.warning(
          "{}: the reply of {} bytes was delivered, but its acknowledgement came too late for the "
          "instrument: {}",
          request->client->peer(), size, again.error().message);
      break;
    }
    id = again->id;
    ++c_.counters.answered_again;
  }
  end_ok(request, size);
}

// No reply is expected, or none came where that is allowed.
asio::awaitable<void> Distal::answer_empty(RequestPtr request) {
  auto given = co_await request->client->reply({});
  if (given) {
    end_ok(request, 0);
  } else {
    end_gone(request, "before it was told that the instrument has its request");
  }
}

void Distal::no_reply(const RequestPtr& request, const Error& error, const line::SendResult& sent) {
  const bool untouched = sent.outcome == LLP_OUT_NOT_SENT;
  if (request->gone) {
    end_gone(request, fmt::format("while the request was on the line ({})", Context::words(sent)));
  } else if (request->stopped || c_.stopping) {
    end_failed(request, fmt::format("the line is shut down ({})", Context::words(sent)));
  } else if (request->expired) {
    end_cancel(request,
               fmt::format("not begun on the line within {}: {}", seconds(c_.config.queue_timeout),
                           c_.line->connected() ? "the instrument kept it busy" : "it is not connected"),
               "expired");
  } else if (request->withdrawing && untouched) {
    ++c_.counters.withdrawn;
    c_.log.info("{}: request of {} bytes gives way to the instrument's message", request->client->peer(),
                request->text.size());
    request->state = Request::State::queued;
    queue_.push_front(request);
  } else {
    end_failed(request, fmt::format("{} ({})", error.message, Context::words(sent)));
  }
}

void Distal::end_ok(const RequestPtr& request, std::size_t reply_size) {
  ++c_.counters.distal_ok;
  c_.audit_request(request->key, request->id, request->text.size(), "answered", reply_size,
                   request->client->peer());
  c_.times.distal.add(Clock::now() - request->arrived);
  c_.log.info("{}: request of {} bytes, reply of {} bytes, {}", request->client->peer(), request->text.size(),
              reply_size, seconds(Clock::now() - request->arrived));
  over(request);
}

void Distal::end_gone(const RequestPtr& request, const std::string& how) {
  ++c_.counters.distal_left;
  c_.audit_request(request->key, request->id, request->text.size(), "client-gone", 0, request->client->peer(),
                   how);
  c_.log.notice("{}: the client went {}", request->client->peer(), how);
  over(request);
}

void Distal::end_failed(const RequestPtr& request, std::string reason) {
  ++c_.counters.distal_failed;
  end_cancel(request, std::move(reason), "failed");
}

// The client may take its time to hear it: the line does not wait for that.
void Distal::end_cancel(const RequestPtr& request, std::string reason, const char* outcome) {
  c_.audit_request(request->key, request->id, request->text.size(), outcome, 0, request->client->peer(),
                   reason);
  c_.log.warning("{}: request of {} bytes failed: {}", request->client->peer(), request->text.size(), reason);
  over(request);
  c_.scope.spawn(cancel(request, std::move(reason)));
}

asio::awaitable<void> Distal::cancel(RequestPtr request, std::string reason) {
  co_await request->client->cancel(std::move(reason));
}

void Distal::over(const RequestPtr& request) {
  const bool was_on_line = request->state == Request::State::on_line;
  request->state = Request::State::done;
  request->text = Bytes{};
  if (was_on_line && c_.transaction_over) c_.transaction_over();
  c_.changed.notify();
}

void Distal::refuse_new() {
  if (server_) server_->stop();
  while (!queue_.empty()) {
    const RequestPtr request = std::move(queue_.front());
    queue_.pop_front();
    ++c_.counters.distal_refused;
    end_cancel(request, "the line is shut down", "refused");
  }
}

void Distal::abort_current() {
  if (!current_) return;
  current_->stopped = true;
  if (current_->outgoing) current_->outgoing->abort();
  // A client that takes its reply too slowly is cut off.
  if (current_->delivering) current_->client->abort();
}

}  // namespace llp::core
