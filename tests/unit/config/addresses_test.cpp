// SPDX-License-Identifier: BSD-3-Clause
#include "config/addresses.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <variant>

namespace llp::config {
namespace {

using io::LineSpec;

template <class T>
void expect_line(Result<LineSpec> (*parse)(std::string_view), const std::string& text, const T& wanted) {
  const auto got = parse(text);
  ASSERT_TRUE(got) << text << ": " << got.error().message;
  ASSERT_TRUE(std::holds_alternative<T>(*got)) << text;
  EXPECT_EQ(std::get<T>(*got), wanted) << text;
}

void expect_error(const Result<LineSpec>& got, const std::string& message) {
  ASSERT_FALSE(got) << message;
  EXPECT_EQ(got.error().code, Errc::invalid);
  EXPECT_EQ(got.error().message, message);
}

// shows: x328/D-1
TEST(Tty, EveryForm) {
  const io::TtyMode n81{8, 'n', 1};
  using io::Tty;
  expect_line(parse_tty, "/dev/ttyS0", Tty{"/dev/ttyS0", 9600, n81, io::TtyFlow::none, false});
  expect_line(parse_tty, "/dev/ttyS0,19200", Tty{"/dev/ttyS0", 19200, n81, io::TtyFlow::none, false});
  expect_line(parse_tty, "/dev/ttyS0,921600,7e1",
              Tty{"/dev/ttyS0", 921600, {7, 'e', 1}, io::TtyFlow::none, false});
  expect_line(parse_tty, "/dev/ttyS0,300,8N2", Tty{"/dev/ttyS0", 300, {8, 'n', 2}, io::TtyFlow::none, false});
  expect_line(parse_tty, "ttyS0,9600,5m2,rtscts",
              Tty{"ttyS0", 9600, {5, 'm', 2}, io::TtyFlow::rtscts, false});
  expect_line(parse_tty, "a b,9600,6s1,xonxoff", Tty{"a b", 9600, {6, 's', 1}, io::TtyFlow::xonxoff, false});
  expect_line(parse_tty, "x,9600,8o1,none", Tty{"x", 9600, {8, 'o', 1}, io::TtyFlow::none, false});
  expect_line(parse_tty, "/dev/ttyS0,9600,keep", Tty{"/dev/ttyS0", 9600, n81, io::TtyFlow::none, true});
  expect_line(parse_tty, "/dev/ttyS0,keep", Tty{"/dev/ttyS0", 9600, n81, io::TtyFlow::none, true});
}

TEST(Tty, Errors) {
  const char* mode =
      " is not a mode; write data bits 5 to 8, parity n, e, o, m or s, and stop bits 1 or 2, such as 8n1 or "
      "7e1, or "
      "keep";
  expect_error(parse_tty(""), "the device of the serial line is missing");
  expect_error(parse_tty(",9600"), "the device of the serial line is missing");
  expect_error(parse_tty("x,fast"), "baud rate 'fast' is not a number from 1 to 20000000");
  expect_error(parse_tty("x,"), "baud rate '' is not a number from 1 to 20000000");
  expect_error(parse_tty("x,0"), "baud rate '0' is out of bounds, allowed are 1 to 20000000");
  for (const char* text : {"9n1", "4n1", "8x1", "8n3", "8n", "8n11", "", "n81", "Keep"}) {
    expect_error(parse_tty("x,9600," + std::string(text)), "'" + std::string(text) + "'" + mode);
  }
  expect_error(parse_tty("x,9600,8n1,hard"),
               "flow control 'hard' is not allowed, write none, rtscts or xonxoff");
  expect_error(parse_tty("x,9600,8n1,none,y"),
               "'x,9600,8n1,none,y': a serial line is written DEV,BAUD,MODE,FLOW");
  expect_error(parse_tty("x,9600,keep,none"),
               "keep leaves the flow control as it is found; nothing may follow it");
}

TEST(Tty, BySelector) {
  expect_line(parse_tty, "serial=A1B2C3,19200,7e1",
              io::Tty{"serial=A1B2C3", 19200, {7, 'e', 1}, io::TtyFlow::none, false});
  expect_line(parse_tty, "path=pci-0000:00:14.0-usb-0:2:1.0+interface=01",
              io::Tty{"path=pci-0000:00:14.0-usb-0:2:1.0+interface=01", 9600, {}, io::TtyFlow::none, false});
  EXPECT_EQ(
      parse_tty("seriel=A1").error().message,
      "'seriel=A1' does not name a port: write serial=, path=, interface=, vendor=, model=, label=, joined "
      "with + where one is not enough; did you mean 'serial'?");
  EXPECT_FALSE(parse_tty("serial="));
}

TEST(KernelLine, EveryForm) {
  const auto kept = [](const char* device) { return io::Tty{device, 9600, {}, io::TtyFlow::none, true}; };
  expect_line(parse_line, "llp:chem", kept("/dev/llp/chem"));
  expect_line(parse_line, "llp:3", kept("/dev/llp3"));
  expect_line(parse_line, "llp:/dev/llp0", kept("/dev/llp0"));
  for (const char* wrong : {"llp:", "llp:..", "llp:a/b", "llp:/dev/ttyS0", "llp:/dev/llp"}) {
    EXPECT_FALSE(parse_line(wrong)) << wrong;
  }
}

TEST(PtyAndUnix, EveryForm) {
  expect_line(parse_pty, "-", io::Pty{""});
  expect_line(parse_pty, "/run/x", io::Pty{"/run/x"});
  expect_error(parse_pty(""),
               "the path of the symbolic link to the pseudo terminal is missing; - makes none");
  expect_line(parse_unix_line, "/run/x", io::UnixListen{"/run/x"});
  expect_line(parse_unix_line, "%/run/x", io::UnixConnect{"/run/x"});
  expect_line(parse_unix_line, std::string(107, 'x'), io::UnixListen{std::string(107, 'x')});
  expect_error(parse_unix_line(""), "the path of the UNIX socket is missing");
  expect_error(parse_unix_line("%"), "the path of the UNIX socket is missing");
  expect_error(parse_unix_line(std::string(108, 'x')),
               "'" + std::string(80, 'x') + "...': the path of a UNIX socket has at most 107 bytes");
}

TEST(TcpLine, EveryForm) {
  expect_line(parse_tcp_line, "5000%lab1", io::TcpConnect{"lab1", "5000"});
  expect_line(parse_tcp_line, "hl7%lab-1.example", io::TcpConnect{"lab-1.example", "hl7"});
  expect_line(parse_tcp_line, "5000%::1", io::TcpConnect{"::1", "5000"});
  expect_line(parse_tcp_line, "5000%[::1]", io::TcpConnect{"::1", "5000"});
  expect_line(parse_tcp_line, "5000%[fe80::1%eth0]", io::TcpConnect{"fe80::1%eth0", "5000"});
  expect_line(parse_tcp_line, "5000%fe80::1%eth0", io::TcpConnect{"fe80::1%eth0", "5000"});
  expect_line(parse_tcp_line, "5000%192.0.2.1", io::TcpConnect{"192.0.2.1", "5000"});
  expect_line(parse_tcp_line, "5000", io::TcpListen{"", "5000"});
  expect_line(parse_tcp_line, "0", io::TcpListen{"", "0"});
  expect_line(parse_tcp_line, "00080", io::TcpListen{"", "80"});
  expect_line(parse_tcp_line, "5000%@*", io::TcpListen{"*", "5000"});
  expect_line(parse_tcp_line, "5000%@192.0.2.1", io::TcpListen{"192.0.2.1", "5000"});
  expect_line(parse_tcp_line, "5000%@[::]", io::TcpListen{"::", "5000"});
}

TEST(TcpLine, Errors) {
  expect_error(parse_tcp_line(""), "the service is missing; write a port number or a name of services(5)");
  expect_error(parse_tcp_line("%lab1"),
               "the service is missing; write a port number or a name of services(5)");
  expect_error(parse_tcp_line("lab1:5000"),
               "'lab1:5000' is not a service; an address is written SERVICE%HOST, such as 5000%lab1");
  expect_error(parse_tcp_line("65536"), "'65536' is not a port number, allowed are 0 to 65535");
  expect_error(parse_tcp_line("0%lab1"), "'0' is not a port number, allowed are 1 to 65535");
  expect_error(parse_tcp_line("-5"), "'-5' is neither a port number nor a service's name");
  expect_error(parse_tcp_line("5000%"), "the host after '%' is missing");
  expect_error(parse_tcp_line("5000%@"), "the address after '%' is missing");
  expect_error(parse_tcp_line("5000%*"), "'5000%*': to listen on every address, write 5000%@*");
  expect_error(parse_tcp_line("5000%a b"), "'a b' is not a host");
  expect_error(parse_tcp_line("5000%[lab1]"), "'[lab1]' is not an IPv6 address in brackets");
  expect_error(parse_tcp_line("5000%[::1"), "'[::1' is not an IPv6 address in brackets");
  expect_error(parse_tcp_line("5000%-x"), "'-x' is not a host");
  expect_error(parse_tcp_line("5000%" + std::string(256, 'h')),
               "'" + std::string(80, 'h') + "...' is not a host");
}

TEST(AnyLine, Kinds) {
  expect_line(parse_line, "tty:/dev/ttyS0,1200", io::Tty{"/dev/ttyS0", 1200, {}, io::TtyFlow::none, false});
  expect_line(parse_line, "pty:-", io::Pty{""});
  expect_line(parse_line, "unix:%/x", io::UnixConnect{"/x"});
  expect_line(parse_line, "tcp:5000%lab1", io::TcpConnect{"lab1", "5000"});
  expect_error(parse_line("/dev/ttyS0"),
               "'/dev/ttyS0' is not a line; write tty:DEV,BAUD,MODE, llp:NAME, pty:PATH, unix:PATH, "
               "unix:%PATH, tcp:SERVICE or "
               "tcp:SERVICE%HOST");
}

void expect_endpoint(const Result<illp::Endpoint>& got, const illp::Endpoint& wanted) {
  ASSERT_TRUE(got) << illp::to_string(wanted) << ": " << got.error().message;
  EXPECT_EQ(*got, wanted) << illp::to_string(wanted);
}

TEST(Endpoints, EveryForm) {
  using illp::TcpEndpoint;
  using illp::UnixEndpoint;
  expect_endpoint(parse_to("5001"), TcpEndpoint{"", "5001"});
  expect_endpoint(parse_to("hl7%app.example"), TcpEndpoint{"app.example", "hl7"});
  expect_endpoint(parse_to("5001%[2001:db8::1]"), TcpEndpoint{"2001:db8::1", "5001"});
  expect_endpoint(parse_to("unix:/run/app"), UnixEndpoint{"/run/app"});
  expect_endpoint(parse_dist("5002"), TcpEndpoint{"", "5002"});
  expect_endpoint(parse_dist("0"), TcpEndpoint{"", "0"});
  expect_endpoint(parse_dist("5002%*"), TcpEndpoint{"*", "5002"});
  expect_endpoint(parse_dist("5002%::1"), TcpEndpoint{"::1", "5002"});
  expect_endpoint(parse_dist("unix:dist.sock"), UnixEndpoint{"dist.sock"});
}

TEST(Endpoints, Errors) {
  EXPECT_EQ(parse_to("0").error().message, "'0' is not a port number, allowed are 1 to 65535");
  EXPECT_EQ(parse_to("5001%*").error().message, "'*' is not a host");
  EXPECT_EQ(parse_to("unix:").error().message, "the path of the UNIX socket is missing");
  EXPECT_EQ(parse_to("").error().message,
            "the service is missing; write a port number or a name of services(5)");
  EXPECT_EQ(parse_dist("5002%").error().message, "the address after '%' is missing");
  EXPECT_EQ(parse_dist("5002%a/b").error().message, "'a/b' is not an address");
}

TEST(Names, Rules) {
  EXPECT_EQ(parse_name("chem-1_a.b"), "chem-1_a.b");
  EXPECT_EQ(parse_name(std::string(64, 'x')), std::string(64, 'x'));
  for (const std::string& text :
       {std::string(), std::string("a b"), std::string("a/b"), std::string(65, 'x')}) {
    EXPECT_FALSE(parse_name(text)) << text;
  }
  EXPECT_EQ(parse_name("a/b").error().message,
            "'a/b' is not a name for a line; 1 to 64 letters, digits, '.', '_' and '-' are allowed");
}

TEST(Names, ComeFromTheLine) {
  EXPECT_EQ(default_name(*parse_tty("/dev/ttyUSB0"), 7), "ttyUSB0");
  EXPECT_EQ(default_name(*parse_pty("/run/analyser"), 7), "analyser");
  EXPECT_EQ(default_name(*parse_pty("-"), 7), "pty-7");
  EXPECT_EQ(default_name(*parse_tcp_line("5000%lab1"), 7), "lab1-5000");
  EXPECT_EQ(default_name(*parse_tcp_line("5000%[fe80::1%eth0]"), 7), "fe80--1-eth0-5000");
  EXPECT_EQ(default_name(*parse_tcp_line("5000"), 7), "listen-5000");
  EXPECT_EQ(default_name(*parse_tcp_line("0"), 7), "listen-7");
  EXPECT_EQ(default_name(*parse_unix_line("/run/x y"), 7), "x-y");
  EXPECT_EQ(default_name(*parse_unix_line("%/run/z/"), 7), "z");
  EXPECT_EQ(default_name(*parse_pty("/"), 7), "line");
  EXPECT_TRUE(
      parse_name(default_name(*parse_tty("/dev/serial/by-id/" + std::string(90, 'u') + "-port0"), 7)));
}

// Whatever is typed: an answer or a sentence on one line, and names that fit.
TEST(Anything, NeverDoesHarm) {
  std::mt19937 random(20260518);
  static constexpr char kLetters[] = "tyunixcp:%@*-[],.0189/abn \0\n\xff";
  const std::string alphabet(kLetters, sizeof kLetters - 1);
  for (int i = 0; i < 20000; i++) {
    std::string text;
    for (auto n = random() % 24; n > 0; n--) text += alphabet[random() % alphabet.size()];
    for (auto* parse : {parse_tty, parse_pty, parse_unix_line, parse_tcp_line, parse_line}) {
      const auto line = parse(text);
      if (line) {
        EXPECT_TRUE(parse_name(default_name(*line, 1))) << text;
        EXPECT_FALSE(io::describe(*line).empty());
      } else {
        EXPECT_EQ(line.error().message.find_first_of("\n\xff"), std::string::npos);
        EXPECT_FALSE(line.error().message.empty());
      }
    }
    for (auto* parse : {parse_to, parse_dist}) {
      const auto endpoint = parse(text);
      if (!endpoint) {
        EXPECT_EQ(endpoint.error().message.find_first_of("\n\xff"), std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace llp::config
