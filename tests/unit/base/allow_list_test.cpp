// SPDX-License-Identifier: BSD-3-Clause
// Who may call: networks of both families, and what is wrong with others.
#include "base/allow_list.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

#include "base/log_limit.hpp"

namespace llp {
namespace {

using namespace std::chrono_literals;

sockaddr_storage peer(const char* text) {
  sockaddr_storage storage{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    EXPECT_EQ(::inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return storage;
}

bool allows(std::string_view list, const char* caller) {
  const auto parsed = AllowList::parse(list);
  EXPECT_TRUE(parsed) << list << ": " << (parsed ? "" : parsed.error().message);
  return parsed && parsed->allows(peer(caller));
}

std::string wrong(std::string_view list) {
  const auto parsed = AllowList::parse(list);
  EXPECT_FALSE(parsed) << list;
  if (parsed) return {};
  EXPECT_EQ(parsed.error().code, Errc::invalid);
  return parsed.error().message;
}

TEST(AllowList, NobodyIsNamedEverybodyMay) {
  EXPECT_TRUE(AllowList().allows(peer("203.0.113.9")));
  EXPECT_TRUE(AllowList().any());
  EXPECT_TRUE(allows("any", "2001:db8::1"));
  EXPECT_EQ(AllowList().text(), "any");
}

TEST(AllowList, Ipv4AtEveryPrefix) {
  // The edges of a network of each size around 10.171.205.239.
  for (unsigned bits = 0; bits <= 32; ++bits) {
    const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
    const std::uint32_t base = 0x0aabcdefU & mask;
    const auto text = [](std::uint32_t a) {
      return std::to_string(a >> 24) + "." + std::to_string(a >> 16 & 255) + "." +
             std::to_string(a >> 8 & 255) + "." + std::to_string(a & 255);
    };
    const std::string list = text(base) + "/" + std::to_string(bits);
    EXPECT_TRUE(allows(list, text(base).c_str())) << list;
    EXPECT_TRUE(allows(list, text(base | ~mask).c_str())) << list;
    if (bits == 0) continue;
    EXPECT_FALSE(allows(list, text(base - 1).c_str())) << list;
    EXPECT_FALSE(allows(list, text((base | ~mask) + 1).c_str())) << list;
  }
}

TEST(AllowList, Ipv6) {
  EXPECT_TRUE(allows("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(allows("2001:db8::/32", "2001:db9::1"));
  EXPECT_TRUE(allows("2001:db8:0:8000::/49", "2001:db8:0:ffff::1"));
  EXPECT_FALSE(allows("2001:db8:0:8000::/49", "2001:db8:0:7fff::1"));
  EXPECT_TRUE(allows("::1", "::1"));
  EXPECT_FALSE(allows("::1", "::2"));
  EXPECT_TRUE(allows("::/0", "fe80::1"));
}

TEST(AllowList, MappedIsTheSameCaller) {
  EXPECT_TRUE(allows("192.0.2.0/24", "::ffff:192.0.2.7"));
  EXPECT_FALSE(allows("192.0.2.0/24", "::ffff:192.0.3.7"));
  EXPECT_TRUE(allows("::ffff:192.0.2.0/120", "192.0.2.7"));
  EXPECT_FALSE(allows("::ffff:192.0.2.0/120", "192.0.3.7"));
  EXPECT_TRUE(allows("0.0.0.0/0", "::ffff:192.0.2.7"));
}

TEST(AllowList, AllOfIpv6IsNotIpv4) {
  EXPECT_FALSE(allows("::/0", "192.0.2.7"));
  EXPECT_FALSE(allows("::/0", "::ffff:192.0.2.7"));
  EXPECT_FALSE(allows("0.0.0.0/0", "2001:db8::1"));
  // Looks like a mapped address only up to its prefix.
  EXPECT_FALSE(allows("::/80", "192.0.2.7"));
}

TEST(AllowList, SeveralWithBlanks) {
  const char* list = "192.0.2.0/24, 198.51.100.7 ,2001:db8::/32";
  EXPECT_TRUE(allows(list, "192.0.2.255"));
  EXPECT_TRUE(allows(list, "198.51.100.7"));
  EXPECT_FALSE(allows(list, "198.51.100.8"));
  EXPECT_TRUE(allows(list, "2001:db8::7"));
  EXPECT_EQ(AllowList::parse(list)->text(), "192.0.2.0/24,198.51.100.7/32,2001:db8::/32");
  EXPECT_EQ(AllowList::parse(AllowList::parse(list)->text())->text(), AllowList::parse(list)->text());
}

TEST(AllowList, UnixSocketsHaveNoAddress) {
  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  EXPECT_TRUE(AllowList::parse("192.0.2.0/24")->allows(local));
  sockaddr_storage other{};
  other.ss_family = AF_UNSPEC;
  EXPECT_FALSE(AllowList::parse("192.0.2.0/24")->allows(other));
}

TEST(AllowList, WhatIsWrong) {
  EXPECT_EQ(wrong("192.0.2.1/24"), "'192.0.2.1/24' has bits behind its prefix; the network is 192.0.2.0/24");
  EXPECT_EQ(wrong("2001:db8::1/32"),
            "'2001:db8::1/32' has bits behind its prefix; the network is 2001:db8::/32");
  EXPECT_EQ(wrong("::ffff:192.0.2.1/120"),
            "'::ffff:192.0.2.1/120' has bits behind its prefix; the network is 192.0.2.0/24");
  EXPECT_EQ(wrong("192.0.2.0/33"), "'192.0.2.0/33': a network of this kind has 0 to 32 bits");
  EXPECT_EQ(wrong("2001:db8::/129"), "'2001:db8::/129': a network of this kind has 0 to 128 bits");
  for (const char* text :
       {"192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/2x", "192.0.2.0/+8", "192.0.2.0/99999999999"}) {
    EXPECT_NE(wrong(text).find("has 0 to 32 bits"), std::string::npos) << text;
  }
  for (const char* text : {"", "lis.example", "192.0.2", "192.0.2.0/24,", "fe80::1%lo", "any,192.0.2.0/24",
                           "010.0.0.1", "192.0.2.0/24/8 x"}) {
    EXPECT_FALSE(wrong(text).empty()) << text;
  }
}

TEST(HostGroup, LoopbackIsThisMachine) {
  const auto local = [](const char* text) {
    HostAddress address;
    EXPECT_TRUE(host_address(peer(text), address)) << text;
    return is_loopback(address);
  };
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(local(text)) << text;
  for (const char* text : {"192.0.2.127", "126.0.0.1", "::2", "::", "fe80::1", "7f00::1", "::ffff:192.0.2.1"})
    EXPECT_FALSE(local(text)) << text;
}

TEST(HostGroup, AnIpv6HostHasItsWholeNetwork) {
  HostAddress a;
  HostAddress b;
  ASSERT_TRUE(host_address(peer("2001:db8:1:2:3:4:5:6"), a));
  ASSERT_TRUE(host_address(peer("2001:db8:1:2::1"), b));
  EXPECT_NE(a, b);
  EXPECT_EQ(host_group(a), host_group(b));
  ASSERT_TRUE(host_address(peer("2001:db8:1:3::1"), b));
  EXPECT_NE(host_group(a), host_group(b));
  ASSERT_TRUE(host_address(peer("192.0.2.1"), a));
  ASSERT_TRUE(host_address(peer("::ffff:192.0.2.1"), b));
  EXPECT_EQ(host_group(a), host_group(b));
  ASSERT_TRUE(host_address(peer("192.0.2.2"), b));
  EXPECT_NE(host_group(a), host_group(b));
}

TEST(LogLimit, OnceAnInterval) {
  LogLimit limit(10s);
  const auto start = LogLimit::Clock::now();
  EXPECT_EQ(limit.happened(start), 0u);
  EXPECT_FALSE(limit.happened(start + 1s));
  EXPECT_FALSE(limit.happened(start + 9s));
  EXPECT_EQ(limit.happened(start + 10s), 2u);
  EXPECT_FALSE(limit.happened(start + 11s));
  EXPECT_EQ(and_more(0), "");
  EXPECT_EQ(and_more(2), ", and 2 more since this was last said");
}

}  // namespace
}  // namespace llp
