// SPDX-License-Identifier: BSD-3-Clause
#include "illp/options.hpp"

#include <string>

namespace llp::illp {

Result<void> Options::validate() const {
  const auto positive = [](Duration d) { return d > Duration::zero(); };
  if (max_message == 0) return fail(Errc::invalid, "max_message must be at least 1 byte");
  if (connect_tries == 0) return fail(Errc::invalid, "connect_tries must be at least 1");
  if (!positive(connect_timeout)) return fail(Errc::invalid, "connect_timeout must be more than 0");
  if (connect_pause < Duration::zero()) return fail(Errc::invalid, "connect_pause must not be negative");
  if (!positive(idle_timeout)) return fail(Errc::invalid, "idle_timeout must be more than 0");
  if (!positive(drain_time)) return fail(Errc::invalid, "drain_time must be more than 0");
  // The kernel's limits: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT.
  constexpr auto most = std::chrono::seconds(32767);
  if (!positive(keepalive_idle) || keepalive_idle > most) {
    return fail(Errc::invalid, "keepalive_idle must be more than 0 and at most 32767 s");
  }
  if (!positive(keepalive_interval) || keepalive_interval > most) {
    return fail(Errc::invalid, "keepalive_interval must be more than 0 and at most 32767 s");
  }
  if (keepalive_count == 0 || keepalive_count > 127) {
    return fail(Errc::invalid, "keepalive_count must be 1 to 127");
  }
  if (user_timeout < keepalive_idle + keepalive_interval * keepalive_count ||
      user_timeout > std::chrono::hours(24)) {
    return fail(Errc::invalid,
                "user_timeout must be at least keepalive_idle + keepalive_interval * keepalive_count and at "
                "most 24 h");
  }
  return {};
}

}  // namespace llp::illp
