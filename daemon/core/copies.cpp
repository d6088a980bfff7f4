// SPDX-License-Identifier: BSD-3-Clause
#include "core/copies.hpp"

#include <utility>

namespace llp::core {

Copies::Copies(asio::any_io_executor executor, const std::vector<illp::Endpoint>& listeners,
               illp::Options options, Bounds bounds, LineCounters& counters, Logger log)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      bounds_(bounds),
      counters_(counters),
      log_(std::move(log)),
      changed_(executor_) {
  options_.connect_tries = 1;
  // What it replies is nobody's.
  options_.check = illp::Check::none;
  options_.empty_reply = illp::EmptyReply::accept;
  listeners_.reserve(listeners.size());
  for (const illp::Endpoint& endpoint : listeners) listeners_.emplace_back(endpoint, bounds_);
}

void Copies::drop_oldest(Listener& to) {
  // The one under way is the transaction's; it ends as it will.
  const auto oldest = to.queue.begin() + (to.client ? 1 : 0);
  to.bytes -= (*oldest)->size();
  to.queue.erase(oldest);
  ++counters_.copies_dropped;
}

void Copies::put(Listener& to, const Text& text) {
  const std::size_t kept = to.client ? 1 : 0;
  std::size_t dropped = 0;
  while (to.queue.size() > kept &&
         (to.queue.size() >= bounds_.messages || to.bytes + text->size() > bounds_.bytes)) {
    drop_oldest(to);
    ++dropped;
  }
  const bool fits = to.queue.size() < bounds_.messages && to.bytes + text->size() <= bounds_.bytes;
  if (fits) {
    to.queue.push_back(text);
    to.bytes += text->size();
  } else {
    ++counters_.copies_dropped;
    ++dropped;
  }
  if (dropped == 0) return;
  if (const auto silent = to.dropped_log.happened()) {
    log_.warning("{} copies for {} dropped: no more may wait{}", dropped, illp::to_string(to.endpoint()),
                 and_more(*silent));
  }
}

void Copies::add(std::span<const std::uint8_t> text) {
  if (listeners_.empty() || closed_) return;
  const auto shared = std::make_shared<const illp::Bytes>(text.begin(), text.end());
  for (Listener& to : listeners_) put(to, shared);
  changed_.notify();
}

void Copies::close() {
  if (std::exchange(closed_, true)) return;
  for (Listener& to : listeners_) {
    while (to.queue.size() > (to.client ? 1 : 0)) drop_oldest(to);
    if (to.client) to.client->abort();
  }
  changed_.notify();
}

void Copies::failed(Listener& to, const illp::Failure& failure) {
  ++counters_.copies_failed;
  to.target.bad(0, Clock::now());
  if (std::exchange(to.away, true)) return;
  log_.warning("copies for {}: {}; tried again", illp::to_string(to.endpoint()), failure.error.message);
}

// False if it may be tried again: the listener has seen nothing of it.
asio::awaitable<bool> Copies::send(Listener& to, Text text) {
  to.client = std::make_unique<illp::ClientTransaction>(executor_, to.endpoint(), options_, log_);
  const auto reply = co_await illp::exchange(*to.client, *text, bounds_.reply_time);
  const bool seen = to.client->handed_over();
  if (reply) {
    to.client->close();
  } else {
    to.client->abort();
  }
  to.client.reset();
  if (closed_) {
    ++(reply ? counters_.copies_sent : counters_.copies_dropped);
    co_return true;
  }
  if (reply) {
    ++counters_.copies_sent;
    to.target.good(0);
    if (std::exchange(to.away, false))
      log_.notice("copies for {} are taken again", illp::to_string(to.endpoint()));
    co_return true;
  }
  failed(to, reply.error());
  co_return seen;
}

asio::awaitable<void> Copies::serve(std::size_t listener) {
  Listener& to = listeners_.at(listener);
  while (!closed_) {
    if (to.queue.empty()) {
      co_await changed_.wait();
      continue;
    }
    const Text text = to.queue.front();
    const bool over = co_await send(to, text);
    if (over) {
      // What is at the front is still this one: only what is behind it is dropped meanwhile.
      to.bytes -= text->size();
      to.queue.pop_front();
    }
    const auto go_on = to.target.rests_until(0);
    while (!closed_ && Clock::now() < go_on) co_await changed_.wait_until(go_on);
  }
}

}  // namespace llp::core
