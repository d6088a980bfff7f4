// SPDX-License-Identifier: BSD-3-Clause
// The working parts of a line behind the kernel's message device. Owned by the
// handle that make_kernel_line() gives out and by the coroutines under way. Not
// for use outside daemon/line.
//
// One file has the receiving role and sends the answers; each request has a
// file of its own, to which the kernel binds the reply. Three kinds of
// coroutines: the device's (opens, reads messages, opens again), that of its
// notifications, and one for each request.
#pragma once

#include <uapi/llp.h>

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "line/kernel_line.hpp"
#include "line/line_core.hpp"

namespace llp::line {

class KernelCore final : public LineCore, public std::enable_shared_from_this<KernelCore> {
 public:
  KernelCore(asio::any_io_executor executor, std::unique_ptr<MessageDevice> device, llp_protocol protocol,
             const llp_params& params, KernelLineOptions options, Logger log);

  using Self = std::shared_ptr<KernelCore>;
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
  [[nodiscard]] const llp_params& params() const noexcept { return params_; }
  [[nodiscard]] llp_protocol protocol() const noexcept { return protocol_; }
  [[nodiscard]] const std::array<std::uint64_t, LLP_C__N>& counters() const;
  [[nodiscard]] Measures measures() const;
  [[nodiscard]] std::string describe() const override { return device_->describe(); }

 private:
  // A request and the file that it was written to.
  struct Exchange {
    std::shared_ptr<OutgoingMessage> item;
    std::unique_ptr<MessageFile> file;
    std::set<MessageId> undecided;  // replies read whose fate is not known
    bool done = false;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;

  // OutgoingOwner
  void abort_outgoing(OutgoingMessage& item) noexcept override;
  bool can_withdraw_outgoing(const OutgoingMessage& item) const noexcept override;

  static asio::awaitable<void> device_loop(Self self);
  static asio::awaitable<void> message_loop(Self self, std::shared_ptr<MessageFile> file);
  static asio::awaitable<void> notice_loop(Self self, std::shared_ptr<MessageFile> file);
  static asio::awaitable<void> exchange_loop(Self self, ExchangePtr exchange);

  [[nodiscard]] Result<void> set_up(MessageFile& file);
  void came_up(std::shared_ptr<MessageFile> file);
  void went_down();
  void failed(Error error);

  void fetch_notices(MessageFile& file);
  void notice(const llp_ioc_result& result);
  // For who looks on: a message passed, now or at this time of CLOCK_MONOTONIC.
  void passed(bool out, const Bytes& text, std::uint64_t at = 0);
  // Our id of the kernel's message.
  [[nodiscard]] MessageId our(std::uint32_t id) noexcept {
    last_id_ = std::max(last_id_, ids_ + id);
    return ids_ + id;
  }
  // The next message of `file`; nothing: there is none now.
  [[nodiscard]] std::optional<Message> fetch_message(MessageFile& file);
  void fetch_results(Exchange& exchange);
  // All that wait, as far as there is room.
  void take_messages();
  void take_replies(const ExchangePtr& exchange);
  void over(Exchange& exchange, SendResult result);

  void settle() override;
  void send_answers();
  void send_request();
  // Whether the item was written; else it waits for its turn or has failed.
  [[nodiscard]] std::expected<void, int> submit(Exchange& exchange);
  void finish(const std::shared_ptr<OutgoingMessage>& item, SendResult result);
  void known(MessageId id);
  void look_again(std::uint64_t in_ns);
  void looked();

  std::unique_ptr<MessageDevice> device_;
  llp_protocol protocol_;
  llp_params params_;
  KernelLineOptions options_;
  Logger log_;
  std::unique_ptr<Alarm> alarm_;

  std::shared_ptr<MessageFile> file_;  // has the role; empty: no device
  // What a line that was plugged in again calls its messages must not be taken
  // for those before: our ids are the kernel's and this.
  MessageId ids_ = 0, last_id_ = 0;
  std::map<std::uint32_t, std::shared_ptr<OutgoingMessage>> answers_out_;  // by the kernel's id
  ExchangePtr exchange_;                                                   // the request under way
  std::map<MessageId, ExchangePtr> replies_;                               // who read them

  mutable std::array<std::uint64_t, LLP_C__N> counters_{};
  mutable Turnaround turnaround_;
};

}  // namespace llp::line
