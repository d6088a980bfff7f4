// SPDX-License-Identifier: BSD-3-Clause
// Messages out of files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llp/message.hpp"
#include "llp/result.hpp"

namespace llp::cat {

struct Input {
  std::string name;  // of the file, with the message's number if there are several in it
  Bytes message;
};

// Line ends as HL7 has them: LF and CR LF become CR.
[[nodiscard]] Bytes with_cr(std::string_view text);

// A message begins at each line that begins with MSH, FHS or BHS; what comes before the first belongs to none
// and is left out if it is blank, else it is a message of its own. Blank lines between messages are dropped.
[[nodiscard]] std::vector<Bytes> split_messages(std::string_view text);

// All messages of the files, in order; "-" is standard input. Errc::not_found: a file is missing or empty.
[[nodiscard]] Result<std::vector<Input>> read_messages(const std::vector<std::string>& files, bool split,
                                                       bool text);

}  // namespace llp::cat
