// SPDX-License-Identifier: BSD-3-Clause
// A line as the daemon sees it: whole messages in both directions, with the
// verdict that acknowledges them. Two kinds stand behind it: the engine over a
// byte stream in this process (EngineLine), and the kernel's message device.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/turnaround.hpp"
#include "line/engine_api.hpp"

namespace llp::line {

using MessageId = std::uint32_t;
using Bytes = std::vector<std::uint8_t>;

// A whole message from the instrument.
struct Message {
  MessageId id = 0;
  Bytes text;
  bool pending = false;          // the sender waits for the acknowledgement (X3.28, MLLP 2)
  bool acknowledgement = false;  // its second segment is MSA
  bool late = false;             // lockstep: came after its request's reply time-out
  bool repeat = false;           // same bytes as the message accepted before it
};

// What became of a message's acknowledgement.
struct Fate {
  bool acknowledged = false;  // else it was cancelled
  bool accepted = false;      // cancelled although it had been accepted (its sender may send it again)
  llp_cause cause = LLP_OK;
};

struct SendResult {
  llp_cause cause = LLP_OK;
  llp_outcome outcome = LLP_OUT_NOT_SENT;
};

// A message on its way to the instrument. The line keeps it alive until its
// exchange is over, whoever else lets go.
class Outgoing {
 public:
  Outgoing() = default;
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  virtual ~Outgoing() = default;

  // The transfer over the line ended. May be awaited by several, and again.
  [[nodiscard]] virtual asio::awaitable<SendResult> sent() = 0;

  // Requests only: the reply message, which still needs a verdict. Fails with
  // Errc::timeout (no reply in time), Errc::closed (none is expected, or
  // optional and none came: an empty reply), Errc::reset (line gone),
  // Errc::cancelled (abort()), or with the transfer's failure. After a verdict
  // that came too late (llp_settled LLP_GONE) or a cancelled reply, call it
  // again for the repeat.
  [[nodiscard]] virtual asio::awaitable<Result<Message>> reply() = 0;

  // No block of it is on the wire yet: abort() ends it with LLP_OUT_NOT_SENT.
  [[nodiscard]] virtual bool can_withdraw() const noexcept = 0;

  // Takes it back the protocol's way, or stops waiting for its reply. sent()
  // and reply() then return.
  virtual void abort() noexcept = 0;
};

// What is sent: a request that a reply is expected to, or an answer.
enum class Kind : std::uint8_t { request, answer };

// Sees everything that goes on, for debug output, ladders and captures. Called
// from within the line; must not call it. Texts are not shown.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void frame(const llp_event& event) = 0;  // LLP_EV_FRAME
  virtual void timer(const char* name) = 0;        // ran out
  virtual void state(const char* name) = 0;
  virtual void lost(std::size_t bytes) = 0;                  // bytes outside frames
  virtual void lost_bytes(std::span<const std::uint8_t>) {}  // the same bytes, for who shows them
  // A message that began to arrive will not be completed: its sender stopped or
  // took it back, or it was damaged at every try, or too long.
  virtual void cut(llp_cause /*cause*/) {}
  virtual void connection(bool up, const std::string& what) = 0;  // line came, line went
  virtual void raw(bool out, std::span<const std::uint8_t> bytes) = 0;
  // As raw(), with what the line says of each byte received (io::LineFlag);
  // without flags it says nothing of any.
  virtual void octets(bool out, std::span<const std::uint8_t> bytes,
                      std::span<const std::uint8_t> /*flags*/) {
    raw(out, bytes);
  }
  // Of lines whose bytes are not seen here, the kernel's: a whole message was
  // received, or handed over to be sent. `at`: when, CLOCK_MONOTONIC in ns.
  virtual void message(bool /*out*/, std::span<const std::uint8_t> /*text*/, std::uint64_t /*at*/) {}
  // What became of a message between this end and the instrument: LLP_EV_END (of
  // `size` bytes), LLP_EV_SENT (likewise), LLP_EV_CANCEL; or LLP_EV_DISCONNECT, the
  // protocol begins anew.
  virtual void happened(const llp_event& /*event*/, std::size_t /*size*/) {}
};

// What is measured on a line beside the protocol's counters.
struct Measures {
  bool in_kernel = false;   // its protocol runs there
  Turnaround turnaround{};  // NOLINT(readability-redundant-member-init): GCC asks for it
  // Bytes received with their eighth bit set; nothing: they are not seen here.
  std::optional<std::uint64_t> high_bytes = std::nullopt;
};

class Line {
 public:
  Line() = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  virtual ~Line() = default;

  // Opens the line and serves it until close(); returns an error only for what
  // cannot be mended by waiting (no such device, no permission, locked).
  [[nodiscard]] virtual asio::awaitable<Result<void>> start() = 0;

  // The next whole message that is not the reply to an outstanding request.
  // Errc::cancelled after close(). One caller at a time.
  [[nodiscard]] virtual asio::awaitable<Result<Message>> read() = 0;

  // Returns when a message begins to arrive (or has begun since the last call):
  // the time to take the transaction lock. False after close().
  [[nodiscard]] virtual asio::awaitable<bool> begin() = 0;

  // Returns when nothing that has begun to arrive is left: it ended and was
  // taken by read() or reply(), or was cancelled. At once if so; after close().
  [[nodiscard]] virtual asio::awaitable<void> received() = 0;

  // Returns when idle() is true. At once if so; after close().
  [[nodiscard]] virtual asio::awaitable<void> rest() = 0;

  // What the reader decided about a message that ended. Each gets exactly one
  // verdict, until its fate is known; but where the protocol acknowledges
  // nothing LLP_FORGET may follow LLP_ACCEPT_ANSWER: no answer will come.
  virtual llp_settled verdict(MessageId id, llp_decision decision) = 0;

  // Returns when a message's acknowledgement went out, or when it was
  // cancelled; before a verdict the latter only.
  [[nodiscard]] virtual asio::awaitable<Fate> fate(MessageId id) = 0;

  // Queues a request: behind answers, else in order. Errc::malformed (a
  // character that the protocol cannot carry), too_large, invalid (empty), busy
  // (the queue is full).
  [[nodiscard]] virtual Result<std::shared_ptr<Outgoing>> send(Bytes text, llp_expect expect) = 0;
  // Queues the answer to message `question`, which had the verdict
  // LLP_ACCEPT_ANSWER. The instrument may not wait for it any more: the message
  // was cancelled or forgotten, has its answer, or the wire was away since it
  // came. Then nothing is sent, for it could be taken for the answer to what
  // was asked since: sent() says LLP_CAUSE_VERDICT_LATE, LLP_OUT_NOT_SENT.
  [[nodiscard]] virtual Result<std::shared_ptr<Outgoing>> answer(MessageId question, Bytes text) = 0;

  // Whether somebody takes messages; false: bids are refused the protocol's way.
  virtual void set_ready(bool ready) = 0;

  // Stops the message that is being received the protocol's way.
  virtual void abort_receive() noexcept = 0;

  // The wire is there now.
  [[nodiscard]] virtual bool connected() const noexcept = 0;
  // Nothing is in progress in either direction.
  [[nodiscard]] virtual bool idle() const noexcept = 0;
  // Leaves the line (one-shot lines); it comes back by itself.
  virtual void disconnect() noexcept = 0;
  // Ends what is in progress the protocol's way, within a bounded time, then
  // leaves the line for good. Everything awaited returns.
  [[nodiscard]] virtual asio::awaitable<void> stop() = 0;
  // The same at once.
  virtual void close() noexcept = 0;

  [[nodiscard]] virtual const llp_params& params() const noexcept = 0;
  [[nodiscard]] virtual llp_protocol protocol() const noexcept = 0;
  [[nodiscard]] virtual const std::array<std::uint64_t, LLP_C__N>& counters() const noexcept = 0;
  [[nodiscard]] virtual std::string describe() const = 0;
  [[nodiscard]] virtual Measures measures() const { return {}; }
};

}  // namespace llp::line
