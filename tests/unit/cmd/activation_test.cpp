// SPDX-License-Identifier: BSD-3-Clause
// Sockets of a service manager: which are ours, and whose line they are for.
#include "cmd/activation.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "illp/inherited.hpp"

namespace llp::cmd {
namespace {

std::vector<std::string> names(ListenVariables variables, long pid = 7) {
  const auto found = inherited_names(variables, pid);
  EXPECT_TRUE(found);
  return found.value_or(std::vector<std::string>{});
}

TEST(InheritedNames, AsTheVariablesSay) {
  EXPECT_TRUE(names({}).empty());
  EXPECT_TRUE(names({.pid = "7", .fds = nullptr}).empty());
  EXPECT_TRUE(names({.pid = "8", .fds = "2"}).empty()) << "meant for another process";
  EXPECT_EQ(names({.pid = "7", .fds = "0", .names = ""}).size(), 0u);
  EXPECT_EQ(names({.pid = "7", .fds = "3", .names = "a:b:c"}), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(names({.pid = "7", .fds = "3", .names = "a::c"}), (std::vector<std::string>{"a", "", "c"}));
  EXPECT_EQ(names({.pid = "7", .fds = "3", .names = "a"}), (std::vector<std::string>{"a", "", ""}));
  EXPECT_EQ(names({.pid = "7", .fds = "2"}), (std::vector<std::string>{"", ""}));
}

TEST(InheritedNames, WhatTheyMustNotSay) {
  for (const char* fds : {"", "-1", "x", "1x", "99999999999999999999", "5000"}) {
    EXPECT_FALSE(inherited_names({.pid = "7", .fds = fds}, 7)) << fds;
  }
  EXPECT_FALSE(inherited_names({.pid = "x", .fds = "1"}, 7));
}

UniqueFd tcp_listener(std::uint16_t& port, in_addr_t address = INADDR_LOOPBACK) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_TRUE(fd);
  if (!fd) return fd;
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(address);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  EXPECT_EQ(::listen(fd.get(), 4), 0);
  port = ntohs(at.sin_port);
  return fd;
}

std::size_t found(const illp::Inherited& sockets, const std::string& line, const illp::Endpoint& endpoint) {
  const auto list = sockets.find(line, endpoint, {});
  EXPECT_TRUE(list);
  return list ? list->size() : 0;
}

TEST(InheritedSockets, ByNameThenByAddress) {
  illp::Inherited sockets;
  std::uint16_t first = 0;
  std::uint16_t second = 0;
  std::uint16_t any = 0;
  ASSERT_TRUE(sockets.add(tcp_listener(first), "chem"));
  ASSERT_TRUE(sockets.add(tcp_listener(second), "other"));
  ASSERT_TRUE(sockets.add(tcp_listener(any, INADDR_ANY), ""));
  EXPECT_EQ(sockets.unused().size(), 3u);
  // Its name counts, wherever it is bound.
  const auto named = sockets.find("chem", illp::TcpEndpoint{"", std::to_string(second)}, {});
  ASSERT_TRUE(named);
  ASSERT_EQ(named->size(), 1u);
  EXPECT_EQ(named->front().address().port(), first);
  // Else where it is bound.
  EXPECT_EQ(found(sockets, "x", illp::TcpEndpoint{"", std::to_string(second)}), 1u);
  EXPECT_EQ(found(sockets, "x", illp::TcpEndpoint{"127.0.0.1", std::to_string(second)}), 1u);
  EXPECT_EQ(found(sockets, "x", illp::TcpEndpoint{"127.0.0.2", std::to_string(second)}), 0u);
  EXPECT_EQ(found(sockets, "x", illp::TcpEndpoint{"*", std::to_string(second)}), 0u);
  EXPECT_EQ(found(sockets, "x", illp::TcpEndpoint{"", std::to_string(any)}), 0u);
  ASSERT_EQ(sockets.unused().size(), 1u);
  EXPECT_EQ(sockets.unused()[0], " (0.0.0.0:" + std::to_string(any) + ")");
  EXPECT_EQ(found(sockets, "x", illp::TcpEndpoint{"*", std::to_string(any)}), 1u);
  EXPECT_TRUE(sockets.unused().empty());
  // Again, after a line was stopped.
  EXPECT_EQ(found(sockets, "chem", illp::TcpEndpoint{"", "1"}), 1u);
}

TEST(InheritedSockets, AUnixSocketStaysWhenItsLineStops) {
  std::string dir = testing::TempDir() + "llp-inherit-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/chem";
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_GE(fd.get(), 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.data(), path.size());
  // NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): seen to be open above
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(fd.get(), 4), 0);
  illp::Inherited sockets;
  ASSERT_TRUE(sockets.add(std::move(fd), ""));
  {
    const auto list = sockets.find("chem", illp::UnixEndpoint{path}, {});
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 1u);
    EXPECT_EQ(list->front().local_path(), path);
  }
  struct stat there{};
  EXPECT_EQ(::stat(path.c_str(), &there), 0);
  std::filesystem::remove_all(dir);
}

TEST(InheritedSockets, OnlyThoseThatListen) {
  illp::Inherited sockets;
  EXPECT_FALSE(sockets.add(UniqueFd(::socket(AF_INET, SOCK_STREAM, 0)), "not listening"));
  EXPECT_FALSE(sockets.add(UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0)), "datagrams"));
  EXPECT_FALSE(sockets.add(UniqueFd(::dup(STDOUT_FILENO)), "no socket"));
  EXPECT_FALSE(sockets.add(UniqueFd(), "nothing"));
}

}  // namespace
}  // namespace llp::cmd
