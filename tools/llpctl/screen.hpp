// SPDX-License-Identifier: BSD-3-Clause
// A terminal as a screen: raw keys, a page of its own, and everything as it was
// when it goes.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace llp::ctl {

class Screen {
 public:
  // Errc::system: one of them is no terminal.
  [[nodiscard]] static Result<Screen> open(int in, int out);
  Screen(Screen&& other) noexcept;
  Screen& operator=(Screen&&) = delete;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  // Puts everything back, also where an exception passes.
  ~Screen();

  struct Size {
    std::size_t columns = 80, rows = 24;
  };
  [[nodiscard]] Size size() const;

  // Shows these lines and nothing else.
  void draw(const std::vector<std::string>& lines) const;

 private:
  Screen(int in, int out, const termios& before) : in_(in), out_(out), before_(before) {}
  void write(const std::string& text) const;

  int in_, out_;
  termios before_;
};

}  // namespace llp::ctl
