// SPDX-License-Identifier: BSD-3-Clause
#include "line/device_words.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/result.hpp"

namespace llp::line {

std::string write_words(int error) {
  switch (error) {
    case EBUSY: return "the other station refused to be sent to, or won each contention";
    case ETIMEDOUT: return "the other station did not answer in time";
    case EREMOTEIO: return "the other station rejected it at every try";
    case ECANCELED: return "the other station ended the transfer";
    case ECOMM: return "its last block was sent, the acknowledgement never came";
    case EINTR: return "it was taken back";
    case EILSEQ: return "it holds a character that the protocol cannot carry";
    case EMSGSIZE: return "it is longer than max_message, or than the protocol can say";
    case EINVAL: return "it is empty";
    case ENETDOWN: return "the line is down (llpctl up)";
    case ENODEV: return "the line is gone, or went down";
    case EAGAIN: return "too many messages wait to be sent";
    case ESTALE: return "nobody waits for this answer any more";
    default: return errno_text(error);
  }
}

std::string outcome_words(std::uint32_t outcome) {
  constexpr std::array kWords{"not sent", "delivered", "refused", "outcome unknown", "transmitted"};
  return outcome < kWords.size() ? kWords.at(outcome) : fmt::format("outcome {}", outcome);
}

}  // namespace llp::line
