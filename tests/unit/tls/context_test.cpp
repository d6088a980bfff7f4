// SPDX-License-Identifier: BSD-3-Clause
// The files of certificates: what is taken, and what is said about others.
#include "tls/context.hpp"

#include <gtest/gtest.h>

#include "tls/certificates.hpp"

namespace llp::tls::test {
namespace {

const Identity& own() {
  static const Identity made({}, &authority());
  return made;
}

Settings good() {
  Settings settings;
  settings.certificate = own().certificate_file();
  settings.key = own().key_file();
  settings.authorities = authority().certificate_file();
  return settings;
}

void expect_problem(const Settings& settings, Part part, const std::string& words) {
  const auto loaded = Context::load(settings);
  ASSERT_FALSE(loaded) << words;
  EXPECT_EQ(loaded.error().part, part);
  EXPECT_NE(loaded.error().error.message.find(words), std::string::npos) << loaded.error().error.message;
}

TEST(TlsFiles, GoodOnes) {
  const auto loaded = Context::load(good());
  ASSERT_TRUE(loaded) << loaded.error().error.message;
  const auto left = *(*loaded)->expires() - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours(23));
  EXPECT_LT(left, std::chrono::hours(25));
}

TEST(TlsFiles, WithoutACertificateOfOurOwn) {
  Settings settings;
  settings.authorities = authority().certificate_file();
  const auto loaded = Context::load(settings);
  ASSERT_TRUE(loaded);
  EXPECT_FALSE((*loaded)->expires());
}

TEST(TlsFiles, AKeyThatOthersMayRead) {
  for (const unsigned mode : {0644U, 0604U, 0660U, 0602U, 0601U}) {
    Settings settings = good();
    settings.key = own().key_file(mode);
    expect_problem(settings, Part::key, "lets others at the private key");
  }
  for (const unsigned mode : {0640U, 0600U, 0400U, 0440U}) {
    Settings settings = good();
    settings.key = own().key_file(mode);
    EXPECT_TRUE(Context::load(settings)) << mode;
  }
}

TEST(TlsFiles, AKeyThatCannotBeUsed) {
  Settings settings = good();
  settings.key = own().key_file(0600, "words");
  expect_problem(settings, Part::key, "is encrypted");
  settings.key = authority().key_file();
  expect_problem(settings, Part::key, "is not the key of the certificate");
  settings.key = own().certificate_file();
  expect_problem(settings, Part::key, "lets others");
  settings.key = file_with("");
  expect_problem(settings, Part::key, "has no private key in it");
  settings.key = "/nowhere/key.pem";
  expect_problem(settings, Part::key, "No such file");
  settings.key = "/dev/null";
  expect_problem(settings, Part::key, "is not a plain file");
}

TEST(TlsFiles, CertificatesThatAreNone) {
  Settings settings = good();
  settings.certificate = file_with("text\n");
  expect_problem(settings, Part::certificate, "has no certificate in it");
  settings.certificate = file_with("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  expect_problem(settings, Part::certificate, settings.certificate);
  settings = good();
  settings.authorities = file_with("");
  expect_problem(settings, Part::authorities, "has no certificate in it");
  settings = good();
  settings.revoked = settings.certificate;
  expect_problem(settings, Part::revoked, "has no list of revoked certificates in it");
  settings = good();
  settings.authorities = file_with(std::string((1 << 20) + 1, 'x'));
  expect_problem(settings, Part::authorities, "has more than 1048576 bytes");
}

}  // namespace
}  // namespace llp::tls::test
