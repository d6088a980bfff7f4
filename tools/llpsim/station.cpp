// SPDX-License-Identifier: BSD-3-Clause
#include "llpsim/station.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <fstream>
#include <utility>

#include "base/pollable.hpp"

namespace llp::sim {

namespace {

std::string digest(const Bytes& text) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned n = 0;
  if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &n, EVP_sha256(),
                 nullptr) != 1)
    n = 0;
  out.resize(n);
  return out;
}

// Nobody tells when a line that waits for its peer is connected: it is looked at again after so long.
constexpr auto kLook = std::chrono::milliseconds(1);

asio::awaitable<void> until_closed(line::Line& line, std::shared_ptr<bool> closed) {
  for (bool open = true; open;) {
    const bool begun = co_await line.begin();
    open = begun;
  }
  *closed = true;
}

}  // namespace

Station::Station(line::Line& line, StationOptions options, Report& report)
    : line_(line), options_(std::move(options)), report_(report) {}

Result<void> Station::store(const Bytes& text, std::string_view kind) {
  if (options_.out.empty()) return {};
  const auto path = options_.out / fmt::format("{:06}.{}", ++stored_, kind);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(text.data()), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) return fail_errno(fmt::format("cannot write {}", path.string()));
  return {};
}

// ---- sending ----

asio::awaitable<void> Station::take_reply(SendRecord& record, line::Outgoing& outgoing) {
  for (;;) {
    Result<line::Message> reply = co_await outgoing.reply();
    if (!reply) {
      // Nothing is expected, or it was optional and did not come.
      if (reply.error().code != Errc::closed) record.reply_error = reply.error().message;
      co_return;
    }
    if (line_.verdict(reply->id, LLP_ACCEPT) == LLP_GONE) {
      report_.gone++;
      continue;
    }
    record.replied = true;
    record.reply_bytes = reply->text.size();
    if (auto stored = store(reply->text, "reply"); !stored) record.reply_error = stored.error().message;
    co_return;
  }
}

asio::awaitable<void> Station::send_one(SendRecord& record, const Bytes& text) {
  const auto expect = static_cast<llp_expect>(line_.params().expect_out);
  for (;;) {
    record.tries++;
    record.reply_error.clear();
    auto outgoing = line_.send(text, expect);
    if (!outgoing) {
      record.cause = LLP_CAUSE_FORMAT;
      record.outcome = LLP_OUT_NOT_SENT;
      record.reply_error = outgoing.error().message;
      co_return;
    }
    const std::shared_ptr<line::Outgoing> out = std::move(*outgoing);
    const line::SendResult result = co_await out->sent();
    record.cause = result.cause;
    record.outcome = result.outcome;
    if (result.cause == LLP_OK) co_await take_reply(record, *out);
    if (record.good() || record.tries > options_.retry_failed) co_return;
    // Without a reply its fate is as open as with a lost acknowledgement.
    const bool open = result.cause == LLP_OK || result.outcome == LLP_OUT_UNKNOWN;
    if (open && !options_.retry_unknown) co_return;
    if (result.cause == LLP_CAUSE_ABORTED || !line_.connected()) co_return;
    report_.retried++;
  }
}

void Station::show(const SendRecord& record, std::size_t index, std::size_t total) const {
  if (options_.verbose) {
    const std::string what =
        record.cause != LLP_OK
            ? fmt::format("failed: {} ({})", llp_cause_name(record.cause), llp_outcome_name(record.outcome))
        : !record.reply_error.empty() ? "no reply: " + record.reply_error
        : record.replied              ? fmt::format("reply of {} bytes", record.reply_bytes)
                                      : std::string(llp_outcome_name(record.outcome));
    fmt::print(stderr, "{}: {} bytes, {}{}\n", record.file, record.bytes, what,
               record.tries > 1 ? fmt::format(", {} tries", record.tries) : "");
  }
  if (options_.progress) fmt::print(stderr, "\r{} of {}{}", index + 1, total, index + 1 == total ? "\n" : "");
}

asio::awaitable<Result<bool>> Station::wait_for_peer() {
  if (line_.connected()) co_return true;
  const auto executor = co_await asio::this_coro::executor;
  const auto closed = std::make_shared<bool>(false);
  asio::co_spawn(executor, until_closed(line_, closed), asio::detached);
  const auto deadline = deadline_after(options_.connect_wait);
  asio::steady_timer rest(executor);
  while (!line_.connected()) {
    if (*closed) co_return false;
    if (std::chrono::steady_clock::now() >= deadline) {
      co_return fail(Errc::timeout, line_.describe() + ": nobody connected in time (--connect-wait)");
    }
    rest.expires_after(kLook);
    co_await rest.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
  co_return true;
}

asio::awaitable<Result<void>> Station::send(std::vector<OutMessage> messages) {
  const Result<bool> there = co_await wait_for_peer();
  if (!there) co_return std::unexpected(there.error());
  if (!*there) co_return Result<void>{};
  const std::size_t total = messages.size() * options_.repeat;
  report_.sent.reserve(total);
  for (std::size_t i = 0; i < total; ++i) {
    const OutMessage& message = messages[i % messages.size()];
    const Bytes text =
        options_.unique_ids
            ? with_control_id(message.text, fmt::format("{}.{}", control_id(message.text), i + 1))
            : message.text;
    SendRecord& record = report_.sent.emplace_back();
    record.file = message.name;
    record.bytes = text.size();
    record.control_id = control_id(text);
    co_await send_one(record, text);
    show(record, i, total);
  }
  co_return Result<void>{};
}

// ---- receiving ----

Bytes Station::answer_to(const Bytes& text) const {
  switch (options_.answer) {
    case Answer::ack: return acknowledge(text, options_.ack_code).value_or(Bytes{});
    case Answer::echo: return text;
    case Answer::fixed: return options_.fixed_answer;
    default: return {};
  }
}

asio::awaitable<void> Station::follow(line::MessageId id) {
  const line::Fate fate = co_await line_.fate(id);
  if (!fate.acknowledged) report_.unacknowledged++;
}

asio::awaitable<Result<void>> Station::take(line::Message message) {
  // A reply that nobody waits for any more is taken, so that its sender rests.
  const bool stray = message.late || message.acknowledgement;
  if (options_.answer == Answer::refuse && !stray) {
    line_.verdict(message.id, LLP_REJECT);
    report_.refused++;
    co_return Result<void>{};
  }
  Bytes answer = stray ? Bytes{} : answer_to(message.text);
  if (line_.verdict(message.id, answer.empty() ? LLP_ACCEPT : LLP_ACCEPT_ANSWER) == LLP_GONE) {
    // Its sender was told that it failed.
    report_.gone++;
    co_return Result<void>{};
  }
  if (message.pending) asio::co_spawn(co_await asio::this_coro::executor, follow(message.id), asio::detached);
  report_.received++;
  report_.received_bytes += message.text.size();
  if (stray) report_.late++;
  const bool again = !seen_.insert(digest(message.text)).second;
  if (again || message.repeat) report_.repeats++;
  if (auto stored = store(message.text, again || message.repeat ? "repeat" : "msg"); !stored)
    co_return stored;
  if (options_.verbose)
    fmt::print(stderr, "received {} bytes{}\n", message.text.size(),
               again || message.repeat ? ", a repeat" : "");
  if (answer.empty()) co_return Result<void>{};
  auto outgoing = line_.answer(message.id, std::move(answer));
  if (!outgoing) co_return std::unexpected(outgoing.error());
  const std::shared_ptr<line::Outgoing> out = std::move(*outgoing);
  const line::SendResult result = co_await out->sent();
  if (result.cause == LLP_OK)
    report_.answered++;
  else
    report_.answers_failed++;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Station::serve() {
  for (;;) {
    Result<line::Message> message = co_await line_.read();
    if (!message) {
      if (message.error().code == Errc::cancelled) co_return Result<void>{};
      co_return std::unexpected(message.error());
    }
    Result<void> taken = co_await take(std::move(*message));
    if (!taken) co_return taken;
    if (options_.count > 0 && report_.received >= options_.count) co_return Result<void>{};
  }
}

}  // namespace llp::sim
