// SPDX-License-Identifier: BSD-3-Clause
#include "control/meanings.hpp"

#include <algorithm>
#include <array>

namespace llp::control {

namespace {

// In the order of what to look at first: damage on the wire, then the other
// station, then our own side.
constexpr std::array kMeanings{
    Meaning{"parity_errors", "characters came with wrong parity",
            "The data bits or the parity differ from the instrument's (8n1, 7e1, ...), or the cable is bad."},
    Meaning{"framing_errors", "characters came without their stop bit",
            "Most often the baud rate or the number of data bits differs from the instrument's."},
    Meaning{
        "breaks", "the line was held at break",
        "A break is a cable that is unplugged at the far end, an instrument that is switched off, or a rate "
        "much too high."},
    Meaning{
        "overruns", "characters were lost in this machine",
        "The receiver was not emptied in time: use a port with a FIFO or an adapter, or a lower rate; look "
        "for drivers that block interrupts."},
    Meaning{
        "nak_check", "frames came with a wrong check",
        "Bytes are damaged without the port noticing: use parity, a better cable, or a lower rate; else the "
        "check is computed differently (parameters bcc_high, xor_scope, xor_fn; or a known peer)."},
    Meaning{"nak_flag", "frames came with damaged characters",
            "As with parity and framing errors: compare the serial settings, then look at the cable."},
    Meaning{"nak_length", "frames came with a wrong length",
            "Characters get lost on the way: look at flow control, which these protocols do not use."},
    Meaning{"nak_format", "frames came that were not as they must be",
            "Is it the right protocol, and the right peer? `llpctl show` names both."},
    Meaning{"nak_number", "blocks came out of sequence", "A block was lost between two that arrived."},
    Meaning{"nak_too_long", "messages came that are longer than allowed",
            "Raise max_message if the instrument may send them."},
    Meaning{"garbage", "bytes came that belong to no frame",
            "Is it the right protocol and baud rate? Another program or a modem may talk on the port."},
    Meaning{"unexpected", "frames came that nobody waited for",
            "Answers that came too late, as a rule: longer timers help; or a station that lost count."},
    Meaning{"lost_bytes", "bytes came that belong to no message",
            "As with garbage; some instruments print status lines between messages, which does no harm."},
    Meaning{"timeouts", "the other station did not answer in time",
            "Is it switched on, connected and in its transmit mode? Longer timers help slow ones."},
    Meaning{"retransmissions", "frames were sent again",
            "The other station did not answer, or asked for it."},
    Meaning{"naks_received", "the other station refused what was sent",
            "It sees damage, or it is busy: compare serial settings at both ends."},
    Meaning{"bids_refused", "the other station refused to be sent to",
            "It is busy or not ready to receive; look at its screen."},
    Meaning{"contentions", "both stations began at once",
            "It costs time only. If it is often, let one side be primary and the other secondary (role)."},
    Meaning{"tx_failed", "messages could not be delivered", "`llpctl monitor` tells of each why."},
    Meaning{"rx_cancelled", "messages began to arrive and were not completed",
            "Their sender gave up or fell silent, or nobody took them in time."},
    Meaning{"nak_busy", "messages were refused because nobody took them",
            "Is llpd, or whoever reads /dev/llpN, running? Raise max_messages if it is only slow at times."},
    Meaning{"messages_refused", "messages were refused because no reply to them was wanted",
            "A program expects a reply on this line, and the instrument sent something else; run llpd, which "
            "takes both."},
    Meaning{"nak_time", "acknowledgements were put off because the application was slow",
            "Make it faster, or let llpd spool (commit = spooled)."},
    Meaning{"verdicts_late", "the application decided later than the protocol waits", "As with nak_time."},
    Meaning{"verdicts_gone", "the application decided when the sender had given up", "As with nak_time."},
    Meaning{"reply_timeouts", "requests got no reply in time",
            "Does the instrument answer this kind of message? See reply_timeout and expect_out."},
    Meaning{"late_replies", "replies came after their time", "Raise reply_timeout."},
    Meaning{"repeats", "whole messages came again",
            "An acknowledgement was lost or late; what came twice is marked."},
    Meaning{"tx_stalls", "the port did not send what it was given",
            "Hardware flow control is on and nobody raises CTS, or the adapter hangs."},
    Meaning{"hangups", "the port was hung up", "An adapter that was unplugged, or a modem's carrier."},
};

}  // namespace

std::span<const Meaning> meanings() noexcept { return kMeanings; }

const Meaning* meaning_of(std::string_view counter) noexcept {
  const auto found = std::ranges::find(kMeanings, counter, &Meaning::counter);
  return found == kMeanings.end() ? nullptr : &*found;
}

}  // namespace llp::control
