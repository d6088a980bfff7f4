// SPDX-License-Identifier: BSD-3-Clause
#include "line/kernel_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <tuple>

namespace llp::line {

namespace {

// The kernel's own matters: it knows the wire, and whole messages are read.
bool left_to_kernel(std::string_view name) { return name == "flow" || name == "char_time"; }

bool belongs(const llp_param& row, llp_protocol protocol) {
  return (row.protocols & (1U << protocol)) != 0 && !left_to_kernel(row.name);
}

Result<llp_ioc_param> parameter(llp_protocol protocol, const llp_params& params, const char* name) {
  llp_ioc_param param{};
  std::strncpy(param.name, name, sizeof param.name - 1);
  if (llp_params_get(&params, protocol, name, param.value, sizeof param.value) < 0) {
    return fail(Errc::invalid, fmt::format("parameter {} cannot be told to the kernel", name));
  }
  return param;
}

// Whether the line has the value that `wanted` says.
bool has(MessageFile& file, const llp_ioc_param& wanted) {
  llp_ioc_param found{};
  std::copy(std::begin(wanted.name), std::end(wanted.name), std::begin(found.name));
  return control(file, LLP_IOC_GET_PARAM, found) == 0 && std::string_view(found.value) == wanted.value;
}

Result<bool> works_like_that(MessageFile& file, llp_protocol protocol, const llp_params& params,
                             const llp_ioc_info& info) {
  if ((info.flags & LLP_INFO_UP) == 0 || info.protocol != static_cast<std::uint32_t>(protocol)) return false;
  for (std::uint32_t i = 0; const llp_param* row = llp_param_at(i); ++i) {
    if (!belongs(*row, protocol)) continue;
    const auto wanted = parameter(protocol, params, row->name);
    if (!wanted) return std::unexpected(wanted.error());
    if (!has(file, *wanted)) return false;
  }
  return true;
}

std::unexpected<Error> refused(int err, const std::string& name, std::string_view what) {
  return fail_errno(fmt::format("{}: {}", name, what), err);
}

}  // namespace

Result<void> set_up_line(MessageFile& file, llp_protocol protocol, const llp_params& params,
                         const std::string& name) {
  llp_ioc_info info{};
  if (const int err = control(file, LLP_IOC_INFO, info)) return refused(err, name, "cannot ask the line");
  if (info.abi < LLP_ABI_VERSION) {
    return fail(Errc::invalid,
                fmt::format("{}: the module n_llp is older than this program (interface {}, not {}): "
                            "load the one that came with it",
                            name, info.abi, LLP_ABI_VERSION));
  }
  const auto same = works_like_that(file, protocol, params, info);
  if (!same) return std::unexpected(same.error());
  if (*same) return {};

  if ((info.flags & LLP_INFO_UP) != 0) {
    const int err = file.control(LLP_IOC_DOWN, nullptr);
    if (err != 0 && err != EALREADY) return refused(err, name, "cannot stop the line to set it up");
  }
  auto number = static_cast<std::uint32_t>(protocol);
  if (const int err = control(file, LLP_IOC_SET_PROTOCOL, number)) {
    return refused(err, name, fmt::format("cannot set protocol {}", llp_protocol_name(protocol)));
  }
  for (std::uint32_t i = 0; const llp_param* row = llp_param_at(i); ++i) {
    if (!belongs(*row, protocol)) continue;
    auto wanted = parameter(protocol, params, row->name);
    if (!wanted) return std::unexpected(wanted.error());
    if (has(file, *wanted)) continue;
    if (const int err = control(file, LLP_IOC_SET_PARAM, *wanted)) {
      return refused(err, name, fmt::format("cannot set {} to {}", wanted->name, wanted->value));
    }
  }
  const int err = file.control(LLP_IOC_UP, nullptr);
  if (err != 0 && err != EALREADY) return refused(err, name, "cannot start the line");
  return {};
}

Result<void> take_receiver(MessageFile& file, bool ready, const std::string& name) {
  std::uint32_t policy = LLP_POLICY_COMMIT;
  std::uint32_t events = 1U << LLP_RESULT_BEGIN | 1U << LLP_RESULT_ACKED | 1U << LLP_RESULT_CANCELLED |
                         1U << LLP_RESULT_END | 1U << LLP_RESULT_LINE;
  std::uint32_t take = 1;
  std::uint32_t takes_messages = ready ? 1 : 0;
  for (const auto& [request, argument] :
       {std::pair{LLP_IOC_POLICY, &policy}, std::pair{LLP_IOC_EVENTS, &events},
        std::pair{LLP_IOC_RECEIVE, &take}, std::pair{LLP_IOC_READY, &takes_messages}}) {
    const int err = file.control(request, argument);
    if (err == EBUSY) return fail(Errc::in_use, name + ": another program receives on this line");
    if (err != 0) return refused(err, name, "cannot receive on the line");
  }
  return {};
}

llp_cause cause_of_errno(std::uint32_t error) noexcept {
  switch (error) {
    case 0: return LLP_OK;
    case ENODEV: return LLP_CAUSE_HANGUP;
    case EBUSY: return LLP_CAUSE_BUSY;
    case ETIMEDOUT:
    case ECOMM: return LLP_CAUSE_NOREPLY;
    case EREMOTEIO: return LLP_CAUSE_REJECTED;
    case ECANCELED: return LLP_CAUSE_INTERRUPTED;
    case EINTR: return LLP_CAUSE_ABORTED;
    case EMSGSIZE: return LLP_CAUSE_TOO_LONG;
    case ESTALE: return LLP_CAUSE_VERDICT_LATE;
    default: return LLP_CAUSE_FORMAT;
  }
}

SendResult send_result(const llp_ioc_result& result) noexcept {
  SendResult r{cause_of_errno(result.error), LLP_OUT_UNKNOWN};
  if (result.type == LLP_RESULT_DONE && result.error == ETIMEDOUT) r.cause = LLP_CAUSE_REPLY_TIMEOUT;
  switch (result.outcome) {
    case LLP_OUTCOME_NOT_SENT: r.outcome = LLP_OUT_NOT_SENT; break;
    case LLP_OUTCOME_DELIVERED: r.outcome = LLP_OUT_DELIVERED; break;
    case LLP_OUTCOME_REFUSED: r.outcome = LLP_OUT_REFUSED; break;
    case LLP_OUTCOME_TRANSMITTED: r.outcome = LLP_OUT_TRANSMITTED; break;
    default: break;
  }
  return r;
}

void read_counters(MessageFile& file, std::array<std::uint64_t, LLP_C__N>& counters) noexcept {
  for (std::uint32_t i = 0;; ++i) {
    llp_ioc_counter counter{};
    counter.index = i;
    if (control(file, LLP_IOC_COUNTER, counter) != 0) return;
    for (std::uint32_t c = 0; c < LLP_C__N; ++c) {
      if (std::string_view(counter.name) == llp_counter_name(c)) counters.at(c) = counter.value;
    }
  }
}

void read_turnaround(MessageFile& file, Turnaround& turnaround) noexcept {
  llp_ioc_turnaround told{};
  if (control(file, LLP_IOC_TURNAROUND, told) != 0) return;
  turnaround.count = told.count;
  turnaround.sum = told.sum;
  turnaround.longest = told.max;
  static_assert(LLP_BUCKETS == std::tuple_size_v<decltype(turnaround.bucket)>);
  std::ranges::copy(told.bucket, turnaround.bucket.begin());
}

}  // namespace llp::line
