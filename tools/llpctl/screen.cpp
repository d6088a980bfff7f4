// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/screen.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace llp::ctl {

namespace {

constexpr int kNone = -1;
constexpr int kPatience = 1000;  // milliseconds, for a terminal that takes nothing
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";
constexpr const char* kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";

}  // namespace

Result<Screen> Screen::open(int in, int out) {
  termios before{};
  if (::tcgetattr(in, &before) != 0 || ::isatty(out) == 0) return fail_errno("top needs a terminal");
  termios raw = before;
  ::cfmakeraw(&raw);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  Screen screen(in, out, before);
  if (::tcsetattr(in, TCSANOW, &raw) != 0) {
    screen.in_ = kNone;
    return fail_errno("the terminal cannot be set");
  }
  screen.write(kEnter);
  return screen;
}

Screen::Screen(Screen&& other) noexcept
    : in_(std::exchange(other.in_, kNone)), out_(other.out_), before_(other.before_) {}

Screen::~Screen() {
  if (in_ == kNone) return;
  write(kLeave);
  static_cast<void>(::tcsetattr(in_, TCSADRAIN, &before_));
}

Screen::Size Screen::size() const {
  winsize found{};
  Size size;
  if (::ioctl(out_, TIOCGWINSZ, &found) == 0 && found.ws_col > 0 && found.ws_row > 0) {
    size.columns = found.ws_col;
    size.rows = found.ws_row;
  }
  return size;
}

void Screen::draw(const std::vector<std::string>& lines) const {
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += lines[i] + "\x1b[K";
    if (i + 1 < lines.size()) text += "\r\n";
  }
  write(text + "\x1b[J");
}

void Screen::write(const std::string& text) const {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(out_, text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      pollfd one{out_, POLLOUT, 0};
      if (::poll(&one, 1, kPatience) <= 0) return;
    } else if (n == 0 || errno != EINTR) {
      return;  // a terminal that has gone
    }
  }
}

}  // namespace llp::ctl
