// SPDX-License-Identifier: BSD-3-Clause
// Authorities, certificates and keys, made when a test needs them.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "tls/pem.hpp"

namespace llp::tls::test {

struct Wanted {
  std::string common_name = "lis.example";
  std::vector<std::string> names = {"DNS:lis.example", "IP:127.0.0.1", "DNS:localhost"};
  long from = -3600;   // seconds from now
  long until = 86400;  // likewise
  bool authority = false;
  const char* usage = nullptr;  // extendedKeyUsage
};

// A certificate and its key.
class Identity {
 public:
  Identity(const Wanted& wanted, const Identity* issuer);

  // The paths of PEM files; the key's mode as given.
  [[nodiscard]] std::string certificate_file() const;
  [[nodiscard]] std::string key_file(unsigned mode = 0600, const char* passphrase = nullptr) const;
  // A list of revoked certificates of this authority, with these in it.
  [[nodiscard]] std::string revoked_file(const std::vector<const Identity*>& revoked) const;

  KeyPtr key;
  X509Ptr certificate;
};

// A file of this test's with a text in it.
[[nodiscard]] std::string file_with(const std::string& text, unsigned mode = 0600);

// Who all of a test trust.
[[nodiscard]] const Identity& authority();

}  // namespace llp::tls::test
