// SPDX-License-Identifier: BSD-3-Clause
// Messages like those of an analyser, of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// An ORU with as many OBX segments as it takes; exactly `size` bytes, the last
// of them CR. Segments are 60 to 80 bytes long, so that control characters
// (CR) come as often as they do in life.
inline std::vector<std::uint8_t> oru(std::size_t size) {
  std::string text =
      "MSH|^~\\&|ANALYSER|LAB|LIS|HOSPITAL|20261103081500||ORU^R01|A000017|P|2.3\r"
      "PID|1||4711^^^HOSPITAL||PROBE^PETRA||19610803|F\rOBR|1|9920||CHEM^Chemistry panel\r";
  for (unsigned i = 1; text.size() < size; ++i) {
    text += "OBX|" + std::to_string(i) + "|NM|" + std::to_string(2000 + i * 7 % 900) +
            "^Sodium, serum or plasma||" + std::to_string(130 + i % 20) + "|mmol/L|135-145|N|||F\r";
  }
  text.resize(size, 'x');
  text.back() = '\r';
  return {text.begin(), text.end()};
}

}  // namespace bench
