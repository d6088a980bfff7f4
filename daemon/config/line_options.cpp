// SPDX-License-Identifier: BSD-3-Clause
#include "config/line_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "config/addresses.hpp"
#include "config/text.hpp"

namespace llp::config {

namespace {

using core::LineConfig;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kMemoryMax = std::uint64_t{16} << 30;
constexpr std::uint64_t kSpoolMax = std::uint64_t{16} << 40;

enum class Scaled : bool { no, yes };

// A time. `field` gives the place of it in a LineConfig, which may count
// nanoseconds or milliseconds.
template <class Field>
LineOption time(std::string name, Field field, Duration min, Duration max, Scaled scales, std::string help) {
  LineOption option{std::move(name), "TIME", {}, std::move(help), {}, {}, {}};
  option.allowed = fmt::format("{} to {}", format_duration(min), format_duration(max));
  option.set = [field, min, max](LineConfig& config, std::string_view text) -> Result<void> {
    const auto value = parse_duration(text, min, max);
    if (!value) return std::unexpected(value.error());
    auto& place = field(config);
    place = std::chrono::ceil<std::remove_reference_t<decltype(place)>>(*value);
    return {};
  };
  option.get = [field](const LineConfig& config) { return format_duration(field(config)); };
  if (scales == Scaled::yes) {
    option.scale = [field](LineConfig& config, Scale scale) {
      auto& place = field(config);
      place = std::chrono::ceil<std::remove_reference_t<decltype(place)>>(scaled(place, scale));
    };
  }
  return option;
}

template <class Field>
LineOption number(std::string name, Field field, std::uint64_t min, std::uint64_t max, std::string help) {
  LineOption option{std::move(name), "N", fmt::format("{} to {}", min, max), std::move(help), {}, {}, {}};
  option.set = [field, min, max](LineConfig& config, std::string_view text) -> Result<void> {
    const auto value = parse_unsigned(text, min, max);
    if (!value) return std::unexpected(value.error());
    auto& place = field(config);
    place = static_cast<std::remove_reference_t<decltype(place)>>(*value);
    return {};
  };
  option.get = [field](const LineConfig& config) { return fmt::format("{}", field(config)); };
  return option;
}

template <class Field>
LineOption size(std::string name, Field field, std::uint64_t min, std::uint64_t max, std::string help) {
  LineOption option{std::move(name), "SIZE", {}, std::move(help), {}, {}, {}};
  option.allowed = fmt::format("{} to {} bytes", format_size(min), format_size(max));
  option.set = [field, min, max](LineConfig& config, std::string_view text) -> Result<void> {
    const auto value = parse_size(text, min, max);
    if (!value) return std::unexpected(value.error());
    field(config) = static_cast<std::size_t>(*value);
    return {};
  };
  option.get = [field](const LineConfig& config) { return format_size(field(config)); };
  return option;
}

template <class Field>
LineOption flag(std::string name, Field field, std::string help) {
  LineOption option{std::move(name), {}, "yes or no", std::move(help), {}, {}, {}};
  option.set = [field](LineConfig& config, std::string_view text) -> Result<void> {
    const auto value = parse_yes_no(text);
    if (!value) return std::unexpected(value.error());
    field(config) = *value;
    return {};
  };
  option.get = [field](const LineConfig& config) { return std::string(field(config) ? "yes" : "no"); };
  return option;
}

template <class Field>
LineOption choice(std::string name, Field field, const std::string& choices, std::string help) {
  LineOption option{std::move(name), choices, one_of(split(choices, '|')), std::move(help), {}, {}, {}};
  option.set = [field, choices](LineConfig& config, std::string_view text) -> Result<void> {
    const auto value = parse_choice(text, choices);
    if (!value) return std::unexpected(value.error());
    auto& place = field(config);
    place = static_cast<std::remove_reference_t<decltype(place)>>(*value);
    return {};
  };
  option.get = [field, choices](const LineConfig& config) {
    return split(choices, '|').at(static_cast<std::size_t>(field(config)));
  };
  return option;
}

// Reads and sets the field of a config, constant or not.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): only a macro can take a member's name
#define FIELD(member) ([](auto& config) -> auto& { return config.member; })

// Two fields that are one thing to people: kept alive alike on the line and
// towards the applications.
template <class Field, class Other>
LineOption both(LineOption option, Field field, Other other) {
  option.set = [set = std::move(option.set), field, other](LineConfig& config,
                                                           std::string_view text) -> Result<void> {
    if (auto done = set(config, text); !done) return done;
    auto& place = other(config);
    using Place = std::remove_reference_t<decltype(place)>;
    if constexpr (std::is_arithmetic_v<Place>) {
      place = static_cast<Place>(field(config));
    } else {
      place = std::chrono::ceil<Place>(field(config));
    }
    return {};
  };
  return option;
}

LineOption path(std::string name, std::string value, std::string allowed, std::string help,
                std::function<std::string&(LineConfig&)> field) {
  LineOption option{std::move(name), std::move(value), std::move(allowed), std::move(help), {}, {}, {}};
  option.set = [field](LineConfig& config, std::string_view text) -> Result<void> {
    if (!text.empty() && (!text.starts_with('/') || text.find('\0') != std::string_view::npos)) {
      return fail(Errc::invalid, quote(text) + " must begin with /");
    }
    field(config) = text;
    return {};
  };
  // Only reads: a copy has the field, too.
  option.get = [field = std::move(field)](LineConfig config) { return field(config); };
  return option;
}

// Networks that may call, in one place or in several.
LineOption allow(std::string name, std::string help, std::function<void(LineConfig&, const AllowList&)> put,
                 std::function<const AllowList&(const LineConfig&)> read) {
  LineOption option{std::move(name),
                    "NETWORK,...",
                    "addresses and networks, such as 192.0.2.0/24 and 2001:db8::/32, or any",
                    std::move(help),
                    {},
                    {},
                    {},
                    true};
  option.set = [put = std::move(put)](LineConfig& config, std::string_view text) -> Result<void> {
    const auto list = AllowList::parse(text);
    if (!list) return std::unexpected(list.error());
    put(config, *list);
    return {};
  };
  option.get = [read = std::move(read)](const LineConfig& config) { return read(config).text(); };
  return option;
}

LineOption text(std::string name, std::string value, std::string allowed, std::string help, bool list,
                std::function<std::string&(LineConfig&)> field) {
  LineOption option{std::move(name), std::move(value), std::move(allowed), std::move(help), {}, {}, {}, list};
  option.set = [field, list](LineConfig& config, std::string_view text) -> Result<void> {
    const bool good = std::ranges::all_of(text, [list](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
             c == '-' || c == '_' || c == ':' || c == '*' || (list && c == ',');
    });
    if (!good) return fail(Errc::invalid, quote(text) + " is not a name");
    field(config) = text;
    return {};
  };
  option.get = [field = std::move(field)](LineConfig config) { return field(config); };
  return option;
}

// TLS. In a file, tls = { certificate = ... } is the same as tls_certificate.
void tls_options(std::vector<LineOption>& t) {
  const auto file = [&t](std::string name, std::string help, std::function<std::string&(LineConfig&)> field) {
    t.push_back(
        path(std::move(name), "FILE", "an absolute path, or nothing", std::move(help), std::move(field)));
  };
  t.push_back(choice("tls_for", FIELD(tls.use), "none|to|dist|both",
                     "which connections over TCP are secured with TLS 1.3: those with applications that are "
                     "called (to), with those that call (dist), or both"));
  file("tls_certificate", "PEM file of the own certificate, followed by those that lead to its authority",
       [](LineConfig& config) -> std::string& { return config.tls.certificate; });
  file("tls_key", "PEM file of its private key, which others must not be able to read",
       [](LineConfig& config) -> std::string& { return config.tls.key; });
  file("tls_authorities", "PEM file of the authorities that sign the other ends' certificates",
       [](LineConfig& config) -> std::string& { return config.tls.authorities; });
  file("tls_revoked", "PEM file of their lists of revoked certificates; nothing: none are asked for",
       [](LineConfig& config) -> std::string& { return config.tls.revoked; });
  t.push_back(
      choice("tls_clients", FIELD(tls.clients), "required|any",
             "whether a client at dist must have a certificate of the authorities, or may be anybody"));
  t.push_back(text("tls_names", "NAME,...", "host names",
                   "a client's certificate must have one of these names; "
                   "nothing: any certificate of the authorities will do",
                   true, [](LineConfig& config) -> std::string& { return config.tls.names; }));
  t.push_back(
      text("tls_server_name", "NAME", "a host name or an address",
           "what the certificate of an application at to must name, instead of the host written there", false,
           [](LineConfig& config) -> std::string& { return config.tls.server_name; }));
}

// A number, or auto.
LineOption per_address() {
  constexpr std::uint64_t kMost = 10000;
  LineOption option{
      "max_per_address",
      "auto|N",
      fmt::format("auto, or 0 to {}", kMost),
      "connections at dist at once from one address, or from one IPv6 network of 64 bits; 0: as "
      "many as max_connections; auto: three quarters of these, and no bound for programs of "
      "this machine, which share an address",
      {},
      {},
      {}};
  option.set = [](LineConfig& config, std::string_view text) -> Result<void> {
    if (text == "auto") {
      config.max_per_address.reset();
      return {};
    }
    const auto value = parse_unsigned(text, 0, kMost);
    if (!value) return std::unexpected(value.error());
    config.max_per_address = static_cast<std::size_t>(*value);
    return {};
  };
  option.get = [](const LineConfig& config) {
    return config.max_per_address ? fmt::format("{}", *config.max_per_address) : std::string("auto");
  };
  return option;
}

// Who may call, and how much of it.
void caller_options(std::vector<LineOption>& t) {
  t.push_back(allow(
      "allow", "who may connect over TCP, to dist and to a line that listens; others are closed unheard",
      [](LineConfig& config, const AllowList& list) { config.dist_allow = config.stream.allow = list; },
      [](const LineConfig& config) -> const AllowList& { return config.dist_allow; }));
  t.push_back(allow(
      "dist_allow", "the same for dist alone",
      [](LineConfig& config, const AllowList& list) { config.dist_allow = list; },
      [](const LineConfig& config) -> const AllowList& { return config.dist_allow; }));
  t.push_back(allow(
      "port_allow", "the same for the line alone",
      [](LineConfig& config, const AllowList& list) { config.stream.allow = list; },
      [](const LineConfig& config) -> const AllowList& { return config.stream.allow; }));
  t.push_back(per_address());
  t.push_back(size("max_request_bytes", FIELD(max_request_bytes), 1 << 10, kMemoryMax,
                   "bytes of all requests in hand at dist, together"));
  t.push_back(time("request_timeout", FIELD(request_timeout), milliseconds(1), hours(24), Scaled::yes,
                   "a request at dist takes so long to arrive as a whole"));
}

// deliver, drop, or where else it goes.
LineOption on_duplicate() {
  LineOption option{"on_duplicate",
                    "deliver|drop|ADDRESS",
                    "deliver, drop, or an address as for to",
                    "what becomes of a message that an application has perhaps seen already: delivered; "
                    "acknowledged and not delivered (may lose it); or delivered to another application",
                    {},
                    {},
                    {}};
  option.set = [](LineConfig& config, std::string_view text) -> Result<void> {
    config.duplicates_to.reset();
    config.on_duplicate = text == "drop" ? core::OnDuplicate::drop : core::OnDuplicate::deliver;
    if (text == "deliver" || text == "drop") return {};
    auto address = parse_to(text);
    if (!address) {
      address.error().message += "; or write deliver or drop";
      return std::unexpected(std::move(address.error()));
    }
    config.on_duplicate = core::OnDuplicate::divert;
    config.duplicates_to = std::move(*address);
    return {};
  };
  option.get = [](const LineConfig& config) -> std::string {
    if (config.on_duplicate == core::OnDuplicate::divert && config.duplicates_to) {
      return illp::to_string(*config.duplicates_to);
    }
    return config.on_duplicate == core::OnDuplicate::drop ? "drop" : "deliver";
  };
  return option;
}

LineOption copies() {
  LineOption option{
      "copies",
      "ADDRESS,...",
      "addresses as for to, or nothing",
      "further listeners: each gets a copy of every message that applications get from the "
      "instrument, once, and its replies are thrown away; one that is slow or away delays nobody, "
      "and loses the oldest of more than 256 that wait",
      {},
      {},
      {},
      true};
  option.set = [](LineConfig& config, std::string_view text) -> Result<void> {
    std::vector<illp::Endpoint> found;
    for (const std::string& one : text.empty() ? std::vector<std::string>{} : split(text, ',')) {
      auto address = parse_to(one);
      if (!address) return std::unexpected(std::move(address.error()));
      found.push_back(std::move(*address));
    }
    config.copies = std::move(found);
    return {};
  };
  option.get = [](const LineConfig& config) {
    std::string all;
    for (const illp::Endpoint& one : config.copies) all += (all.empty() ? "" : ",") + illp::to_string(one);
    return all;
  };
  return option;
}

LineOption journal() {
  LineOption option{"journal",
                    "auto|on|off|PATH",
                    "auto, on, off, or a path",
                    "whether attempts to deliver are written down before they are made, so that possible "
                    "duplicates are known after a restart; auto: where there is a directory for it",
                    {},
                    {},
                    {}};
  option.set = [](LineConfig& config, std::string_view text) -> Result<void> {
    core::JournalConfig& place = config.journal;
    if (text.starts_with('/') && text.find('\0') == std::string_view::npos) {
      place.mode = core::JournalMode::on;
      place.path = text;
      return {};
    }
    const auto mode = parse_choice(text, "auto|on|off");
    if (!mode) {
      return fail(Errc::invalid,
                  quote(text) + " is not allowed, write auto, on, off, or a path that begins with /");
    }
    place.mode = static_cast<core::JournalMode>(*mode);
    place.path.clear();
    return {};
  };
  option.get = [](const LineConfig& config) -> std::string {
    if (!config.journal.path.empty()) return config.journal.path;
    return split("auto|on|off", '|').at(static_cast<std::size_t>(config.journal.mode));
  };
  return option;
}

// What the line keeps on disk. In a file, spool = { max_age = ... } is the same
// as spool_max_age.
void store_options(std::vector<LineOption>& t) {
  const Duration ms1 = milliseconds(1);
  t.push_back(path("spool_dir", "DIR", "an absolute path, or nothing",
                   "directory of the spools, one for each line in a directory of the line's name; nothing: "
                   "there is no spool",
                   [](LineConfig& config) -> std::string& { return config.spool.dir; }));
  t.push_back(size("spool_max_bytes", FIELD(spool.max_bytes), 1 << 10, kSpoolMax,
                   "bytes of the spool's messages and dead letters; at the limit messages are refused"));
  t.push_back(number("spool_max_messages", FIELD(spool.max_messages), 1, 1000000,
                     "messages and dead letters in the spool; at the limit messages are refused"));
  t.push_back(time("spool_max_age", FIELD(spool.max_age), Duration::zero(), hours(87600), Scaled::no,
                   "a message that waits longer in the spool becomes a dead letter; 0: it waits for ever"));
  t.push_back(number("spool_max_attempts", FIELD(spool.max_attempts), 0, 1000000,
                     "deliveries from the spool that an application has seen and that failed, after which a "
                     "message becomes a dead letter; 0: any number"));
  t.push_back(time("spool_retry_min", FIELD(spool.retry_min), ms1, hours(1), Scaled::yes,
                   "pause after a delivery from the spool that failed, doubled with each failure"));
  t.push_back(
      time("spool_retry_max", FIELD(spool.retry_max), ms1, hours(24), Scaled::yes, "longest such pause"));
  t.push_back(time("spool_reply_timeout", FIELD(spool.reply_timeout), ms1, hours(24), Scaled::yes,
                   "how long an application may work on a message from the spool"));
  t.push_back(on_duplicate());
  t.push_back(copies());
  t.push_back(journal());
}

std::vector<LineOption> make_table() {
  std::vector<LineOption> t;
  const auto sec = [](int n) { return Duration(seconds(n)); };
  const Duration ms1 = milliseconds(1);
  const Duration hour = hours(1);
  const Duration day = hours(24);

  t.push_back(
      choice("commit", FIELD(commit), "auto|received|spooled|sent",
             "when a message from the line counts as safe and is acknowledged: the application's whole reply "
             "was read; or it is in the spool; or the bytes are with the application's host (sent: may lose "
             "messages); auto: spooled on X3.28 and MLLP 2 where there is a spool, else received"));
  t.push_back(choice("ready", FIELD(ready), "always|target_up",
                     "take messages always, or refuse bids while no application answers"));
  t.push_back(
      choice("engine", FIELD(engine), "auto|kernel|user",
             "where the protocol of a serial port runs: in the kernel if the module n_llp is there and "
             "the port may be attached to it, in the kernel or not at all, or in this program"));
  t.push_back(choice(
      "check", FIELD(illp.check), "none|hl7|auto",
      "what a whole message must look like: anything; MSH, FHS or BHS first and CR last; or this where "
      "the line carries HL7"));
  t.push_back(
      choice("empty_reply", FIELD(illp.empty_reply), "accept|refuse",
             "what a reply without a byte is: the message was taken, and there is nothing to reply; or a "
             "failure, for applications that always reply: one that dies before its first byte may look so"));
  t.push_back(
      choice("oob", FIELD(illp.oob), "yes|none",
             "whether urgent data is sent to applications; none: restart and cancel are both a reset"));

  t.push_back(number("max_connections", FIELD(max_connections), 1, 10000, "connections at dist at once"));
  caller_options(t);
  tls_options(t);
  t.push_back(number("max_queue", FIELD(max_queue), 1, 100000, "requests that wait for the line"));
  t.push_back(time("queue_timeout", FIELD(queue_timeout), ms1, day, Scaled::yes,
                   "a request waits so long for the line"));
  t.push_back(time("dup_window", FIELD(dup_window), ms1, day, Scaled::yes,
                   "how long a message is remembered to know its repeat"));
  t.push_back(number("dup_entries", FIELD(dup_entries), 1, 1000000, "messages remembered for that"));
  t.push_back(size("dup_bytes", FIELD(dup_bytes), 0, kMemoryMax, "bytes of replies kept for repeats"));
  t.push_back(
      number("dead_letters", FIELD(dead_letters), 0, 100000,
             "late replies and the like that are kept, in the spool or else in memory; the oldest go first"));
  t.push_back(size("dead_letter_bytes", FIELD(dead_letter_bytes), 0, kMemoryMax, "bytes of these"));
  store_options(t);
  t.push_back(
      time("retry_max", FIELD(retry_max), ms1, hour, Scaled::yes,
           "with ready=target_up, the longest pause between looks whether an application answers again"));
  t.push_back(time("stop_grace", FIELD(stop_grace), ms1, sec(60), Scaled::yes,
                   "at the end, how long the transaction in hand may take"));

  t.push_back(both(time("connect_timeout", FIELD(illp.connect_timeout), ms1, hour, Scaled::yes,
                        "one attempt to connect, to an application or to the line"),
                   FIELD(illp.connect_timeout), FIELD(stream.connect_timeout)));
  t.push_back(
      number("connect_tries", FIELD(illp.connect_tries), 1, 1000, "rounds over the applications' addresses"));
  t.push_back(time("connect_pause", FIELD(illp.connect_pause), Duration::zero(), hour, Scaled::yes,
                   "pause between these rounds"));
  t.push_back(time("idle_timeout", FIELD(illp.idle_timeout), ms1, day, Scaled::yes,
                   "an application sends or takes nothing in mid message for so long: given up"));
  t.push_back(time("drain_time", FIELD(illp.drain_time), ms1, sec(60), Scaled::yes,
                   "after a cancel, how long the other end may take to close"));
  t.push_back(both(time("keepalive_idle", FIELD(illp.keepalive_idle), sec(1), sec(32767), Scaled::no,
                        "TCP: silence before the other end's host is probed"),
                   FIELD(illp.keepalive_idle), FIELD(stream.keepalive_idle)));
  t.push_back(both(time("keepalive_interval", FIELD(illp.keepalive_interval), sec(1), sec(32767), Scaled::no,
                        "TCP: time between probes"),
                   FIELD(illp.keepalive_interval), FIELD(stream.keepalive_interval)));
  t.push_back(
      both(number("keepalive_count", FIELD(illp.keepalive_count), 1, 127, "TCP: probes without an answer"),
           FIELD(illp.keepalive_count), FIELD(stream.keepalive_probes)));
  t.push_back(both(time("user_timeout", FIELD(illp.user_timeout), sec(1), day, Scaled::no,
                        "TCP: sent data that the other end's host does not confirm for so long"),
                   FIELD(illp.user_timeout), FIELD(stream.user_timeout)));

  t.push_back(flag("wait_for_device", FIELD(stream.wait_for_device),
                   "wait for a serial port that is missing or locked, instead of failing"));
  t.push_back(flag("low_latency", FIELD(stream.low_latency), "ask the serial port's driver for low latency"));
  t.push_back(time("reopen_max", FIELD(stream.reopen_max), ms1, hour, Scaled::yes,
                   "longest pause between attempts to open a serial port that has gone"));
  t.push_back(time("backoff_max", FIELD(stream.backoff_max), ms1, hour, Scaled::yes,
                   "longest pause between attempts to connect to the line"));
  LineOption mode{
      "socket_mode", "MODE", "0 to 777, octal", "permissions of a UNIX socket that is the line", {}, {}, {}};
  mode.set = [](LineConfig& config, std::string_view text) -> Result<void> {
    const auto value = parse_mode(text);
    if (!value) return std::unexpected(value.error());
    config.stream.socket_mode = *value;
    return {};
  };
  mode.get = [](const LineConfig& config) { return fmt::format("{:04o}", config.stream.socket_mode); };
  t.push_back(std::move(mode));
  return t;
}

#undef FIELD

}  // namespace

std::span<const LineOption> line_options() {
  static const std::vector<LineOption> table = make_table();
  return table;
}

const LineOption* find_line_option(std::string_view name) {
  std::string wanted(name);
  std::ranges::replace(wanted, '-', '_');
  const auto all = line_options();
  const auto found = std::ranges::find(all, wanted, &LineOption::name);
  return found == all.end() ? nullptr : &*found;
}

std::string long_name(const LineOption& option) {
  std::string name = option.name;
  std::ranges::replace(name, '_', '-');
  return name;
}

std::string line_options_as_roff(Manual manual) {
  std::string out;
  const LineConfig defaults;
  for (const LineOption& option : line_options()) {
    const bool switch_only = option.value.empty();
    if (manual == Manual::file) {
      fmt::format_to(std::back_inserter(out), ".TP\n.B {}\n", roff(option.name));
    } else if (switch_only) {
      fmt::format_to(std::back_inserter(out), ".TP\n.BR \\-\\-{} \" [=no]\"\n", roff(long_name(option)));
    } else {
      fmt::format_to(std::back_inserter(out), ".TP\n.BI \\-\\-{} \" {}\"\n", roff(long_name(option)),
                     roff(option.value));
    }
    std::string standard = option.get(defaults);
    if (standard.empty()) standard = "none";
    std::string help = roff(option.help);
    if (help[0] >= 'a' && help[0] <= 'z') help[0] = static_cast<char>(help[0] - 'a' + 'A');
    fmt::format_to(std::back_inserter(out), "{}.\nAllowed: {}; default {}.\n", help, roff(option.allowed),
                   roff(standard));
  }
  return out;
}

}  // namespace llp::config
