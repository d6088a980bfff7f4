// SPDX-License-Identifier: BSD-3-Clause
#include "line/engine_shell.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace llp::line {

namespace {

constexpr std::size_t kRxStart = 4096;
// A buffer that a long message left behind goes back.
constexpr std::size_t kRxKeep = std::size_t{256} * 1024;

// What the longest message allowed may take while it is received: the text
// checked so far and one block with its frame.
std::size_t rx_bound(llp_protocol protocol, const llp_params& params) {
  const std::size_t message = params.max_message;
  constexpr std::size_t kFrame = 256;
  switch (protocol) {
    case LLP_PROTO_X328: return message + params.max_rx_text + kFrame;
    case LLP_PROTO_HLLP: {
      const std::size_t data = std::max<std::size_t>(message, params.max_data);
      return data + (params.stuff != 0 ? data / params.stuff : 0) + kFrame;
    }
    default: return message + kFrame;
  }
}

// The time of one character as the engine keeps it.
std::uint32_t to_char_time(std::chrono::nanoseconds t) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(t.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

EngineShell::EngineShell(llp_protocol protocol, const llp_params& params, std::shared_ptr<Clock> clock,
                         Sink& sink)
    : protocol_(protocol),
      params_(params),
      clock_(std::move(clock)),
      sink_(sink),
      engine_(std::make_unique<llp_engine>()),
      rx_(kRxStart) {
  params_.flow = 0;  // this shell hands over whole messages
  rx_max_ = std::max(kRxStart, rx_bound(protocol, params_));
  llp_engine_init(engine_.get(), protocol_, &params_, clock_->now());
}

void EngineShell::set_char_time(std::chrono::nanoseconds char_time) {
  params_.char_time = to_char_time(char_time);
  llp_engine_init(engine_.get(), protocol_, &params_, clock_->now());
}

llp_io EngineShell::make_io() {
  llp_io io{};
  io.now = clock_->now();
  io.rx_buf = rx_.data();
  io.rx_cap = static_cast<std::uint32_t>(rx_.size());
  io.rx_fixed = rx_.size() >= rx_max_;
  io.text = [](void* ctx, std::uint32_t id) -> const std::uint8_t* {
    return static_cast<EngineShell*>(ctx)->sink_.engine_text(id).data();
  };
  io.event = [](void* ctx, const llp_event* event) {
    auto* self = static_cast<EngineShell*>(ctx);
    if (event->type == LLP_EV_END) {
      self->sink_.engine_message(*event, std::span(self->rx_).first(event->len));
    } else {
      self->sink_.engine_event(*event);
    }
  };
  io.ctx = this;
  return io;
}

void EngineShell::connected() {
  auto io = make_io();
  llp_connected(engine_.get(), &io);
}

void EngineShell::hangup(bool final) {
  auto io = make_io();
  llp_hangup(engine_.get(), &io, final);
  shrink();
}

std::size_t EngineShell::rx(std::span<const std::uint8_t> bytes, const std::uint8_t* flags) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto io = make_io();
    const std::size_t n = llp_rx(engine_.get(), &io, bytes.data() + done,
                                 flags != nullptr ? flags + done : nullptr, bytes.size() - done);
    done += n;
    if (done == bytes.size()) break;
    if (llp_rx_fill(engine_.get()) < rx_.size()) break;  // a message ended
    if (rx_.size() < rx_max_) {
      rx_.resize(std::min(rx_.size() * 2, rx_max_));
    } else if (n == 0) {
      return bytes.size();  // a fixed buffer takes everything; what it will not is lost
    }
  }
  shrink();
  return done;
}

void EngineShell::shrink() {
  if (rx_.size() <= kRxKeep || llp_rx_fill(engine_.get()) != 0) return;
  rx_.resize(kRxStart);
  rx_.shrink_to_fit();
}

std::size_t EngineShell::tx(std::span<std::uint8_t> out) {
  auto io = make_io();
  return llp_tx(engine_.get(), &io, out.data(), out.size());
}

void EngineShell::tx_empty() {
  auto io = make_io();
  llp_tx_empty(engine_.get(), &io);
}

void EngineShell::timeout() {
  auto io = make_io();
  llp_timeout(engine_.get(), &io);
}

void EngineShell::set_ready(std::uint32_t ready) {
  auto io = make_io();
  llp_set_ready(engine_.get(), &io, ready);
}

int EngineShell::submit(std::uint32_t id, std::uint32_t len, std::uint32_t flags) {
  auto io = make_io();
  return llp_submit(engine_.get(), &io, id, len, flags);
}

int EngineShell::answer(std::uint32_t id, std::uint32_t len, std::uint32_t question) {
  auto io = make_io();
  return llp_answer(engine_.get(), &io, id, len, question);
}

void EngineShell::abort(std::uint32_t id) {
  auto io = make_io();
  llp_abort(engine_.get(), &io, id);
}

llp_settled EngineShell::verdict(std::uint32_t id, llp_decision decision) {
  auto io = make_io();
  return llp_verdict(engine_.get(), &io, id, decision);
}

void EngineShell::abort_rx() {
  auto io = make_io();
  llp_abort_rx(engine_.get(), &io);
}

int check_text(llp_protocol protocol, const llp_params& params, std::span<const std::uint8_t> text,
               std::uint32_t flags) {
  if (text.empty()) return -EINVAL;
  if (text.size() > params.max_message) return -EMSGSIZE;
  // A station of its own that nobody hears: the protocol itself is asked.
  const auto probe = std::make_unique<llp_engine>();
  std::uint8_t none = 0;
  llp_io io{};
  io.rx_buf = &none;
  io.rx_cap = 1;
  io.rx_fixed = true;
  io.text = [](void* ctx, std::uint32_t) {
    return static_cast<const std::span<const std::uint8_t>*>(ctx)->data();
  };
  io.event = [](void*, const llp_event*) {};
  io.ctx = &text;
  llp_engine_init(probe.get(), protocol, &params, 0);
  llp_connected(probe.get(), &io);
  const int err = llp_submit(probe.get(), &io, 1, static_cast<std::uint32_t>(text.size()), flags);
  return err == -EILSEQ || err == -EMSGSIZE || err == -EINVAL ? err : 0;
}

}  // namespace llp::line
