// SPDX-License-Identifier: BSD-3-Clause
// What llpcat was asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <llp/address.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <optional>
#include <string>
#include <vector>

namespace llp::cat {

// What the exit statuses say; documented in llpcat(1). The rest are those of sysexits.h.
enum Exit : int {
  kDone = 0,           // everything was sent and replied to; serving ended as asked
  kRefused = 1,        // the other end refused a message, or cancelled it
  kTimeout = 2,        // something took longer than --timeout
  kBroken = 3,         // the connection ended before everything was done
  kNegative = 4,       // replied to, but an HL7 acknowledgement was negative
  kUsage = 64,         // wrong usage
  kData = 65,          // a message that the protocol cannot carry, or a reply that is not whole
  kNoInput = 66,       // a file or device is missing
  kUnavailable = 69,   // the host or service cannot be reached
  kSoftware = 70,      // internal error
  kCannotCreate = 73,  // output cannot be written
  kInUse = 75,         // the address or port is in use
  kPermission = 77,    // the system refuses
};

// The status for an error of the library.
[[nodiscard]] int exit_of(const Error& error) noexcept;

struct Options {
  Address address;
  ClientOptions client;
  bool listen = false;
  std::vector<std::string> files;  // to send; "-" is standard input
  bool split = false;              // a file holds several messages
  bool text = false;               // line ends become CR
  bool wait_reply = true;
  std::uint64_t count = 0;         // 0: send once; serve without end
  double rate = 0;                 // messages a second; 0: as fast as it goes
  std::optional<std::string> ack;  // MSA-1 of answers
  std::optional<Bytes> reply;      // the same answer to each message
  std::string exec;                // a shell command that gives the answer
  bool lost = false;
  std::filesystem::path out;
  bool quiet = false;
};

// Both return an Exit.
[[nodiscard]] int send_messages(const Options& options);
[[nodiscard]] int serve(const Options& options);

// "llpcat: WHAT" on standard error; returns `status`.
int complain(const std::string& what, int status);

}  // namespace llp::cat
