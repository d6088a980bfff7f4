// SPDX-License-Identifier: BSD-3-Clause
#include "netlink/codec.hpp"

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace llp::netlink {

namespace {

using Attributes = std::array<nlattr*, LLP_A_MAX + 1>;

// libnl's functions take pointers to what they only read.
template <class T>
T* writable(const T* read_only) {
  return const_cast<T*>(read_only);  // NOLINT(cppcoreguidelines-pro-type-const-cast): as said
}

// The first of each kind, and, as libnl does not keep them, all that may come
// more than once through `for_each_attribute`.
class Reader {
 public:
  explicit Reader(const nlmsghdr& header)
      : header_(writable(&header)),
        valid_(genlmsg_valid_hdr(header_, 0) != 0 &&
               genlmsg_parse(header_, 0, attributes_.data(), LLP_A_MAX, nullptr) == 0) {}

  [[nodiscard]] bool valid() const noexcept { return valid_; }
  [[nodiscard]] int command() const noexcept { return genlmsg_hdr(header_)->cmd; }

  [[nodiscard]] std::optional<std::uint32_t> number(int type) const noexcept { return u32(at(type)); }
  [[nodiscard]] std::uint32_t number_or_0(int type) const noexcept { return number(type).value_or(0); }
  [[nodiscard]] bool flag(int type) const noexcept {
    const nlattr* a = at(type);
    return a != nullptr && nla_len(a) >= 1 && nla_get_u8(a) != 0;
  }
  [[nodiscard]] std::uint64_t big(int type) const noexcept { return u64(at(type)); }
  [[nodiscard]] std::string text(int type) const { return string(at(type)); }
  [[nodiscard]] const nlattr* at(int type) const noexcept {
    return attributes_.at(static_cast<std::size_t>(type));
  }

  // Calls f(attribute) for each of that type.
  template <class F>
  void for_each(int type, F f) const {
    const nlattr* attribute = genlmsg_attrdata(genlmsg_hdr(header_), 0);
    int left = genlmsg_attrlen(genlmsg_hdr(header_), 0);
    for (; nla_ok(attribute, left) != 0; attribute = nla_next(attribute, &left)) {
      if (nla_type(attribute) == type) f(attribute);
    }
  }

  static std::optional<std::uint32_t> u32(const nlattr* a) noexcept {
    if (a == nullptr || nla_len(a) < static_cast<int>(sizeof(std::uint32_t))) return std::nullopt;
    return nla_get_u32(a);
  }
  static std::uint64_t u64(const nlattr* a) noexcept {
    std::uint64_t value = 0;  // attributes are aligned to 4 only
    if (a != nullptr && nla_len(a) >= static_cast<int>(sizeof value))
      std::memcpy(&value, nla_data(a), sizeof value);
    return value;
  }
  static std::string string(const nlattr* a) {
    if (a == nullptr) return {};
    const auto* data = static_cast<const char*>(nla_data(a));
    const std::string_view all(data, static_cast<std::size_t>(std::max(nla_len(a), 0)));
    return std::string(all.substr(0, all.find('\0')));
  }

 private:
  Attributes attributes_{};
  nlmsghdr* header_;
  bool valid_;
};

// The attributes inside another; nothing if it is damaged.
template <int Max>
std::optional<std::array<nlattr*, Max + 1>> inside(const nlattr* nest) {
  std::array<nlattr*, Max + 1> found{};
  if (nla_parse_nested(found.data(), Max, writable(nest), nullptr) != 0) return std::nullopt;
  return found;
}

Turnaround turnaround_of(const nlattr* nest) {
  Turnaround t;
  const auto found = inside<LLP_A_TURNAROUND_MAX>(nest);
  if (!found) return t;
  t.count = Reader::u64((*found)[LLP_A_TURNAROUND_COUNT]);
  t.sum = Reader::u64((*found)[LLP_A_TURNAROUND_SUM]);
  t.longest = Reader::u64((*found)[LLP_A_TURNAROUND_LONGEST]);
  const nlattr* attribute = static_cast<const nlattr*>(nla_data(nest));
  int left = nla_len(nest);
  std::size_t next = 0;
  for (; nla_ok(attribute, left) != 0; attribute = nla_next(attribute, &left)) {
    if (nla_type(attribute) != LLP_A_TURNAROUND_BUCKET) continue;
    // A kernel with more of them: they are all above.
    t.bucket.at(std::min(next++, t.bucket.size() - 1)) += Reader::u64(attribute);
  }
  return t;
}

std::optional<Event> who(const Reader& reader) {
  const auto line = reader.number(LLP_A_LINE);
  if (!line) return std::nullopt;
  return Event{*line, reader.text(LLP_A_NAME), reader.text(LLP_A_TTY), reader.big(LLP_A_TIME),
               EventsMissed{}};
}

// What a newer kernel says and we do not know is not an event for us.
template <class E>
std::optional<E> word(const Reader& reader, int type, E last) {
  const auto value = reader.number(type);
  if (!value || *value > static_cast<std::uint32_t>(last)) return std::nullopt;
  return static_cast<E>(*value);
}

}  // namespace

void FreeMessage::operator()(nl_msg* message) const noexcept { nlmsg_free(message); }

Message request(int family, unsigned char command, int flags) {
  Message message(nlmsg_alloc());
  if (message && genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, command,
                             LLP_FAMILY_VERSION) == nullptr) {
    message.reset();
  }
  return message;
}

bool put(nl_msg& message, const LineRef& which) {
  if (const auto* by = std::get_if<LineNumber>(&which)) {
    return nla_put_u32(&message, LLP_A_LINE, by->number) == 0;
  }
  if (const auto* by = std::get_if<LineName>(&which)) {
    return nla_put_string(&message, LLP_A_NAME, by->name.c_str()) == 0;
  }
  return nla_put_string(&message, LLP_A_TTY, std::get<LineTty>(which).tty.c_str()) == 0;
}

bool put(nl_msg& message, const LineChange& change, bool by_number) {
  bool fits = true;
  const auto number = [&](int type, const std::optional<std::uint32_t>& value) {
    if (value) fits = fits && nla_put_u32(&message, type, *value) == 0;
  };
  if (change.name && by_number) fits = nla_put_string(&message, LLP_A_NAME, change.name->c_str()) == 0;
  number(LLP_A_PROTOCOL, change.protocol);
  for (const Parameter& p : change.params) {
    nlattr* nest = fits ? nla_nest_start(&message, LLP_A_PARAM) : nullptr;
    fits = nest != nullptr && nla_put_string(&message, LLP_A_PARAM_NAME, p.name.c_str()) == 0 &&
           nla_put_string(&message, LLP_A_PARAM_VALUE, p.value.c_str()) == 0;
    if (fits) nla_nest_end(&message, nest);
  }
  number(LLP_A_POLICY, change.policy);
  number(LLP_A_MAX_MESSAGES, change.max_messages);
  number(LLP_A_MAX_BYTES, change.max_bytes);
  number(LLP_A_MAX_WRITES, change.max_writes);
  if (change.up) fits = fits && nla_put_u8(&message, LLP_A_UP, *change.up ? 1 : 0) == 0;
  return fits;
}

std::optional<LineStatus> line_of(const nlmsghdr& header) {
  const Reader reader(header);
  if (!reader.valid() || reader.command() != LLP_CMD_LINE_GET) return std::nullopt;
  const auto line = reader.number(LLP_A_LINE);
  if (!line) return std::nullopt;
  LineStatus status;
  status.line = *line;
  status.name = reader.text(LLP_A_NAME);
  status.tty = reader.text(LLP_A_TTY);
  status.protocol = reader.number_or_0(LLP_A_PROTOCOL);
  status.up = reader.flag(LLP_A_UP);
  status.state = reader.text(LLP_A_STATE);
  for (const auto& [type, member] :
       {std::pair{LLP_A_FLAGS, &status.flags}, std::pair{LLP_A_POLICY, &status.policy},
        std::pair{LLP_A_MAX_MESSAGES, &status.max_messages}, std::pair{LLP_A_MAX_BYTES, &status.max_bytes},
        std::pair{LLP_A_MAX_WRITES, &status.max_writes}, std::pair{LLP_A_MESSAGES, &status.messages},
        std::pair{LLP_A_BYTES, &status.bytes}, std::pair{LLP_A_WRITES, &status.writes},
        std::pair{LLP_A_SPEED, &status.speed}, std::pair{LLP_A_CHAR_TIME, &status.char_time}}) {
    *member = reader.number_or_0(type);
  }
  reader.for_each(LLP_A_PARAM, [&](const nlattr* nest) {
    const auto found = inside<LLP_A_PARAM_MAX>(nest);
    if (!found) return;
    status.params.push_back(
        {Reader::string((*found)[LLP_A_PARAM_NAME]), Reader::string((*found)[LLP_A_PARAM_VALUE])});
  });
  return status;
}

std::optional<LineStats> stats_of(const nlmsghdr& header) {
  const Reader reader(header);
  if (!reader.valid() || reader.command() != LLP_CMD_STATS_GET) return std::nullopt;
  const auto line = reader.number(LLP_A_LINE);
  if (!line) return std::nullopt;
  LineStats stats;
  stats.line = *line;
  stats.name = reader.text(LLP_A_NAME);
  stats.tty = reader.text(LLP_A_TTY);
  reader.for_each(LLP_A_COUNTER, [&](const nlattr* nest) {
    const auto found = inside<LLP_A_COUNTER_MAX>(nest);
    if (!found) return;
    stats.counters.push_back(
        {Reader::string((*found)[LLP_A_COUNTER_NAME]), Reader::u64((*found)[LLP_A_COUNTER_VALUE])});
  });
  if (const nlattr* nest = reader.at(LLP_A_TURNAROUND)) stats.turnaround = turnaround_of(nest);
  return stats;
}

std::optional<Event> event_of(const nlmsghdr& header) {
  const Reader reader(header);
  if (!reader.valid()) return std::nullopt;
  auto event = who(reader);
  if (!event) return std::nullopt;
  switch (reader.command()) {
    case LLP_CMD_LINE_EVENT: {
      const auto change = word(reader, LLP_A_CHANGE, LLP_LINE_CHANGE_GONE);
      if (!change) return std::nullopt;
      event->what = LineEvent{*change, reader.number_or_0(LLP_A_PROTOCOL), reader.flag(LLP_A_UP)};
      return event;
    }
    case LLP_CMD_MESSAGE_EVENT: {
      const auto what = word(reader, LLP_A_EVENT, LLP_MESSAGE_EVENT_CANCELLED);
      if (!what) return std::nullopt;
      event->what = MessageEvent{*what,
                                 reader.number_or_0(LLP_A_MESSAGE),
                                 reader.number(LLP_A_LENGTH),
                                 reader.number_or_0(LLP_A_ERROR),
                                 reader.number(LLP_A_OUTCOME),
                                 reader.number_or_0(LLP_A_MESSAGE_FLAGS),
                                 reader.number(LLP_A_REPLY_TO)};
      return event;
    }
    case LLP_CMD_EXCEPTION: {
      const auto what = word(reader, LLP_A_EXCEPTION, LLP_EXCEPTION_DISCONNECT);
      if (!what) return std::nullopt;
      event->what = ExceptionEvent{*what, reader.text(LLP_A_FRAME), reader.text(LLP_A_VERDICT),
                                   reader.text(LLP_A_TIMER), reader.number(LLP_A_LENGTH)};
      return event;
    }
    default: return std::nullopt;
  }
}

std::string sentence_of(const nlmsghdr& header) {
  if (header.nlmsg_type != NLMSG_ERROR || (header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  auto* h = writable(&header);
  std::size_t offset = sizeof(nlmsgerr);
  const auto length = static_cast<std::size_t>(std::max(nlmsg_datalen(h), 0));
  if (length < offset) return {};
  // The request that is answered stands between, unless it was left out.
  const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(h));
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0 && error->msg.nlmsg_len > sizeof(nlmsghdr)) {
    offset += NLMSG_ALIGN(error->msg.nlmsg_len - sizeof(nlmsghdr));
  }
  if (length <= offset) return {};
  const std::span<const char> rest(static_cast<const char*>(nlmsg_data(h)) + offset, length - offset);
  const auto* attribute = reinterpret_cast<const nlattr*>(rest.data());  // NOLINT: libnl's own idiom
  int left = static_cast<int>(rest.size());
  for (; nla_ok(attribute, left) != 0; attribute = nla_next(attribute, &left)) {
    if (nla_type(attribute) == NLMSGERR_ATTR_MSG) return Reader::string(attribute);
  }
  return {};
}

}  // namespace llp::netlink
