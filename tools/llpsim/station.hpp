// SPDX-License-Identifier: BSD-3-Clause
// The simulated station: sends messages, answers messages, or both.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.hpp"
#include "line/line.hpp"
#include "llpsim/hl7_ack.hpp"
#include "llpsim/report.hpp"

namespace llp::sim {

// What a received message is answered with.
enum class Answer : std::uint8_t { refuse, none, ack, echo, fixed };

struct StationOptions {
  Answer answer = Answer::refuse;
  std::string ack_code = "AA";
  Bytes fixed_answer;
  std::filesystem::path out;   // directory for what is received; empty: nowhere
  std::uint64_t count = 0;     // serve(): end after so many messages; 0: never
  unsigned repeat = 1;         // send the list so often
  bool unique_ids = false;     // a new MSH-10 for each message sent
  unsigned retry_failed = 0;   // send again what is known to have failed, so often
  bool retry_unknown = false;  // and what may or may not have arrived
  bool verbose = false;        // a line for each message on stderr
  bool progress = false;       // a counter on the terminal
  // send(): wait so long for the other end to be there before the first message.
  std::chrono::nanoseconds connect_wait = std::chrono::seconds(60);
};

struct OutMessage {
  std::string name;
  Bytes text;
};

class Station {
 public:
  Station(line::Line& line, StationOptions options, Report& report);

  // Waits until the line is connected, then sends all messages one after the other. Errc::timeout: nobody
  // came. Nothing is sent, and it is no error, if the line was closed before.
  [[nodiscard]] asio::awaitable<Result<void>> send(std::vector<OutMessage> messages);

  // Takes what comes until the line is closed, or `count` messages were taken.
  [[nodiscard]] asio::awaitable<Result<void>> serve();

 private:
  // False: the line was closed.
  [[nodiscard]] asio::awaitable<Result<bool>> wait_for_peer();
  [[nodiscard]] asio::awaitable<void> send_one(SendRecord& record, const Bytes& text);
  [[nodiscard]] asio::awaitable<void> take_reply(SendRecord& record, line::Outgoing& outgoing);
  [[nodiscard]] asio::awaitable<Result<void>> take(line::Message message);
  [[nodiscard]] asio::awaitable<void> follow(line::MessageId id);
  [[nodiscard]] Bytes answer_to(const Bytes& text) const;
  [[nodiscard]] Result<void> store(const Bytes& text, std::string_view kind);
  void show(const SendRecord& record, std::size_t index, std::size_t total) const;

  line::Line& line_;
  const StationOptions options_;
  Report& report_;
  std::uint64_t stored_ = 0;
  std::unordered_set<std::string> seen_;  // digests of received messages
};

}  // namespace llp::sim
