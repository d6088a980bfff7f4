// SPDX-License-Identifier: BSD-3-Clause
// llpcat that sends.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <llp/client.hpp>
#include <llp/hl7.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "llpcat/input.hpp"
#include "llpcat/options.hpp"
#include "llpcat/output.hpp"

namespace llp::cat {

namespace {

using Clock = std::chrono::steady_clock;

bool negative(const Bytes& reply) {
  const std::string code = acknowledgement_code(reply);
  return !code.empty() && code != "AA" && code != "CA";
}

// Messages a second: the pause before the next one.
class Pace {
 public:
  explicit Pace(double rate) : rate_(rate), start_(Clock::now()) {}
  void wait(std::uint64_t done) const {
    if (rate_ <= 0) return;
    const auto due = std::chrono::duration<double>(static_cast<double>(done) / rate_);
    std::this_thread::sleep_until(start_ + std::chrono::duration_cast<Clock::duration>(due));
  }

 private:
  double rate_;
  Clock::time_point start_;
};

// How one message fared; nothing: well.
struct Outcome {
  std::optional<Error> error;
  bool written = true;  // what came was put out
  bool negative = false;
};

Outcome send_one(Client& client, const Input& input, const Options& options, Output& output) {
  Outcome outcome;
  const auto sent = client.send(input.message);
  if (!sent) {
    outcome.error = sent.error();
    return outcome;
  }
  if (!options.wait_reply) return outcome;
  auto reply = client.recv();
  if (!reply) {
    output.lost(client.take_lost());
    outcome.error = std::move(reply.error());
    return outcome;
  }
  output.lost(reply->lost);
  outcome.negative = negative(reply->message);
  if (auto written = output.message(reply->message, "reply"); !written) {
    outcome.error = std::move(written.error());
    outcome.written = false;
  }
  return outcome;
}

}  // namespace

int exit_of(const Error& error) noexcept {
  switch (error.code) {
    case Errc::invalid: return kUsage;
    case Errc::not_found: return kNoInput;
    case Errc::permission: return kPermission;
    case Errc::in_use: return kInUse;
    case Errc::refused:
    case Errc::cancelled: return kRefused;
    case Errc::timeout: return kTimeout;
    case Errc::closed:
    case Errc::reset: return kBroken;
    case Errc::too_large:
    case Errc::malformed: return kData;
    default: return kSoftware;
  }
}

int complain(const std::string& what, int status) {
  fmt::print(stderr, "llpcat: {}\n", what);
  return status;
}

int send_messages(const Options& options) {
  Output output(options.out, options.lost);
  if (auto good = output.check(); !good) return complain(good.error().message, exit_of(good.error()));
  auto inputs = read_messages(options.files.empty() ? std::vector<std::string>{"-"} : options.files,
                              options.split, options.text);
  if (!inputs) return complain(inputs.error().message, exit_of(inputs.error()));
  auto client = Client::connect(options.address, options.client);
  if (!client) {
    const Error& error = client.error();
    const bool tcp = options.address.kind == Address::Kind::tcp;
    const bool away = error.code == Errc::refused || error.code == Errc::reset ||
                      (tcp && (error.code == Errc::not_found || error.code == Errc::busy));
    return complain(error.message, away ? kUnavailable : exit_of(error));
  }
  const std::uint64_t times = std::max<std::uint64_t>(options.count, 1);
  const std::uint64_t total = times * inputs->size();
  const Pace pace(options.rate);
  std::uint64_t negatives = 0;
  {
    Progress progress(total, options.quiet);
    for (std::uint64_t i = 0; i < total; ++i) {
      const Input& input = (*inputs)[i % inputs->size()];
      pace.wait(i);
      const Outcome outcome = send_one(*client, input, options, output);
      if (outcome.error) {
        const std::string so_far = total > 1 ? fmt::format(" ({} of {} done)", i, total) : "";
        return complain(fmt::format("{}: {}{}", input.name, outcome.error->message, so_far),
                        outcome.written ? exit_of(*outcome.error) : kCannotCreate);
      }
      negatives += outcome.negative ? 1 : 0;
      progress.step(i + 1);
    }
  }
  output.lost(client->take_lost());
  client->close();
  if (negatives > 0) {
    return options.quiet ? kNegative
                         : complain(fmt::format("{} of {} replies {} negative", negatives, total,
                                                negatives == 1 ? "is" : "are"),
                                    kNegative);
  }
  return kDone;
}

}  // namespace llp::cat
