// SPDX-License-Identifier: BSD-3-Clause
#include "control/spool_requests.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "base/base64.hpp"
#include "config/text.hpp"
#include "control/answers.hpp"

namespace llp::control {

namespace {

using Json = nlohmann::ordered_json;
using store::Letter;
using store::MessageNumber;
using store::Place;

constexpr std::array kPlaces{Place::queue, Place::dead, Place::late};
// Of one answer: a reader that is 8 MiB behind is given up.
constexpr std::size_t kLettersMax = 256;
constexpr std::size_t kContentMax = std::size_t{1} << 20;

Json outcome(const Result<void>& done) { return done ? success() : failure(done.error().message); }

// Nothing: it is missing, or no such number.
std::optional<std::uint64_t> number_of(const Json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

// "2026-01-31T09:30:00.125Z"
std::string time_text(store::Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.time_since_epoch().count())), rest.count());
}

Json letter_report(const Letter& letter, Place place) {
  Json report{{"id", letter.id},
              {"place", store::to_string(place)},
              {"kind", store::to_string(letter.kind)},
              {"time", time_text(letter.time)},
              {"bytes", letter.key.length},
              {"possible_duplicate", letter.possible_duplicate},
              {"attempts", letter.attempts}};
  if (!letter.reason.empty()) report["reason"] = letter.reason;
  return report;
}

// Where a letter is now.
struct Found {
  Place place = Place::queue;
  Letter letter;
};
asio::awaitable<Result<Found>> find(core::SpoolAccess& spool, MessageNumber id) {
  for (const Place place : kPlaces) {
    const auto letters = co_await spool.list(place);
    if (!letters) co_return std::unexpected(letters.error());
    for (const Letter& letter : *letters) {
      if (letter.id == id) co_return Found{place, letter};
    }
  }
  co_return fail(Errc::not_found, fmt::format("there is no letter {} in the spool", id));
}

asio::awaitable<Json> list(core::SpoolAccess& spool, const Json& request) {
  const std::string word =
      request.value("place", Json()).is_string() ? request["place"].get<std::string>() : "";
  const auto place = std::ranges::find_if(kPlaces, [&](Place p) { return word == store::to_string(p); });
  if (place == kPlaces.end()) co_return failure("place must be queue, dead or late");
  const MessageNumber after = number_of(request, "after").value_or(0);
  const auto letters = co_await spool.list(*place);
  if (!letters) co_return failure(letters.error().message);
  Json all = Json::array();
  bool more = false;
  for (const Letter& letter : *letters) {
    if (letter.id <= after) continue;
    more = all.size() == kLettersMax;
    if (more) break;
    all.push_back(letter_report(letter, *place));
  }
  Json answer = success();
  answer["letters"] = std::move(all);
  answer["more"] = more;
  co_return answer;
}

asio::awaitable<Json> show(core::SpoolAccess& spool, const Json& request, Found found) {
  Json answer = success();
  answer["letter"] = letter_report(found.letter, found.place);
  answer["letter"]["sha256"] = store::hex(found.letter.key.digest);
  const auto offset = number_of(request, "content_from");
  if (!offset) co_return answer;
  const auto text = co_await spool.read(found.place, found.letter.id);
  if (!text) co_return failure(text.error().message);
  const std::size_t from = std::min<std::uint64_t>(*offset, text->size());
  const std::size_t size = std::min(kContentMax, text->size() - from);
  answer["content"] = base64(std::span(*text).subspan(from, size));
  co_return answer;
}

asio::awaitable<Json> retry(core::SpoolAccess& spool, Found found) {
  const MessageNumber id = found.letter.id;
  if (found.place == Place::queue) {
    co_return failure(fmt::format("message {} is not given up: it waits for its application", id));
  }
  if (found.place == Place::late) {
    co_return failure(fmt::format("letter {} is a reply that nobody waits for: it cannot be delivered", id));
  }
  co_return outcome(co_await spool.retry(id));
}

asio::awaitable<Json> drop(core::SpoolAccess& spool, Found found) {
  // It was acknowledged, and a delivery of it may be under way.
  if (found.place == Place::queue) {
    co_return failure(
        fmt::format("message {} is not given up: it waits for its application", found.letter.id));
  }
  co_return outcome(co_await spool.drop(found.place, found.letter.id));
}

}  // namespace

const std::vector<std::string>& spool_operations() {
  static const std::vector<std::string> all{"spool-list", "spool-show", "spool-retry", "spool-drop"};
  return all;
}

bool is_spool_operation(std::string_view op) {
  return std::ranges::find(spool_operations(), op) != spool_operations().end();
}

Result<std::shared_ptr<core::SpoolAccess>> spool_of(const LineHost& host, const Json& request) {
  const auto line = request.find("line");
  if (line == request.end() || !line->is_string()) return fail(Errc::invalid, "line is missing");
  const auto name = line->get<std::string>();
  for (const LineInfo& info : host.lines()) {
    if (info.config->name != name) continue;
    if (info.config->spool.dir.empty()) return fail(Errc::not_found, "line " + name + " has no spool");
    auto spool = info.service != nullptr ? info.service->spool() : nullptr;
    if (spool) return spool;
    return fail(Errc::not_found, fmt::format("line {} is not served ({}): its spool is not open", name,
                                             state_name(info.state)));
  }
  return fail(Errc::not_found, no_such_line(host, name));
}

asio::awaitable<Json> answer_spool_request(std::shared_ptr<core::SpoolAccess> spool, Json request) {
  const auto op = request["op"].get<std::string>();
  if (op == "spool-list") co_return co_await list(*spool, request);
  const auto id = number_of(request, "letter");
  if (!id) co_return failure("letter is missing: the number of a letter");
  auto found = co_await find(*spool, *id);
  if (!found) co_return failure(found.error().message);
  if (op == "spool-show") co_return co_await show(*spool, request, std::move(*found));
  if (op == "spool-retry") co_return co_await retry(*spool, std::move(*found));
  co_return co_await drop(*spool, std::move(*found));
}

}  // namespace llp::control
