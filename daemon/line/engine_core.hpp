// SPDX-License-Identifier: BSD-3-Clause
// The working parts of a line over a stream of bytes. Owned by the handle that
// make_engine_line() gives out and by the coroutines under way. Not for use
// outside daemon/line.
//
// Four coroutines share the engine: the connection's (opens, reads, opens
// again), the writer, one that waits for the transmitter, and whoever calls.
// After every call into the engine comes settle(), which acts on what changed.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "line/engine_line.hpp"
#include "line/engine_shell.hpp"
#include "line/line_core.hpp"

namespace llp::line {

class EngineCore final : public EngineShell::Sink,
                         public LineCore,
                         public std::enable_shared_from_this<EngineCore> {
 public:
  EngineCore(asio::any_io_executor executor, std::unique_ptr<io::ByteStream> stream, llp_protocol protocol,
             const llp_params& params, EngineLineOptions options, Logger log);

  using Self = std::shared_ptr<EngineCore>;
  static asio::awaitable<Result<void>> start(Self self);
  static asio::awaitable<void> received(Self self);
  static asio::awaitable<void> rest(Self self);
  static asio::awaitable<void> stop(Self self);

  llp_settled verdict(MessageId id, llp_decision decision);
  Result<std::shared_ptr<Outgoing>> send(Bytes text, Kind kind, llp_expect expect, MessageId question);
  void set_ready(bool ready);
  void abort_receive();
  void disconnect();
  void close();

  [[nodiscard]] bool idle() const;
  [[nodiscard]] const llp_params& params() const noexcept { return shell_.params(); }
  [[nodiscard]] llp_protocol protocol() const noexcept { return shell_.protocol(); }
  [[nodiscard]] const std::array<std::uint64_t, LLP_C__N>& counters() const;
  [[nodiscard]] Measures measures() const { return {false, turnaround_, high_bytes_}; }
  [[nodiscard]] std::string describe() const override { return stream_->describe(); }

 private:
  // EngineShell::Sink
  void engine_event(const llp_event& event) noexcept override;
  void engine_message(const llp_event& event, std::span<const std::uint8_t> text) noexcept override;
  std::span<const std::uint8_t> engine_text(std::uint32_t id) noexcept override;
  // OutgoingOwner
  void abort_outgoing(OutgoingMessage& item) noexcept override;
  bool can_withdraw_outgoing(const OutgoingMessage& item) const noexcept override;

  static asio::awaitable<void> connection_loop(Self self);
  static asio::awaitable<Error> read_loop(Self self);
  static asio::awaitable<void> feed(Self self, std::span<const std::uint8_t> bytes,
                                    const std::uint8_t* flags);
  static asio::awaitable<void> write_loop(Self self);
  static asio::awaitable<void> drain_loop(Self self);

  void measure(std::span<const std::uint8_t> bytes);
  void came_up();
  void went_down(const Error& why);
  void failed(Error error);

  void settle() override;
  void update_ready();
  void pump();
  [[nodiscard]] std::shared_ptr<OutgoingMessage> next_to_send() const;
  void finish(const std::shared_ptr<OutgoingMessage>& item, SendResult result);
  void fail_queued(Queue& queue, SendResult result);
  void flush_disconnect();
  void drop_connection();
  void set_alarm();
  void alarm_due();
  void take_turn(unsigned left);
  void deadlines_passed();
  [[nodiscard]] bool arriving() const;
  [[nodiscard]] bool received_full() const;
  [[nodiscard]] bool hold_back() const;
  [[nodiscard]] bool acknowledges() const;
  [[nodiscard]] std::uint64_t reconnect_limit() const;

  std::unique_ptr<io::ByteStream> stream_;
  EngineLineOptions options_;
  Logger log_;
  EngineShell shell_;
  std::unique_ptr<Alarm> alarm_;

  std::set<MessageId> serving_;                                     // HLLP, MLLP 1: not answered yet
  std::map<MessageId, std::shared_ptr<OutgoingMessage>> outgoing_;  // all that are not done

  Signal writer_, drainer_;

  mutable std::array<std::uint64_t, LLP_C__N> counters_{};
  Turnaround turnaround_;
  std::uint64_t high_bytes_ = 0;
  std::uint64_t read_at_ = 0;     // when bytes came last
  std::uint64_t generation_ = 0;  // of the connection
  std::uint64_t writes_ = 0;
  std::uint64_t disconnect_at_ = LLP_NEVER;
  std::uint64_t final_at_ = LLP_NEVER;  // the wire is away for too long then
  std::uint64_t stop_at_ = LLP_NEVER;   // what is in progress is cut then
  bool answer_due_ = false;             // among what is to be written
  bool was_up_ = false;
  bool writing_ = false;
  bool write_failed_ = false;
  bool leave_ = false;    // disconnect as soon as the output is written
  bool dropped_ = false;  // the present connection was disconnected by us; its reader ends
  bool turning_ = false;  // bytes that came in time go before a time-out
};

}  // namespace llp::line
