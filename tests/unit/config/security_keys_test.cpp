// SPDX-License-Identifier: BSD-3-Clause
// The keys that say who may call and how connections are secured.
#include <gtest/gtest.h>

#include "config/toml_config.hpp"

namespace llp::config {
namespace {

std::expected<DaemonConfig, std::vector<Error>> parse_keys(const std::string& text) {
  const ConfigSource source{"llpd.toml", text};
  return parse_config(std::span(&source, 1));
}

std::string errors_of_keys(const std::string& text) {
  const auto config = parse_keys(text);
  EXPECT_FALSE(config);
  std::string all;
  if (config) return all;
  for (const Error& error : config.error()) all += error.message + "\n";
  return all;
}

const std::string kLine = "[line.a]\nport = \"pty:-\"\ndist = 1\n";

TEST(AllowKeys, ForBothAndForOne) {
  const auto config = parse_keys(R"(metrics_allow = ["::1", "127.0.0.0/8"]
[defaults]
allow = "192.0.2.0/24"
[line.b]
port = "tcp:4000"
dist = 2
allow = ["198.51.100.0/24", "2001:db8::/32"]
dist_allow = "any"
)" + kLine);
  ASSERT_TRUE(config) << config.error()[0].message;
  EXPECT_EQ(config->metrics_allow.text(), "::1/128,127.0.0.0/8");
  const core::LineConfig& a = config->lines[0].name == "a" ? config->lines[0] : config->lines[1];
  const core::LineConfig& b = config->lines[0].name == "a" ? config->lines[1] : config->lines[0];
  EXPECT_EQ(a.dist_allow.text(), "192.0.2.0/24");
  EXPECT_EQ(a.stream.allow.text(), "192.0.2.0/24");
  EXPECT_EQ(b.dist_allow.text(), "any");
  EXPECT_EQ(b.stream.allow.text(), "198.51.100.0/24,2001:db8::/32");
  EXPECT_NE(fingerprint(a), fingerprint(b));
}

TEST(AllowKeys, EveryElementIsNamed) {
  EXPECT_EQ(
      errors_of_keys("metrics_allow = [\"::1\", \"host\"]\n" + kLine + R"(allow = ["192.0.2.0/24",
  "192.0.2.1/24", 7,
  "2001:db8::/129"]
port_allow = []
)"),
      "llpd.toml:1: metrics_allow: 'host' is no network; write an address or ADDRESS/BITS, such as "
      "192.0.2.0/24 or 2001:db8::/32\n"
      "llpd.toml:6: line.a.allow: '192.0.2.1/24' has bits behind its prefix; the network is 192.0.2.0/24\n"
      "llpd.toml:6: line.a.allow: '7' is no network; write an address or ADDRESS/BITS, such as "
      "192.0.2.0/24 or 2001:db8::/32\n"
      "llpd.toml:7: line.a.allow: '2001:db8::/129': a network of this kind has 0 to 128 bits\n"
      "llpd.toml:8: line.a.port_allow: is empty\n");
}

std::string with_tls(const std::string& table, const std::string& to = {}) {
  return kLine + to + "[line.a.tls]\n" + table;
}

const std::string kAll = "certificate = \"/c\"\nkey = \"/k\"\nauthorities = \"/a\"\n";

TEST(TlsKeys, WhoeverDescribesItMeansIt) {
  const auto config = parse_keys(with_tls(kAll + "names = [\"a.example\", \"b.example\"]\n"));
  ASSERT_TRUE(config) << config.error()[0].message;
  const core::TlsConfig& tls = config->lines[0].tls;
  EXPECT_EQ(tls.use, core::TlsFor::both);
  EXPECT_EQ(tls.certificate, "/c");
  EXPECT_EQ(tls.names, "a.example,b.example");
  EXPECT_EQ(tls.clients, core::TlsClients::required);
  EXPECT_EQ(tls.where.at("tls_key"), "llpd.toml:6: line.a.tls.key");
  EXPECT_FALSE(config->lines[0].security);  // made when the files are read
}

TEST(TlsKeys, OneDirectionAndNone) {
  auto config = parse_keys(with_tls(kAll + "for = \"dist\"\n", "to = \"unix:/app\"\n"));
  ASSERT_TRUE(config) << config.error()[0].message;
  EXPECT_FALSE(config->lines[0].tls.for_to());
  EXPECT_TRUE(config->lines[0].tls.for_dist());
  config = parse_keys("[defaults.tls]\n" + kAll + kLine + "tls_for = \"none\"\n");
  ASSERT_TRUE(config) << config.error()[0].message;
  EXPECT_EQ(config->lines[0].tls.use, core::TlsFor::none);
}

TEST(TlsKeys, WhatIsMissing) {
  const std::string at = "llpd.toml:1: line.a: ";
  EXPECT_EQ(errors_of_keys(with_tls("authorities = \"/a\"\n")),
            at + "TLS at dist needs tls_certificate and tls_key\n");
  EXPECT_EQ(errors_of_keys(with_tls("certificate = \"/c\"\nauthorities = \"/a\"\n")),
            at + "tls_certificate and tls_key go together, and one of them is missing\n");
  EXPECT_EQ(errors_of_keys(with_tls("certificate = \"/c\"\nkey = \"/k\"\n")),
            at + "TLS at dist needs tls_authorities, unless tls_clients is any\n");
  EXPECT_TRUE(parse_keys(with_tls("certificate = \"/c\"\nkey = \"/k\"\nclients = \"any\"\n")));
  EXPECT_EQ(errors_of_keys(with_tls(kAll + "clients = \"any\"\nnames = \"x\"\n")),
            at + "tls_names asks for names of clients that need no certificate (tls_clients)\n");
  EXPECT_EQ(errors_of_keys(with_tls("for = \"to\"\n", "to = 5\n")),
            at + "TLS with applications at to needs tls_authorities\n");
  EXPECT_EQ(errors_of_keys(with_tls("for = \"to\"\nauthorities = \"/a\"\n", "to = [5, \"unix:/app\"]\n")),
            at + "TLS is for TCP: with applications at unix: sockets it cannot be\n");
  EXPECT_EQ(errors_of_keys(
                with_tls("for = \"to\"\nauthorities = \"/a\"\n", "to = 5\non_duplicate = \"unix:/app\"\n")),
            at + "TLS is for TCP: with applications at unix: sockets it cannot be\n");
  EXPECT_EQ(errors_of_keys("[line.a]\nport = \"pty:-\"\ndist = \"unix:/d\"\n[line.a.tls]\n" + kAll),
            at + "TLS is for TCP: at a unix: socket as dist it cannot be\n");
  EXPECT_EQ(errors_of_keys(kLine + "tls_certificate = \"/c\"\ntls_key = \"/k\"\n"),
            at + "TLS is described, and not what for: tls_for is missing\n");
}

TEST(TlsKeys, WhatIsWrong) {
  EXPECT_EQ(errors_of_keys(with_tls("certificate = \"c\"\nfor = \"all\"\nnames = [\"a b\"]\nkee = 1\n")),
            "llpd.toml:5: line.a.tls.certificate: 'c' must begin with /\n"
            "llpd.toml:6: line.a.tls.for: 'all' is not allowed, write none, to, dist or both\n"
            "llpd.toml:7: line.a.tls.names: 'a b' is not a name\n"
            "llpd.toml:8: line.a.tls.kee: there is no such key; tls has for, certificate, key, authorities, "
            "revoked, clients, names or server_name; did you mean 'key'?\n");
  EXPECT_EQ(errors_of_keys(kLine + "tls = true\n"),
            "llpd.toml:4: line.a.tls: must be a table, such as { certificate = \"...\", key = \"...\", "
            "authorities = \"...\" }\n");
}

}  // namespace
}  // namespace llp::config
