// SPDX-License-Identifier: BSD-3-Clause
#include "station.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace llp::walk {

namespace {
constexpr std::size_t kFirstRoom = 4096;
// Ids of answers are told from those of requests by this bit.
constexpr std::uint32_t kAnswerBit = 0x8000'0000;
}  // namespace

Station::Station(llp_protocol protocol, const llp_params& params, std::uint64_t now, Arrived arrived)
    : protocol_(protocol), rx_(kFirstRoom), arrived_(std::move(arrived)) {
  llp_engine_init(engine_.get(), protocol, &params, now);
  llp_io i = io(now);
  llp_connected(engine_.get(), &i);
  llp_set_ready(engine_.get(), &i, LLP_READY_ALL);
}

llp_io Station::io(std::uint64_t now) {
  llp_io i{};
  i.now = now;
  i.rx_buf = rx_.data();
  i.rx_cap = static_cast<std::uint32_t>(rx_.size());
  i.text = [](void* ctx, std::uint32_t id) {
    auto* self = static_cast<Station*>(ctx);
    return static_cast<const std::uint8_t*>((id & kAnswerBit) != 0 ? self->answers_[id].data()
                                                                   : self->text_.data());
  };
  i.event = [](void* ctx, const llp_event* e) { static_cast<Station*>(ctx)->event(*e); };
  i.ctx = this;
  return i;
}

void Station::event(const llp_event& e) {
  switch (e.type) {
    case LLP_EV_END:
      ended_ = e;
      has_ended_ = (e.flags & LLP_END_EMPTY) == 0;
      if (!has_ended_) static_cast<void>(arrived_(e, {}));
      break;
    case LLP_EV_CANCEL:
      if ((e.flags & LLP_CANCEL_ACCEPTED) != 0) ++unheard_;
      break;
    case LLP_EV_DONE:
      if ((e.id & kAnswerBit) != 0) {
        answers_.erase(e.id);
      } else {
        busy_ = false;
        cause_ = static_cast<llp_cause>(e.cause);
        outcome_ = static_cast<llp_outcome>(e.outcome);
      }
      break;
    default: break;
  }
}

// A verdict for what ended, and an answer when the engine takes it.
void Station::settle(std::uint64_t now) {
  if (std::exchange(has_ended_, false)) {
    const llp_decision decision = arrived_(ended_, std::span(rx_).first(ended_.len));
    llp_io i = io(now);
    if (llp_verdict(engine_.get(), &i, ended_.id, decision) == LLP_GONE && decision == LLP_ACCEPT_ANSWER)
      due_.pop_back();
  }
  if (due_.empty() || due_.front().at > now || !llp_can_submit(engine_.get(), LLP_SUBMIT_REPLY)) return;
  llp_io i = io(now);
  const std::uint32_t id = ++answer_id_ | kAnswerBit;
  answers_[id] = due_.front().text;
  if (llp_submit(engine_.get(), &i, id, static_cast<std::uint32_t>(due_.front().text.size()),
                 LLP_SUBMIT_REPLY) == 0) {
    due_.pop_front();
  } else {
    answers_.erase(id);
  }
}

void Station::rx(std::uint64_t now, std::span<const std::uint8_t> bytes, const std::uint8_t* flags) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    llp_io i = io(now);
    done += llp_rx(engine_.get(), &i, bytes.data() + done, flags != nullptr ? flags + done : nullptr,
                   bytes.size() - done);
    const bool full = llp_rx_fill(engine_.get()) == rx_.size();
    settle(now);
    if (full && llp_rx_fill(engine_.get()) == rx_.size()) rx_.resize(rx_.size() * 2);
  }
}

void Station::tx(std::uint64_t now, Bytes& out) {
  settle(now);
  std::array<std::uint8_t, 4096> part{};
  while (true) {
    llp_io i = io(now);
    const std::size_t n = llp_tx(engine_.get(), &i, part.data(), part.size());
    if (n == 0) break;
    out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
  }
}

void Station::tx_empty(std::uint64_t now) {
  llp_io i = io(now);
  llp_tx_empty(engine_.get(), &i);
  settle(now);
}

void Station::timeout(std::uint64_t now) {
  llp_io i = io(now);
  llp_timeout(engine_.get(), &i);
  settle(now);
}

bool Station::submit(std::uint64_t now, Bytes text, std::uint32_t flags) {
  if (busy_ || !llp_can_submit(engine_.get(), flags)) return false;
  text_ = std::move(text);
  llp_io i = io(now);
  busy_ = true;
  const std::uint32_t id = ++id_ & ~kAnswerBit;
  if (llp_submit(engine_.get(), &i, id, static_cast<std::uint32_t>(text_.size()), flags) != 0) busy_ = false;
  return busy_;
}

}  // namespace llp::walk
